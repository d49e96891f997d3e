"""What is asked of content and style losses, and what they have in common."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import InputError, one_line

Scalar = Float[Array, ""]


@runtime_checkable
class StyleLoss(Protocol):
    """What is kept of the style in one layer, and the distance of activations from it.

    A statistic over all positions alike takes `axes.positions` of the activations, one over time
    `axes.over_time`.

    Implementations are frozen dataclasses (they are static arguments of compiled functions). They
    may have more: `KernelForm`, `LayerSelection`, `NegativesLoss`.
    """

    def statistic(self, activations: Float[Array, "frames *bands channels"]) -> Any:
        """What is kept of the style clip's layer: any pytree of arrays."""
        ...

    def distance(self, activations: Float[Array, "frames *bands channels"], target: Any) -> Scalar:
        """How far `activations` are from the `statistic` that is their target, at least 0."""
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
        """How far `activations` are from `target`, at least 0."""
        ...


@runtime_checkable
class NegativesLoss(Protocol):
    """What a style loss has besides where it knows clips that the result shall not be like.

    Without it there can be no such clips, see `negatives`.
    """

    def joined(self, targets: Sequence[Any]) -> Any:
        """The target for `distance`, from the statistic of the style, then those of such clips."""
        ...


@runtime_checkable
class LayerSelection(Protocol):
    """What a loss has besides where it is of some layers only; without it, it is of all."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of layers that the encoder must have."""
        ...


@runtime_checkable
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


def layers_of(loss: Any) -> tuple[str, ...]:
    """Names of the layers that `loss` must find in the encoder."""
    return loss.layers if isinstance(loss, LayerSelection) else ()


def kernel_form(name: str, loss: Any, encoder: Any) -> Callable[[Array], Array]:
    """The kernel form of `loss`, the group of settings called `name`.

    Raises:
        InputError: it has none.
    """
    form = loss.kernel_form if isinstance(loss, KernelForm) else None
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


def relative_error(
    values: Float[Array, "*shape"], target: Float[Array, "*shape"], floor: float = 1e-8
) -> Scalar:
    """The mean squared difference over the mean square of the target: 1 where all is 0."""
    return jnp.mean((values - target) ** 2) / (jnp.mean(target**2) + floor)
