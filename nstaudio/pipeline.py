"""The whole path in memory, for `import nstaudio` users and for scripts/run.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from nstaudio import descent, initial, inversion, samples
from nstaudio.descent import Objective, Problem, TransferState
from nstaudio.encoders import Conv1dEncoder, Encoder
from nstaudio.errors import InputError, choice, integer, number
from nstaudio.initial import Start
from nstaudio.losses import ContentLoss, Gram, Losses, SquaredError, StyleLoss, Weights
from nstaudio.optimizers import Optimizer, from_optax
from nstaudio.parametrizations import Clip, ContentGain, Parametrization
from nstaudio.spectrogram import MelSpec, log_mel, mel_power

LogMel = Float[Array, "frames mels"]

SILENCE_POWER = 1e-12
"""A clip whose loudest mel band is below this (-120 dB) is taken for silence."""

_log_mel = jax.jit(log_mel, static_argnames=("spec",))
_peak_power = jax.jit(lambda y, spec: mel_power(y, spec).max(), static_argnames=("spec",))


@dataclass(frozen=True)
class Settings:
    """Everything that defines a transfer besides the two clips; the fields of `configs/`.

    Attributes:
        alpha, beta: weights of content and style in the total, at least 0, not both 0.
        content_weights, style_weights: weight of each layer by name; a layer that is not
            named has 1 / (number of layers).
        n_steps: updates to make; more where the start needs them (`initial.Start`).
        seed: of the encoder's weights, the initial noise and the first phase.

    Raises:
        InputError: a value outside its limits or a layer the encoder does not have.
    """

    spec: MelSpec = field(default_factory=MelSpec)
    parametrization: Parametrization = field(default_factory=ContentGain)
    encoder: Encoder = field(default_factory=Conv1dEncoder)
    content_loss: ContentLoss = field(default_factory=SquaredError)
    style_loss: StyleLoss = field(default_factory=Gram)
    optimizer: Optimizer = field(
        default_factory=lambda: from_optax(
            partial(optax.adam, learning_rate=3.0, b1=0.9, b2=0.999, eps=1e-12)
        )
    )
    init: Callable[..., Start] = initial.content
    inversion: Callable[..., Float[Array, " samples"]] = inversion.mel_griffin_lim
    alpha: float = 0.005
    beta: float = 1.0
    content_weights: Mapping[str, float] = field(default_factory=dict)
    style_weights: Mapping[str, float] = field(default_factory=dict)
    n_steps: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        number("alpha", self.alpha, at_least=0)
        number("beta", self.beta, at_least=0)
        if self.alpha == 0 and self.beta == 0:
            raise InputError("alpha=0 and beta=0: nothing to optimise, set at least one above 0")
        integer("n_steps", self.n_steps, at_least=0)
        integer("seed", self.seed, at_least=0)
        for group, weights in (
            ("content_weights", self.content_weights),
            ("style_weights", self.style_weights),
        ):
            for layer, weight in weights.items():
                choice(f"layer in {group}", layer, self.layer_names)
                number(f"{group}.{layer}", weight, at_least=0)

    @property
    def layer_names(self) -> Sequence[str]:
        """The encoder's layers in order of depth."""
        return self.encoder.layer_names

    @property
    def weights(self) -> Weights:
        """The weights as float32 scalars, every layer named."""

        def scalars(given: Mapping[str, float]) -> dict[str, Array]:
            even = 1.0 / len(self.layer_names)
            return {name: jnp.float32(given.get(name, even)) for name in self.layer_names}

        return Weights(
            jnp.float32(self.alpha),
            jnp.float32(self.beta),
            scalars(self.content_weights),
            scalars(self.style_weights),
        )


class Prepared(NamedTuple):
    """Two analysed clips and a transfer that is ready to run.

    Attributes:
        content, style: samples at the analysis rate and log-mel spectrograms; 0 dB is each clip's
            own loudest mel band, so that a recording's level is no part of its style.
        content_power, style_power: the mel power that 0 dB stands for.
        n_steps: updates to make.
    """

    content: Clip
    style: Clip
    content_power: float
    style_power: float
    state: TransferState
    problem: Problem
    objective: Objective
    n_steps: int


class Figures(NamedTuple):
    """What the audio itself measures, against the spectrogram that was optimised."""

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
    spec, encoder = settings.spec, settings.encoder
    n_frames, needed = spec.n_frames(len(y)), encoder.receptive_field
    if n_frames < needed:
        raise InputError(
            f"{name} is {len(y) / spec.sr:.2f} s long ({n_frames} frames); the encoder's receptive "
            f"field is {needed} frames, so at least {spec.seconds(needed - 1):.2f} s are needed"
        )
    power = float(_peak_power(jnp.asarray(y), spec))
    if power < SILENCE_POWER:
        level = 10 * np.log10(max(power, 1e-30))
        raise InputError(f"{name} is silent: its loudest mel band is at {level:.0f} dB, below -120")
    scaled = jnp.asarray(y / np.sqrt(power), jnp.float32)
    return Clip(scaled, _log_mel(scaled, spec=spec)), power


