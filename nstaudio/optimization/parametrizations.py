"""What is optimised, and how it becomes a spectrogram and samples.

A parametrization is a frozen dataclass (a static argument of compiled functions). Its `constants`
are the arrays it needs besides the variable; they are traced.
"""

import functools
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from nstaudio.analysis.spectrogram import MelSpec, istft, log_mel, stft, window_power
from nstaudio.errors import number

Samples = Float[Array, " samples"]
LogMel = Float[Array, "frames mels"]
_Power = Float[Array, "frames bins"]


class Clip(NamedTuple):
    """A clip, scaled so that its loudest mel band is 0 dB, and its log-mel spectrogram."""

    y: Samples
    level_db: LogMel


@runtime_checkable
class Parametrization(Protocol):
    """The way from the variable, one array, to a log-mel spectrogram in dB and to samples."""

    is_sound: ClassVar[bool]
    """Whether `samples` knows the sound; where not, only an inversion can tell."""

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> Any:
        """Arrays computed once; any pytree.

        Args:
            carrier: the sound that is changed: the content, or what the start has made of it.
            style: the style clip.
        """
        ...

    def init(self, level_db: LogMel, constants: Any, spec: MelSpec) -> Array:
        """The variable whose spectrogram is, as nearly as may be, `level_db`."""
        ...

    def log_mel(self, variable: Array, constants: Any, spec: MelSpec) -> LogMel:
        """The spectrogram of the variable, differentiable."""
        ...

    def samples(self, variable: Array, constants: Any, spec: MelSpec) -> Samples | None:
        """The sound of the variable; `None` where only an inversion can tell."""
        ...

    def filtered(
        self, y: Samples, variable: Array, constants: Any, spec: MelSpec
    ) -> Samples | None:
        """Another sound, filtered as the carrier is; `None` where it is not merely filtered."""
        ...


@dataclass(frozen=True)
class FreeMel:
    """Every pixel of the log-mel spectrogram for itself, dB: the source paper's."""

    is_sound: ClassVar[bool] = False

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> tuple[()]:
        """Nothing."""
        del carrier, style, spec
        return ()

    def init(self, level_db: LogMel, constants: tuple[()], spec: MelSpec) -> LogMel:
        """`level_db` itself."""
        del constants, spec
        return level_db

    def log_mel(self, variable: LogMel, constants: tuple[()], spec: MelSpec) -> LogMel:
        """The variable itself."""
        del constants, spec
        return variable

    def samples(self, variable: LogMel, constants: tuple[()], spec: MelSpec) -> None:
        """Only an inversion can tell."""
        del variable, constants, spec

    def filtered(self, y: Samples, variable: LogMel, constants: tuple[()], spec: MelSpec) -> None:
        """It is no filter."""
        del y, variable, constants, spec


def gaussian_blur(
    x: LogMel, *, sigma_frames: float, sigma_bands: float
) -> Float[Array, "frames mels"]:
    """Gaussian smoothing along both axes, the edges repeated; a sigma of 0 leaves an axis alone."""
    for axis, sigma in ((0, sigma_frames), (1, sigma_bands)):
        radius = int(3 * sigma + 0.5)
        if radius:
            offsets = np.arange(-radius, radius + 1)
            kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
            kernel = (kernel / kernel.sum()).astype(np.float32)
            pad = [(radius, radius) if a == axis else (0, 0) for a in range(2)]
            padded = jnp.pad(x, pad, mode="edge")
            n = x.shape[axis]
            shifted = [
                k * jax.lax.slice_in_dim(padded, i, i + n, axis=axis) for i, k in enumerate(kernel)
            ]
            x = functools.reduce(jnp.add, shifted)
    return x


class _Box(NamedTuple):
    carrier_db: LogMel
    lowest_db: Float[Array, " mels"]
    highest_db: Float[Array, " mels"]


