"""Analysis of the two clips, the targets, and the state that a transfer starts from."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from nstaudio.analysis import numpy_stft, padding
from nstaudio.analysis.clip import Clip, LogMel
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio import samples
from nstaudio.audio.guide import Guide
from nstaudio.errors import InputError
from nstaudio.losses import (
    Losses,
    check_frames,
    compares_frames,
    supports_negatives,
)
from nstaudio.optimization import multiscale
from nstaudio.optimization.initializers import Initialization
from nstaudio.optimization.loop import TransferState, Updates, drop_programs, run_updates
from nstaudio.optimization.objective import (
    Objective,
    make_problem,
)
from nstaudio.optimization.partial_start import part_way
from nstaudio.transfer.prepared import PreparedStyle, PreparedTransfer
from nstaudio.transfer.settings import Settings

NEGATIVES = "negatives"
"""The name, in errors, of clips that the result shall not be like."""

SILENCE_POWER = 1e-12
"""A clip whose loudest mel band is below this (-120 dB) counts as silence."""


def peak_power(y: Float[np.ndarray, " samples"], spec: MelSpec) -> float:
    """The power of the loudest mel band of mono samples."""
    return float(numpy_stft.mel_power(y, spec).max())


class _Clips(NamedTuple):
    """The clips of a transfer, analysed at one scale."""

    content: Clip
    content_power: float
    style: Clip
    style_power: float
    negatives: Sequence[Clip]


def analyse(
    y: Float[np.ndarray, " samples"], settings: Settings, *, name: str
) -> tuple[Clip, float]:
    """Mono samples at the analysis rate as a clip, and the mel power of its 0 dB.

    Raises:
        InputError: silence, or too short for the encoder.
    """
    check_length(len(y), settings, name=name)
    spec = settings.spec
    power = peak_power(y, spec)
    if power < SILENCE_POWER:
        raise silence_error(name)
    return Clip.of(np.asarray(y / np.sqrt(power), np.float32), spec), power


def check_length(n_samples: int, settings: Settings, *, name: str) -> None:
    """Check that so many samples at the analysis rate are enough.

    Raises:
        InputError: they are too few for the encoder.
    """
    needed = settings.encoder.receptive_field
    for spec in (*settings.multiscale.specs(settings.spec), settings.spec):
        n_frames = spec.n_frames(n_samples)
        if n_frames < needed:
            factor = spec.hop_length // settings.spec.hop_length
            scale = f" at multiscale.factors={factor}" if factor > 1 else ""
            raise InputError(
                f"{name} is {n_samples / spec.sr:.2f} s long ({n_frames} frames{scale}); the "
                f"encoder's receptive field is {needed} frames, so at least "
                f"{spec.seconds(needed - 1):.2f} s are needed"
            )


def make_objective(settings: Settings) -> Objective:
    """The form of the loss."""
    return Objective(
        spec=settings.spec,
        parametrization=settings.parametrization,
        encoder=settings.encoder,
        content_loss=settings.content_loss,
        style_loss=settings.style_loss,
        representation=settings.representation,
    )


def silence_error(name: str, guide: Guide | None = None) -> InputError:
    """The error of a silent clip, or of one that is silent in a guide's range."""
    level = 10 * np.log10(SILENCE_POWER)
    where = "" if guide is None or guide.is_open else " in all of the guide's range"
    return InputError(f"{name} is silent{where}: its loudest mel band is below {level:.0f} dB")


