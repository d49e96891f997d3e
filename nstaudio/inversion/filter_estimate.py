"""The gains by which the mix of some channels has changed, estimated from its spectra.

All take the spectrum of the channels and that of what was added to their mean, the mix.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float

from nstaudio.analysis.numpy_stft import BlockStft, ChannelSpectrum, Spectrum

Power = Float[np.ndarray, "frames bins"]

MARGIN_FRAMES = 9
"""Frames on both sides of a block that its estimates depend on."""

# The neighbourhood in which the result is compared with the mix: standard deviations.
_NEAR_FRAMES, _NEAR_BINS = 1.0, 0.4
_N_ROUNDS = 3
_CHANCE_COHERENCE = 0.3  # squared correlation of unrelated sounds in a neighbourhood
_SILENT = 1e-4  # a mix 40 dB below its channels does not say how they were filtered
_MAX_GAIN = 10 ** (40 / 20)
_MAX_HIGHS_GAIN = 10 ** (30 / 20)
_MAX_CANCELLED = 4.0  # power of the channels over that of the mix, over what one alone has
_EPSILON = 1e-15


class FilterEstimate(NamedTuple):
    """The filter in the change of a mix; all are 1 where it has not changed."""

    gain: Power
    widening: Power
    """Factor of the new sound's width: it holds some of what the cautious gain leaves out."""


def estimate_filter(x: ChannelSpectrum, change: Spectrum, blocks: BlockStft) -> FilterEstimate:
    """Gains that explain as much of the change of the mix as its coherence with it allows."""
    mix = x.mean(axis=0)
    result, floor = mix + change, _floor(x)
    cross = np.maximum(_smooth(_dot(result, mix) + floor), 0)
    power, result_power = (_smooth(_dot(a, a) + floor) for a in (mix, result))
    # The positive-part James-Stein estimate: next to nothing where sounds are alike by chance.
    coherence = np.maximum(cross**2 / (power * result_power), 1e-6)
    trust = np.maximum(1 - _CHANCE_COHERENCE * (1 / coherence - 1), 0)
    gain = np.minimum(trust * cross / power, _MAX_GAIN)
    for _ in range(_N_ROUNDS):  # frames overlap, so what filters them has blurred there
        residual = change - blocks.round_trip((gain - 1) * mix)
        gain = np.clip(gain + trust * _smooth(_dot(residual, mix)) / power, 0, _MAX_GAIN)
    # This wide, the filtered and the new sound together have the energy of the whole.
    widening = np.sqrt(1 + 2 * _CHANCE_COHERENCE * trust / (1 + _CHANCE_COHERENCE * (1 - trust)))
    return FilterEstimate(gain, widening)


def level_ratio(
    x: ChannelSpectrum, change: Spectrum, band: Bool[np.ndarray, " bins"]
) -> Float[np.ndarray, "frames 1"]:
    """The amplitude of the changed mix in a band over that of the mix, for the highs above it."""
    mix, floor = x.mean(axis=0), _floor(x)
    result = mix + change
    before, after, channels = (
        _smooth(a)[:, band].sum(axis=1)
        for a in (_dot(mix, mix) + floor, _dot(result, result) + floor, floor)
    )
    # Highs may be loud where the mix cancels: they need not be louder for that.
    largest = np.sqrt(_MAX_CANCELLED * len(x) * _SILENT * after / channels)
    return np.minimum(np.sqrt(after / before), np.clip(largest, 1, _MAX_HIGHS_GAIN))[:, None]


def _floor(x: ChannelSpectrum) -> Power:
    """Power too small to tell anything."""
    return _SILENT * _dot(x, x).mean(axis=0) + _EPSILON


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Real part of one times the other's conjugate."""
    return np.real(a) * np.real(b) + np.imag(a) * np.imag(b)


def _smooth(x: Power) -> Power:
    return scipy.ndimage.gaussian_filter(x, (_NEAR_FRAMES, _NEAR_BINS), radius=(3, 2))