@dataclass(frozen=True)
class SmoothMel:
    """The content's log-mel plus a smoothed change, inside the range of the two clips per band.

    A sound's spectrogram cannot jump from pixel to pixel, since frames overlap and so do bands;
    nor need a band leave the levels that one of the clips has there. Free pixels do both, and the
    inversion turns that into noise.

    Attributes:
        sigma_s: standard deviation of the smoothing in time, s.
        sigma_mels: the same across bands.

    Raises:
        InputError: a negative number.
    """

    is_sound: ClassVar[bool] = False

    sigma_s: float = 0.023
    sigma_mels: float = 1.0

    def __post_init__(self) -> None:
        _check_sigmas(self.sigma_s, self.sigma_mels)

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> _Box:
        """The carrier, and the lowest and highest level of each band in it or the style."""
        del spec
        return _Box(carrier.level_db, *_range_db(carrier, style))

    def init(self, level_db: LogMel, constants: _Box, spec: MelSpec) -> LogMel:
        """The change from the carrier, dB."""
        del spec
        return level_db - constants.carrier_db

    def log_mel(self, variable: LogMel, constants: _Box, spec: MelSpec) -> LogMel:
        """Carrier plus smoothed change, limited."""
        change = _smooth(variable, self.sigma_s, self.sigma_mels, spec)
        return jnp.clip(
            constants.carrier_db + change, constants.lowest_db[None], constants.highest_db[None]
        )

    def samples(self, variable: LogMel, constants: _Box, spec: MelSpec) -> None:
        """Only an inversion can tell."""
        del variable, constants, spec

    def filtered(self, y: Samples, variable: LogMel, constants: _Box, spec: MelSpec) -> None:
        """It is no filter."""
        del y, variable, constants, spec


def _range_db(carrier: Clip, style: Clip) -> tuple[Float[Array, " mels"], Float[Array, " mels"]]:
    """The lowest and the highest level of each band in either sound."""
    both = jnp.concatenate([carrier.level_db, style.level_db])
    return jnp.min(both, axis=0), jnp.max(both, axis=0)


def _check_sigmas(sigma_s: float, sigma_mels: float) -> None:
    number("parametrization.sigma_s", sigma_s, at_least=0, at_most=10)
    number("parametrization.sigma_mels", sigma_mels, at_least=0, at_most=100)


def _smooth(change: LogMel, sigma_s: float, sigma_mels: float, spec: MelSpec) -> LogMel:
    sigma_frames = sigma_s * spec.sr / spec.hop_length
    return gaussian_blur(change, sigma_frames=sigma_frames, sigma_bands=sigma_mels)


class _Transform(NamedTuple):
    carrier: Complex[Array, "frames bins"]
    carrier_db: LogMel
    lowest_db: Float[Array, " mels"]
    highest_db: Float[Array, " mels"]
    boost: Float[Array, "frames bins"]
    """Share of a boost, in dB, that reaches each bin, 0 to 1."""
    weight: Float[Array, " padded"]
    silence: Samples
    """Zeros as long as the carrier: they carry its length."""


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
    style is at a frequency, the larger that share, since there noise is what is wanted.

    Attributes:
        sigma_s: standard deviation of the gain's smoothing in time, s.
        sigma_mels: the same across bands.
        boost_from_db, boost_to_db: how far a bin must stand out, see `prominence_db`, to get any
            of a boost and to get all of it.
        noise_boost: the least share of a boost that any bin gets, 0 to 1; 1 is a plain filter.

    Raises:
        InputError: a number outside its limits.
    """

    is_sound: ClassVar[bool] = True

    sigma_s: float = 0.05
    sigma_mels: float = 0.5
    boost_from_db: float = 2.0
    boost_to_db: float = 9.0
    noise_boost: float = 0.4

    def __post_init__(self) -> None:
        _check_sigmas(self.sigma_s, self.sigma_mels)
        number("parametrization.boost_from_db", self.boost_from_db)
        number("parametrization.boost_to_db", self.boost_to_db, above=self.boost_from_db)
        number("parametrization.noise_boost", self.noise_boost, at_least=0, at_most=1)

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> _Transform:
        """The carrier's transform, and where in it boosts apply."""
        transform = stft(carrier.y, spec)
        style_power = _power(stft(style.y, spec))
        noise = 1.0 - _share(style_power, self._stands_out(style_power, spec), spec)
        least = jnp.maximum(self.noise_boost, noise)
        stands_out = self._stands_out(_power(transform), spec)
        weight = jnp.asarray(window_power(carrier.level_db.shape[0], spec))
        return _Transform(
            transform,
            carrier.level_db,
            *_range_db(carrier, style),
            stands_out + (1.0 - stands_out) * least[None],
            weight,
            jnp.zeros_like(carrier.y),
        )

    def _stands_out(self, power: _Power, spec: MelSpec) -> _Power:
        over = (prominence_db(power, spec) - self.boost_from_db) / (
            self.boost_to_db - self.boost_from_db
        )
        return jnp.clip(over, 0.0, 1.0)

    def init(self, level_db: LogMel, constants: _Transform, spec: MelSpec) -> LogMel:
        """The gain from the carrier, dB."""
        del spec
        return level_db - constants.carrier_db

    def log_mel(self, variable: LogMel, constants: _Transform, spec: MelSpec) -> LogMel:
        """The spectrogram of the filtered carrier."""
        return log_mel(self.samples(variable, constants, spec), spec)

    def samples(self, variable: LogMel, constants: _Transform, spec: MelSpec) -> Samples:
        """The filtered carrier."""
        gain_db = _smooth(variable, self.sigma_s, self.sigma_mels, spec)
        gain_db = jnp.clip(
            gain_db,
            constants.lowest_db[None] - constants.carrier_db,
            constants.highest_db[None] - constants.carrier_db,
        )
        gain_db = gain_db @ jnp.asarray(_bands_to_bins(spec))
        gain_db = jnp.minimum(gain_db, 0.0) + jnp.maximum(gain_db, 0.0) * constants.boost
        gain = 10.0 ** (gain_db / 20.0)
        length = constants.silence.shape[0]
        return istft(constants.carrier * gain, spec, length=length, weight=constants.weight)

    def filtered(
        self, y: Samples, variable: LogMel, constants: _Transform, spec: MelSpec
    ) -> Samples:
        """`y` with the carrier's gains."""
        return self.samples(variable, constants._replace(carrier=stft(y, spec)), spec)


