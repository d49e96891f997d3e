"""Parametrizations: the optimised variable, and the spectrogram and samples that it stands for.

A parametrization is a frozen dataclass (a static argument of compiled functions). Its `constants`
are the arrays it needs besides the variable; they are traced.
"""

import functools
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nstaudio.analysis.clip import Clip, LogMel, Samples
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.errors import number

Variable = Float[Array, "..."]
"""What is optimised: one array, whose axes are the parametrization's own."""


@runtime_checkable
class Parametrization(Protocol):
    """The way from the variable, one array, to a log-mel spectrogram in dB and to samples."""

    yields_waveform: ClassVar[bool]
    """True where `samples` gives the sound, so that no inversion is needed."""

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> Any:
        """Arrays computed once; any pytree.

        Args:
            carrier: the sound that is changed: the content, or the sound of the initialization.
            style: the style clip.
        """
        ...

    def init(self, level_db: LogMel, constants: Any, spec: MelSpec) -> Variable:
        """The variable whose spectrogram is, as nearly as may be, `level_db`."""
        ...

    def log_mel(self, variable: Variable, constants: Any, spec: MelSpec) -> LogMel:
        """The spectrogram of the variable, differentiable."""
        ...

    def samples(self, variable: Variable, constants: Any, spec: MelSpec) -> Samples | None:
        """The sound of the variable; `None` where only an inversion can tell."""
        ...

    def filtered(
        self, y: Samples, variable: Variable, constants: Any, spec: MelSpec
    ) -> Samples | None:
        """Another sound, filtered as the carrier is; `None` where it is not merely filtered."""
        ...


@dataclass(frozen=True)
class FreeMel:
    """Every pixel of the log-mel spectrogram for itself, dB: the source paper's."""

    yields_waveform: ClassVar[bool] = False

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
    """Gaussian smoothing along both axes, the edges repeated.

    Args:
        sigma_frames, sigma_bands: standard deviations; one of 0 leaves its axis alone.
    """
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

    yields_waveform: ClassVar[bool] = False

    sigma_s: float = 0.023
    sigma_mels: float = 1.0

    def __post_init__(self) -> None:
        check_sigmas(self.sigma_s, self.sigma_mels)

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> _Box:
        """The carrier, and the lowest and highest level of each band in it or the style."""
        del spec
        return _Box(carrier.level_db, *range_db(carrier, style))

    def init(self, level_db: LogMel, constants: _Box, spec: MelSpec) -> LogMel:
        """The change from the carrier, dB."""
        del spec
        return level_db - constants.carrier_db

    def log_mel(self, variable: LogMel, constants: _Box, spec: MelSpec) -> LogMel:
        """Carrier plus smoothed change, limited."""
        change = smooth(variable, self.sigma_s, self.sigma_mels, spec)
        return jnp.clip(
            constants.carrier_db + change, constants.lowest_db[None], constants.highest_db[None]
        )

    def samples(self, variable: LogMel, constants: _Box, spec: MelSpec) -> None:
        """Only an inversion can tell."""
        del variable, constants, spec

    def filtered(self, y: Samples, variable: LogMel, constants: _Box, spec: MelSpec) -> None:
        """It is no filter."""
        del y, variable, constants, spec


def range_db(carrier: Clip, style: Clip) -> tuple[Float[Array, " mels"], Float[Array, " mels"]]:
    """The lowest and the highest level of each band in either sound."""
    both = jnp.concatenate([carrier.level_db, style.level_db])
    return jnp.min(both, axis=0), jnp.max(both, axis=0)


def check_sigmas(sigma_s: float, sigma_mels: float) -> None:
    """Check the widths of a Gaussian blur, `sigma_s` in seconds and `sigma_mels` in bands.

    Raises:
        InputError: negative, or wider than any clip asks for.
    """
    number("parametrization.sigma_s", sigma_s, at_least=0, at_most=10)
    number("parametrization.sigma_mels", sigma_mels, at_least=0, at_most=100)


def smooth(change: LogMel, sigma_s: float, sigma_mels: float, spec: MelSpec) -> LogMel:
    """Blur a change of levels with a Gaussian of widths `sigma_s`, seconds, `sigma_mels`, bands."""
    sigma_frames = sigma_s * spec.sr / spec.hop_length
    return gaussian_blur(change, sigma_frames=sigma_frames, sigma_bands=sigma_mels)
