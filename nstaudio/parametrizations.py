"""What is optimised, and how it becomes a spectrogram and samples.

A parametrization is a frozen dataclass (a static argument of compiled functions). Its `constants`
are the arrays it needs besides the variable; they are traced.
"""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from nstaudio.errors import number
from nstaudio.spectrogram import MelSpec, istft, log_mel, stft, window_power

Samples = Float[Array, " samples"]
LogMel = Float[Array, "frames mels"]


@runtime_checkable
class Parametrization(Protocol):
    """The way from the variable, one array, to a log-mel spectrogram in dB and to samples."""

    def constants(
        self,
        content: Samples,
        content_db: LogMel,
        style_db: Float[Array, "style_frames mels"],
        spec: MelSpec,
    ) -> Any:
        """Arrays computed once from the two clips; any pytree."""
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


@dataclass(frozen=True)
class FreeMel:
    """Every pixel of the log-mel spectrogram for itself, dB: the source paper's."""

    def constants(
        self,
        content: Samples,
        content_db: LogMel,
        style_db: Float[Array, "style_frames mels"],
        spec: MelSpec,
    ) -> tuple[()]:
        """Nothing."""
        del content, content_db, style_db, spec
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


def gaussian_blur(
    x: LogMel, *, sigma_frames: float, sigma_mels: float
) -> Float[Array, "frames mels"]:
    """Gaussian smoothing along both axes, the edges repeated; a sigma of 0 leaves an axis alone."""
    for axis, sigma in ((0, sigma_frames), (1, sigma_mels)):
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
    content_db: LogMel
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

    sigma_s: float = 0.023
    sigma_mels: float = 1.0

    def __post_init__(self) -> None:
        _check_sigmas(self.sigma_s, self.sigma_mels)

    def constants(
        self,
        content: Samples,
        content_db: LogMel,
        style_db: Float[Array, "style_frames mels"],
        spec: MelSpec,
    ) -> _Box:
        """The content, and the lowest and highest level of each band in either clip."""
        del content, spec
        both = jnp.concatenate([content_db, style_db])
        return _Box(content_db, jnp.min(both, axis=0), jnp.max(both, axis=0))

    def init(self, level_db: LogMel, constants: _Box, spec: MelSpec) -> LogMel:
        """The change from the content, dB."""
        del spec
        return level_db - constants.content_db

    def log_mel(self, variable: LogMel, constants: _Box, spec: MelSpec) -> LogMel:
        """Content plus smoothed change, limited."""
        change = _smooth(variable, self.sigma_s, self.sigma_mels, spec)
        return jnp.clip(
            constants.content_db + change, constants.lowest_db[None], constants.highest_db[None]
        )

    def samples(self, variable: LogMel, constants: _Box, spec: MelSpec) -> None:
        """Only an inversion can tell."""
        del variable, constants, spec


def _check_sigmas(sigma_s: float, sigma_mels: float) -> None:
    number("parametrization.sigma_s", sigma_s, at_least=0, at_most=10)
    number("parametrization.sigma_mels", sigma_mels, at_least=0, at_most=100)


def _smooth(change: LogMel, sigma_s: float, sigma_mels: float, spec: MelSpec) -> LogMel:
    sigma_frames = sigma_s * spec.sr / spec.hop_length
    return gaussian_blur(change, sigma_frames=sigma_frames, sigma_mels=sigma_mels)


class _Transform(NamedTuple):
    content: Complex[Array, "frames bins"]
    content_db: LogMel
    weight: Float[Array, " padded"]
    silence: Samples
    """Zeros as long as the content: it carries the length."""


@dataclass(frozen=True)
class ContentGain:
    """A gain on the content's own complex STFT, smooth in time and frequency.

    The variable is the gain in dB for each mel band and frame. The sound is the filtered content:
    its phases and the fine structure between its partials stay, so there is nothing to invert and
    no noise to add, and the spectrogram in the loss is that of this very sound. What the content
    does not have at all, no gain can bring.

    Attributes:
        sigma_s, sigma_mels: smoothing of the gain, as in `SmoothMel`.
        limit_db: the largest gain either way.

    Raises:
        InputError: a negative number.
    """

    sigma_s: float = 0.023
    sigma_mels: float = 1.0
    limit_db: float = 40.0

    def __post_init__(self) -> None:
        _check_sigmas(self.sigma_s, self.sigma_mels)
        number("parametrization.limit_db", self.limit_db, above=0, at_most=200)

    def constants(
        self,
        content: Samples,
        content_db: LogMel,
        style_db: Float[Array, "style_frames mels"],
        spec: MelSpec,
    ) -> _Transform:
        """The content's transform."""
        del style_db
        weight = jnp.asarray(window_power(content_db.shape[0], spec))
        return _Transform(stft(content, spec), content_db, weight, jnp.zeros_like(content))

    def init(self, level_db: LogMel, constants: _Transform, spec: MelSpec) -> LogMel:
        """The gain from the content, dB."""
        del spec
        return level_db - constants.content_db

    def log_mel(self, variable: LogMel, constants: _Transform, spec: MelSpec) -> LogMel:
        """The spectrogram of the filtered content."""
        return log_mel(self.samples(variable, constants, spec), spec)

    def samples(self, variable: LogMel, constants: _Transform, spec: MelSpec) -> Samples:
        """The filtered content."""
        gain_db = _smooth(variable, self.sigma_s, self.sigma_mels, spec)
        gain_db = self.limit_db * jnp.tanh(gain_db / self.limit_db)
        gain = 10.0 ** (gain_db @ jnp.asarray(_bands_to_bins(spec)) / 20.0)
        length = constants.silence.shape[0]
        return istft(constants.content * gain, spec, length=length, weight=constants.weight)


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

    scale: float = 1e-4

    def __post_init__(self) -> None:
        number("parametrization.scale", self.scale, above=0)

    def constants(
        self,
        content: Samples,
        content_db: LogMel,
        style_db: Float[Array, "style_frames mels"],
        spec: MelSpec,
    ) -> _Transform:
        """The content's transform, from which the first samples are made."""
        return ContentGain().constants(content, content_db, style_db, spec)

    def init(self, level_db: LogMel, constants: _Transform, spec: MelSpec) -> Samples:
        """The content, filtered towards `level_db`."""
        gain = ContentGain(sigma_s=0.0, sigma_mels=0.0)
        return gain.samples(level_db - constants.content_db, constants, spec) / self.scale

    def log_mel(self, variable: Samples, constants: _Transform, spec: MelSpec) -> LogMel:
        """The spectrogram of the samples."""
        del constants
        return log_mel(self.scale * variable, spec)

    def samples(self, variable: Samples, constants: _Transform, spec: MelSpec) -> Samples:
        """The samples."""
        del constants, spec
        return self.scale * variable