# What counts as around a bin, and how long a partial must last to stand out: standard deviations.
_AROUND_S = 0.15
_AROUND_HZ = 215.0
_LASTING_S = 0.035


def prominence_db(power: _Power, spec: MelSpec) -> _Power:
    """How far each bin of a power spectrogram stands out from what is around it, dB.

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


def _power(transform: Complex[Array, "frames bins"]) -> _Power:
    return jnp.real(transform) ** 2 + jnp.imag(transform) ** 2


def _share(power: _Power, part: _Power, spec: MelSpec) -> Float[Array, " bins"]:
    """Share of each frequency's energy that `part` takes, the neighbourhood included."""
    sigma_bands = _AROUND_HZ / 2 * spec.n_fft / spec.sr

    def energy(x: _Power) -> Float[Array, "1 bins"]:
        return gaussian_blur(
            jnp.sum(x, axis=0, keepdims=True), sigma_frames=0.0, sigma_bands=sigma_bands
        )

    return (energy(power * part) / (energy(power) + 1e-30))[0]


def _bands_to_bins(spec: MelSpec) -> Float[np.ndarray, "mels bins"]:
    """Weights that interpolate from the bands' centres to the bins, the outermost extended."""
    bins_hz = np.fft.rfftfreq(spec.n_fft, 1.0 / spec.sr)
    centres_hz = spec.edges_hz[1:-1]
    columns = [np.interp(bins_hz, centres_hz, row) for row in np.eye(spec.n_mels)]
    return np.stack(columns).astype(np.float32)


@dataclass(frozen=True)
class Waveform:
    """The samples themselves.

    Attributes:
        scale: amplitude of one unit of the variable, where the content's loudest mel band has
            power 1. It makes a learning rate that suits dB suit samples.

    Raises:
        InputError: a scale that is not above 0.
    """

    is_sound: ClassVar[bool] = True

    scale: float = 3e-5

    _FILTER: ClassVar = ContentGain(sigma_s=0.0, sigma_mels=0.0, noise_boost=1.0)

    def __post_init__(self) -> None:
        number("parametrization.scale", self.scale, above=0)

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> _Transform:
        """The carrier's transform, from which the first samples are made."""
        return self._FILTER.constants(carrier, style, spec)

    def init(self, level_db: LogMel, constants: _Transform, spec: MelSpec) -> Samples:
        """The carrier, filtered towards `level_db`."""
        return self._FILTER.samples(level_db - constants.carrier_db, constants, spec) / self.scale

    def log_mel(self, variable: Samples, constants: _Transform, spec: MelSpec) -> LogMel:
        """The spectrogram of the samples."""
        del constants
        return log_mel(self.scale * variable, spec)

    def samples(self, variable: Samples, constants: _Transform, spec: MelSpec) -> Samples:
        """The samples."""
        del constants, spec
        return self.scale * variable

    def filtered(self, y: Samples, variable: Samples, constants: _Transform, spec: MelSpec) -> None:
        """It is no filter."""
        del y, variable, constants, spec
