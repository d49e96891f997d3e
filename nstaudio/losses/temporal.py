"""Statistics over time: autocorrelation, cross-correlation, energy and onset envelopes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float
from scipy.fft import next_fast_len

from nstaudio.analysis.axes import over_time, resample
from nstaudio.errors import InputError, choice, integer
from nstaudio.losses.base import Scalar, relative_error


@dataclass(frozen=True)
class Autocorrelation:
    """The mean squared difference of the channels' autocorrelations, over lags and channels.

    R(lag) = sum_t z_t z_{t+lag} / (M - lag) over sum_t z_t^2 / M, z a channel less its mean: 1 at
    lag 0. After Antognini, Hoffman & Weiss (2018), who add it to Gram matrices, which know nothing
    of the order of frames, so that rhythms come back. Like them it leaves out short lags,
    where filters overlap, and long ones, which would have the style clip copied. Lags beyond half
    of the shorter clip are left out too: too few pairs of frames are so far apart.

    Attributes:
        first_lag, last_lag: frames. 17 to 172 are 0.2 to 2 s where a frame is 256 samples at
            22050 Hz.

    Raises:
        InputError: a value outside its limits; a clip of fewer than 2 * first_lag frames.
    """

    first_lag: int = 17
    last_lag: int = 172

    def __post_init__(self) -> None:
        integer("style_loss.first_lag", self.first_lag, at_least=1)
        integer("style_loss.last_lag", self.last_lag, at_least=self.first_lag)

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> Float[Array, "all_channels lags"]:
        """R of each channel.

        Raises:
            InputError: a clip of fewer than 2 * first_lag frames.
        """
        z = over_time(activations)
        z = (z - z.mean(axis=0, keepdims=True)).T
        n_frames = z.shape[1]
        last = min(self.last_lag, n_frames // 2)
        if last < self.first_lag:
            raise InputError(
                f"style_loss.first_lag={self.first_lag} frames need {2 * self.first_lag} frames "
                f"after the encoder; there are {n_frames}"
            )
        # Padded with zeros, or frames at the end would meet those at the beginning.
        n_fft = next_fast_len(n_frames + last, real=True)
        spectrum = jnp.fft.rfft(z, n_fft, axis=1)
        sums = jnp.fft.irfft(spectrum.real**2 + spectrum.imag**2, n_fft, axis=1)
        pairs = n_frames - jnp.arange(self.first_lag, last + 1, dtype=z.dtype)
        variance = jnp.mean(z**2, axis=1, keepdims=True)
        # A nearly constant channel has no rhythm.
        return sums[:, self.first_lag : last + 1] / (pairs[None] * (variance + 1e-6))

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "all_channels target_lags"],
    ) -> Scalar:
        """Mean (R_x - R_a)^2."""
        r = self.statistic(activations)
        lags = min(r.shape[1], target.shape[1])
        return jnp.mean((r[:, :lags] - target[:, :lags]) ** 2)


@dataclass(frozen=True)
class CrossCorrelation:
    """The mean squared difference of the channels' cross-correlations, band by band, over 4.

    R(lag, band, i, j) = mean_t F_i(t, band) F_j(t + lag, band), over several lags. At lag 0 alone,
    of activations without bands, it is the distance of Gram matrices. After Caracalla & Roebel
    (2020): where filters are moved along frequency, a Gram matrix forgets at which they found
    something, and what came after what; this knows both.

    Attributes:
        lags: frames, none twice.

    Raises:
        InputError: a value outside its limits; a clip of no more frames than the longest lag.
    """

    lags: tuple[int, ...] = (0, 1, 4, 16)

    def __post_init__(self) -> None:
        lags = tuple(self.lags) if isinstance(self.lags, Sequence) else (self.lags,)
        integer("length of style_loss.lags", len(lags), at_least=1)
        for lag in lags:
            integer("style_loss.lags", lag, at_least=0)
        if len(set(lags)) < len(lags):
            raise InputError(f"style_loss.lags={lags} has a lag twice")
        object.__setattr__(self, "lags", lags)

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> Float[Array, "lags all_bands channels channels"]:
        """R.

        Raises:
            InputError: a clip of no more frames than the longest lag.
        """
        n_frames, channels = activations.shape[0], activations.shape[-1]
        if n_frames <= max(self.lags):
            raise InputError(
                f"style_loss.lags={self.lags} need more than {max(self.lags)} frames after the "
                f"encoder; there are {n_frames}"
            )
        f = jnp.moveaxis(activations.reshape(n_frames, -1, channels), 0, 2)
        means = [
            jnp.matmul(f[:, :, : n_frames - lag], jnp.swapaxes(f[:, :, lag:], 1, 2))
            / (n_frames - lag)
            for lag in self.lags
        ]
        return jnp.stack(means)

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, "lags all_bands channels channels"],
    ) -> Scalar:
        """Mean (R_x - R_a)^2 / 4."""
        return jnp.mean((self.statistic(activations) - target) ** 2) / 4


@dataclass(frozen=True)
class EnergyEnvelope:
    """The relative squared error of an energy envelope: mean (e_x - e_a)^2 / mean e_a^2.

    Verma & Smith (2018) have the envelopes of a spectrogram over time and over frequency as terms
    beside Gram matrices: the one keeps how loudness moves, the other is the long-term spectrum.
    Energy is the mean square of the activations; of a spectrogram in units of 0 to 1 that
    is of its level above the floor. Envelopes over time of different lengths are stretched to the
    generated clip's.

    Attributes:
        axis: `time`, a number a frame, or `frequency`, a number a channel (of a layer with bands,
            of each of their channels).

    Raises:
        InputError: another axis.
    """

    axis: Literal["time", "frequency"] = "frequency"

    def __post_init__(self) -> None:
        choice("axis of EnergyEnvelope", self.axis, ("time", "frequency"))

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> Float[Array, " envelope"]:
        """The envelope."""
        return jnp.mean(over_time(activations) ** 2, axis=1 if self.axis == "time" else 0)

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, " target_envelope"],
    ) -> Scalar:
        """Mean (e_x - e_a)^2 / mean e_a^2."""
        envelope = self.statistic(activations)
        return relative_error(envelope, resample(target, envelope.shape[0]))


@dataclass(frozen=True)
class OnsetEnvelope:
    """The relative squared error of the onset envelope: mean (o_x - o_a)^2 / mean o_a^2.

    o is the spectral flux: o_t = mean over channels of max(0, F_{t+1} - F_t), large where notes and
    beats begin. With the content's, rhythm stays; after Tomczak, Southall & Hockman (2018).
    Of the spectrogram itself, or of a layer of short filters, it is the sharpest. Another length
    than the generated clip's is stretched to it.

    Raises:
        InputError: a clip of one frame.
    """

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> Float[Array, " envelope"]:
        """The envelope, a number for each two frames that follow one another.

        Raises:
            InputError: a clip of one frame.
        """
        f = over_time(activations)
        if f.shape[0] < 2:
            raise InputError("an onset envelope needs at least 2 frames after the encoder")
        return jnp.mean(jnp.maximum(f[1:] - f[:-1], 0), axis=1)

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: Float[Array, " target_envelope"],
    ) -> Scalar:
        """Mean (o_x - o_a)^2 / mean o_a^2."""
        envelope = self.statistic(activations)
        return relative_error(envelope, resample(target, envelope.shape[0]))
