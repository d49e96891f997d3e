"""Distances of two sounds in what noise of the same mel levels has not: partials and tune.

Mel bands are wide, and noise that is filtered to a result's levels is by them as near a target as
the result is (`shaped_noise`). These three tell the two apart. All are distances: lower is better,
0 is the same sound.
"""

from typing import NamedTuple

import librosa
import numpy as np
from jaxtyping import Float

from nstaudio.audio.samples import Samples
from nstaudio.evaluation.similarity import RANGE_DB, SR, comparable

_N_FFT, _HOP_LENGTH = 4096, 1024
_BINS_PER_OCTAVE, _N_OCTAVES, _CQT_HOP_LENGTH = 24, 7, 512
_MIN_HZ = 55.0  # A1; seven octaves above it end below the half of SR
_MIN_SAMPLES = 2**15  # shorter than the window of the lowest band, librosa warns


class Tones(NamedTuple):
    """Levels in narrow bands and the strengths of the twelve pitch classes."""

    fine_db: Float[np.ndarray, "frames bins"]
    """Of the bins of a Fourier transform of 4096 samples at 16 kHz, unit power, dB; what lies
    80 dB below the loudest is cut there."""
    cqt_db: Float[np.ndarray, "cqt_frames bands"]
    """The same in 24 bands an octave of constant Q, from 55 Hz."""
    chroma: Float[np.ndarray, "cqt_frames 12"]
    """Strengths of the pitch classes, vectors of unit length."""


class Tonality(NamedTuple):
    """Distances between two sounds."""

    fine_db: float
    """Mean absolute difference of levels in the bins of the long transform, dB."""
    cqt_db: float
    """The same in the bands of constant Q."""
    chroma: float
    """One minus the mean cosine of the pitch classes at each moment, 0 to 1."""


def analyse(y: Samples, sr: int) -> Tones:
    """Levels and pitch classes of mono samples at the rate `sr`, Hz; their level does not matter.

    Raises:
        InputError: silence, or no samples at all.
    """
    y = comparable(y, sr)
    n_frames = 1 + len(y) // _CQT_HOP_LENGTH
    y = np.pad(y, (0, max(0, _MIN_SAMPLES - len(y))))
    transform = librosa.stft(y, n_fft=_N_FFT, hop_length=_HOP_LENGTH)
    bands = np.abs(
        librosa.cqt(
            y,
            sr=SR,
            hop_length=_CQT_HOP_LENGTH,
            fmin=_MIN_HZ,
            n_bins=_N_OCTAVES * _BINS_PER_OCTAVE,
            bins_per_octave=_BINS_PER_OCTAVE,
        )
    )
    classes = librosa.feature.chroma_cqt(
        C=bands, fmin=_MIN_HZ, bins_per_octave=_BINS_PER_OCTAVE, norm=2
    )
    n_fine_frames = 1 + (n_frames - 1) * _CQT_HOP_LENGTH // _HOP_LENGTH
    return Tones(
        _level_db(np.abs(transform))[:n_fine_frames],
        _level_db(bands)[:n_frames],
        classes.T[:n_frames],
    )


def compare(a: Tones, b: Tones) -> Tonality:
    """The three distances; times that only the longer sound has are left out.

    Two moments of silence are alike.
    """
    n = min(len(a.chroma), len(b.chroma))
    cosine = np.sum(a.chroma[:n] * b.chroma[:n], axis=1)
    silent = ~(a.chroma[:n].any(axis=1) | b.chroma[:n].any(axis=1))
    return Tonality(
        fine_db=_mean_difference(a.fine_db, b.fine_db),
        cqt_db=_mean_difference(a.cqt_db, b.cqt_db),
        chroma=float(np.clip(1 - np.where(silent, 1.0, cosine).mean(), 0, 1)),
    )


def _level_db(magnitude: Float[np.ndarray, "bands frames"]) -> Float[np.ndarray, "frames bands"]:
    return librosa.amplitude_to_db(magnitude, amin=1e-9, top_db=RANGE_DB).T


def _mean_difference(
    a: Float[np.ndarray, "frames bands"], b: Float[np.ndarray, "other_frames bands"]
) -> float:
    n = min(len(a), len(b))
    return float(np.abs(a[:n] - b[:n]).mean())
