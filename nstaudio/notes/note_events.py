"""Notes, their beginnings and ends, out of activations."""

from typing import NamedTuple

import numpy as np
import scipy.signal
from jaxtyping import Float

from nstaudio.errors import integer, number

NoteActivations = Float[np.ndarray, "frames notes"]


class Event(NamedTuple):
    """A note in frames and bins."""

    start: int
    """Its first frame."""
    stop: int
    """The first frame after it."""
    bin: int
    """Of the network's output: semitones above A0."""
    strength: float
    """The mean activation, 0 to 1."""


def events(
    note: NoteActivations,
    onset: NoteActivations,
    *,
    onset_threshold: float = 0.65,
    frame_threshold: float = 0.5,
    min_frames: int = 6,
    gap_frames: int = 8,
) -> list[Event]:
    """Notes, in the order of their starts; at no time do two neighbouring bins sound.

    The procedure of Bittner et al. (2022): peaks of the onset activation begin notes, the latest
    first, which last while the note activation does. What is left above the threshold after that
    are notes without an onset; they grow from their strongest frame in both directions.

    Args:
        onset_threshold: activation at which an onset counts. The paper's 0.5 hears more notes,
            many of them octaves and fifths of others.
        frame_threshold: activation at which a note sounds; the paper's is 0.3.
        min_frames: shortest note; one without an onset must last twice as long.
        gap_frames: silence that ends a note, frames; shorter holes are bridged.

    Raises:
        InputError: a value outside its limits.
    """
    number("onset_threshold", onset_threshold, above=0, at_most=1)
    number("frame_threshold", frame_threshold, above=0, at_most=1)
    integer("min_frames", min_frames, at_least=1)
    integer("gap_frames", gap_frames, at_least=1)
    left = note.copy()
    found: list[Event] = []

    def event(start: int, stop: int, pitch: int) -> Event:
        return Event(start, stop, pitch, float(note[start:stop, pitch].mean()))

    starts, pitches = _peaks(_with_rises(onset, note), onset_threshold)
    for start, pitch in zip(starts[::-1].tolist(), pitches[::-1].tolist(), strict=True):
        length, _ = _sounding(left[start + 1 :, pitch] >= frame_threshold, gap_frames)
        stop = start + 1 + length
        if stop - start >= min_frames:
            left[start:stop, _with_neighbours(pitch)] = 0
            found.append(event(start, stop, pitch))

    # The strongest first. Frames are only ever taken away, so one sorting serves for all.
    cells = np.flatnonzero(left > frame_threshold)
    cells = cells[np.argsort(-left.flat[cells], kind="stable")]
    for cell in cells.tolist():
        middle, pitch = divmod(cell, left.shape[1])
        if left[middle, pitch] == 0:
            continue
        sounds = left[:, pitch] >= frame_threshold
        after, frames_after = _sounding(sounds[middle + 1 :], gap_frames)
        before, frames_before = _sounding(sounds[:middle][::-1], gap_frames)
        taken = slice(middle - frames_before, middle + 1 + frames_after)
        left[taken, _with_neighbours(pitch)] = 0
        if before + 1 + after >= 2 * min_frames:
            found.append(event(middle - before, middle + 1 + after, pitch))
    return sorted(found)


def _with_neighbours(pitch: int) -> slice:
    return slice(max(0, pitch - 1), pitch + 2)


def _with_rises(onset: NoteActivations, note: NoteActivations) -> NoteActivations:
    """The larger of the onset activation and of the note activation's rise over two frames."""
    rise = np.zeros_like(note)
    rise[2:] = np.minimum(note[2:] - note[1:-1], note[2:] - note[:-2])
    rise = np.maximum(rise, 0.0)
    return np.maximum(onset, rise * (onset.max(initial=0.0) / max(rise.max(initial=0.0), 1e-9)))


def _peaks(activation: NoteActivations, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    frames, bins = scipy.signal.argrelmax(activation, axis=0)
    high = activation[frames, bins] >= threshold
    order = np.lexsort((bins[high], frames[high]))
    return frames[high][order], bins[high][order]


def _sounding(sounds: np.ndarray, gap_frames: int) -> tuple[int, int]:
    """Frames that a note lasts from the first of `sounds`, and frames after which that is clear.

    It ends before the first hole of `gap_frames`; the last frame that sounds is its last.
    """
    at = np.flatnonzero(sounds)
    holes = np.diff(at, prepend=-1) > gap_frames
    if holes.any():
        at = at[: int(np.argmax(holes))]
    length = int(at[-1]) + 1 if at.size else 0
    return length, min(length + gap_frames, len(sounds))
