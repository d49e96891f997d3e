"""The default parametrization: a smooth gain on the content's own STFT."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Int

from nstaudio.analysis import padding
from nstaudio.analysis.bands import mel_to_bins
from nstaudio.analysis.clip import Clip, LogMel, Power, Samples
from nstaudio.analysis.spectrogram import (
    MelSpec,
    hann,
    istft,
    log_mel,
    overlap_add,
    stft,
    window_power,
)
from nstaudio.errors import integer, number
from nstaudio.optimization.parametrizations import check_sigmas, gaussian_blur, range_db, smooth


class ContentStft(NamedTuple):
    """The STFT of the sound that is changed, and the limits of the gain on it."""

    carrier: Complex[Array, "frames bins"]
    carrier_db: LogMel
    lowest_db: Float[Array, " mels"]
    highest_db: Float[Array, " mels"]
    boost: Float[Array, "frames bins"]
    """Share of a boost, in dB, that reaches each bin, 0 to 1."""
    weight: Float[Array, " padded"]
    silence: Samples
    """Zeros as long as the carrier: they carry its length."""
    n_samples: Int[Array, ""] | None = None
    """The carrier's own samples, where it is padded."""
    n_frames: Int[Array, ""] | None = None


@dataclass(frozen=True)
class ContentGain:
    """A gain on the content's own complex STFT, smooth in time and frequency.

    The variable is the gain in dB for each mel band and frame. The sound is the filtered content:
    its phases and the fine structure between its partials stay, so there is nothing to invert, and
    the spectrogram in the loss is that of this very sound. What the content does not have at all,
    no gain can bring.

    No band leaves the levels that one of the clips has there: statistics are averages, and a burst
    louder than either clip would be the cheapest way to meet them.

    A cut takes a band as a whole. A boost lifts what sounds there, the partials and strokes that
    stand out from what is around them, and the rest by a share only: where the style is loud and
    the content holds hiss and reverberation, a plain filter would make loud hiss. The noisier the
    style is at a frequency, the larger that share, since there noise belongs to the style.

    Attributes:
        sigma_s: standard deviation of the gain's smoothing in time, s.
        sigma_mels: the same across bands.
        boost_from_db, boost_to_db: how far a bin must stand out, see `prominence_db`, to get any
            of a boost and to get all of it.
        noise_boost: the least share of a boost that any bin gets, 0 to 1; 1 is a plain filter.
        n_corrections: of the first gain, by what its sound lacks of the levels asked for, since
            bands overlap and a bin gets a share of a boost.

    Raises:
        InputError: a number outside its limits.
    """

    yields_waveform: ClassVar[bool] = True

    sigma_s: float = 0.05
    sigma_mels: float = 0.5
    boost_from_db: float = 2.0
    boost_to_db: float = 9.0
    noise_boost: float = 0.4
    n_corrections: int = 0

    def __post_init__(self) -> None:
        check_sigmas(self.sigma_s, self.sigma_mels)
        number("parametrization.boost_from_db", self.boost_from_db)
        number("parametrization.boost_to_db", self.boost_to_db, above=self.boost_from_db)
        number("parametrization.noise_boost", self.noise_boost, at_least=0, at_most=1)
        integer("parametrization.n_corrections", self.n_corrections, at_least=0, at_most=10)

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> ContentStft:
        """The carrier's transform, and where in it boosts apply."""
        n_frames, of_style = (padding.frames_of(clip, spec) for clip in (carrier, style))
        transform = stft(carrier.y, spec)
        style_power = _power(stft(style.y, spec))
        style_stands_out = self._stands_out(padding.held(style_power, of_style), spec)
        noise = 1.0 - _share(padding.cleared(style_power, of_style), style_stands_out, spec)
        least = jnp.maximum(self.noise_boost, noise)
        stands_out = self._stands_out(padding.held(_power(transform), n_frames), spec)
        return ContentStft(
            padding.cleared(transform, n_frames),
            carrier.level_db,
            *range_db(carrier, style),
            stands_out + (1.0 - stands_out) * least[None],
            _weight(carrier.level_db.shape[0], n_frames, spec),
            jnp.zeros_like(carrier.y),
            carrier.n_samples,
            n_frames,
        )

    def _stands_out(self, power: Power, spec: MelSpec) -> Power:
        over = (prominence_db(power, spec) - self.boost_from_db) / (
            self.boost_to_db - self.boost_from_db
        )
        return jnp.clip(over, 0.0, 1.0)

    def init(self, level_db: LogMel, constants: ContentStft, spec: MelSpec) -> LogMel:
        """The gain from the carrier, dB; none at all where the levels are the carrier's own."""
        wanted_db = gain_db = level_db - constants.carrier_db
        if self.n_corrections:
            unfiltered_db = self.log_mel(jnp.zeros_like(gain_db), constants, spec)
            for _ in range(self.n_corrections):
                found_db = self.log_mel(gain_db, constants, spec) - unfiltered_db
                gain_db = gain_db + wanted_db - found_db
        return gain_db

    def log_mel(self, variable: LogMel, constants: ContentStft, spec: MelSpec) -> LogMel:
        """The spectrogram of the filtered carrier."""
        return log_mel(self.samples(variable, constants, spec), spec)

    def samples(self, variable: LogMel, constants: ContentStft, spec: MelSpec) -> Samples:
        """The filtered carrier."""
        variable = padding.held(variable, constants.n_frames)
        gain_db = smooth(variable, self.sigma_s, self.sigma_mels, spec)
        gain_db = jnp.clip(
            gain_db,
            constants.lowest_db[None] - constants.carrier_db,
            constants.highest_db[None] - constants.carrier_db,
        )
        gain_db = gain_db @ jnp.asarray(mel_to_bins(spec), jnp.float32)
        gain_db = jnp.minimum(gain_db, 0.0) + jnp.maximum(gain_db, 0.0) * constants.boost
        gain = 10.0 ** (gain_db / 20.0)
        length = constants.silence.shape[0]
        y = istft(constants.carrier * gain, spec, length=length, weight=constants.weight)
        return padding.cleared(y, constants.n_samples)

    def filtered(
        self, y: Samples, variable: LogMel, constants: ContentStft, spec: MelSpec
    ) -> Samples:
        """`y` with the carrier's gains."""
        transform = padding.cleared(stft(y, spec), constants.n_frames)
        return self.samples(variable, constants._replace(carrier=transform), spec)


