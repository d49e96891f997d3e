"""Training of the network: the loss, a step, and what it is measured by."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
from jaxtyping import Array, Float, Int, PRNGKeyArray

from nstaudio.errors import InputError, integer, number
from nstaudio.learned.examples import Mix, Stems, Triplet, mixed
from nstaudio.learned.features import N_BANDS, RANGE_DB
from nstaudio.learned.network import Sound, TransferNet, adain, predicted, statistics

_LEAK = 0.05  # of the gradient below the floor of the levels
_LEAST_SQUARE = 1e-3  # dB^2, under the square root of the loss
_MAX_BAD_STEPS = 20  # in a row, whose gradients are not finite
_RMS_OF_ADAM = 0.2  # of Adam's steps, roughly, in units of the learning rate
_EXAMPLES_KEY = 1  # folded into the seed: examples of training; 0 is the network's start

Scalar = Float[Array, ""]
Params = Any


@dataclass(frozen=True)
class Training:
    """Settings of a training.

    Attributes:
        width: channels of the network.
        n_steps: steps in all.
        batch_size: examples in a step.
        content_frames, style_frames: taken of an example; its statistics are of all its frames.
        learning_rate: the highest; it rises over the first `warmup` steps and falls as a cosine.
        weight_decay: of Muon (Liu et al., "Muon is scalable for LLM training", 2025).
        flux: weight of the loss of differences from frame to frame.
        averaging: decay of the moving average of the weights, which is what is kept.

    Raises:
        InputError: a number outside its limits.
    """

    width: int = 192
    n_steps: int = 2400
    batch_size: int = 16
    content_frames: int = 64
    style_frames: int = 128
    learning_rate: float = 3e-3
    warmup: int = 50
    weight_decay: float = 0.01
    flux: float = 0.1
    averaging: float = 0.998
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "n_steps", "batch_size", "content_frames", "style_frames", "warmup"):
            integer(name, getattr(self, name), at_least=2 if name == "content_frames" else 1)
        integer("seed", self.seed, at_least=0)
        number("learning_rate", self.learning_rate, above=0)
        number("weight_decay", self.weight_decay, at_least=0)
        number("flux", self.flux, at_least=0)
        number("averaging", self.averaging, at_least=0, at_most=1)


class State(NamedTuple):
    """A training after some steps; with it and the settings every later step is determined."""

    step: Int[Array, ""]
    params: Params
    average: Params
    """The moving average of the parameters."""
    optimizer: Any
    """Optax's state."""


def started(training: Training, start: Params | None = None) -> State:
    """The network before the first step.

    Args:
        start: its parameters; by chance where there are none.

    Raises:
        InputError: parameters of another network than one of this width.
    """
    content, style = (
        whole_sound(jnp.zeros((1, n, N_BANDS)))
        for n in (training.content_frames, training.style_frames)
    )
    init = jax.jit(TransferNet(training.width).init)
    params = init(jax.random.key(training.seed), content, style)
    if start is not None:
        shapes, wanted = (jax.tree.map(jnp.shape, tree) for tree in (start, params))
        if shapes != wanted:
            raise InputError(
                f"the weights to start from are not of a network of width {training.width}"
            )
        params = jax.tree.map(jnp.asarray, start)
    return State(jnp.asarray(0), params, params, _optimizer(training).init(params))


def whole_sound(level_db: Mix) -> Sound:
    """Clips without padding."""
    mask = jnp.ones(level_db.shape[:2], bool)
    return Sound(level_db, mask, statistics(level_db, mask))


@partial(jax.jit, static_argnames="training")
def step(state: State, stems: Stems, *, training: Training) -> tuple[State, Scalar]:
    """The state after a step on examples of these stems, and the loss before it."""
    key = jax.random.fold_in(jax.random.key(training.seed), _EXAMPLES_KEY)
    mix_key, cut_key = jax.random.split(jax.random.fold_in(key, state.step))
    content, style, target_db = cut(cut_key, mixed(mix_key, stems), training)

    def objective(params: Params) -> Scalar:
        predicted_db = predicted(TransferNet(training.width), params, content, style)
        return loss(predicted_db, target_db, flux=training.flux)

    value, gradient = jax.value_and_grad(objective)(state.params)
    updates, optimizer = _optimizer(training).update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    n = state.step + 1
    decay = jnp.minimum(training.averaging, n / (n + 10))
    average = optax.incremental_update(params, state.average, 1 - decay)
    return State(n, params, average, optimizer), value


