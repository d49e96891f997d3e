"""Analysis of the two clips, the targets, and the state that a transfer starts from."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from nstaudio.analysis.clip import Clip, LogMel
from nstaudio.analysis.spectrogram import MelSpec, log_mel, mel_power
from nstaudio.audio import samples
from nstaudio.audio.guide import Guide
from nstaudio.errors import InputError
from nstaudio.losses import Losses, Weights, supports_negatives
from nstaudio.optimization import multiscale
from nstaudio.optimization.initializers import Initialization
from nstaudio.optimization.loop import TransferState, run
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.optimization.objective import Objective, Problem, log_mel_of, make_problem
from nstaudio.transfer.settings import Settings

NEGATIVES = "negatives"
"""What to call clips that the result shall not be like."""

SILENCE_POWER = 1e-12
"""A clip whose loudest mel band is below this (-120 dB) is taken for silence."""

jitted_log_mel = jax.jit(log_mel, static_argnames=("spec",))

peak_power = jax.jit(lambda y, spec: mel_power(y, spec).max(), static_argnames=("spec",))


class PreparedStyle(NamedTuple):
    """An analysed style, its targets and the weights: what all segments of a content share."""

    clip: Clip
    power: float
    targets: Any
    weights: Weights
    coarse: "Sequence[PreparedStyle]"
    """The same on each coarser analysis that the transfer begins with."""


class PreparedTransfer(NamedTuple):
    """Two analysed clips and a transfer that is ready to run.

    Attributes:
        content, style: samples at the analysis rate and log-mel spectrograms; 0 dB is each clip's
            own loudest mel band, so that a recording's level is no part of its style.
        carrier: the sound that is changed, see `initializers.Initialization`.
        content_power, style_power: the mel power that 0 dB stands for.
        n_steps: updates to make.
        coarse: see `Style`.
    """

    content: Clip
    style: Clip
    carrier: Clip
    content_power: float
    style_power: float
    state: TransferState
    problem: Problem
    objective: Objective
    n_steps: int
    coarse: Sequence[PreparedStyle]

    @property
    def shared(self) -> PreparedStyle:
        """What another segment of the same content can take over."""
        problem = self.problem
        targets, weights = problem.targets.style, problem.weights
        return PreparedStyle(self.style, self.style_power, targets, weights, self.coarse)


def analyse(y: np.ndarray, settings: Settings, *, name: str) -> tuple[Clip, float]:
    """Mono samples at the analysis rate as a clip, and the mel power of its 0 dB.

    Raises:
        InputError: silence, or too short for the encoder.
    """
    check_length(len(y), settings, name=name)
    spec = settings.spec
    power = float(peak_power(jnp.asarray(y), spec))
    if power < SILENCE_POWER:
        raise silence_error(name)
    scaled = jnp.asarray(y / np.sqrt(power), jnp.float32)
    return Clip(scaled, jitted_log_mel(scaled, spec=spec)), power


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
        settings.spec,
        settings.parametrization,
        settings.encoder,
        settings.content_loss,
        settings.style_loss,
        settings.representation,
    )


def silence_error(name: str, guide: Guide | None = None) -> InputError:
    """What to say of a clip of silence, or of one that is silent where a guide wants the style."""
    level = 10 * np.log10(SILENCE_POWER)
    where = "" if guide is None or guide.is_open else " in all of the guide's range"
    return InputError(f"{name} is silent{where}: its loudest mel band is below {level:.0f} dB")


def prepare(
    content: np.ndarray,
    style: np.ndarray,
    settings: Settings,
    *,
    names: tuple[str, str] = ("content", "style"),
    shared: PreparedStyle | None = None,
    negatives: Sequence[np.ndarray] = (),
) -> PreparedTransfer:
    """Analyse two clips, draw the encoder, compute the targets and the first state.

    Args:
        content, style: mono float32 samples at `settings.spec.sr`.
        names: what to call them in errors.
        shared: of another segment with the same style and settings, to make nothing of it again.
        negatives: clips that the result shall not be like, mono samples at the same rate; for a
            style loss that `losses.supports_negatives`.

    Raises:
        InputError: a clip is silent or too short for the encoder, or the style loss keeps no
            result apart from a clip.
    """
    content_clip, content_power = analyse(content, settings, name=names[0])
    if shared is None:
        style_clip, style_power = analyse(style, settings, name=names[1])
        targets, weights, strength = None, settings.weights, settings.traced_strength
        check_negatives(len(negatives), settings)
        others = [analyse(y, settings, name=NEGATIVES)[0] for y in negatives]
    else:
        style_clip, style_power, targets, weights, _ = shared
        strength, others = None, []  # it has chosen, and its targets know the others
    encoder_key, init_key, _ = split_keys(settings)
    objective = make_objective(settings)
    start = settings.init(content_clip, style_clip, key=init_key, spec=settings.spec)
    coarse_db, coarse = _from_coarse(
        start, content_clip, style_clip, settings, shared and shared.coarse, negatives
    )
    start = start._replace(level_db=coarse_db)
    problem = make_problem(
        encoder_key,
        content_clip,
        style_clip,
        start.carrier,
        *(weights, targets, strength, others),
        objective=objective,
    )
    variable = _init_variable(start.level_db, problem.constants, objective=objective)
    state = TransferState(variable, settings.optimizer.init(variable), jnp.int32(0))
    return PreparedTransfer(
        content_clip,
        style_clip,
        start.carrier,
        content_power,
        style_power,
        state,
        problem,
        objective,
        max(settings.n_steps, start.n_steps),
        coarse,
    )


def check_negatives(n_clips: int, settings: Settings) -> None:
    """Check that the style loss can keep a result apart from clips.

    Raises:
        InputError: it cannot, and there are some.
    """
    if n_clips and not supports_negatives(settings.style_loss):
        raise InputError(
            f"{NEGATIVES} needs a style loss with a diversity term of a weight above 0, e.g. "
            "style_loss=gram_autocorrelation_diversity"
        )


def _from_coarse(
    start: Initialization,
    content: Clip,
    style: Clip,
    settings: Settings,
    shared: Sequence[PreparedStyle] | None,
    negatives: Sequence[np.ndarray],
) -> tuple[LogMel, list[PreparedStyle]]:
    """Where the optimisation starts after it has been made on coarser analyses; what they share."""
    specs = settings.multiscale.specs(settings.spec)
    if not specs:
        return start.level_db, []
    styles: list[PreparedStyle] = []
    change_db, of = start.level_db - start.carrier.level_db, settings.spec
    for i, spec in enumerate(specs):

        def coarse_start(
            coarse: Clip,
            _: Clip,
            *,
            key: Array,
            spec: MelSpec,
            change_db: LogMel = change_db,
            hop_length: int = of.hop_length,
        ) -> Initialization:
            del key
            # The carrier keeps its level beside the content, whose loudest band is another here.
            level = jnp.linalg.norm(coarse.y) / jnp.linalg.norm(content.y)
            carrier = coarse
            if start.carrier is not content:
                y = start.carrier.y * level
                carrier = Clip(y, jitted_log_mel(y, spec=spec))
            n_frames = carrier.level_db.shape[0]
            change_db = multiscale.in_time(change_db, hop_length, spec.hop_length, n_frames)
            return Initialization(carrier, carrier.level_db + change_db)

        coarser = replace(
            settings,
            spec=spec,
            init=coarse_start,
            n_steps=settings.multiscale.n_steps,
            multiscale=MultiScale(),
        )
        prepared = prepare(
            *(np.asarray(content.y), np.asarray(style.y), coarser),
            shared=None if shared is None else shared[i],
            negatives=negatives,
        )
        styles.append(prepared.shared)
        (_, (state, losses)) = run(
            prepared.state,
            prepared.problem,
            objective=prepared.objective,
            transformation=coarser.optimizer.transformation,
            n_steps=prepared.n_steps,
            chunk=prepared.n_steps,
        )
        check_finite(losses, prepared.n_steps, coarser)
        found_db = log_mel_of(state.variable, prepared.problem, objective=prepared.objective)
        change_db, of = found_db - prepared.carrier.level_db, spec
    n_frames = start.level_db.shape[0]
    change_db = multiscale.in_time(change_db, of.hop_length, settings.spec.hop_length, n_frames)
    return start.carrier.level_db + change_db, styles


@partial(jax.jit, static_argnames=("objective",))
def _init_variable(first_db: LogMel, constants: Any, *, objective: Objective) -> Array:
    return objective.parametrization.init(first_db, constants, objective.spec)


def split_keys(settings: Settings) -> Array:
    """Keys for the encoder, the first spectrogram and the inversion."""
    return jax.random.split(jax.random.key(settings.seed), 3)


def check_finite(losses: Losses, step: int, settings: Settings) -> None:
    """Refuse to go on from a state that is lost.

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
    style: np.ndarray,
    settings: Settings,
    *,
    names: tuple[str, str] = ("content", "style"),
    shared: PreparedStyle | None = None,
    begins: int = 0,
    negatives: Sequence[np.ndarray] = (),
) -> PreparedTransfer | None:
    """`prepare` for a segment of a recording; `None` where it stays as it is.

    It does where it is silent, and where the guide wants nothing of the style.

    Args:
        content: the segment as it was recorded.
        sr: its rate, Hz.
        style: see `style_clips.prepare_style_audio`.
        names, shared, negatives: see `prepare`.
        begins: where in the recording the segment begins, samples.
    """
    if not settings.guide.reaches(slice(begins, begins + len(content)), sr):
        return None
    heard = samples.to_mono(content, sr, settings.spec.sr)
    if float(peak_power(jnp.asarray(heard), settings.spec)) < SILENCE_POWER:
        return None
    return prepare(heard, style, settings, names=names, shared=shared, negatives=negatives)
