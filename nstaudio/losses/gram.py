"""Content and style losses: statistics of activations, targets, weighted terms.

F is the activations of the generated clip, P of the content clip, one row a position (frame) and
one column a channel. N_l and M_l are the channels and the positions of layer l. The formulas are
those of Gatys, Ecker & Bethge (2016), as the source paper uses them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import InputError, choice, one_line

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


class KernelForm(Protocol):
    """What a loss has besides where the inner products of activations, over N, are enough for it.

    Then it also serves an encoder that has no activations, only their inner products
    K(i, j) = <F_i, P_j> / N: `encoders.InfiniteEncoder`.
    """

    @property
    def kernel_form(self) -> Callable[[Array], Array] | None:
        """The form, or `None` where these values of the loss have none.

        Of a style loss: h, elementwise, where the distance is
        mean h(K_xx) - 2 mean h(K_xa) + mean h(K_aa), over all pairs of positions of the generated
        clip x and the style clip a. That is a maximum mean discrepancy (Li et al. 2017,
        "Demystifying neural style transfer").

        Of a content loss: the distance from |F_t - P_t|^2 / N, one number a position t.
        """
        ...


def kernel_form(name: str, loss: Any, encoder: Any) -> Callable[[Array], Array]:
    """The kernel form of `loss`, the group of settings called `name`.

    Raises:
        InputError: it has none.
    """
    form = getattr(loss, "kernel_form", None)
    if form is None:
        raise InputError(
            f"{name}={one_line(loss)} has no kernel form, and encoder={one_line(encoder)} has no "
            f"other: it has inner products but no activations"
        )
    return form


def doubled_gradient(value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`value` with twice its gradient.

    For a function of F and F in which the two can be swapped: hold one still, save its half of the
    work, and count the other's twice.
    """
    return 2 * value - jax.lax.stop_gradient(value)


def not_negative(value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`value` and its gradient, but 0 where rounding has made it negative."""
    return value - jax.lax.stop_gradient(jnp.minimum(value, 0))


class Frames(NamedTuple):
    """The style's target where it has fewer positions than channels; less than a Gram matrix."""

    activations: Float[Array, "positions channels"]
    own: Scalar
    """The mean of their squared inner products over N."""


def _inner(f: Float[Array, "a n"], g: Float[Array, "b n"]) -> Float[Array, "a b"]:
    # Differences of their squares are taken, which TF32 and bfloat16 would lose.
    return jnp.matmul(f, g.T, precision=jax.lax.Precision.HIGHEST)


def _mean_square(k: Float[Array, "a b"], less: Scalar | float) -> Scalar:
    """Less a like number, row by row: then most digits of the difference are left."""
    return jnp.mean(jnp.mean(k**2, axis=1) - less)


@dataclass(frozen=True)
class Gram:
    """Squared distance of Gram matrices: E_l = sum (X - A)^2 / (4 N_l^2 M_l^2), G = F^T F.

    The M_l is divided out of each Gram matrix instead of the sum. That is the same number where
    the two clips are equally long, and where they are not it compares averages over time, not sums.

    With K = <F_i, P_j> / N, E_l is also (mean K_xx^2 - 2 mean K_xa^2 + mean K_aa^2) / 4. That form
    is the cheaper one, and the one taken, where positions are fewer than channels.
    """

    def statistic(
        self, activations: Float[Array, "positions channels"]
    ) -> Float[Array, "channels channels"] | Frames:
        """G / M, the mean product of each pair of channels, or what stands for it."""
        positions, channels = activations.shape
        if positions < channels:
            return Frames(activations, self._own(activations))
        return activations.T @ activations / positions

    def distance(
        self,
        activations: Float[Array, "positions channels"],
        target: Float[Array, "channels channels"] | Frames,
    ) -> Scalar:
        """E_l."""
        positions, channels = activations.shape
        if isinstance(target, Frames):
            k = _inner(activations, target.activations) / channels
            of_x, of_both = self._own(activations, target.own), _mean_square(k, target.own)
            return not_negative(of_x - 2 * of_both) / 4
        gram = activations.T @ jax.lax.stop_gradient(activations) / positions
        return doubled_gradient(jnp.sum((gram - target) ** 2) / (4 * channels**2))

    @staticmethod
    def _own(f: Float[Array, "positions channels"], less: Scalar | float = 0.0) -> Scalar:
        """Mean K_xx^2, from whichever of the two matrices is smaller, less a constant."""
        positions, channels = f.shape
        still = jax.lax.stop_gradient(f)
        k = (
            _inner(f, still) / channels
            if positions < channels
            else _inner(f.T, still.T) / positions
        )
        return doubled_gradient(_mean_square(k, less))

    @property
    def kernel_form(self) -> Callable[[Array], Array]:
        """K^2 / 4."""
        return _quarter_square


def _quarter_square(k: Array) -> Array:
    return k**2 / 4


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

    @property
    def kernel_form(self) -> Callable[[Array], Array] | None:
        """Half the mean. The sum grows with the channels, so it has no limit."""
        return None if self.reduction == "sum" else _half_mean


def _half_mean(squares: Array) -> Array:
    return 0.5 * jnp.mean(squares)


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
