"""The kind of music that two clips are, by how much of them is notes and how many sound at once."""

from enum import Enum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_HEARD = 0.5  # probability from which a note counts
# Of clips whose kind is known, unpitched ones (speech, beat box, drums) lie below 0.4, single
# instruments above 0.75 and up to 1.6 notes, mixes of two to four instruments above 1.8 notes.
_MIN_PITCHED, _MIN_ONE_VOICE = 0.4, 0.7
_MAX_ONE_VOICE = 1.7


class Kind(Enum):
    """What a content and a style are, as far as a method has to know."""

    UNPITCHED = "unpitched"
    """Hardly any notes are heard in the content: drums, beat box, speech."""
    ONE_VOICE = "one voice"
    """Both are of notes one at a time: an instrument, a singer."""
    MIX = "mix"
    """All else."""


class Density(NamedTuple):
    """How densely notes lie in a clip."""

    coverage: float
    """Share of the frames in which a note sounds, 0 to 1."""
    polyphony: float
    """Notes at once where any sounds; 0 where none does."""

    @classmethod
    def of(cls, probability: Float[np.ndarray, "frames pitches"]) -> "Density":
        """That of notes with these probabilities, 0 to 1, see `basic_pitch`."""
        counts = (probability > _HEARD).sum(axis=1)
        sounding = counts[counts > 0]
        polyphony = float(sounding.mean()) if len(sounding) else 0.0
        return cls(len(sounding) / len(counts), polyphony)


def kind(content: Density, style: Density) -> Kind:
    """The kind of music that two clips are."""
    if content.coverage < _MIN_PITCHED:
        return Kind.UNPITCHED
    voices = max(content.polyphony, style.polyphony)
    if content.coverage >= _MIN_ONE_VOICE and style.coverage > 0 and voices <= _MAX_ONE_VOICE:
        return Kind.ONE_VOICE
    return Kind.MIX
