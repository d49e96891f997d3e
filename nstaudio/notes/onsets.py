"""Where notes begin, from their energy: a network hears a slow attack late."""

import numpy as np
from jaxtyping import Float

from nstaudio.notes import Note
from nstaudio.spectrogram import hann

_WINDOW_S, _HOP_S = 0.046, 0.005
_EARLIEST_S = 0.1  # before the onset that was heard
_PEAK_S = 0.08  # after which the attack is over
_HARMONICS = 6
_BELOW_PEAK_DB = 10.0
_LEAST_RISE_DB = 6.0
_AHEAD_S = 0.01  # by so much a window sees the rise before it happens


def earlier(y: Float[np.ndarray, " samples"], sr: int, notes: list[Note]) -> list[Note]:
    """The notes, begun where their harmonics' energy rises, if that is earlier.

    From the onset back to the last moment when the energy lay 10 dB below its peak.

    Args:
        y: mono samples.
        sr: their rate, Hz.
    """
    n, hop = 2 * round(_WINDOW_S * sr / 2), max(1, round(_HOP_S * sr))
    window = hann(n).astype(np.float32)
    y = np.pad(np.asarray(y, np.float32), 2 * n)
    reach = round((_EARLIEST_S + _PEAK_S) * sr)

    def begun(note: Note) -> Note:
        first = max(round((note.onset_s - _EARLIEST_S) * sr), -n)
        at = np.arange(first, first + reach, hop)
        at = at[at + n // 2 <= len(y) - 2 * n]
        heard = int(np.searchsorted(at, round(note.onset_s * sr)))
        if not 0 < heard < len(at):
            return note
        frames = np.stack([y[a + 2 * n - n // 2 :][:n] for a in at]) * window
        energy = (np.abs(np.fft.rfft(frames, axis=1)) ** 2)[:, _harmonic_bins(note.midi, n, sr)]
        level = 10 * np.log10(energy.sum(axis=1) + 1e-10)
        peak, lowest = level[heard:].max(), level[: heard + 1].min()
        if peak - lowest < _LEAST_RISE_DB:
            return note
        threshold = max(peak - _BELOW_PEAK_DB, lowest + min(3.0, (peak - lowest) / 2))
        below = np.flatnonzero(level[:heard] < threshold)
        start = below[-1] + 1 if below.size else 0
        onset_s = min(note.onset_s, max(0.0, float(at[start] / sr + _AHEAD_S)))
        return note._replace(onset_s=onset_s)

    return [begun(note) for note in notes]


def _harmonic_bins(midi: int, n_fft: int, sr: int) -> np.ndarray:
    f0 = 440.0 * 2 ** ((midi - 69) / 12)
    harmonics = f0 * np.arange(1, _HARMONICS + 1)
    middle = np.rint(harmonics[harmonics < 0.45 * sr] * n_fft / sr).astype(int)
    bins = np.unique(middle[:, None] + np.arange(-1, 2))
    return bins[(bins > 0) & (bins <= n_fft // 2)]
