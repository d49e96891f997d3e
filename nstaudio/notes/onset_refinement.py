"""Onsets and ends of notes, from their energy.

A network hears a slow attack late, and loses a note that dies away before it is over.
"""

import numpy as np
from jaxtyping import Float, Int

from nstaudio.analysis.spectrogram import hann
from nstaudio.notes import Note

_WINDOW_S, _HOP_S = 0.046, 0.005
_MAX_EARLIER_S = 0.1  # before the onset that was transcribed
_PEAK_S = 0.08  # after which the attack is over
_MAX_LATER_S = 0.3  # after the end that was transcribed
_LAST_S = 0.06  # before the end that was transcribed: how loud the note is then
_HARMONICS = 6
_DROP_DB = 10.0
_MIN_RISE_DB = 6.0
_AHEAD_S = 0.01  # by so much a window sees a rise before it happens
_TOUCH_S = 0.02  # what overlaps by less follows on


def refined(y: Float[np.ndarray, " samples"], sr: int, notes: list[Note]) -> list[Note]:
    """The notes, begun and ended where the energy of their harmonics says, but never shortened.

    A note begins at the last moment at which its energy lay 10 dB below its peak, at most 0.1 s
    before the transcribed onset. Where silence follows it ends when its energy has fallen
    by 10 dB, at most 0.3 s after and not later than the next onset.

    Args:
        y: mono samples.
        sr: their rate, Hz.
    """
    listener = _Listener(y, sr)
    begun = [note._replace(onset_s=_onset_s(note, listener)) for note in notes]
    onsets, offsets = (np.array([note[k] for note in begun]) for k in (0, 1))

    def offset_s(note: Note) -> float:
        others = (onsets < note.offset_s - _TOUCH_S) & (offsets > note.offset_s + _TOUCH_S)
        if others.any():
            return note.offset_s
        follows = onsets[onsets >= note.offset_s - _TOUCH_S]
        latest_s = min(note.offset_s + _MAX_LATER_S, len(y) / sr, *follows)
        return max(note.offset_s, _offset_s(note, latest_s, listener))

    return [note._replace(offset_s=offset_s(note)) for note in begun]


class _Listener:
    def __init__(self, y: Float[np.ndarray, " samples"], sr: int) -> None:
        self.sr, self.n_fft = sr, 2 * round(_WINDOW_S * sr / 2)
        self.hop = max(1, round(_HOP_S * sr))
        self.window = hann(self.n_fft).astype(np.float32)
        self.n_samples = len(y)
        self.padded = np.pad(np.asarray(y, np.float32), self.n_fft)

    def times(self, start_s: float, stop_s: float) -> Int[np.ndarray, " times"]:
        """Samples between, a hop apart, that are in the clip or half a window from it."""
        half = self.n_fft // 2
        start = max(round(start_s * self.sr), -half)
        return np.arange(start, min(round(stop_s * self.sr), self.n_samples + half), self.hop)

    def level_db(self, at: Int[np.ndarray, " times"], midi: int) -> Float[np.ndarray, " times"]:
        """Of the first harmonics, in windows around each sample."""
        first = at + self.n_fft - self.n_fft // 2
        frames = self.padded[first[:, None] + np.arange(self.n_fft)] * self.window
        energy = np.abs(np.fft.rfft(frames, axis=1)[:, self._bins(midi)]) ** 2
        return 10 * np.log10(energy.sum(axis=1) + 1e-10)

    def _bins(self, midi: int) -> Int[np.ndarray, " bins"]:
        f0 = 440.0 * 2 ** ((midi - 69) / 12)
        harmonics = f0 * np.arange(1, _HARMONICS + 1)
        harmonics = harmonics[harmonics < 0.45 * self.sr]
        middle = np.rint(harmonics * self.n_fft / self.sr).astype(int)
        bins = np.unique(middle[:, None] + np.arange(-1, 2))
        return bins[(bins > 0) & (bins <= self.n_fft // 2)]


def _onset_s(note: Note, listener: _Listener) -> float:
    at = listener.times(note.onset_s - _MAX_EARLIER_S, note.onset_s + _PEAK_S)
    transcribed = int(np.searchsorted(at, round(note.onset_s * listener.sr)))
    if not 0 < transcribed < len(at):
        return note.onset_s
    level = listener.level_db(at, note.midi)
    peak, lowest = level[transcribed:].max(), level[: transcribed + 1].min()
    if peak - lowest < _MIN_RISE_DB:
        return note.onset_s
    threshold = max(peak - _DROP_DB, lowest + min(3.0, (peak - lowest) / 2))
    below = np.flatnonzero(level[:transcribed] < threshold)
    start = below[-1] + 1 if below.size else 0
    return min(note.onset_s, max(0.0, float(at[start] / listener.sr + _AHEAD_S)))


def _offset_s(note: Note, latest_s: float, listener: _Listener) -> float:
    at = listener.times(note.offset_s - _LAST_S, latest_s)
    transcribed = int(np.searchsorted(at, round(note.offset_s * listener.sr)))
    if not 0 < transcribed < len(at):
        return note.offset_s
    level = listener.level_db(at, note.midi)
    over = np.flatnonzero(level[transcribed:] < level[:transcribed].max() - _DROP_DB)
    return float(at[transcribed + over[0]] / listener.sr) if over.size else latest_s