def prepare(
    content: np.ndarray,
    style: np.ndarray,
    settings: Settings,
    *,
    names: tuple[str, str] = ("content", "style"),
) -> Prepared:
    """Analyse two clips, draw the encoder, compute the targets and the first state.

    Args:
        content, style: mono float32 samples at `settings.spec.sr`.
        names: what to call them in errors.

    Raises:
        InputError: a clip is silent or too short for the encoder.
    """
    content_clip, content_power = analyse(content, settings, name=names[0])
    style_clip, style_power = analyse(style, settings, name=names[1])
    encoder_key, init_key, _ = _keys(settings)
    objective = Objective(
        settings.spec,
        settings.parametrization,
        settings.encoder,
        settings.content_loss,
        settings.style_loss,
    )
    start = settings.init(content_clip, style_clip, key=init_key, spec=settings.spec)
    problem = descent.make_problem(
        encoder_key, content_clip, style_clip, start.carrier, settings.weights, objective=objective
    )
    variable = _init_variable(start.level_db, problem.constants, objective=objective)
    state = TransferState(variable, settings.optimizer.init(variable), jnp.int32(0))
    return Prepared(
        content_clip,
        style_clip,
        content_power,
        style_power,
        state,
        problem,
        objective,
        max(settings.n_steps, start.n_steps),
    )


@partial(jax.jit, static_argnames=("objective",))
def _init_variable(first_db: LogMel, constants: Any, *, objective: Objective) -> Array:
    return objective.parametrization.init(first_db, constants, objective.spec)


def _keys(settings: Settings) -> Array:
    """Keys for the encoder, the first spectrogram and the inversion."""
    return jax.random.split(jax.random.key(settings.seed), 3)


def needs_no_inversion(prepared: Prepared) -> bool:
    """Whether what is optimised is sound already."""
    shape = jax.eval_shape(
        partial(descent.sound, objective=prepared.objective),
        prepared.state.variable,
        prepared.problem,
    )
    return shape is not None


def render(prepared: Prepared, state: TransferState, settings: Settings) -> np.ndarray:
    """The samples of what is optimised so far, at the content's level."""
    objective, problem = prepared.objective, prepared.problem
    y = descent.sound(state.variable, problem, objective=objective)
    if y is None:
        y = settings.inversion(
            descent.spectrogram(state.variable, problem, objective=objective),
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
        float(descent.evaluate(db, prepared.problem, objective=prepared.objective).style)
        for db in (audio_db, prepared.content.level_db)
    )
    optimised_db = descent.spectrogram(
        state.variable, prepared.problem, objective=prepared.objective
    )
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


@dataclass(frozen=True, eq=False)
class Result:
    """What `transfer` returns.

    Attributes:
        y: the new recording, mono float32, at the content's level.
        sr: its rate, Hz: the analysis rate.
        generated_db, content_db, style_db: log-mel spectrograms, `frames mels`, dB.
        history: steps and the losses there.
        figures: measured on `y`.
        state: the last state.
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
    log_every: int = 10,
    on_log: Callable[[int, Losses], None] | None = None,
    **changes: Any,
) -> Result:
    """Transfer the style of one recording to the content of another.

    Args:
        content, style: float samples with full scale 1, `samples` or `samples channels`; a list of
            several clips of the style counts as one.
        sample_rate: of both, or of `content` where `style_sample_rate` is given, Hz.
        settings: `None` is the default.
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
    sr = settings.spec.sr
    styles = style if isinstance(style, list | tuple) else [np.asarray(style)]
    style_y = samples.join(
        [
            samples.prepare(y, style_sample_rate or sample_rate, target_sr=sr, name="style")
            for y in styles
        ],
        sr,
    )
    content_y = samples.prepare(content, sample_rate, target_sr=sr, name="content")
    prepared = prepare(content_y, style_y, settings)
    history = []
    state = prepared.state
    for state, losses in descent.run(
        prepared.state,
        prepared.problem,
        objective=prepared.objective,
        transformation=settings.optimizer.transformation,
        n_steps=prepared.n_steps,
        chunk=log_every,
    ):
        step = int(state.step)
        check_finite(losses, step, settings)
        history.append((step, jax.tree.map(float, losses)))
        if on_log is not None:
            on_log(step, history[-1][1])
    y = render(prepared, state, settings)
    figures, _ = measure(y, prepared, state, settings)
    return Result(
        y=y,
        sr=sr,
        generated_db=np.asarray(
            descent.spectrogram(state.variable, prepared.problem, objective=prepared.objective)
        ),
        content_db=np.asarray(prepared.content.level_db),
        style_db=np.asarray(prepared.style.level_db),
        history=history,
        figures=figures,
        state=state,
    )
