"""pYIN: the notes of one voice, by arithmetic alone.

Mauch & Dixon, "pYIN: a fundamental frequency estimator using probabilistic threshold
distributions" (ICASSP 2014), on YIN (de Cheveigné & Kawahara 2002). Every threshold of YIN votes
for the period it would choose, and the most probable path through the votes is the pitch.
"""

import numpy as np
import scipy.ndimage
import scipy.stats
from jaxtyping import Float, Int

from nstaudio.notes.basic_pitch import HOP_LENGTH, MIN_MIDI, SR
from nstaudio.notes.note_events import Event

Samples = Float[np.ndarray, " samples"]

_N_FFT = 2048
_F_MIN_HZ, _F_MAX_HZ = 55.0, 2093.0  # A1 to C7: what voices and melody instruments reach
_BINS_PER_SEMITONE = 5
_N_BINS = 1 + round(12 * _BINS_PER_SEMITONE * np.log2(_F_MAX_HZ / _F_MIN_HZ))
_THRESHOLDS = np.linspace(0.01, 1.0, 100)
_PRIOR = np.diff(scipy.stats.beta.cdf(np.append(0.0, _THRESHOLDS), 2, 18))
_NO_TROUGH = 0.01  # the weight of the deepest trough where no threshold finds one
_WIDEST_STEP = 12  # bins that a voice moves in a frame: 35 semitones a tenth of a second
_SWITCH = 0.01  # probability that a voice starts or stops in a frame
_FRAMES_AT_ONCE = 256
_RISE_DB = 6.0  # a level that jumps by this much begins a new note
_MIN_FRAMES = 6


def _difference(frames: Float[np.ndarray, "frames n_fft"]) -> Float[np.ndarray, "frames lags"]:
    """YIN's cumulative mean normalised difference for lags up to half a frame."""
    half = _N_FFT // 2
    spectrum = np.fft.rfft(frames, 2 * _N_FFT, axis=1)
    head = np.fft.rfft(frames[:, :half], 2 * _N_FFT, axis=1)
    correlation = np.fft.irfft(spectrum * head.conj(), axis=1)[:, :half]
    energy = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    energy = energy[:, half : 2 * half] - energy[:, :half]
    difference = np.maximum(energy[:, :1] + energy - 2 * correlation, 0.0)
    lags = np.arange(1, half)
    mean = np.cumsum(difference[:, 1:], axis=1) / lags[None]
    return np.concatenate([np.ones((len(frames), 1)), difference[:, 1:] / (mean + 1e-9)], axis=1)


def _votes(frames: Float[np.ndarray, "frames n_fft"]) -> Float[np.ndarray, "frames bins"]:
    """Probability of each pitch; a frame's sum is the probability that it is voiced."""
    d = _difference(frames)
    shortest, longest = int(SR / _F_MAX_HZ), min(int(SR / _F_MIN_HZ) + 1, d.shape[1] - 2)
    left, at, right = (d[:, shortest + i : longest + i] for i in (-1, 0, 1))
    trough = (at < left) & (at <= right)
    curvature = left + right - 2 * at
    shift = np.where(trough, (left - right) / (2 * np.where(trough, curvature, 1.0)), 0.0)
    period = shortest + np.arange(at.shape[1])[None] + np.clip(shift, -0.5, 0.5)
    bins = np.rint(12 * _BINS_PER_SEMITONE * np.log2(SR / period / _F_MIN_HZ)).astype(int)

    deepest = np.where(trough, at, np.inf).argmin(axis=1)
    votes = np.zeros((len(frames), _N_BINS))
    rows = np.arange(len(frames))
    # A threshold chooses the first trough below it: the shortest period that repeats well enough.
    for threshold, weight in zip(_THRESHOLDS, _PRIOR, strict=True):
        below = trough & (at < threshold)
        first, found = below.argmax(axis=1), below.any(axis=1)
        chosen = np.clip(bins[rows, np.where(found, first, deepest)], 0, _N_BINS - 1)
        votes[rows, chosen] += np.where(found, 1, _NO_TROUGH) * weight
    votes[~trough.any(axis=1)] = 0
    return votes


def _best_path(votes: Float[np.ndarray, "frames bins"]) -> Int[np.ndarray, " frames"]:
    """Viterbi's path through the pitches, -1 where there is no voice."""
    voiced = np.log(np.maximum(votes, 1e-12))
    unvoiced = np.log(np.maximum((1 - votes.sum(axis=1)) / _N_BINS, 1e-12))
    steps = np.arange(-_WIDEST_STEP, _WIDEST_STEP + 1)
    move = np.log(1 - np.abs(steps) / (_WIDEST_STEP + 1))
    move -= np.log(np.exp(move).sum())
    stay, switch = np.log(1 - _SWITCH), np.log(_SWITCH)
    # States: every pitch voiced, then every pitch unvoiced; a silent voice remembers its pitch.
    score = np.stack([voiced[0], np.broadcast_to(unvoiced[0], _N_BINS)]) - np.log(2 * _N_BINS)
    came = np.zeros((len(votes), 2, _N_BINS), np.int32)
    first = np.array([[0], [_N_BINS]])  # of the voiced states and of the unvoiced ones
    for t in range(1, len(votes)):
        padded = np.pad(score, ((0, 0), (_WIDEST_STEP,) * 2), constant_values=-np.inf)
        moved = np.lib.stride_tricks.sliding_window_view(padded, len(steps), axis=1) + move
        step = moved.argmax(axis=2)
        best = np.take_along_axis(moved, step[..., None], axis=2)[..., 0]
        origin = np.arange(_N_BINS)[None] + steps[step] + first
        options = np.stack([best + stay, best[::-1] + switch])
        came[t] = np.where(options[1] > options[0], origin[::-1], origin)
        score = options.max(axis=0) + np.stack([voiced[t], np.broadcast_to(unvoiced[t], _N_BINS)])
    state = int(score.argmax())
    path = np.empty(len(votes), int)
    for t in range(len(votes) - 1, -1, -1):
        path[t] = state if state < _N_BINS else -1
        state = int(came[t].reshape(-1)[state])
    return path


def pitch_hz(y: Samples) -> Float[np.ndarray, " frames"]:
    """The pitch of one voice, Hz, one frame every 256 samples; NaN where there is none.

    Args:
        y: mono samples at 22050 Hz.
    """
    y = np.pad(np.asarray(y, np.float32), _N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(y, _N_FFT)[::HOP_LENGTH]
    votes = [
        _votes(frames[i : i + _FRAMES_AT_ONCE].astype(np.float64))
        for i in range(0, len(frames), _FRAMES_AT_ONCE)
    ]
    path = _best_path(np.concatenate(votes))
    return np.where(path >= 0, _F_MIN_HZ * 2 ** (path / (12 * _BINS_PER_SEMITONE)), np.nan)


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
