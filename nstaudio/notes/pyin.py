"""pYIN: the notes of one voice, without a trained network.

Its pitch is that of `librosa.pyin` (Mauch & Dixon, "pYIN: a fundamental frequency estimator using
probabilistic threshold distributions", ICASSP 2014); here it becomes notes.
"""

import librosa
import numpy as np
import scipy.ndimage
from jaxtyping import Float

from nstaudio.audio.samples import Samples
from nstaudio.notes.basic_pitch import HOP_LENGTH, MIN_MIDI, SR
from nstaudio.notes.note_events import Event

_F_MIN_HZ, _F_MAX_HZ = 55.0, 2093.0  # A1 to C7: what voices and melody instruments reach
_RESOLUTION = 0.2  # semitones: time and memory grow with the square of their number
_MIN_VOICED = 0.1  # probability; below, in noise and where a note has died away, it is a guess
_RISE_DB = 6.0  # a level that jumps by this much begins a new note
_MIN_FRAMES = 6


def pitch_hz(y: Samples) -> Float[np.ndarray, " frames"]:
    """The pitch of one voice, Hz, one frame every 256 samples; NaN where there is none.

    Args:
        y: mono samples at 22050 Hz.
    """
    f0, _, voiced = librosa.pyin(
        np.asarray(y, np.float32),
        fmin=_F_MIN_HZ,
        fmax=_F_MAX_HZ,
        sr=SR,
        hop_length=HOP_LENGTH,
        resolution=_RESOLUTION,
    )
    return np.where(voiced >= _MIN_VOICED, f0, np.nan)


def events(y: Samples) -> list[Event]:
    """Notes of one voice: steady pitches, cut where the pitch moves on or the level jumps up."""
    midi = 69 + 12 * np.log2(pitch_hz(y) / 440.0)
    voiced = np.isfinite(midi)
    # Vibrato and glides cross half a semitone for less than five frames (58 ms).
    key = np.where(voiced, np.rint(np.nan_to_num(midi)), -1).astype(int)
    key = scipy.ndimage.median_filter(key, 5)
    power = np.pad(np.asarray(y, np.float64) ** 2, (0, HOP_LENGTH * (len(key) + 1) - len(y)))
    level = 10 * np.log10(power.reshape(-1, HOP_LENGTH).sum(axis=1)[: len(key)] + 1e-12)
    jump = level[4:] - scipy.ndimage.minimum_filter1d(level, 3)[:-4]
    struck = np.zeros(len(key), bool)
    struck[4:] = (jump > _RISE_DB) & (jump >= scipy.ndimage.maximum_filter1d(jump, 9))
    starts = np.flatnonzero((np.diff(key, prepend=-2) != 0) | struck)
    stops = np.append(starts[1:], len(key))
    return [
        Event(int(a), int(b), int(key[a]) - MIN_MIDI, 1.0)
        for a, b in zip(starts, stops, strict=True)
        if key[a] >= 0 and b - a >= _MIN_FRAMES
    ]
