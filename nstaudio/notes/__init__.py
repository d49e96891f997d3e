"""Transcription of the notes of a recording.

`transcribe` gives them; `basic_pitch` is the trained network behind it, `pyin` what listens to one
voice without one, `note_events` makes notes of a network's activations.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import soxr
from jaxtyping import Float

from nstaudio.audio.content_cache import cached_by, content_key
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


class Heard(NamedTuple):
    """The network's output: probabilities, `frames 88`, a frame each `basic_pitch.HOP_LENGTH`."""

    note: Float[np.ndarray, "frames 88"]
    onset: Float[np.ndarray, "frames 88"]


Transcriber = Callable[[Float[np.ndarray, " samples"]], list[note_events.Event]]


def _polyphonic(y: Float[np.ndarray, " samples"]) -> list[note_events.Event]:
    heard = _heard(y)
    return note_events.events(heard.note, heard.onset)


@cached_by(
    content_key, max_results=2
)  # a content and a style, whose notes and frames are asked for
def _heard(y: Float[np.ndarray, " samples"]) -> Heard:
    lifted = np.append(y[:1], y[1:] - np.float32(_LIFT) * y[:-1])
    hearings = [basic_pitch.activations(_peak_normalised(sound)) for sound in (y, lifted)]
    note, onset = (
        np.mean([np.asarray(getattr(heard, name)) for heard in hearings], axis=0)
        for name in ("note", "onset")
    )
    return Heard(note, onset)


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
    y = _at_network_rate(y, sr)
    lowest, s = basic_pitch.MIN_MIDI, basic_pitch.HOP_LENGTH / basic_pitch.SR
    found = METHODS[method](y)
    return [Note(e.start * s, e.stop * s, lowest + e.bin, e.strength) for e in found]


def activations(y: Float[np.ndarray, " samples"], sr: int) -> Heard:
    """The output of `basic_pitch`, before notes are made of it.

    Heard as it is and with the highs lifted; what only one hearing imagines, the mean drops.

    Args:
        y: mono samples; their level does not matter.
        sr: their rate, Hz.
    """
    return _heard(_at_network_rate(y, sr))


def _at_network_rate(y: Float[np.ndarray, " samples"], sr: int) -> Float[np.ndarray, " resampled"]:
    y = soxr.resample(np.asarray(y, np.float32), sr, basic_pitch.SR, quality="VHQ")
    return _peak_normalised(y)
