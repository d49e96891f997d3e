"""Distances from the content."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.errors import InputError, choice, one_line
from nstaudio.losses.base import Scalar, StyleLoss, half_mean, layers_of


@dataclass(frozen=True)
class SquaredError:
    """L_c = 1/2 sum (F - P)^2, or that over the number of activations.

    The sum is the paper's. It grows with the clip and with the encoder while the style loss, an
    average, does not, so an alpha that suits one clip is wrong for the next; the mean has one
    alpha for all.

    Attributes:
        reduction: `mean` or `sum`.

    Raises:
        InputError: another reduction.
    """

    reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        choice("content_loss.reduction", self.reduction, ("mean", "sum"))

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "frames *bands channels"],
    ) -> Scalar:
        """L_c."""
        total = 0.5 * jnp.sum((activations - target) ** 2)
        return total if self.reduction == "sum" else total / activations.size

    @property
    def kernel_form(self) -> Callable[[Array], Array] | None:
        """Half the mean. The sum grows with the channels, so it has no limit."""
        return None if self.reduction == "sum" else half_mean


@dataclass(frozen=True)
class StatisticLoss:
    """The distance from a statistic of the content, not from its activations by position.

    Attributes:
        loss: the statistic and its distance: any style loss, e.g. `OnsetEnvelope`.

    Raises:
        InputError: `loss` is no style loss, or a sum with terms of some layers only.
    """

    loss: StyleLoss

    def __post_init__(self) -> None:
        if not isinstance(self.loss, StyleLoss):
            raise InputError(f"content_loss.loss={one_line(self.loss)} is no style loss")
        if layers_of(self.loss):
            raise InputError(
                "content_loss.loss is of some layers only: make it a ContentSum's term"
            )

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "frames *bands channels"],
    ) -> Scalar:
        """The distance of `loss` from the statistic of `target`."""
        return self.loss.distance(activations, self.loss.statistic(target))
