"""Second and first moments of the activations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.analysis.axes import positions
from nstaudio.losses.base import Scalar, doubled_gradient, not_negative


class Frames(NamedTuple):
    """The style's target where it has fewer positions than channels: smaller than a Gram matrix."""

    activations: Float[Array, "positions channels"]
    mean_square: Scalar
    """Of their inner products over N."""


def _inner(f: Float[Array, "a n"], g: Float[Array, "b n"]) -> Float[Array, "a b"]:
    # Differences of their squares are taken, which TF32 and bfloat16 would lose.
    return jnp.matmul(f, g.T, precision=jax.lax.Precision.HIGHEST)


def _mean_square(k: Float[Array, "a b"], offset: Scalar | float) -> Scalar:
    """Mean K^2 less a similar number, which is subtracted row by row: that keeps most digits."""
    return jnp.mean(jnp.mean(k**2, axis=1) - offset)


@dataclass(frozen=True)
class Gram:
    """Squared distance of Gram matrices: E_l = sum (X - A)^2 / (4 N_l^2 M_l^2), G = F^T F.

    The M_l is divided out of each Gram matrix instead of the sum. That is the same number where
    the two clips are equally long, and where they are not it compares averages over time, not sums.

    With K = <F_i, P_j> / N, E_l is also (mean K_xx^2 - 2 mean K_xa^2 + mean K_aa^2) / 4. That form
    is the cheaper one, and the one taken, where positions are fewer than channels.
    """

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> Float[Array, "channels channels"] | Frames:
        """G / M, the mean product of each pair of channels, or the frames themselves."""
        f = positions(activations)
        n_positions, channels = f.shape
        if n_positions < channels:
            return Frames(f, self._self_mean_square(f))
        return f.T @ f / n_positions

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "channels channels"] | Frames,
    ) -> Scalar:
        """E_l."""
        f = positions(activations)
        n_positions, channels = f.shape
        if isinstance(target, Frames):
            k = _inner(f, target.activations) / channels
            own = self._self_mean_square(f, target.mean_square)
            cross = _mean_square(k, target.mean_square)
            return not_negative(own - 2 * cross) / 4
        gram = f.T @ jax.lax.stop_gradient(f) / n_positions
        return doubled_gradient(jnp.sum((gram - target) ** 2) / (4 * channels**2))

    @staticmethod
    def _self_mean_square(
        f: Float[Array, "positions channels"], offset: Scalar | float = 0.0
    ) -> Scalar:
        """Mean K_xx^2 less a constant, from whichever of the two matrices is smaller."""
        n_positions, channels = f.shape
        constant = jax.lax.stop_gradient(f)
        k = (
            _inner(f, constant) / channels
            if n_positions < channels
            else _inner(f.T, constant.T) / n_positions
        )
        return doubled_gradient(_mean_square(k, offset))

    @property
    def kernel_form(self) -> Callable[[Array], Array]:
        """K^2 / 4."""
        return _quarter_square


def _quarter_square(k: Array) -> Array:
    return k**2 / 4


@dataclass(frozen=True)
class Mean:
    """Half the squared distance of the channels' means over N_l; M_l divides each sum.

    Where the Gram matrices agree the means may not. With the Gram distance it is `mean_gram`.
    """

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> Float[Array, " channels"]:
        """The mean of each channel."""
        return positions(activations).mean(axis=0)

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, " channels"],
    ) -> Scalar:
        """1/2 mean (m_x - m_a)^2."""
        return 0.5 * jnp.mean((self.statistic(activations) - target) ** 2)

    @property
    def kernel_form(self) -> Callable[[Array], Array]:
        """K / 2."""
        return _half


def _half(k: Array) -> Array:
    return k / 2
