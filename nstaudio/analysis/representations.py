"""The encoder's input: levels in dB, compressed magnitudes, an STFT or a constant-Q transform.

A representation is a frozen dataclass (a static argument of compiled functions).
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.analysis.clip import LogMel, Samples
from nstaudio.analysis.constant_q import Bands, constant_q
from nstaudio.analysis.spectrogram import MelSpec, power_to_db, stft, unit
from nstaudio.errors import number

_TINY = 1e-12  # relative to the loudest: keeps the gradient of a magnitude finite at 0


@runtime_checkable
class Representation(Protocol):
    """The way from a clip to the input of an encoder."""

    needs_waveform: ClassVar[bool]
    """True where it needs the samples: the parametrization must yield a waveform then."""

    def __call__(
        self, y: Samples | None, level_db: LogMel, spec: MelSpec
    ) -> Float[Array, "frames bands *parts"]:
        """The input of the encoder, about 0 to 1 in size; differentiable.

        Args:
            y: the samples, scaled so that the clip's loudest mel band has power 1; `None` where
                only a spectrogram is optimised.
            level_db: the log-mel spectrogram of the same clip.
        """
        ...


@dataclass(frozen=True)
class Levels:
    """Decibels, scaled to 0 at the floor of the spectrogram and 1 at the clip's loudest band."""

    needs_waveform: ClassVar[bool] = False

    def __call__(
        self, y: Samples | None, level_db: LogMel, spec: MelSpec
    ) -> Float[Array, "frames mels"]:
        """`unit`."""
        del y
        return unit(level_db, spec)


@dataclass(frozen=True)
class Log1p:
    """log(1 + scale |X|) over its value at the loudest band: Ulyanov & Lebedev's pixels (2016).

    Magnitudes far below 1 / scale of the loudest count as silence, which decibels still resolve.

    Attributes:
        scale: magnitude of the loudest band, above 0. An STFT of 2048
            samples near full scale reaches some hundreds.

    Raises:
        InputError: a scale that is not above 0.
    """

    needs_waveform: ClassVar[bool] = False

    scale: float = 300.0

    def __post_init__(self) -> None:
        number("representation.scale", self.scale, above=0, at_most=1e6)

    def __call__(
        self, y: Samples | None, level_db: LogMel, spec: MelSpec
    ) -> Float[Array, "frames mels"]:
        """The compressed magnitudes."""
        del y, spec
        magnitude = 10.0 ** (level_db / 20.0)
        return jnp.log1p(self.scale * magnitude) / jnp.log1p(jnp.float32(self.scale))


@dataclass(frozen=True)
class RealImaginary:
    """The STFT itself, real and imaginary parts side by side: phases count as well.

    After Caracalla & Roebel (2020), "Sound texture synthesis using RI spectrograms", and Mital
    (2017), "Time domain neural audio style transfer", who adds the magnitude. The bands are the
    bins of the FFT, `spectrogram.n_fft` / 2 + 1; the mel bands are not used. The parametrization
    must yield a waveform.

    Attributes:
        scale: each bin X becomes X / |X| log(1 + scale |X|) / log(1 + scale), its magnitude being
            at most about 1; `None` leaves it as it is.
        magnitude: adds the magnitude as a third part.

    Raises:
        InputError: a scale that is not above 0.
    """

    needs_waveform: ClassVar[bool] = True

    scale: float | None = 300.0
    magnitude: bool = False

    def __post_init__(self) -> None:
        if self.scale is not None:
            number("representation.scale", self.scale, above=0, at_most=1e6)

    def __call__(
        self, y: Samples | None, level_db: LogMel, spec: MelSpec
    ) -> Float[Array, "frames bins parts"]:
        """The parts of every bin."""
        assert y is not None
        del level_db
        x = stft(y, spec) * _bin_scale(spec)
        real, imaginary = jnp.real(x), jnp.imag(x)
        magnitude = jnp.sqrt(real**2 + imaginary**2 + _TINY)
        if self.scale is not None:
            compressed = jnp.log1p(self.scale * magnitude) / jnp.log1p(jnp.float32(self.scale))
            real, imaginary = (part * (compressed / magnitude) for part in (real, imaginary))
            magnitude = compressed
        parts = [real, imaginary, magnitude] if self.magnitude else [real, imaginary]
        return jnp.stack(parts, axis=2)


@dataclass(frozen=True)
class ConstantQ(Bands):
    """Decibels of a constant-Q transform, 0 the floor of the spectrogram.

    Of Huzaifah & Wyse's (2019) three inputs the one that an STFT's bands cannot stand for: windows
    are the longer the lower the band. White noise has the level that it has in the spectrogram's
    loudest band. The parametrization must yield a waveform; the mel bands are not used.

    Attributes:
        f_min_hz, f_max_hz, bins_per_octave, filter_scale: see `constant_q.Bands`.

    Raises:
        InputError: a value outside its limits.
    """

    needs_waveform: ClassVar[bool] = True

    def __call__(
        self, y: Samples | None, level_db: LogMel, spec: MelSpec
    ) -> Float[Array, "frames bands"]:
        """The levels of its bands."""
        assert y is not None
        del level_db
        x = constant_q(y, self, sr=spec.sr, hop_length=spec.hop_length)
        # The energy of an STFT's window, in a band the sum of its bins.
        power = (jnp.real(x) ** 2 + jnp.imag(x) ** 2) * (
            0.375 * spec.n_fft * float(spec.filters.sum(axis=0).max())
        )
        return unit(power_to_db(power, amin=spec.amin), spec)


def _bin_scale(spec: MelSpec) -> float:
    """The factor from the magnitude of a bin to about that of the mel band it is in.

    Bands of equal area are the louder the narrower they are: a tone's power in its band is that in
    its bin times the band's largest weight. The lowest bands have the largest of these weights.
    """
    return float(spec.filters.max()) ** 0.5