@partial(jax.jit, static_argnames="training")
def steps(
    state: State, data: Stems, picked: Int[Array, "steps batch"], *, training: Training
) -> tuple[State, Float[Array, " steps"]]:
    """The state after several steps, and the losses before each.

    All is one program, which on a GPU waits for nothing between the steps. Where `picked` is
    sharded over several devices along its second axis, each takes its share of every batch.

    Args:
        data: the stems of all groups.
        picked: which of them make up each step's batch.
    """

    def one(state: State, groups: Int[Array, " batch"]) -> tuple[State, Scalar]:
        return step(state, data.groups(groups), training=training)

    return jax.lax.scan(one, state, picked)


def cut(key: PRNGKeyArray, triplet: Triplet, training: Training) -> tuple[Sound, Sound, Mix]:
    """Content, style and target levels of some frames, by chance, with statistics of all."""
    content_key, style_key = jax.random.split(key)
    at = _start(content_key, triplet.content, training.content_frames)
    style_at = _start(style_key, triplet.style, training.style_frames)
    content = _passage(whole_sound(triplet.content), at, training.content_frames)
    style = _passage(whole_sound(triplet.style), style_at, training.style_frames)
    return content, style, _frames(triplet.target, at, training.content_frames)


def _start(key: PRNGKeyArray, level_db: Mix, n: int) -> Int[Array, ""]:
    return jax.random.randint(key, (), 0, level_db.shape[1] - n + 1)


def _passage(sound: Sound, start: Int[Array, ""], n: int) -> Sound:
    return Sound(_frames(sound.level_db, start, n), _frames(sound.mask, start, n), sound.whole)


def _frames(x: Array, start: Int[Array, ""], n: int) -> Array:
    return jax.lax.dynamic_slice_in_dim(x, start, n, axis=1)


def loss(predicted_db: Mix, target_db: Mix, *, flux: float) -> Scalar:
    """Log-spectral distance, and that of the changes from frame to frame, dB.

    Not at equal power: a network lowers that by putting all power where it costs least, into a few
    bands, so that the others may lie too low. What a mean in dB lacks of its power
    `prediction.predict` makes up for.

    Args:
        flux: weight of the second.
    """
    floor_db = target_db.max(axis=(1, 2), keepdims=True) - RANGE_DB
    below_db = jnp.minimum(predicted_db - floor_db, 0.0)
    predicted_db = jnp.maximum(predicted_db, floor_db) + _LEAK * below_db
    change_db = jnp.abs(jnp.diff(predicted_db, axis=1) - jnp.diff(target_db, axis=1)).mean()
    return lsd_db(predicted_db, target_db) + flux * change_db


def lsd_db(a: Mix, b: Mix) -> Scalar:
    """The log-spectral distance, mean over the batch, as `evaluation.similarity` has it."""
    return jnp.sqrt(((a - b) ** 2).mean(axis=1) + _LEAST_SQUARE).mean()


def validation(params: Params, triplets: list[Triplet], *, training: Training) -> dict[str, float]:
    """Distances to the target of the prediction and of three untrained rivals, dB."""
    rows = [_distances(params, triplet, width=training.width) for triplet in triplets]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


@partial(jax.jit, static_argnames="width")
def _distances(params: Params, triplet: Triplet, *, width: int) -> dict[str, Scalar]:
    content, style = whole_sound(triplet.content), whole_sound(triplet.style)
    over_mean_db = content.level_db - content.whole.mean_db[:, None]
    rivals = {
        "content": content.level_db,
        "eq": over_mean_db + style.whole.mean_db[:, None],
        "adain": adain(content, style.whole),
        "network": predicted(TransferNet(width), params, content, style),
    }

    def heard(level_db: Mix) -> Mix:
        return jnp.maximum(level_db, level_db.max(axis=(1, 2), keepdims=True) - RANGE_DB)

    return {name: lsd_db(heard(x), triplet.target) for name, x in rivals.items()}


def _optimizer(training: Training) -> optax.GradientTransformation:
    """Muon under a cosine; a step whose gradient is not finite is left out.

    Adam for what is no matrix, with steps of the same size.
    """
    rate = optax.warmup_cosine_decay_schedule(
        0.0,
        training.learning_rate,
        training.warmup,
        max(training.n_steps, training.warmup + 1),
        end_value=training.learning_rate / 100,
    )
    chain = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.contrib.muon(
            rate,
            weight_decay=training.weight_decay,
            adam_b2=0.98,
            consistent_rms=_RMS_OF_ADAM,
        ),
    )
    return optax.apply_if_finite(chain, _MAX_BAD_STEPS)
