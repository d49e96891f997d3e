"""Starting points of the optimisation: each function gives the first sound and its spectrogram.

Every function is called as `initial(content, style, key=key, spec=spec)` with the two clips, and
returns an `Initialization`.
"""

import logging
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from nstaudio.analysis import numpy_stft
from nstaudio.analysis.bands import lifted, mean_power_db
from nstaudio.analysis.clip import Clip, LogMel
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.content_cache import cached_by, content_key
from nstaudio.audio.samples import Other, Samples
from nstaudio.errors import integer, number
from nstaudio.learned.gain import gain_db
from nstaudio.notes import Note, onset_refinement, percussion, transcribe
from nstaudio.notes.attention import Attention, render
from nstaudio.notes.frame_attention import (
    FrameAttention,
    Moments,
    attend,
    pitches,
    widened,
)
from nstaudio.notes.musaicing import Activations, assemble
from nstaudio.notes.percussion import energy

log = logging.getLogger(__name__)

# Unpitched energy of a result of note attention, times the content's.
_UNPITCHED_KEPT, _MAX_UNPITCHED = 0.6, 2.0
_MIN_UNPITCHED = 0.003  # of the content's energy: less is none to speak of
_MAX_UNPITCHED_IN_NOTES = 0.02  # of the style's energy: more is no note's own, but drums


class Initialization(NamedTuple):
    """The starting point of the optimisation."""

    carrier: Clip
    """The sound of which a gain is taken and a change is counted: as long as the content."""
    level_db: LogMel
    """The first generated spectrogram: the carrier's own, or one that no sound needs to have."""
    n_steps: int = 0
    """Steps to make at least."""


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
        attention: weights of the style's notes for each of the content's.
        transcriber: the method of `notes.transcribe`.
        n_steps_without_notes: steps to make at least where one of the clips has no notes.

    Raises:
        InputError: there is no such transcriber, or a negative number of steps.
    """
    del key
    integer("init.n_steps_without_notes", n_steps_without_notes, at_least=0)
    played = _played(content, style, spec, attention, transcriber)
    if played.sound is None:
        log.warning(
            "no notes were found in the %s: the style is transferred by its statistics, in %d "
            "steps or more",
            " and the ".join(played.without_notes),
            n_steps_without_notes,
        )
        return Initialization(content, content.level_db, n_steps_without_notes)
    return Initialization(played.sound, played.sound.level_db)


def frame_attention(
    content: Clip,
    style: Clip,
    *,
    key: PRNGKeyArray,
    spec: MelSpec,
    attention: FrameAttention = FrameAttention(),  # noqa: B008 - frozen
    note_attention: Attention = Attention(),  # noqa: B008 - frozen
    frames: float = 1.0,
    notes: float = 1.0,
    balance: float = 1.0,
    learned: float = 0.0,
    spread: float = 0.4,
) -> Initialization:
    """The content, to be filtered towards the levels that the style has where it is like it.

    The levels are the mean, in dB, of up to four estimates: frame attention hears all that sounds,
    the sound of `note_attention` follows the notes, the content with the style's balance of bands
    knows neither and keeps the tune, and a trained network has learned what to expect. A result
    already, with a parametrization that filters the content: no step of optimisation is needed.

    Args:
        attention: weights of the style's frames for each of the content's.
        note_attention: weights of the style's notes for each of the content's.
        spread: how far a mean's lost changes in time are restored, 0 to 1, see `widened`.
        frames, notes, balance, learned: weights of the estimates, not all 0 but the second, since
            that is left out where a clip has no notes.

    Raises:
        InputError: a number outside its limits.
    """
    del key
    weights = {"frames": frames, "notes": notes, "balance": balance, "learned": learned}
    for name, weight in weights.items():
        number(f"init.{name}", weight, at_least=0)
    number("init.frames + init.balance + init.learned", frames + balance + learned, above=0)
    number("init.spread", spread, at_least=0, at_most=1)
    target_db = _levels(
        np.asarray(content.y),
        np.asarray(content.level_db),
        np.asarray(style.y),
        np.asarray(style.level_db),
        spec,
        _Estimates(attention, note_attention, frames, notes, balance, learned, spread),
    )
    return Initialization(content, jax.device_put(np.asarray(target_db, np.float32)))


class _Estimates(NamedTuple):
    """Settings of the estimates of `frame_attention`."""

    attention: FrameAttention
    note_attention: Attention
    frames: float
    notes: float
    balance: float
    learned: float
    spread: float


@cached_by(content_key, max_results=1)  # a start and an aim are often the same
def _levels(
    content_y: Samples,
    content_db: Float[np.ndarray, "frames mels"],
    style_y: Other,
    style_db: Float[np.ndarray, "others mels"],
    spec: MelSpec,
    of: _Estimates,
) -> Float[np.ndarray, "frames mels"]:
    """The mean of the estimates of `frame_attention`, dB."""
    content, style = (
        Clip(*jax.device_put(arrays)) for arrays in ((content_y, content_db), (style_y, style_db))
    )
    balanced_db = content_db + mean_power_db(style_db, axis=0) - mean_power_db(content_db, axis=0)
    estimates = [(of.balance, balanced_db)]
    if of.frames:
        moments = _moments(content, spec), _moments(style, spec)
        estimates.append((of.frames, attend(*moments, spec.edges_hz[1:-1], of.attention)))
    played = _pitched_part(content_y, style_y, spec.sr, of.note_attention) if of.notes else None
    if played is not None:
        played_db = numpy_stft.log_mel(played, spec)
        estimates.append((of.notes, _at_power_of(played_db, style_db)))
    if of.learned:
        estimates.append(
            (of.learned, _at_power_of(_learned_levels(content, style, spec), style_db))
        )
    shares, levels = zip(*estimates, strict=True)
    mean_db = np.average(levels, axis=0, weights=shares)
    return lifted(widened(mean_db, content_db, style_db, of.spread), style_db)


def _pitched_part(content: Samples, style: Other, sr: int, attention: Attention) -> Samples | None:
    """The content's notes in the style's sound, without drums and breath; `None` without notes."""
    found = [
        onset_refinement.refined(y, sr, transcribe(y, sr, method="basic_pitch"))
        for y in (content, style)
    ]
    if not all(found):
        return None
    content_notes, style_notes = found
    return render(content, style, content_notes, style_notes, sr, attention=attention)


def musaicing(
    content: Clip,
    style: Clip,
    *,
    key: PRNGKeyArray,
    spec: MelSpec,
    activations: Activations = Activations(),  # noqa: B008 - frozen
) -> Initialization:
    """The content put together from the style's own frames, whatever they are of.

    A result already: no step of optimisation is needed.

    Args:
        activations: limits of the frames that sound together.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    y = assemble(np.asarray(content.y), np.asarray(style.y), spec.sr, activations, rng=rng)
    sound = Clip.of(y, spec)
    return Initialization(sound, sound.level_db)


