"""Which pitches sound at each moment, from the salience of harmonic series: for measuring.

No network, nothing trained, nothing random: a measure that shares no part with the methods it
measures. `nstaudio.notes` is the better transcriber.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float

from nstaudio.analysis.spectrogram import hann
from nstaudio.audio.samples import Samples

SR = 8000
"""The rate of the analysis, Hz."""
HOP_LENGTH = 128
MIN_MIDI = 33
"""The first of the pitches: A1, 55 Hz."""
N_PITCHES = 73
"""Six octaves of semitones, to A7."""

_FRAME = 2048
_N_FFT = 4 * _FRAME
_BINS_PER_SEMITONE = 10
_N_BINS = (N_PITCHES - 1) * _BINS_PER_SEMITONE
_N_HARMONICS = 20
_HARMONIC_DECAY = 0.8
_PEAKS_DB = 40.0  # below the frame's strongest peak others are no evidence
_SILENCE_DB = 60.0  # nor below the clip's
_OF_STRONGEST = 0.9  # salience of other pitches beside a frame's most salient
_OF_CLIP = 0.75  # standard deviations below the clip's mean salience at which a pitch sounds
_GAP_FRAMES = 7
_MIN_FRAMES = 6
_FRAMES_AT_ONCE = 256


class _Peaks(NamedTuple):
    frame: np.ndarray
    midi: np.ndarray
    """Their frequencies as pitches, in semitones."""
    magnitude: np.ndarray


def _peaks(y: Samples) -> tuple[_Peaks, int]:
    """Sinusoids of the spectrum, interpolated between bins; and the number of frames."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, _FRAME // 2), _FRAME)
    frames = frames[::HOP_LENGTH]
    window = hann(_FRAME).astype(np.float32)
    parts = []
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        block = frames[start : start + _FRAMES_AT_ONCE] * window
        magnitude = np.abs(np.fft.rfft(block, _N_FFT, axis=1))
        left, at, right = magnitude[:, :-2], magnitude[:, 1:-1], magnitude[:, 2:]
        loud = at > at.max(axis=1, keepdims=True) * 10 ** (-_PEAKS_DB / 20)
        frame, k = np.nonzero((at > left) & (at >= right) & loud)
        left, at, right = (np.log(a[frame, k] + 1e-12) for a in (left, at, right))
        k = k + 1 + (left - right) / (2 * np.minimum(left - 2 * at + right, -1e-9))
        midi = 69 + 12 * np.log2(np.maximum(k, 0.5) * SR / _N_FFT / 440.0)
        parts.append((start + frame, midi, np.exp(at)))
    peaks = _Peaks(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    sounding = peaks.magnitude > peaks.magnitude.max(initial=0.0) * 10 ** (-_SILENCE_DB / 20)
    return _Peaks(*(a[sounding] for a in peaks)), len(frames)


def salience(y: Samples) -> Float[np.ndarray, "frames bins"]:
    """Strength of the harmonic series of each pitch, ten bins a semitone from A1.

    Salamon & Gómez (IEEE TASLP 2012), eq. 1: every peak of the spectrum is evidence for the
    pitches of which it is one of the first 20 harmonics, the less the higher the harmonic.

    Args:
        y: mono samples at `SR`.
    """
    peaks, n_frames = _peaks(y)
    total = np.zeros(n_frames * _N_BINS)
    for harmonic in range(1, _N_HARMONICS + 1):
        pitch = peaks.midi - 12 * np.log2(harmonic) - MIN_MIDI
        bins = np.rint(pitch * _BINS_PER_SEMITONE).astype(int)
        there = (bins >= 0) & (bins < _N_BINS)
        weights = peaks.magnitude[there] * _HARMONIC_DECAY ** (harmonic - 1)
        cells = peaks.frame[there] * _N_BINS + bins[there]
        total += np.bincount(cells, weights, minlength=total.size)
    # A mistuned harmonic counts by the squared cosine of its distance, up to a semitone.
    distance = np.arange(-_BINS_PER_SEMITONE, _BINS_PER_SEMITONE + 1) / _BINS_PER_SEMITONE
    kernel = np.cos(np.pi / 2 * distance) ** 2
    total = total.reshape(n_frames, -1).astype(np.float32)
    return scipy.ndimage.convolve1d(total, kernel, mode="constant")


def pitches(y: Samples) -> Bool[np.ndarray, "frames pitches"]:
    """Which semitones from A1 to A7 sound, one frame every 16 ms.

    The peaks of the salience that come near their frame's highest and are no outliers of the clip
    (the filters of Salamon & Gómez), with holes below 0.1 s closed and shorter sounds dropped.

    Args:
        y: mono samples at `SR`.
    """
    level = salience(y)
    middle = level[:, 1:-1]
    top = (middle > level[:, :-2]) & (middle >= level[:, 2:])
    top &= (middle > 0) & (middle >= _OF_STRONGEST * level.max(axis=1, keepdims=True))
    sounding = middle[top]
    if sounding.size:
        top &= middle >= sounding.mean() - _OF_CLIP * sounding.std()
    frames, bins = np.nonzero(top)
    sounds = np.zeros((len(level), N_PITCHES), bool)
    sounds[frames, np.rint((bins + 1) / _BINS_PER_SEMITONE).astype(int)] = True
    padded = np.pad(sounds, ((_GAP_FRAMES, _GAP_FRAMES), (0, 0)))
    closed = scipy.ndimage.binary_closing(padded, np.ones((_GAP_FRAMES, 1)))
    closed = closed[_GAP_FRAMES:-_GAP_FRAMES]
    return scipy.ndimage.binary_opening(closed, np.ones((_MIN_FRAMES, 1)))