# What counts as around a bin, and how long a partial must last to stand out: standard deviations.
_AROUND_S = 0.15

_AROUND_HZ = 215.0

_LASTING_S = 0.035


def prominence_db(power: Power, spec: MelSpec) -> Power:
    """Prominence of each bin of a power spectrogram above its surroundings, dB.

    The power, averaged over a moment so that a chance peak of noise does not count, over the
    geometric mean of its surroundings: about 2.5 dB in steady noise (the mean of exponentially
    distributed powers over their geometric mean), more on partials and strokes, negative between.
    Powers more than 80 dB below the largest count as that.
    """
    power = power + 1e-8 * jnp.max(power)
    frames_per_s, bins_per_hz = spec.sr / spec.hop_length, spec.n_fft / spec.sr
    lasting = gaussian_blur(power, sigma_frames=_LASTING_S * frames_per_s, sigma_bands=0.0)
    around = gaussian_blur(
        jnp.log10(power),
        sigma_frames=_AROUND_S * frames_per_s,
        sigma_bands=_AROUND_HZ * bins_per_hz,
    )
    return 10.0 * (jnp.log10(lasting) - around)


def _weight(n: int, own: Int[Array, ""] | None, spec: MelSpec) -> Float[Array, " padded"]:
    """`window_power` of `n` frames, of which `own` are no padding."""
    if own is None:
        return jnp.asarray(window_power(n, spec))
    squared = jnp.asarray(hann(spec.n_fft) ** 2, jnp.float32)
    return overlap_add(
        padding.cleared(jnp.broadcast_to(squared, (n, spec.n_fft)), own), spec.hop_length
    )


def _power(transform: Complex[Array, "frames bins"]) -> Power:
    return jnp.real(transform) ** 2 + jnp.imag(transform) ** 2


def _share(power: Power, part: Power, spec: MelSpec) -> Float[Array, " bins"]:
    """Share of each frequency's energy that `part` takes, the neighbourhood included."""
    sigma_bands = _AROUND_HZ / 2 * spec.n_fft / spec.sr

    def energy(x: Power) -> Float[Array, "1 bins"]:
        return gaussian_blur(
            jnp.sum(x, axis=0, keepdims=True), sigma_frames=0.0, sigma_bands=sigma_bands
        )

    return (energy(power * part) / (energy(power) + 1e-30))[0]
