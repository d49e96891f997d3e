"""Transcription of the notes of a recording.

`transcribe` gives them; `basic_pitch` is the trained network behind it, `pyin` what listens to one
voice without one, `note_events` makes notes of a network's activations.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import soxr
from jaxtyping import Float

from nstaudio.errors import choice
from nstaudio.notes import basic_pitch, note_events, pyin


class Note(NamedTuple):
    """One note of a recording."""

    onset_s: float
    offset_s: float
    midi: int
    """MIDI number: 69 is A4, 440 Hz."""
    strength: float
    """Mean probability, 0 to 1."""

    @property
    def length_s(self) -> float:
        """Offset less onset, s."""
        return self.offset_s - self.onset_s


Transcriber = Callable[[Float[np.ndarray, " samples"]], list[note_events.Event]]


def _polyphonic(y: Float[np.ndarray, " samples"]) -> list[note_events.Event]:
    """Heard as it is and with the highs lifted; what only one hearing imagines, the mean drops."""
    lifted = np.append(y[:1], y[1:] - np.float32(_LIFT) * y[:-1])
    hearings = [basic_pitch.activations(_peak_normalised(sound)) for sound in (y, lifted)]
    note, onset = (
        np.mean([np.asarray(getattr(heard, name)) for heard in hearings], axis=0)
        for name in ("note", "onset")
    )
    return note_events.events(note, onset)


_LIFT = 0.97  # of the sample before, taken away: speech's usual pre-emphasis


def _peak_normalised(y: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " samples"]:
    return y / np.float32(max(np.abs(y).max(initial=0.0), 1e-9))


METHODS: dict[str, Transcriber] = {"basic_pitch": _polyphonic, "pyin": pyin.events}


def transcribe(
    y: Float[np.ndarray, " samples"], sr: int, *, method: str = "basic_pitch"
) -> list[Note]:
    """The notes of a recording in the order of their onsets; none where nothing has a pitch.

    Args:
        y: mono samples; their level does not matter.
        sr: their rate, Hz.
        method: `basic_pitch` hears any number of notes at once, with a trained network; `pyin` one
            at a time, without one.

    Raises:
        InputError: there is no such method.
    """
    choice("method", method, METHODS)
    y = soxr.resample(np.asarray(y, np.float32), sr, basic_pitch.SR, quality="VHQ")
    y = _peak_normalised(y)
    lowest, s = basic_pitch.MIN_MIDI, basic_pitch.HOP_LENGTH / basic_pitch.SR
    found = METHODS[method](y)
    return [Note(e.start * s, e.stop * s, lowest + e.bin, e.strength) for e in found]
