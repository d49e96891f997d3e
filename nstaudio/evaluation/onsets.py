"""Onsets of a sound against those of another."""

import librosa
import numpy as np
from jaxtyping import Float

from nstaudio.audio import samples
from nstaudio.audio.samples import Samples

TOLERANCE_S = 0.05

_HOP_S = 0.01
_N_FFT = 2048
_MIN_SAMPLES = 2 * _N_FFT  # librosa warns of less

Times = Float[np.ndarray, " onsets"]


def onsets_s(y: Samples, sr: int) -> Times:
    """Onsets of mono samples at the rate `sr`, Hz, by librosa's spectral flux; ascending seconds.

    Raises:
        InputError: silence, or no samples at all.
    """
    n_samples, hop_length = len(y), round(_HOP_S * sr)
    y = samples.unit_power(y, name="a sound with onsets")
    y = np.pad(y, (0, max(0, _MIN_SAMPLES - n_samples)))
    found = librosa.onset.onset_detect(y=y, sr=sr, hop_length=hop_length, units="time")
    return found[found < n_samples / sr]


def f1(
    times_s: Times,
    reference_s: Float[np.ndarray, " others"],
    *,
    tolerance_s: float = TOLERANCE_S,
) -> float:
    """F-measure of onsets, 0 to 1: the harmonic mean of precision and recall.

    Each onset matches one of the reference's at most, no further away than the tolerance, and as
    many as can match do (as in MIREX, Raffel et al., "mir_eval", ISMIR 2014).

    Args:
        times_s, reference_s: ascending; two sounds without onsets are alike.
    """
    if not len(times_s) and not len(reference_s):
        return 1.0
    hits = i = k = 0
    while i < len(times_s) and k < len(reference_s):
        apart_s = times_s[i] - reference_s[k]
        hits += abs(apart_s) <= tolerance_s
        i += apart_s <= tolerance_s
        k += apart_s >= -tolerance_s
    return 2 * hits / (len(times_s) + len(reference_s))
