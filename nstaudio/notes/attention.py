"""Note attention: the content's notes, each in the sound of the style's notes.

Cross-attention with notes for tokens. A content note asks: its pitch and length are the query. The
style's notes answer: theirs are the keys, and their spectra, brought to the pitch and the length
that were asked for, are the values. Nothing is trained but the transcription.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nstaudio.analysis.bands import mel_to_bins
from nstaudio.analysis.numpy_stft import Grid, Spectrum
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.samples import Other, Samples
from nstaudio.errors import integer, number
from nstaudio.notes import Note
from nstaudio.notes.note_samples import LEAD_S, Example, Moved, bandwidth_hz, examples, formants

_MIN_WEIGHT = 0.02
_LOUDNESS_S = 0.25  # a note is as loud as it begins
_BALANCE, _MAX_BALANCE_DB, _BALANCE_FROM_HZ = 0.3, 4.0, 500.0
_MIN_ENERGY = 1e-2  # of the loudest frame's energy, what a frame needs to count
_LEVEL = 0.1  # root mean square of the style, to which small numbers below refer
_BALANCE_BANDS, _BALANCE_FLOOR = 40, 1e-10
_HARMONIC_SEMITONES = (12, 19, 24, 28, 31, 34, 36)  # of harmonics 2 to 8, rounded


@dataclass(frozen=True)
class Attention:
    """Weights of style notes for a content note, and the way they are played.

    Attributes:
        heads: style notes that answer a content note.
        temperature: of the softmax over costs; a cost of 1 is a semitone.
        longer: cost of stretching a style note to twice its length.
        overlap: cost of a style note that sounds wholly together with others.
        dynamics: share of the content's differences of loudness between notes that stays, in dB.
        release_s: time a note takes to end.

    Raises:
        InputError: a number outside its limits.
    """

    heads: int = 8
    temperature: float = 3.0
    longer: float = 4.0
    overlap: float = 12.0
    dynamics: float = 0.3
    release_s: float = 0.03

    def __post_init__(self) -> None:
        integer("init.heads", self.heads, at_least=1)
        number("init.temperature", self.temperature, above=0)
        for name in ("longer", "overlap", "dynamics"):
            number(f"init.{name}", getattr(self, name), at_least=0)
        number("init.release_s", self.release_s, above=0, at_most=10)

    def weights(self, query: Note, keys: list[Example]) -> Float[np.ndarray, " keys"]:
        """Weights of the keys; the largest is 1, all but the first `heads` are 0."""
        cost = np.array([self._cost(query, key) for key in keys])
        weights = np.exp(-(cost - cost.min()) / self.temperature)
        weights[np.argsort(cost, kind="stable")[self.heads :]] = 0.0
        return np.where(weights < _MIN_WEIGHT, 0.0, weights)

    def _cost(self, query: Note, key: Example) -> float:
        shift = query.midi - key.note.midi
        # Played higher, a note is over sooner.
        longer = np.log2(query.length_s / key.note.length_s) + shift / 12
        return abs(shift) + self.longer * max(float(longer), 0.0) + self.overlap * key.overlap


def render(
    content: Samples,
    style: Other,
    content_notes: list[Note],
    style_notes: list[Note],
    sr: int,
    *,
    attention: Attention,
) -> Samples:
    """The content's notes in the style's sound, as long as the content, at no particular level.

    Args:
        content, style: mono samples at `sr`.
        content_notes, style_notes: their notes, each at least one.
        sr: rate, Hz.
    """
    grid = Grid.at(sr)
    style = style * np.float32(_LEVEL / max(float(np.sqrt(np.mean(style**2))), 1e-12))
    top_hz = bandwidth_hz(style, grid)
    keys = examples(style, without_harmonics(style_notes), top_hz, grid)
    filters = formants(keys, top_hz, grid)
    queries = without_harmonics(content_notes)
    levels_db = _levels_db(content, queries, sr)
    gains_db = attention.dynamics * (levels_db - np.median(levels_db))
    y = np.zeros(len(content), np.float32)
    pitch, moved = None, dict[int, Moved]()
    for query, gain_db in sorted(
        zip(queries, gains_db, strict=True), key=lambda pair: pair[0].midi
    ):
        if query.midi != pitch:  # what was brought to the last pitch is of no more use
            pitch, moved = query.midi, {}
        weights = attention.weights(query, keys)
        chosen = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights)].tolist()
        for k in chosen:
            if k not in moved:
                moved[k] = Moved.of(keys[k], query.midi, filters, grid)
        note = _play(query, [(moved[k], float(weights[k])) for k in chosen], attention, grid)
        first = round((query.onset_s - LEAD_S) * sr)
        skip = max(0, -first)
        part = note[skip : skip + max(0, len(y) - first - skip)]
        y[first + skip : first + skip + len(part)] += np.float32(10 ** (gain_db / 20)) * part
    return _balanced(y, style, grid)


def _play(
    note: Note, answers: list[tuple[Moved, float]], attention: Attention, grid: Grid
) -> Float[np.ndarray, " note_samples"]:
    """One note: the weighted mean of the answers' levels in dB, the first one's phase."""
    length = (note.length_s + LEAD_S) * grid.sr / grid.hop
    window = grid.n_fft / grid.hop
    release = int(attention.release_s * grid.sr / grid.hop) + 1
    n_frames = int(np.ceil(length)) + 2 * grid.lead + int(window / 2) + release
    total, trust = 0.0, 0.0
    for moved, weight in answers:
        level_db, trusted = moved.level_db(n_frames)
        trusted = np.float32(weight) * trusted[:, None]
        total, trust = total + trusted * level_db, trust + trusted
    end = grid.lead + length - window / 2
    fade = np.clip((np.arange(n_frames) - end) / (window + release), 0, 1)
    magnitude = 10 ** (total / trust / 20) * np.cos(np.pi / 2 * fade)[:, None] ** 2
    spectrum = magnitude * np.exp(1j * answers[0][0].phase(n_frames))
    return grid.istft(spectrum)[grid.lead * grid.hop :]


def _balanced(y: Samples, style: Other, grid: Grid) -> Samples:
    """The long-term balance of high bands, moved part of the way to the style's.

    Not that of low ones, which is a matter of which notes are played. 0 in, 0 out.
    """
    spec = MelSpec(sr=grid.sr, n_fft=grid.n_fft, hop_length=grid.hop, n_mels=_BALANCE_BANDS)
    x = grid.stft(y)

    def balance_db(spectrum: Spectrum) -> Float[np.ndarray, " bands"]:
        power = np.abs(spectrum) ** 2
        total = power.sum(axis=1)
        power = power[total >= _MIN_ENERGY * total.max()]
        power /= max(float(power.sum(axis=1).mean()), 1e-30)
        return (10 * np.log10(power @ spec.filters + _BALANCE_FLOOR)).mean(axis=0)

    change_db = _BALANCE * (balance_db(grid.stft(style)) - balance_db(x))
    change_db = np.clip(change_db, -_MAX_BALANCE_DB, _MAX_BALANCE_DB)
    high = np.clip(grid.hz / _BALANCE_FROM_HZ - 1, 0, 1)
    gain_db = high * (change_db @ mel_to_bins(spec))
    x *= 10 ** (gain_db / 20).astype(np.float32)
    return grid.istft(x)[grid.lead * grid.hop :][: len(y)]


def without_harmonics(notes: list[Note]) -> list[Note]:
    """Notes without those that are probably another's harmonic."""
    onset, offset, midi, strength = (np.array(column) for column in zip(*notes, strict=True))
    common = np.minimum.outer(offset, offset) - np.maximum.outer(onset, onset)
    harmonic = np.isin(np.subtract.outer(midi, midi), _HARMONIC_SEMITONES)
    weaker = strength[:, None] < 0.85 * strength
    ghost = (harmonic & weaker & (common > 0.7 * (offset - onset)[:, None])).any(axis=1)
    return [notes[k] for k in np.flatnonzero(~ghost)]


def _levels_db(y: Samples, notes: list[Note], sr: int) -> Float[np.ndarray, " notes"]:
    def level(note: Note) -> float:
        start = int(note.onset_s * sr)
        stop = int(min(note.offset_s, note.onset_s + _LOUDNESS_S) * sr)
        part = y[start : max(stop, start + sr // 20)]
        return float(10 * np.log10(np.mean(part**2) + 1e-9)) if part.size else -90.0

    return np.array([level(note) for note in notes])