def prepare(
    content: Float[np.ndarray, " samples"],
    style: Float[np.ndarray, " style_samples"],
    settings: Settings,
    *,
    names: tuple[str, str] = ("content", "style"),
    shared: PreparedStyle | None = None,
    negatives: Sequence[Float[np.ndarray, " _samples"]] = (),
) -> PreparedTransfer:
    """Analyse two clips, draw the encoder, compute the targets and the first state.

    Args:
        content, style: mono float32 samples at `settings.spec.sr`.
        names: their names in errors.
        shared: of another segment with the same style and settings, to be reused.
        negatives: clips that the result shall not be like, mono samples at the same rate; for a
            style loss that `losses.supports_negatives`.

    Raises:
        InputError: a clip is silent or too short for the encoder, or there are negatives that the
            style loss does not support.
    """
    drop_programs()
    clips = _analyse_clips(content, style, negatives, settings, shared=shared, names=names)
    start = settings.init(
        clips.content, clips.style, key=split_keys(settings)[1], spec=settings.spec
    )
    scales = settings.scales
    if settings.strength is not None and not _descends(start, settings):
        start = part_way(start, clips.content, settings.strength, spec=settings.spec)
    if not scales:
        return _assemble(clips, start, settings, shared=shared)
    change_db, hop_length = start.level_db - start.carrier.level_db, settings.spec.hop_length
    coarse: list[PreparedStyle] = []
    for i, scale in enumerate(scales):
        scale_shared = None if shared is None else shared.coarse[i]
        scale_clips = _analyse_clips(
            np.asarray(clips.content.y),
            np.asarray(clips.style.y),
            negatives,
            scale,
            shared=scale_shared,
        )
        carrier = _carrier_at_scale(start.carrier, clips.content, scale_clips.content, scale.spec)
        scale_start = _start_from(carrier, change_db, hop_length, scale.spec)
        prepared = _assemble(scale_clips, scale_start, scale, shared=scale_shared)
        change_db, hop_length = _optimized_change(prepared, scale), scale.spec.hop_length
        coarse.append(prepared.shared)
    refined = _start_from(start.carrier, change_db, hop_length, settings.spec)
    start = start._replace(level_db=refined.level_db)
    return _assemble(clips, start, settings, shared=shared, coarse=coarse)


def check_negatives(n_clips: int, settings: Settings) -> None:
    """Check that the style loss supports negatives, if there are any.

    Raises:
        InputError: it does not.
    """
    if n_clips and not supports_negatives(settings.style_loss):
        raise InputError(
            f"{NEGATIVES} needs a style loss with a diversity term of a weight above 0, e.g. "
            "style_loss=gram_autocorrelation_diversity"
        )


def _analyse_clips(
    content: np.ndarray,
    style: np.ndarray,
    negatives: Sequence[np.ndarray],
    settings: Settings,
    *,
    shared: PreparedStyle | None,
    names: tuple[str, str] = ("content", "style"),
) -> _Clips:
    """Analyse the clips; style and negatives only where nothing is shared."""
    content_clip, content_power = analyse(content, settings, name=names[0])
    if shared is not None:  # its targets hold the negatives
        return _Clips(content_clip, content_power, shared.clip, shared.power, negatives=())
    style_clip, style_power = analyse(style, settings, name=names[1])
    check_negatives(len(negatives), settings)
    others = [analyse(y, settings, name=NEGATIVES)[0] for y in negatives]
    return _Clips(content_clip, content_power, style_clip, style_power, others)


def _assemble(
    clips: _Clips,
    start: Initialization,
    settings: Settings,
    *,
    shared: PreparedStyle | None,
    coarse: Sequence[PreparedStyle] = (),
) -> PreparedTransfer:
    """Draw the encoder, compute the targets and the state of a start at one scale."""
    objective = make_objective(settings)
    n_steps = max(settings.steps, start.n_steps)
    encoder_key, key, _ = split_keys(settings)
    follows_content = settings.fitting_aim.follows_content

    def padded(clip: Clip, *, coarse: bool) -> Clip:
        if not objective.pads:
            return clip
        size = padding.size(len(clip.level_db), settings.spec, coarse=coarse)
        return padding.pad(clip, size, settings.spec)

    style_targets = aim = None
    if shared is not None and not follows_content:
        style_targets = shared.targets
    else:
        aim = settings.fitting_aim(clips.content, clips.style, key=key, spec=settings.spec)
        if compares_frames(settings.style_loss):
            check_frames(len(clips.content.level_db), len(aim.level_db))
        aim = padded(aim, coarse=not (n_steps and follows_content))
    if shared is None or not shared.has_descended:
        weights, strength = settings.weights, settings.traced_strength
    else:  # balanced already
        weights, strength = shared.weights, None
    start_clip = padded(Clip(start.carrier.y, start.level_db), coarse=not n_steps)
    problem = make_problem(
        key=encoder_key,
        content=padded(clips.content, coarse=not n_steps),
        style=padded(clips.style, coarse=True),
        aim=aim,
        carrier=padded(start.carrier, coarse=not n_steps),
        weights=weights,
        style_targets=style_targets,
        strength=strength if _descends(start, settings) else None,
        negatives=clips.negatives,
        objective=objective,
    )
    variable = _init_variable(start_clip.level_db, problem.constants, objective=objective)
    return PreparedTransfer(
        content=clips.content,
        style=clips.style,
        carrier=start.carrier,
        content_power=clips.content_power,
        style_power=clips.style_power,
        state=TransferState(variable, settings.optimizer.init(variable), jnp.int32(0)),
        problem=problem,
        objective=objective,
        n_steps=n_steps,
        coarse=coarse,
    )


