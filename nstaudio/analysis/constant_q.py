"""The constant-Q transform: bands evenly spaced in octaves, each with a window of its own length.

J. C. Brown, "Calculation of a constant Q spectral transform" (JASA, 1991). Low bands have long
windows, which resolve semitones, high ones short, so that attacks stay sharp; one STFT has to
choose. Bands an octave down are computed at half the rate, as by Schörkhuber & Klapuri (2010); here
the sound is decimated by cutting its Fourier transform, which no filter could do better.
"""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float
from scipy.fft import next_fast_len

from nstaudio.analysis.clip import Samples
from nstaudio.analysis.spectrogram import frame
from nstaudio.errors import integer, number


@dataclass(frozen=True)
class Bands:
    """The centre frequencies and bandwidths of the bands.

    Attributes:
        f_min_hz: centre of the lowest band, above 0.
        f_max_hz: no band's centre is above it; `None` is as high as the rate allows, where the
            window's main lobe reaches half the rate.
        bins_per_octave: bands in an octave.
        filter_scale: Q over that at which neighbours just touch; the windows' lengths are
            proportional to it.

    Raises:
        InputError: a value outside its limits.
    """

    f_min_hz: float = 65.40639
    f_max_hz: float | None = None
    bins_per_octave: int = 24
    filter_scale: float = 1.0

    def __post_init__(self) -> None:
        number("representation.f_min_hz", self.f_min_hz, above=0, at_most=384_000)
        if self.f_max_hz is not None:
            number("representation.f_max_hz", self.f_max_hz, at_least=self.f_min_hz)
        integer("representation.bins_per_octave", self.bins_per_octave, at_least=1, at_most=480)
        number("representation.filter_scale", self.filter_scale, at_least=0.1, at_most=10)

    @property
    def q(self) -> float:
        """Centre frequency over bandwidth: periods in a window."""
        return self.filter_scale / (2.0 ** (1.0 / self.bins_per_octave) - 1.0)

    def centres_hz(self, sr: int) -> Float[np.ndarray, " bands"]:
        """The centre frequencies at the rate `sr`, Hz.

        Raises:
            InputError: not one band fits below half the rate.
        """
        max_hz = sr / 2 / (1 + 2 / self.q)
        name = "representation.f_min_hz" if self.f_max_hz is None else "representation.f_max_hz"
        number(name, self.f_max_hz or self.f_min_hz, at_most=max_hz)
        octaves = np.log2((self.f_max_hz or max_hz) / self.f_min_hz)
        n_bands = 1 + int(octaves * self.bins_per_octave + 1e-6)
        return self.f_min_hz * 2.0 ** (np.arange(n_bands) / self.bins_per_octave)


class _Group(NamedTuple):
    """Bands computed at the same rate."""

    decimation: int
    atoms: Float[np.ndarray, "size parts"]
    """Real parts of all bands, then imaginary ones."""


@functools.lru_cache(maxsize=16)
def _groups(bands: Bands, sr: int, hop_length: int) -> tuple[_Group, ...]:
    """The groups of bands, from the lowest to the highest."""
    centres_hz, q = bands.centres_hz(sr), bands.q
    # As low a rate as holds twice the main lobe, and of which a hop is a whole number of samples.
    rates = np.floor(np.log2(sr / (2 * centres_hz * (1 + 4 / q)))).astype(int)
    hop_octaves = (hop_length & -hop_length).bit_length() - 1
    decimations = 2 ** np.clip(rates, 0, hop_octaves)
    groups = []
    for decimation in sorted(set(decimations.tolist()), reverse=True):
        group_hz = centres_hz[decimations == decimation]
        lengths = q * sr / group_hz
        half = int(np.ceil(lengths.max() / 2 / decimation))
        n = np.arange(-half, half)[:, None] * decimation
        window = np.where(np.abs(n) < lengths / 2, 0.5 + 0.5 * np.cos(2 * np.pi * n / lengths), 0)
        window /= np.sqrt(0.375 * lengths)  # its energy at the full rate
        angle = -2 * np.pi * group_hz * n / sr
        atoms = np.concatenate([window * np.cos(angle), window * np.sin(angle)], axis=1)
        groups.append(_Group(decimation, atoms.astype(np.float32)))
    return tuple(groups)


def constant_q(
    y: Samples, bands: Bands, *, sr: int, hop_length: int
) -> Complex[Array, "frames bands"]:
    """The constant-Q transform of samples; pure and differentiable.

    X(t, k) = sum_n y(n) w_k(n - t hop_length) exp(-2 pi i f_k (n - t hop_length) / sr). w_k is a
    Hann window Q sr / f_k samples long, of energy 1: white noise is equally loud in all bands.
    Frames are centred on their samples, as many as `stft` has; beyond its ends the sound is silent.
    Time and memory grow with the length of the sound as those of an STFT do, where `hop_length`
    divides by a power of two; an odd one has every band computed at the full rate.

    Args:
        sr: rate, Hz.
        hop_length: samples between frames.

    Raises:
        InputError: not one band fits below half the rate.
    """
    groups = _groups(bands, sr, hop_length)
    n_frames = 1 + y.shape[0] // hop_length
    slowest = max(group.decimation for group in groups)
    # Room for the longest window at both ends, a whole number of samples at every rate.
    room = max(group.decimation * len(group.atoms) // 2 for group in groups)
    room += -room % slowest
    n_slowest: Any = next_fast_len(-(-(y.shape[0] + 2 * room) // slowest), real=True)
    n = n_slowest * slowest
    spectrum = jnp.fft.rfft(jnp.pad(y, (room, n - room - y.shape[0])))
    spectra = []
    for decimation, atoms in groups:
        # The sum over one in `decimation` samples, times that: irfft divides by fewer.
        slower = jnp.fft.irfft(spectrum[: n // decimation // 2 + 1], n // decimation)
        size, hop = len(atoms), hop_length // decimation
        first = room // decimation - size // 2
        framed = frame(slower[first : first + (n_frames - 1) * hop + size], size, hop)
        parts = jnp.matmul(framed, jnp.asarray(atoms), precision=jax.lax.Precision.HIGHEST)
        real, imaginary = jnp.split(parts, 2, axis=1)
        spectra.append(jax.lax.complex(real, imaginary))
    return jnp.concatenate(spectra, axis=1)
