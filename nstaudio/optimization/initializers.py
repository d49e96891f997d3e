"""Where the optimisation starts: each function makes the first sound and its spectrogram.

Every function is called as `initial(content, style, key=key, spec=spec)` with the two clips, and
returns a `Start`.
"""

import logging
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from nstaudio import notes
from nstaudio.analysis.clip import Clip, LogMel
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.audio.content_cache import cached_by, content_key
from nstaudio.errors import integer, number
from nstaudio.notes import Note, onset_refinement, percussion
from nstaudio.notes.attention import Attention, render
from nstaudio.notes.percussion import energy

log = logging.getLogger(__name__)

# Unpitched energy of a result of note attention, times the content's.
_UNPITCHED_KEPT, _UNPITCHED_MOST = 0.6, 2.0
_UNPITCHED_LEAST = 0.003  # of the content's energy: less is none to speak of
_UNPITCHED_IN_NOTES = 0.02  # of the style's energy: more is no note's own, but drums


class Initialization(NamedTuple):
    """Where the optimisation starts."""

    carrier: Clip
    """The sound of which a gain is taken and a change is counted: as long as the content."""
    level_db: LogMel
    """The first generated spectrogram: the carrier's own, or one that no sound needs to have."""
    n_steps: int = 0
    """Steps that it takes at least to come to anything."""


def content(content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec) -> Initialization:
    """The content itself: the source paper's procedure."""
    del style, key, spec
    return Initialization(content, content.level_db)


def noisy_content(
    content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec, noise_db: float = 10.0
) -> Initialization:
    """The content plus Gaussian noise of standard deviation `noise_db`: the paper's theory.

    Raises:
        InputError: `noise_db` is negative.
    """
    del style
    number("init.noise_db", noise_db, at_least=0)
    level_db = content.level_db
    noise = noise_db * jax.random.normal(key, level_db.shape, level_db.dtype)
    return Initialization(content, jnp.maximum(level_db + noise, spec.floor_db))


def white_noise(content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec) -> Initialization:
    """Independent Gaussian pixels with the content's mean and standard deviation in dB."""
    del style
    level_db = content.level_db
    noise = jax.random.normal(key, level_db.shape, level_db.dtype)
    return Initialization(
        content, jnp.maximum(jnp.mean(level_db) + jnp.std(level_db) * noise, spec.floor_db)
    )


def note_attention(
    content: Clip,
    style: Clip,
    *,
    key: PRNGKeyArray,
    spec: MelSpec,
    attention: Attention = Attention(),  # noqa: B008 - frozen
    transcriber: str = "basic_pitch",
    n_steps_without_notes: int = 200,
) -> Initialization:
    """The content's notes in the sound of the style's notes, its unpitched sound in the style's.

    A result already: no step of optimisation is needed. Without notes in one of the clips it
    is the content, to be optimised.

    Args:
        attention: how notes choose notes.
        transcriber: what hears the notes, see `notes.transcribe`.
        n_steps_without_notes: steps to make at least where one of the clips has no notes.

    Raises:
        InputError: there is no such transcriber, or a negative number of steps.
    """
    del key
    integer("init.n_steps_without_notes", n_steps_without_notes, at_least=0)
    clips = {"content": np.asarray(content.y), "style": np.asarray(style.y)}
    of_style = _style_notes(clips["style"], spec.sr, transcriber)
    heard = notes.transcribe(clips["content"], spec.sr, method=transcriber)
    silent = [role for role, n in (("content", heard), ("style", of_style.notes)) if not n]
    if silent:
        log.warning(
            "no notes were heard in the %s: the style is transferred by its statistics, in %d "
            "steps or more",
            " and the ".join(silent),
            n_steps_without_notes,
        )
        return Initialization(content, content.level_db, n_steps_without_notes)
    found = onset_refinement.refined(clips["content"], spec.sr, heard)
    pitched = render(
        clips["content"],
        of_style.pitched,
        found,
        of_style.notes,
        spec.sr,
        attention=attention,
    )
    noise = percussion.split(clips["content"], spec.sr, found)
    # The style's notes bring noise of their own, their attacks and breath: not much more than the
    # content has, and where there is less the content's own, restyled.
    for measure in (percussion.SOUNDS, percussion.STROKES):
        own = max(percussion.share(clips["content"], spec.sr, measure=measure), _UNPITCHED_LEAST)
        most = _UNPITCHED_MOST * own
        pitched = percussion.limited(pitched, spec.sr, at_most=most, measure=measure)
    pitched *= _root(energy(clips["content"] - noise) / energy(pitched))
    lacking = _UNPITCHED_KEPT * energy(noise) - energy(percussion.split(pitched, spec.sr))
    restyled = percussion.restyle(noise, of_style.unpitched, spec.sr)
    y = jnp.asarray(pitched + _root(lacking / energy(restyled)) * restyled)
    carrier = Clip(y, log_mel(y, spec))
    return Initialization(carrier, carrier.level_db)


class _StyleNotes(NamedTuple):
    notes: list[Note]
    pitched: Float[np.ndarray, " samples"]
    unpitched: Float[np.ndarray, " samples"]


@cached_by(content_key, max_results=1)  # all segments of a content have the same style
def _style_notes(style: np.ndarray, sr: int, transcriber: str) -> _StyleNotes:
    heard = notes.transcribe(style, sr, method=transcriber)
    if not heard:
        return _StyleNotes([], style, style)
    found = onset_refinement.refined(style, sr, heard)
    return _StyleNotes(
        found,
        percussion.limited(style, sr, found, at_most=_UNPITCHED_IN_NOTES),
        percussion.split(style, sr, found),
    )


def _root(x: float) -> np.float32:
    return np.float32(np.sqrt(max(x, 0.0)))
