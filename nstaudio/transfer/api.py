"""The whole path in memory, for `import nstaudio` users and for scripts/run.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import soxr
from jaxtyping import Array, Float

from nstaudio.analysis.spectrogram import MelSpec, log_mel, mel_power
from nstaudio.audio import loudness, samples, segments
from nstaudio.audio.guide import Guide
from nstaudio.audio.style_clips import hear_style
from nstaudio.errors import InputError, choice, integer
from nstaudio.inversion import fullband
from nstaudio.losses import Losses, Weights, keeps_apart
from nstaudio.optimization import multiscale
from nstaudio.optimization.initializers import Start
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.optimization.objective import (
    Objective,
    Problem,
    TransferState,
    evaluate,
    filtered,
    make_problem,
    run,
    sound,
    spectrogram,
)
from nstaudio.optimization.parametrizations import Clip
from nstaudio.transfer.settings import Settings

LogMel = Float[Array, "frames mels"]

APART_FROM = "apart_from"
"""What to call clips that the result shall not be like."""

SILENCE_POWER = 1e-12
"""A clip whose loudest mel band is below this (-120 dB) is taken for silence."""

_log_mel = jax.jit(log_mel, static_argnames=("spec",))
_peak_power = jax.jit(lambda y, spec: mel_power(y, spec).max(), static_argnames=("spec",))


class Style(NamedTuple):
    """An analysed style, its targets and the weights: what all windows of a content share."""

    clip: Clip
    power: float
    targets: Any
    weights: Weights
    coarse: "Sequence[Style]"
    """The same on each coarser analysis that the transfer begins with."""


class Prepared(NamedTuple):
    """Two analysed clips and a transfer that is ready to run.

    Attributes:
        content, style: samples at the analysis rate and log-mel spectrograms; 0 dB is each clip's
            own loudest mel band, so that a recording's level is no part of its style.
        carrier: the sound that is changed, see `initializers.Start`.
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
    coarse: Sequence[Style]

    @property
    def shared(self) -> Style:
        """What another window of the same content can take over."""
        problem = self.problem
        targets, weights = problem.targets.style, problem.weights
        return Style(self.style, self.style_power, targets, weights, self.coarse)


class Figures(NamedTuple):
    """What the audio itself measures, against the spectrogram that was optimised.

    It is measured on the channels' mean, at the analysis rate.
    """

    style_loss_on_audio: float
    """The style loss of the audio, analysed again; next to the optimised `style_loss`."""
    style_share: float
    """The same, of the content clip's: 0 is the style's statistics, 1 the content's distance."""
    consistency_db: float
    """Root mean square difference of the audio's log-mel and the optimised one, dB."""


def analyse(y: np.ndarray, settings: Settings, *, name: str) -> tuple[Clip, float]:
    """Mono samples at the analysis rate as a clip, and the mel power of its 0 dB.

    Raises:
        InputError: silence, or too short for the encoder.
    """
    check_length(len(y), settings, name=name)
    spec = settings.spec
    power = float(_peak_power(jnp.asarray(y), spec))
    if power < SILENCE_POWER:
        raise silent(name)
    scaled = jnp.asarray(y / np.sqrt(power), jnp.float32)
    return Clip(scaled, _log_mel(scaled, spec=spec)), power


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