def _descends(start: Initialization, settings: Settings) -> bool:
    """True where steps are made, on the analysis itself or on a coarser one."""
    return bool(settings.scales or settings.steps or start.n_steps)


def _carrier_at_scale(
    carrier: Clip, content: Clip, scale_content: Clip, scale_spec: MelSpec
) -> Clip:
    """The carrier, analysed at another scale at which the content is `scale_content`."""
    if carrier is content:
        return scale_content
    # It keeps its level beside the content, whose loudest band is another at this scale.
    y, old, new = (np.asarray(clip.y) for clip in (carrier, content, scale_content))
    return Clip.of(y * (np.linalg.norm(new) / np.linalg.norm(old)), scale_spec)


def _start_from(carrier: Clip, change_db: LogMel, hop_length: int, spec: MelSpec) -> Initialization:
    """The carrier with a change whose frames are `hop_length` samples apart."""
    n_frames = carrier.level_db.shape[0]
    change_db = multiscale.in_time(change_db, hop_length, spec.hop_length, n_frames)
    return Initialization(carrier, carrier.level_db + change_db)


def _optimized_change(prepared: PreparedTransfer, settings: Settings) -> LogMel:
    """Make all steps; the change of the carrier, dB."""
    state, losses = run_updates(
        Updates(
            state=prepared.state,
            problem=prepared.problem,
            n_steps=prepared.n_steps,
            objective=prepared.objective,
            transformation=settings.optimizer.transformation,
        )
    )
    check_finite(losses, prepared.n_steps, settings)
    return jnp.asarray(prepared.level_db(state)) - prepared.carrier.level_db


@partial(jax.jit, static_argnames=("objective",))
def _init_variable(first_db: LogMel, constants: Any, *, objective: Objective) -> Array:
    return objective.parametrization.init(first_db, constants, objective.spec)


def split_keys(settings: Settings) -> Key[Array, " 3"]:
    """Keys for the encoder, the first spectrogram and the inversion."""
    return jax.random.split(jax.random.key(settings.seed), 3)


def check_finite(losses: Losses, step: int, settings: Settings) -> None:
    """Check that the loss is a number.

    Raises:
        InputError: the total is NaN or infinite.
    """
    if not np.isfinite(losses.total):
        rate = settings.optimizer.hyperparams.get("learning_rate")
        lower = "" if rate is None else f"; lower optimizer.learning_rate={rate:g}"
        raise InputError(f"the loss became {float(losses.total)} by step {step}{lower}")


def prepare_segment(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    style: Float[np.ndarray, " style_samples"],
    settings: Settings,
    *,
    names: tuple[str, str] = ("content", "style"),
    shared: PreparedStyle | None = None,
    offset: int = 0,
    negatives: Sequence[Float[np.ndarray, " _samples"]] = (),
) -> PreparedTransfer | None:
    """`prepare` for a segment of a recording; `None` for one that stays as it is.

    That is a silent one, or one outside of the guide's range.

    Args:
        content: the segment as it was recorded.
        sr: its rate, Hz.
        style: see `style_clips.prepare_style_audio`.
        names, shared, negatives: see `prepare`.
        offset: the sample of the recording at which the segment begins.
    """
    if not settings.guide.reaches(slice(offset, offset + len(content)), sr):
        return None
    mono = samples.to_mono(content, sr, settings.spec.sr)
    if peak_power(mono, settings.spec) < SILENCE_POWER:
        return None
    return prepare(mono, style, settings, names=names, shared=shared, negatives=negatives)
