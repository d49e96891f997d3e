"""The settings that fit two clips: single voices, sound without notes and mixes want other methods.

The kind is that of the whole content, so that all its segments are made alike.
"""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from nstaudio.audio import samples
from nstaudio.notes.kind import Density, Kind, kind
from nstaudio.optimization import initializers
from nstaudio.optimization.fitting_start import FittingStart
from nstaudio.transfer.prepare import SILENCE_POWER, peak_power
from nstaudio.transfer.settings import Settings

log = logging.getLogger(__name__)

_EXCERPT_S, _MAX_EXCERPTS = 60.0, 3  # of a long content, that are listened to

_CHOICE = {
    Kind.UNPITCHED: "hardly any notes are heard in the content: it is put together from the "
    "style's own frames, as by experiment=musaicing",
    Kind.ONE_VOICE: "both clips are of one voice: the content's notes are played with the "
    "style's, as by experiment=timbre",
    Kind.MIX: "several notes at once: the content is filtered to what to expect of the style's "
    "sound, much as by experiment=mix",
}


def fitted(
    settings: Settings,
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    style: Float[np.ndarray, " style_samples"],
) -> Settings:
    """Settings whose start is the one that fits the clips, if it is left to them.

    Where settings of a descent are not the default's, such as an encoder or `alpha`, there is to be
    one, from the content.

    Args:
        content: what sounds of it, at the rate `sr`, Hz.
        style: mono at the analysis rate.
    """
    start = settings.init
    if not isinstance(start, FittingStart):
        return settings
    if _asks_for_descent(settings):
        return replace(settings, init=start.descent)
    found = kind(_content_density(content, sr, settings), _density(style, settings))
    log.info("%s", _CHOICE[found])
    init = {
        Kind.MIX: start.mix,
        Kind.ONE_VOICE: start.one_voice,
        Kind.UNPITCHED: start.unpitched,
    }[found]
    return replace(settings, init=init, n_steps=settings.n_steps or 0)


def makes_steps(settings: Settings) -> bool:
    """True where steps of optimisation are made, of whatever clips.

    Those that a start makes up for notes it does not find are not foreseen.
    """
    if isinstance(settings.init, FittingStart) and not _asks_for_descent(settings):
        return bool(settings.n_steps)
    return bool(settings.steps or settings.scales)


def _asks_for_descent(settings: Settings) -> bool:
    own, defaults = _of_descent(settings), _of_descent(Settings())
    return any(own[name] != value for name, value in defaults.items())


def _of_descent(settings: Settings) -> dict[str, Any]:
    """The settings that only a descent depends on."""
    names = ("alpha", "beta", "content_weights", "style_weights", "multiscale")
    parts = ("encoder", "content_loss", "style_loss", "representation")
    return {
        **{name: getattr(settings, name) for name in (*names, *parts)},
        "optimizer": settings.optimizer.hyperparams,
    }


def _content_density(
    content: Float[np.ndarray, "samples channels"], sr: int, settings: Settings
) -> Density:
    """The mean over excerpts from all over it, weighted by how much of each has notes."""
    length = round(_EXCERPT_S * sr)
    n = min(_MAX_EXCERPTS, -(-len(content) // length))
    starts = np.linspace(0, max(len(content) - length, 0), n).round().astype(int)
    excerpts = [content[start : start + length] for start in starts]
    found = [_density(samples.to_mono(y, sr, settings.spec.sr), settings) for y in excerpts]
    coverage = np.array([density.coverage for density in found])
    polyphony = np.array([density.polyphony for density in found])
    mean = float((coverage * polyphony).sum() / coverage.sum()) if coverage.any() else 0.0
    return Density(float(coverage.mean()), mean)


def _density(y: Float[np.ndarray, " samples"], settings: Settings) -> Density:
    """That of mono samples at the analysis rate; none of silence."""
    spec = settings.spec
    power = peak_power(y, spec)
    if power < SILENCE_POWER:
        return Density(0.0, 0.0)
    # Scaled as `prepare.analyse` does, so that the aim, which needs the same notes, finds them.
    scaled = np.asarray(y / np.sqrt(power), np.float32)
    n_frames = spec.n_frames(len(scaled))
    return Density.of(initializers.note_probabilities(scaled, spec.sr, n_frames, spec.hop_length))
