"""The style's notes as examples of its sound, brought to any pitch and any length."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.ndimage
import soxr
from jaxtyping import Float

from nstaudio.analysis.numpy_stft import Grid, Spectrum
from nstaudio.audio.samples import Samples
from nstaudio.notes import Note

LEAD_S = 0.01
"""A note is cut out from this long before its onset."""

_MIN_S = 0.12  # shorter notes are no example of a sound
_MASKED_OVERLAP = 0.25
_CLEAN_OVERLAP = 0.5
_MIN_HARMONIC = 0.7  # of the fundamental: where a note begins
_FORMANT_LOW_HZ = 60.0
_MAX_FORMANT_DB = 24.0
_FLOOR_DB = -140.0
_REPEATED = 0.05  # trust in frames that are not the note's own

NoteSamples = Float[np.ndarray, " note_samples"]
Longer = Float[np.ndarray, " at_least_note_samples"]
Bins = Float[np.ndarray, " bins"]
InBand = Float[np.ndarray, " bins_with_sound"]
Levels = Float[np.ndarray, "frames bins"]


def hz(midi: float) -> float:
    """The frequency of a MIDI number, Hz."""
    return 440.0 * 2 ** ((midi - 69) / 12)


class Example(NamedTuple):
    """A style note."""

    note: Note
    overlap: float
    """Share of it that sounds together with others; above 1 with more than one."""
    y: Samples
    """Its sound, the harmonics of others masked."""
    envelope_db: Bins
    """Of its harmonics."""


def examples(style: Samples, notes: list[Note], top_hz: float, grid: Grid) -> list[Example]:
    """The notes that last long enough to be heard; all of them where none does.

    Args:
        top_hz: `bandwidth_hz` of the style.
    """
    found, top = [], round(top_hz * grid.n_fft / grid.sr) + 1
    for note in [n for n in notes if n.length_s > _MIN_S] or notes:
        others = [n for n in notes if n is not note and _common_s(n, note) > 0]
        overlap = sum(_common_s(n, note) for n in others) / note.length_s
        y = _faded(_alone(style, note, others if overlap > _MASKED_OVERLAP else [], grid), grid.sr)
        power = (np.abs(grid.stft(y)) ** 2).mean(axis=0)
        envelope_db = _envelope_db(power[:top], hz(note.midi), grid)
        envelope_db = np.pad(envelope_db, (0, len(power) - len(envelope_db)), mode="edge")
        found.append(Example(note, overlap, y, envelope_db))
    return found


def _common_s(a: Note, b: Note) -> float:
    return min(a.offset_s, b.offset_s) - max(a.onset_s, b.onset_s)


def _alone(style: Samples, note: Note, others: list[Note], grid: Grid) -> NoteSamples:
    """The note cut out, after the harmonics of others have been masked."""
    start, stop = (int(s * grid.sr) for s in (note.onset_s - LEAD_S, note.offset_s))
    start, side = max(start, 0), int(0.2 * grid.sr)
    others = [n for n in others if n.midi != note.midi and _common_s(n, note) > 0.03]
    if not others:
        return style[start:stop]
    first = max(0, start - side)
    x = grid.stft(style[first : stop + side])
    t = (first + (np.arange(len(x)) - grid.lead) * grid.hop) / grid.sr
    own, masking = _comb(note.midi, grid), np.zeros(x.shape, np.float32)
    for n in others:
        sounds = (t > n.onset_s - 0.06) & (t < n.offset_s + 0.06)
        masking[sounds] += _comb(n.midi, grid)
    masking[:, grid.hz < _MIN_HARMONIC * hz(note.midi)] += (
        1.0  # whatever it is, it is not the note's
    )
    y = grid.istft(x * (own + 0.05) / (own + 0.05 + masking))[grid.lead * grid.hop :]
    return y[start - first : stop - first]


def _comb(midi: float, grid: Grid) -> Bins:
    f0 = hz(midi)
    nearest = np.maximum(1, np.rint(grid.hz / f0)) * f0
    return np.exp(-0.5 * ((grid.hz - nearest) / (14 + 0.004 * grid.hz)) ** 2).astype(np.float32)


def _faded(y: NoteSamples, sr: int) -> Longer:
    y = np.pad(y, (0, max(0, int(0.032 * sr) - len(y)))).astype(np.float32)
    rise, fall = (min(int(s * sr), len(y) // 4) for s in (0.005, 0.01))
    y[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    y[len(y) - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return y


def _envelope_db(power: InBand, f0: float, grid: Grid) -> InBand:
    width = int(np.clip(f0 / grid.sr * grid.n_fft, 3, 200))
    peaks = scipy.ndimage.maximum_filter1d(power, width)
    return scipy.ndimage.gaussian_filter1d(
        10 * np.log10(peaks + 1e-12), max(2.0, 0.5 * width), mode="nearest"
    )


class Formants(NamedTuple):
    """The part of the style's spectral envelopes that stays where the pitch moves."""

    hz: Float[np.ndarray, " semitones"]
    level_db: Float[np.ndarray, " semitones"]
    top_hz: float
    """Above this the style has nothing, be it the rate of its file or a codec."""

    def shift_db(self, ratio: float, grid: Grid) -> Bins:
        """Gain that keeps the resonances of a spectrum moved by `ratio` in place, dB."""
        here, moved = (np.interp(grid.hz / r, self.hz, self.level_db) for r in (1.0, ratio))
        return np.clip(here - moved, -_MAX_FORMANT_DB, _MAX_FORMANT_DB).astype(np.float32)


