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
    """What is kept of the style in one layer, and the distance of activations from it.

    Implementations are frozen dataclasses (they are static arguments of compiled functions).
    """

    def statistic(self, activations: Float[Array, "positions channels"]) -> Any:
        """What is kept of the style clip's layer: any pytree of arrays."""
        ...

    def distance(self, activations: Float[Array, "positions channels"], target: Any) -> Scalar:
        """How far `activations` are from the `statistic` that is their target, at least 0."""
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
        activations: Float[Array, "positions channels"],
        target: Float[Array, "channels channels"],
    ) -> Scalar:
        """E_l."""
        difference = self.statistic(activations) - target
        return jnp.sum(difference**2) / (4 * activations.shape[1] ** 2)


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
    """What the generated clip is compared with; computed once, constant after.

    Any two pytrees: only the encoder that made them reads them.
    """

    content: Any
    style: Any


class Distances(NamedTuple):
    """How far a clip is from its targets, by layer, before any weight."""

    content: dict[str, Scalar]
    style: dict[str, Scalar]


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


def compare(
    activations: Activations,
    targets: Targets,
    *,
    content_loss: ContentLoss,
    style_loss: StyleLoss,
) -> Distances:
    """L_c,l and E_l of the activations."""
    return Distances(
        content={
            name: content_loss.distance(activations[name], target)
            for name, target in targets.content.items()
        },
        style={
            name: style_loss.distance(activations[name], target)
            for name, target in targets.style.items()
        },
    )


def weigh(distances: Distances, weights: Weights) -> Losses:
    """alpha * sum_l v_l L_c,l + beta * sum_l w_l E_l, and its terms."""
    content, style = (
        jnp.stack([by_layer[name] * d for name, d in terms.items()]).sum()
        for by_layer, terms in (
            (weights.content, distances.content),
            (weights.style, distances.style),
        )
    )
    total = weights.alpha * content + weights.beta * style
    return Losses(total, content, style, distances.style)