def learned(content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec) -> Initialization:
    """The content, to be filtered to the levels that a trained network predicts for the result.

    See `nstaudio.learned`. A result already, with a parametrization that filters the content: no
    step of optimisation is needed.
    """
    del key
    level_db = _learned_levels(content, style, spec)
    return Initialization(content, jax.device_put(np.asarray(level_db, np.float32)))


def _learned_levels(content: Clip, style: Clip, spec: MelSpec) -> np.ndarray:
    return np.asarray(content.level_db) + gain_db(content, style, spec)


def _at_power_of(level_db: np.ndarray, other_db: np.ndarray) -> np.ndarray:
    return level_db + mean_power_db(other_db) - mean_power_db(level_db)


def _moments(clip: Clip, spec: MelSpec) -> Moments:
    level_db = np.asarray(clip.level_db)
    y = np.asarray(clip.y)
    return Moments(level_db, note_probabilities(y, spec.sr, len(level_db), spec.hop_length))


@cached_by(content_key, max_results=2)  # segments have a style, a sweep has both clips, in common
def note_probabilities(
    y: Samples, sr: int, n_frames: int, hop_length: int
) -> Float[np.ndarray, "frames 88"]:
    """See `frame_attention.pitches`; the last two results are kept."""
    return pitches(y, sr, n_frames=n_frames, hop_length=hop_length)


class _Played(NamedTuple):
    sound: Clip | None
    without_notes: list[str]
    """The roles in which no notes were found; then there is no sound."""


def _played(
    content: Clip, style: Clip, spec: MelSpec, attention: Attention, transcriber: str
) -> _Played:
    """The content's notes in the style's sound."""
    y = np.asarray(content.y)
    style_notes = _style_notes(np.asarray(style.y), spec.sr, transcriber)
    content_notes = transcribe(y, spec.sr, method=transcriber)
    by_role = (("content", content_notes), ("style", style_notes.notes))
    without_notes = [role for role, role_notes in by_role if not role_notes]
    if without_notes:
        return _Played(None, without_notes)
    content_notes = onset_refinement.refined(y, spec.sr, content_notes)
    result = _play_notes(y, content_notes, style_notes, spec.sr, attention)
    return _Played(Clip.of(result, spec), [])


class _StyleNotes(NamedTuple):
    notes: list[Note]
    pitched: Samples
    unpitched: Samples


@cached_by(content_key, max_results=1)  # all segments of a content have the same style
def _style_notes(y: Samples, sr: int, transcriber: str) -> _StyleNotes:
    style_notes = transcribe(y, sr, method=transcriber)
    if not style_notes:
        return _StyleNotes([], y, y)
    style_notes = onset_refinement.refined(y, sr, style_notes)
    return _StyleNotes(
        style_notes,
        percussion.limited(y, sr, style_notes, at_most=_MAX_UNPITCHED_IN_NOTES),
        percussion.split(y, sr, style_notes),
    )


def _play_notes(
    content: Samples,
    content_notes: list[Note],
    style: _StyleNotes,
    sr: int,
    attention: Attention,
) -> Samples:
    """The content's notes in the style's sound, and the content's unpitched part restyled."""
    pitched = render(content, style.pitched, content_notes, style.notes, sr, attention=attention)
    unpitched = percussion.split(content, sr, content_notes)
    # The style's notes bring noise of their own, their attacks and breath: not much more than the
    # content has, and where there is less the content's own, restyled.
    for separation in (percussion.RESIDUAL, percussion.TRANSIENTS):
        content_share = percussion.share(content, sr, separation=separation)
        at_most = _MAX_UNPITCHED * max(content_share, _MIN_UNPITCHED)
        pitched = percussion.limited(pitched, sr, at_most=at_most, separation=separation)
    pitched *= _root(energy(content - unpitched) / energy(pitched))
    lacking = _UNPITCHED_KEPT * energy(unpitched) - energy(percussion.split(pitched, sr))
    restyled = percussion.restyle(unpitched, style.unpitched, sr)
    return pitched + _root(lacking / energy(restyled)) * restyled


def _root(x: float) -> np.float32:
    return np.float32(np.sqrt(max(x, 0.0)))
