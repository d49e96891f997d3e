"""Repulsion of a result from copies of the style clip and from other results."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from nstaudio.analysis.axes import over_time
from nstaudio.errors import number
from nstaudio.losses.base import Scalar


@dataclass(frozen=True)
class Diversity:
    """The inverse of the smallest normalised squared error to the style over circular lags.

    max over lags s of 1 / (d(s) + floor), with d(s) = mean (F_t - A_{t+s})^2 / (2 v): over all
    channels and the frames of the shorter clip, v the mean variance of the style's channels over
    time. So d is about 1, and the loss, of independent clips of the same statistics, and 0, and the
    loss 1 / floor, of the style clip itself. After Antognini, Hoffman & Weiss (2018), who have the
    sum and not the mean, and add it to Gram matrices and autocorrelations, of which the style clip
    itself is the best match.

    The same is added for each negative example, e.g. earlier results: so the results of a batch are
    driven from each other.

    Lags are circular over the longer clip, as many as that has frames: a copy whose end was put
    before its beginning counts as one.

    A penalty to be added to other style losses, of little use alone.

    Attributes:
        floor: above 0; the steepest gradient, near a copy, grows as floor^-1.5.

    Raises:
        InputError: a floor that is not above 0.
    """

    floor: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "floor", number("style_loss.floor", self.floor, above=0))

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> tuple[Float[Array, "frames all_channels"], ...]:
        """The activations over time, of one clip."""
        return (over_time(activations),)

    def stack_targets(
        self, targets: Sequence[tuple[Float[Array, "_frames all_channels"], ...]]
    ) -> tuple[Float[Array, "_frames all_channels"], ...]:
        """The target of several clips, from those of the style and of the negative examples."""
        return tuple(clip for target in targets for clip in target)

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: tuple[Float[Array, "_frames all_channels"], ...],
    ) -> Scalar:
        """Max 1 / (d + floor), summed over the clips."""
        f = over_time(activations)
        return sum((self._similarity(f, clip) for clip in target), jnp.zeros(()))

    def _similarity(
        self,
        f: Float[Array, "frames all_channels"],
        clip: Float[Array, "clip_frames all_channels"],
    ) -> Scalar:
        mean = clip.mean(axis=0, keepdims=True)
        clips = f - mean, clip - mean
        shorter, longer = sorted(clips, key=len)
        variance = jnp.mean(clips[1] ** 2)
        # By the envelope theorem the lag is a constant of the gradient. And squares of differences
        # at one lag lose no digits where the difference of sums of squares would.
        lag = _nearest_lag(jax.lax.stop_gradient(shorter), jax.lax.stop_gradient(longer))
        differences = shorter - jnp.roll(longer, -lag, axis=0)[: len(shorter)]
        # A constant clip has no copy.
        d = jnp.mean(differences**2) / (2 * (variance + 1e-6))
        return 1 / (d + self.floor)


def _nearest_lag(
    shorter: Float[Array, "frames channels"], longer: Float[Array, "longer_frames channels"]
) -> Integer[Array, ""]:
    """The s that minimises sum_t |shorter_t - longer_{t+s}|^2, circular over the longer."""
    n, n_longer = len(shorter), len(longer)
    spectra = jnp.fft.rfft(shorter, n_longer, axis=0), jnp.fft.rfft(longer, axis=0)
    products = jnp.fft.irfft(jnp.sum(spectra[0].conj() * spectra[1], axis=1), n_longer)
    squares = jnp.sum(longer**2, axis=1)
    cumulative = jnp.cumsum(
        jnp.concatenate([jnp.zeros(1, squares.dtype), squares, squares[: n - 1]])
    )
    energies = cumulative[n:] - cumulative[: len(cumulative) - n]
    return jnp.argmin(energies - 2 * products)