def silent(name: str, guide: Guide | None = None) -> InputError:
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
    shared: Style | None = None,
    apart_from: Sequence[np.ndarray] = (),
) -> Prepared:
    """Analyse two clips, draw the encoder, compute the targets and the first state.

    Args:
        content, style: mono float32 samples at `settings.spec.sr`.
        names: what to call them in errors.
        shared: of another window with the same style and settings, to make nothing of it again.
        apart_from: clips that the result shall not be like, mono samples at the same rate; for a
            style loss that `losses.keeps_apart`.

    Raises:
        InputError: a clip is silent or too short for the encoder, or the style loss keeps no
            result apart from a clip.
    """
    content_clip, content_power = analyse(content, settings, name=names[0])
    if shared is None:
        style_clip, style_power = analyse(style, settings, name=names[1])
        targets, weights, strength = None, settings.weights, settings.traced_strength
        check_apart(len(apart_from), settings)
        others = [analyse(y, settings, name=APART_FROM)[0] for y in apart_from]
    else:
        style_clip, style_power, targets, weights, _ = shared
        strength, others = None, []  # it has chosen, and its targets know the others
    encoder_key, init_key, _ = _keys(settings)
    objective = make_objective(settings)
    start = settings.init(content_clip, style_clip, key=init_key, spec=settings.spec)
    coarse_db, coarse = _from_coarse(
        start, content_clip, style_clip, settings, shared and shared.coarse, apart_from
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
    return Prepared(
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


def check_apart(n_clips: int, settings: Settings) -> None:
    """Check that the style loss can keep a result apart from clips.

    Raises:
        InputError: it cannot, and there are some.
    """
    if n_clips and not keeps_apart(settings.style_loss):
        raise InputError(
            f"{APART_FROM} needs a style loss with a diversity term of a weight above 0, e.g. "
            "style_loss=gram_autocorrelation_diversity"
        )


def _from_coarse(
    start: Start,
    content: Clip,
    style: Clip,
    settings: Settings,
    shared: Sequence[Style] | None,
    apart_from: Sequence[np.ndarray],
) -> tuple[LogMel, list[Style]]:
    """Where the optimisation starts after it has been made on coarser analyses; what they share."""
    specs = settings.multiscale.specs(settings.spec)
    if not specs:
        return start.level_db, []
    styles: list[Style] = []
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
        ) -> Start:
            del key
            # The carrier keeps its level beside the content, whose loudest band is another here.
            level = jnp.linalg.norm(coarse.y) / jnp.linalg.norm(content.y)
            carrier = coarse
            if start.carrier is not content:
                y = start.carrier.y * level
                carrier = Clip(y, _log_mel(y, spec=spec))
            n_frames = carrier.level_db.shape[0]
            change_db = multiscale.in_time(change_db, hop_length, spec.hop_length, n_frames)
            return Start(carrier, carrier.level_db + change_db)

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
            apart_from=apart_from,
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
        found_db = spectrogram(state.variable, prepared.problem, objective=prepared.objective)
        change_db, of = found_db - prepared.carrier.level_db, spec
    n_frames = start.level_db.shape[0]
    change_db = multiscale.in_time(change_db, of.hop_length, settings.spec.hop_length, n_frames)
    return start.carrier.level_db + change_db, styles


@partial(jax.jit, static_argnames=("objective",))
def _init_variable(first_db: LogMel, constants: Any, *, objective: Objective) -> Array:
    return objective.parametrization.init(first_db, constants, objective.spec)


def _keys(settings: Settings) -> Array:
    """Keys for the encoder, the first spectrogram and the inversion."""
    return jax.random.split(jax.random.key(settings.seed), 3)


def render(prepared: Prepared, state: TransferState, settings: Settings) -> np.ndarray:
    """The samples of what is optimised so far, at the content's level."""
    objective, problem = prepared.objective, prepared.problem
    y = sound(state.variable, problem, objective=objective)
    if y is None:
        y = settings.inversion(
            spectrogram(state.variable, problem, objective=objective),
            content=prepared.content.y,
            spec=settings.spec,
            length=prepared.content.y.shape[0],
            key=_keys(settings)[2],
        )
    return np.asarray(y) * np.float32(np.sqrt(prepared.content_power))


def measure(
    y: np.ndarray, prepared: Prepared, state: TransferState, settings: Settings
) -> tuple[Figures, LogMel]:
    """Analyse rendered samples again; the figures and the audio's own log-mel spectrogram."""
    scaled = jnp.asarray(y / np.sqrt(prepared.content_power), jnp.float32)
    audio_db = _log_mel(scaled, spec=settings.spec)
    style, of_content = (
        float(evaluate(clip, prepared.problem, objective=prepared.objective).style)
        for clip in (Clip(scaled, audio_db), prepared.content)
    )
    optimised_db = spectrogram(state.variable, prepared.problem, objective=prepared.objective)
    optimised_db = jnp.maximum(optimised_db, settings.spec.floor_db)
    difference = float(jnp.sqrt(jnp.mean((audio_db - optimised_db) ** 2)))
    return Figures(style, style / max(of_content, 1e-30), difference), audio_db


def check_finite(losses: Losses, step: int, settings: Settings) -> None:
    """Refuse to go on from a state that is lost.

    Raises:
        InputError: the total is NaN or infinite.
    """
    if not np.isfinite(losses.total):
        rate = settings.optimizer.hyperparams.get("learning_rate")
        lower = "" if rate is None else f"; lower optimizer.learning_rate={rate:g}"
        raise InputError(f"the loss became {float(losses.total)} by step {step}{lower}")


class Rendered(NamedTuple):
    """A window of the result."""

    y: Float[np.ndarray, "samples channels"]
    """As the content's window: its rate, channels, length and loudness."""
    generated_db: Float[np.ndarray, "frames mels"]
    """Its spectrogram, analysed from the sound. 0 dB is the content window's loudest mel band."""
    content_db: Float[np.ndarray, "frames mels"]
    """The content window's."""
    power: float
    """The mel power that 0 dB stands for; 0 where the window is silent."""
    figures: Figures | None
    """`None` where the window is the content's, see `unchanged`."""


def finish(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    prepared: Prepared,
    state: TransferState,
    settings: Settings,
    *,
    begins: int = 0,
) -> Rendered:
    """What is optimised so far, as sound with the rate, channels and loudness of its content.

    Where the guide does not want the style, it is the content.

    Args:
        content: the window that was prepared, as it was recorded.
        sr: its rate, Hz.
        begins: where in the recording it begins, samples.
    """
    spec, guide = settings.spec, settings.guide
    rates = {"sr": sr, "heard_sr": spec.sr}
    heard = soxr.resample(content, sr, spec.sr, quality="VHQ")
    generated = _filtered(heard, prepared, state)
    if generated is not None:
        y = fullband.add_highs(content, heard, generated, **rates)
    else:
        mix = np.asarray(prepared.content.y) * np.float32(np.sqrt(prepared.content_power))
        y = fullband.restore(content, mix, render(prepared, state, settings), **rates)
    # The loudest band was common to both so far. What is heard as equally loud is another level.
    levels = loudness.measure(y, sr), loudness.measure(content, sr)
    gain = loudness.gain(*levels, max_true_peak_db=None).factor
    measured = samples.mono(y, sr, spec.sr)
    y = y * np.float32(gain)
    if not guide.is_open:
        y = guide.mix(content, y, sr, begins=begins)
        mixed = samples.mono(y, sr, spec.sr)
        # As of any clip, 0 dB is its loudest band; the mix has another than what is generated.
        power = max(float(_peak_power(jnp.asarray(mixed), spec)), SILENCE_POWER)
        measured = mixed * np.float32(np.sqrt(prepared.content_power / power))
    figures, generated_db = measure(measured, prepared, state, settings)
    content_db = np.asarray(prepared.content.level_db)
    return Rendered(y, np.asarray(generated_db), content_db, prepared.content_power, figures)


def _filtered(
    heard: Float[np.ndarray, "heard_samples channels"], prepared: Prepared, state: TransferState
) -> Float[np.ndarray, "heard_samples channels"] | None:
    """Every channel, filtered as their mean is; `None` where that is not merely filtered."""
    if prepared.carrier is not prepared.content:
        return None
    channels = [
        filtered(
            jnp.asarray(y, jnp.float32),
            state.variable,
            prepared.problem,
            objective=prepared.objective,
        )
        for y in heard.T
    ]
    if channels[0] is None:
        return None
    return np.stack([np.asarray(y) for y in channels], axis=1)


def unchanged(content: Float[np.ndarray, "samples channels"], sr: int, spec: MelSpec) -> Rendered:
    """A window that stays as it is, see `prepare_window`."""
    heard = samples.mono(content, sr, spec.sr)
    power = float(_peak_power(jnp.asarray(heard), spec))
    if power < SILENCE_POWER:
        level_db = np.full((spec.n_frames(len(heard)), spec.n_mels), spec.floor_db, np.float32)
        return Rendered(content, level_db, level_db, 0.0, None)
    level_db = np.asarray(_log_mel(jnp.asarray(heard / np.sqrt(power), jnp.float32), spec=spec))
    return Rendered(content, level_db, level_db, power, None)


def mean_figures(windows: Sequence[Figures | None]) -> Figures:
    """The mean of each figure over the windows that have them."""
    return Figures(*np.mean([figures for figures in windows if figures is not None], axis=0))


def join_levels(
    levels: Sequence[Float[np.ndarray, "frames mels"]],
    powers: Sequence[float],
    spans: Sequence[slice],
) -> Float[np.ndarray, "joined_frames mels"]:
    """The spectrograms of windows as one, whose 0 dB is the loudest window's.

    Args:
        levels: each window's, equally many frames; they may be fewer than the windows.
        powers: what 0 dB stands for in each.
        spans: where the windows lie.
    """
    joined = []
    for i, (level_db, power) in enumerate(zip(levels, powers, strict=True)):
        if i + 1 < len(levels):
            share = (spans[i + 1].start - spans[i].start) / (spans[i].stop - spans[i].start)
            level_db = level_db[: round(share * len(level_db))]
        joined.append(level_db + 10 * np.log10(max(power / max(powers), 1e-30)))
    return np.maximum(np.concatenate(joined), min(float(a.min()) for a in levels))


def prepare_window(
    content: Float[np.ndarray, "samples channels"],
    sr: int,
    style: np.ndarray,
    settings: Settings,
    *,
    names: tuple[str, str] = ("content", "style"),
    shared: Style | None = None,
    begins: int = 0,
    apart_from: Sequence[np.ndarray] = (),
) -> Prepared | None:
    """`prepare` for a window of a recording; `None` where it stays as it is.

    It does where it is silent, and where the guide wants nothing of the style.

    Args:
        content: the window as it was recorded.
        sr: its rate, Hz.
        style: see `style_clips.hear_style`.
        names, shared, apart_from: see `prepare`.
        begins: where in the recording the window begins, samples.
    """
    if not settings.guide.reaches(slice(begins, begins + len(content)), sr):
        return None
    heard = samples.mono(content, sr, settings.spec.sr)
    if float(_peak_power(jnp.asarray(heard), settings.spec)) < SILENCE_POWER:
        return None
    return prepare(heard, style, settings, names=names, shared=shared, apart_from=apart_from)


@dataclass(frozen=True, eq=False)
class Result:
    """What `transfer` returns.

    Attributes:
        y: the new recording, float32, with the shape of the content and its loudness (ITU-R
            BS.1770). Peaks may exceed full scale.
        sr: its rate, Hz: the content's.
        generated_db, content_db, style_db: log-mel spectrograms, `frames mels`, dB, at the analysis
            rate; 0 dB is the loudest band of content and style.
        history: steps and the losses there. Windows follow one another: the second's step 0 is
            `n_steps`.
        figures: measured on `y`, means over the windows.
        state: the last state of the last window.
    """

    y: np.ndarray
    sr: int
    generated_db: np.ndarray
    content_db: np.ndarray
    style_db: np.ndarray
    history: list[tuple[int, Losses]]
    figures: Figures
    state: TransferState


def transfer(
    content: np.ndarray,
    style: np.ndarray | Sequence[np.ndarray],
    sample_rate: int,
    settings: Settings | None = None,
    *,
    style_sample_rate: int | None = None,
    apart_from: Sequence[np.ndarray] = (),
    log_every: int = 10,
    on_log: Callable[[int, Losses], None] | None = None,
    **changes: Any,
) -> Result:
    """Transfer the style of one recording to the content of another.

    Args:
        content, style: float samples with full scale 1, `samples` or `samples channels`, of any
            length; a list of several clips of the style counts as one.
        sample_rate: of both, or of `content` where `style_sample_rate` is given, Hz.
        settings: `None` is the default.
        apart_from: clips at the content's rate that the result shall not be like, e.g. results
            before it; for a style loss with `losses.Diversity`.
        log_every: steps between entries of the history and calls of `on_log`.
        on_log: called with the step and its losses, e.g. to show progress.
        **changes: fields of `Settings` to change, e.g. `alpha=0`, `n_steps=100`.

    Raises:
        InputError: clips or settings that cannot work; the message says which and why.
    """
    settings = settings or Settings()
    for name in changes:
        choice("setting", name, settings.__dataclass_fields__)
    settings = replace(settings, **changes)
    integer("log_every", log_every, at_least=1)
    sr, style_sr = sample_rate, style_sample_rate or sample_rate
    shape = np.shape(content)
    content = samples.check(np.asarray(content), sr, name="content")
    styles = style if isinstance(style, list | tuple) else [style]

    def hear(clips: Sequence[Any], rate: int, name: str) -> np.ndarray:
        checked = [(samples.check(np.asarray(y), rate, name=name), rate, name) for y in clips]
        return hear_style(checked, settings.windows, settings.spec.sr)

    style = hear(styles, style_sr, "style")
    others = [hear([y], sr, APART_FROM) for y in apart_from]
    settings.guide.check(len(content), sr, name="content")
    spans = settings.windows.spans(len(content), sr)
    history: list[tuple[int, Losses]] = []
    made: list[Rendered] = []
    shared = None
    state = None
    for i, span in enumerate(spans):
        window = content[span]
        prepared = prepare_window(
            *(window, sr, style, settings),
            shared=shared,
            begins=span.start,
            apart_from=others,
        )
        if prepared is None:
            made.append(unchanged(window, sr, settings.spec))
            continue
        shared, state = shared or prepared.shared, prepared.state
        for state, losses in run(
            prepared.state,
            prepared.problem,
            objective=prepared.objective,
            transformation=settings.optimizer.transformation,
            n_steps=prepared.n_steps,
            chunk=log_every,
        ):
            step = int(state.step)
            check_finite(losses, step, settings)
            history.append((i * prepared.n_steps + step, jax.tree.map(float, losses)))
            if on_log is not None:
                on_log(*history[-1])
        made.append(finish(window, sr, prepared, state, settings, begins=span.start))
    if shared is None or state is None:
        raise silent("content", settings.guide)
    powers = [window.power for window in made]
    joined = segments.join((window.y for window in made), spans, within=settings.guide.within(sr))
    return Result(
        y=np.concatenate(list(joined)).reshape(shape),
        sr=sr,
        generated_db=join_levels([window.generated_db for window in made], powers, spans),
        content_db=join_levels([window.content_db for window in made], powers, spans),
        style_db=np.asarray(shared.clip.level_db),
        history=history,
        figures=mean_figures([window.figures for window in made]),
        state=state,
    )
