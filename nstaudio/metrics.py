"""Objective measures of a result, on samples alone.

They are for people who compare runs; nothing is optimised for them. All take float samples at
`sr`, mono; levels do not matter.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
from jaxtyping import Float

from nstaudio.spectrogram import hann

Samples = Float[np.ndarray, " samples"]
Other = Float[np.ndarray, " other_samples"]  # clips need not be equally long
Third = Float[np.ndarray, " third_samples"]

LOWEST_DB = -100.0
"""What a measure says of nothing at all."""


def _power(y: Samples, n_fft: int, hop_length: int) -> Float[np.ndarray, "frames bins"]:
    y = np.pad(np.asarray(y, np.float32), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop_length]
    window = hann(n_fft).astype(np.float32)
    # A few hundred frames at a time: a long clip's whole transform would not fit.
    parts = [
        np.abs(np.fft.rfft(frames[i : i + 256] * window, axis=1)).astype(np.float32) ** 2
        for i in range(0, len(frames), 256)
    ]
    return np.concatenate(parts)


class _Floor(NamedTuple):
    energy: Float[np.ndarray, "frames bands"]
    noise: Float[np.ndarray, "frames bands"]


_BAND_BINS = 32
# In Gaussian noise the powers of a band's bins are exponentially distributed, and the mean of the
# lowest quarter is (1 - (1 + q) e^-q) / 0.25 of the mean of all, with q = -ln 0.75.
_QUARTER_OF_NOISE = 0.1369


def _floor(y: Samples) -> _Floor:
    """Energy of each frame's bands, and how much of it the valleys between partials explain.

    If a band were noise, its quietest quarter of bins would tell the noise's level; between the
    partials of a note they are far below.
    """
    power = _power(y, 4096, 1024)
    n_bands = power.shape[1] // _BAND_BINS
    bands = power[:, : n_bands * _BAND_BINS].reshape(len(power), n_bands, _BAND_BINS)
    lowest = np.partition(bands, _BAND_BINS // 4, axis=2)[..., : _BAND_BINS // 4].mean(axis=2)
    energy = bands.mean(axis=2)
    return _Floor(energy, np.minimum(lowest / _QUARTER_OF_NOISE, energy))


def added_noise_db(y: Samples, content: Other, style: Third) -> float:
    """Energy in the valleys of `y`'s spectrum that neither source has there, dB of `y`'s energy.

    All three are brought to equal power. In each band, `y` may be as noisy as the content is at
    that time or as the style is on average; the energy above the larger of the two is added up.
    White noise that is added to a clean sound reads as its level.

    Args:
        y: the result, aligned with the content; all at one rate.
        content, style: the sources.

    Returns:
        At least -100, at most 0.
    """
    made, was, sounds = (_floor(_unit_power(a)) for a in (y, content, style))
    n = min(len(made.energy), len(was.energy))
    at_the_time = scipy.ndimage.maximum_filter1d(was.noise[:n], 3, axis=0)
    allowed = np.maximum(at_the_time, sounds.noise.mean(axis=0)[None])
    excess = np.maximum(made.noise[:n] - allowed, 0.0).sum(dtype=np.float64)
    return _db(excess / (made.energy[:n].sum(dtype=np.float64) + 1e-300))


def _unit_power(y: Samples) -> Samples:
    power = np.mean(np.square(y, dtype=np.float64))
    return np.asarray(y / np.sqrt(power + 1e-30), np.float32)


def residual_db(y: Samples) -> float:
    """Energy that is neither steady in time nor in frequency, dB of the whole.

    What harmonic-percussive separation (Fitzgerald 2010; with the margin of Driedger, Mueller &
    Disch 2014, here 2) leaves: noise, but also everything that glides.
    """
    power = _power(y, 2048, 512)
    harmonic = scipy.ndimage.median_filter(power, (17, 1), mode="nearest")
    percussive = scipy.ndimage.median_filter(power, (1, 17), mode="nearest")
    # A factor of 2 between amplitudes is 4 between powers.
    rest = (harmonic < 4 * percussive) & (percussive < 4 * harmonic)
    return _db(float((power * rest).sum(dtype=np.float64) / (power.sum(dtype=np.float64) + 1e-300)))


def added_residual_db(y: Samples, content: Other, style: Third) -> float:
    """How much more of `y` is residual than of the noisier source, dB; negative when it is less."""
    return residual_db(y) - max(residual_db(content), residual_db(style))


def spectral_convergence_db(
    y: Samples, reference: Other, *, n_fft: int = 2048, hop_length: int = 512
) -> float:
    """Distance of the magnitudes of `y`'s STFT from the reference's, dB of the reference's norm."""
    n = min(len(y), len(reference))
    wanted = np.sqrt(_power(reference[:n], n_fft, hop_length))
    got = np.sqrt(_power(y[:n], n_fft, hop_length))
    difference = np.linalg.norm(got - wanted) / (np.linalg.norm(wanted) + 1e-300)
    return _db(float(difference) ** 2)


def _db(ratio: float) -> float:
    return float(np.maximum(10 * np.log10(np.maximum(ratio, 1e-300)), LOWEST_DB))
