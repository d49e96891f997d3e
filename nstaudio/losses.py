"""Content and style losses: statistics of activations, targets, weighted terms.

F is the activations of the generated clip, P of the content clip, one row a position (frame) and
one column a channel. N_l and M_l are the channels and the positions of layer l. The formulas are
those of Gatys, Ecker & Bethge (2016), as the source paper uses them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import choice

Scalar = Float[Array, ""]
Activations = Mapping[str, Float[Array, "_ _"]]


@runtime_checkable
class StyleLoss(Protocol):
    """A statistic of one layer's activations and a distance between two of them.

    Implementations are frozen dataclasses (they are static arguments of compiled functions).
    """

    def statistic(self, activations: Float[Array, "positions channels"]) -> Any:
        """What is kept of a layer: any pytree of arrays."""
        ...

    def distance(self, statistic: Any, target: Any) -> Scalar:
        """How far `statistic` is from `target`, at least 0."""
        ...


@dataclass(frozen=True)
class Gram:
    """Squared distance of Gram matrices: E_l = sum (X - A)^2 / (4 N_l^2 M_l^2), G = F^T F.

    The M_l is divided out of each Gram matrix instead of the sum. That is the same number where
    the two clips are equally long, and where they are not it compares averages over time, not sums.
    """

    def statistic(
        self, activations: Float[Array, "positions channels"]
    ) -> Float[Array, "channels channels"]:
        """G / M: the mean product of each pair of channels."""
        return activations.T @ activations / activations.shape[0]

    def distance(
        self,
        statistic: Float[Array, "channels channels"],
        target: Float[Array, "channels channels"],
    ) -> Scalar:
        """E_l."""
        return jnp.sum((statistic - target) ** 2) / (4 * statistic.shape[0] ** 2)


@runtime_checkable
class ContentLoss(Protocol):
    """A distance between one layer's activations and the content's, position by position.

    Implementations are frozen dataclasses, as for `StyleLoss`.
    """

    def distance(
        self,
        activations: Float[Array, "positions channels"],
        target: Float[Array, "positions channels"],
    ) -> Scalar:
        """How far `activations` are from `target`, at least 0."""
        ...


@dataclass(frozen=True)
class SquaredError:
    """L_c = 1/2 sum (F - P)^2, or that over the number of activations.

    The sum is the paper's. It grows with the clip and with the encoder while the style loss, an
    average, does not, so an alpha that suits one clip is wrong for the next; the mean has one
    alpha for all.
    """

    reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        choice("content_loss.reduction", self.reduction, ("mean", "sum"))

    def distance(
        self,
        activations: Float[Array, "positions channels"],
        target: Float[Array, "positions channels"],
    ) -> Scalar:
        """L_c."""
        total = 0.5 * jnp.sum((activations - target) ** 2)
        return total if self.reduction == "sum" else total / activations.size


class Targets(NamedTuple):
    """What the generated clip is compared with, per layer; computed once, constant after."""

    content: dict[str, Float[Array, "_ _"]]
    style: dict[str, Any]


class Weights(NamedTuple):
    """Factors of the loss terms. All are traced, so that a sweep over them compiles once."""

    alpha: Scalar
    beta: Scalar
    content: dict[str, Scalar]
    style: dict[str, Scalar]


class Losses(NamedTuple):
    """The total and its terms: total = alpha * content + beta * style."""

    total: Scalar
    content: Scalar
    style: Scalar
    style_layers: dict[str, Scalar]
    """Each layer's own E_l, before its weight."""


def make_targets(content: Activations, style: Activations, style_loss: StyleLoss) -> Targets:
    """Targets from the activations of the content clip and of the style clip."""
    return Targets(
        content=dict(content),
        style={name: style_loss.statistic(activations) for name, activations in style.items()},
    )


def evaluate(
    activations: Activations,
    targets: Targets,
    weights: Weights,
    *,
    content_loss: ContentLoss,
    style_loss: StyleLoss,
) -> Losses:
    """alpha * sum_l v_l L_c,l + beta * sum_l w_l E_l, and its terms."""
    content_layers = {
        name: content_loss.distance(activations[name], target)
        for name, target in targets.content.items()
    }
    style_layers = {
        name: style_loss.distance(style_loss.statistic(activations[name]), target)
        for name, target in targets.style.items()
    }
    content = jnp.stack([weights.content[name] * d for name, d in content_layers.items()]).sum()
    style = jnp.stack([weights.style[name] * d for name, d in style_layers.items()]).sum()
    return Losses(weights.alpha * content + weights.beta * style, content, style, style_layers)