def bandwidth_hz(y: Samples, grid: Grid) -> float:
    """The highest frequency with any sound to speak of, 80 dB below the strongest."""
    inside = slice(
        2 * grid.lead, len(y) // grid.hop
    )  # where the clip was cut there are all of them
    x = grid.stft(y)
    power = (np.abs(x[inside] if len(x[inside]) else x) ** 2).mean(axis=0)
    return float(grid.hz[np.flatnonzero(power >= power.max() * 1e-8)[-1]])


def formants(keys: list[Example], top_hz: float, grid: Grid) -> Formants:
    """The filter A that explains best how envelopes change with the pitch.

    Least squares over pairs of pitches, env_k(f) - env_l(f / r) = A(f) - A(f / r) + c, with a ridge
    towards 0.4 of the mean envelope, and smoothness.
    """
    n = int(12 * np.log2(top_hz / _FORMANT_LOW_HZ)) + 1
    at_hz = _FORMANT_LOW_HZ * 2 ** (np.arange(n) / 12)
    clean = [key for key in keys if key.overlap < _CLEAN_OVERLAP] or keys
    envelopes = np.stack([np.interp(at_hz, grid.hz, key.envelope_db) for key in clean])
    envelopes = np.maximum(envelopes, max(envelopes.max() - 80, -60))
    midi = [key.note.midi for key in clean]
    left, right, pairs = np.zeros((n, n)), np.zeros(n), 0
    index = np.arange(n)
    for k, high in enumerate(midi):
        for m, low in enumerate(midi):
            shift = high - low
            if shift == 0 or abs(shift) > 24:
                continue
            at = index[(index >= shift) & (index - shift < n)]
            at = at[(at_hz[at] > 0.8 * hz(high)) & (at_hz[at] < 0.94 * top_hz)]
            at = at[at_hz[at - shift] < 0.94 * top_hz]
            if len(at) < 10:
                continue
            rows = np.zeros((len(at), n))
            rows[np.arange(len(at)), at] = 1
            rows[np.arange(len(at)), at - shift] -= 1
            difference = envelopes[k, at] - envelopes[m, at - shift]
            rows, difference = rows - rows.mean(axis=0), difference - difference.mean()
            left += rows.T @ rows / len(at)
            right += rows.T @ difference / len(at)
            pairs += 1
    scale = max(pairs / 50, 1)
    slope = np.diff(np.eye(n), axis=0)
    ridge = 0.3 * np.eye(n) + 0.15 * n * slope.T @ slope
    prior = 0.4 * envelopes.mean(axis=0)
    level_db = np.linalg.solve(left / scale + ridge, right / scale + ridge @ prior)
    return Formants(at_hz, level_db, top_hz)


