"""The interfaces of content and style losses, and functions that several losses share."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import InputError, one_line

Scalar = Float[Array, ""]


@runtime_checkable
class StyleLoss(Protocol):
    """A statistic of one layer of the style, and the distance of activations from it.

    A statistic over all positions alike takes `axes.positions` of the activations, one over time
    `axes.over_time`.

    Implementations are frozen dataclasses (they are static arguments of compiled functions). They
    may have more: `KernelForm`, `LayerSelection`, `NegativesLoss`.
    """

    def statistic(self, activations: Float[Array, "frames *bands channels"]) -> Any:
        """The target, computed from the style clip's layer: any pytree of arrays."""
        ...

    def distance(self, activations: Float[Array, "frames *bands channels"], target: Any) -> Scalar:
        """The distance of `activations` from a target that `statistic` returned, at least 0."""
        ...


@runtime_checkable
class ContentLoss(Protocol):
    """A distance between one layer's activations and the content's, position by position.

    Implementations are frozen dataclasses, as for `StyleLoss`, and may have more: `KernelForm`,
    `LayerSelection`.
    """

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "frames *bands channels"],
    ) -> Scalar:
        """The distance of `activations` from `target`, at least 0."""
        ...


@runtime_checkable
class NegativesLoss(Protocol):
    """A style loss that can also repel the result from negative examples, e.g. `Diversity`.

    Other style losses refuse the setting `negatives`.
    """

    def stack_targets(self, targets: Sequence[Any]) -> Any:
        """One target from `targets`: the statistic of the style, then of the negative examples."""
        ...


@runtime_checkable
class FrameByFrame(Protocol):
    """A style loss that is no statistic: it compares positions one by one."""

    @property
    def frames_form(self) -> Callable[[Array], Array]:
        """The distance from |F_t - A_t|^2 / N, one number a position t."""
        ...


@runtime_checkable
class LayerSelection(Protocol):
    """A loss that applies to some layers only; others apply to all."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of layers that the encoder must have."""
        ...


@runtime_checkable
class KernelForm(Protocol):
    """A loss that depends on the inner products of activations, over N, alone.

    Such a loss also serves an encoder that has no activations, only their inner products
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


def layers_of(loss: Any) -> tuple[str, ...]:
    """Names of the layers that `loss` must find in the encoder."""
    return loss.layers if isinstance(loss, LayerSelection) else ()


def optional_kernel_form(loss: Any) -> Callable[[Array], Array] | None:
    """The kernel form of `loss`; `None` where it has none."""
    return loss.kernel_form if isinstance(loss, KernelForm) else None


def kernel_form(name: str, loss: Any, encoder: Any) -> Callable[[Array], Array]:
    """The kernel form of `loss`, the settings `name`, for an `encoder` that needs one.

    Raises:
        InputError: it has none.
    """
    form = optional_kernel_form(loss)
    if form is None:
        raise InputError(
            f"{name}={one_line(loss)} has no kernel form, and encoder={one_line(encoder)} has no "
            f"other: it has inner products but no activations"
        )
    return form


def doubled_gradient(value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`value` with twice its gradient.

    For a symmetric function of F and F: with one of the two as a constant, its half of the work is
    saved and the other's counts twice.
    """
    return 2 * value - jax.lax.stop_gradient(value)


def half_mean(squares: Float[Array, "*shape"]) -> Scalar:
    """Half the mean of squares."""
    return 0.5 * jnp.mean(squares)


def not_negative(value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`value` with its gradient, and 0 where rounding has made it negative."""
    return value - jax.lax.stop_gradient(jnp.minimum(value, 0))


def relative_error(
    values: Float[Array, "*shape"], target: Float[Array, "*shape"], floor: float = 1e-8
) -> Scalar:
    """The mean squared difference over the mean square of the target, which `floor` is added to."""
    return jnp.mean((values - target) ** 2) / (jnp.mean(target**2) + floor)