@dataclass(frozen=True)
class Moved:
    """An example at another pitch; `level_db` and `phase` give it any length."""

    spectrum: Spectrum
    n_samples: int
    grid: Grid

    @classmethod
    def of(cls, example: Example, midi: int, filters: Formants, grid: Grid) -> "Moved":
        """Resampled, the formants put back, what then is missing above filled with noise."""
        ratio = 2 ** ((midi - example.note.midi) / 12)
        y = example.y
        if midi == example.note.midi:
            return cls(grid.stft(y), len(y), grid)
        y = _faded(soxr.resample(y, grid.sr * ratio, grid.sr, quality="HQ"), grid.sr)
        x = grid.stft(y) * 10 ** (filters.shift_db(ratio, grid) / 20)
        if ratio < 1:
            top = round(filters.top_hz * grid.n_fft / grid.sr) + 1
            edge = max(1, int(0.92 * ratio * (top - 1)))
            level = np.mean(np.abs(x[:, max(0, edge - 20) : edge]) ** 2, axis=1)
            shape_db = example.envelope_db[edge:top] - example.envelope_db[max(0, edge - 10)]
            shape = 10 ** (shape_db / 10)
            re, im = np.random.default_rng(0).standard_normal((2, len(x), top - edge))
            x[:, edge:top] = np.sqrt(shape * level[:, None] / 2 + 1e-14) * (re + 1j * im)
        return cls(x, len(y), grid)

    @cached_property
    def _db(self) -> Levels:
        return 20 * np.log10(np.abs(self.spectrum) + np.float32(1e-7))

    @cached_property
    def _last(self) -> int:
        """The last frame that holds the note as it sounds, not as it ends."""
        window = self.grid.n_fft / self.grid.hop
        last = int(self.grid.lead + max(1, self.n_samples / self.grid.hop - window / 2))
        return min(last, len(self.spectrum) - 2)

    @cached_property
    def _first(self) -> int:
        """The first frame of the sustain: the attack is over after a window; the last 60 %."""
        last, lead = self._last, self.grid.lead
        first = max(min(2 * lead, last - 1) if last - lead > 6 else last - 1, 0)
        return max(first, last - int(0.6 * (last - first))) if last - first > 6 else first

    @cached_property
    def _slope_db(self) -> Bins:
        """Decay of the sustain, dB a frame."""
        t = np.arange(self._first, self._last + 1)
        if len(t) < 4:
            return np.zeros(self.spectrum.shape[1], np.float32)
        power = np.abs(self.spectrum[t]) ** 2
        level = 10 * np.log10(scipy.ndimage.gaussian_filter1d(power, 6, axis=1) + 1e-12)
        centred = t - t.mean()
        slope = centred @ level / (centred**2).sum()
        return np.clip(scipy.ndimage.gaussian_filter1d(slope, 8), -1.5, 0).astype(np.float32)

    def _source(self, n_frames: int) -> np.ndarray:
        """Frames of the sustain, there and back, for those after the last."""
        first, last = self._first, self._last
        turn = np.r_[first:last, last - 1 : first - 1 : -1] if last > first else np.array([last])
        return turn[(len(turn) // 2 + np.arange(n_frames - last - 1)) % len(turn)]

    def level_db(self, n_frames: int) -> tuple[Levels, Float[np.ndarray, " frames"]]:
        """Levels of `n_frames` frames, and how far each is to be trusted."""
        trust = np.ones(n_frames, np.float32)
        db, last = self._db, self._last
        if last + 1 >= n_frames:
            m = min(n_frames, len(db))
            return np.pad(db[:m], ((0, n_frames - m), (0, 0)), constant_values=_FLOOR_DB), trust
        source = self._source(n_frames)
        since = (np.arange(last + 1, n_frames) - source).astype(np.float32)
        trust[last + 1 :] = _REPEATED
        added = db[source] + self._slope_db * since[:, None]
        return np.concatenate([db[: last + 1], added]), trust

    def phase(self, n_frames: int) -> Levels:
        """Phases of `n_frames` frames; beyond the note they go on as in the sustain."""
        last, x = self._last, self.spectrum
        if last + 1 >= n_frames:
            m = min(n_frames, len(x))
            return np.pad(np.angle(x[:m]), ((0, n_frames - m), (0, 0)))
        source = self._source(n_frames)
        advance = np.angle(x[source + 1] * np.conj(x[source]))
        own = np.angle(x[: last + 1])
        return np.concatenate([own, own[-1] + np.cumsum(advance, axis=0)])
