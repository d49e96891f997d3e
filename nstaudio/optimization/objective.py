"""The loss of what is optimised: its form, its targets, and the balance of content and style."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from nstaudio import losses
from nstaudio.analysis import padding
from nstaudio.analysis.clip import Clip, EncoderInput, LogMel
from nstaudio.analysis.representations import Levels, Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import Conv1dEncoder, Encoder
from nstaudio.losses import (
    ContentLoss,
    FeatureReconstruction,
    Gram,
    Losses,
    LossPair,
    SquaredError,
    StyleLoss,
    Targets,
    Weights,
)
from nstaudio.optimization.content_gain import ContentGain
from nstaudio.optimization.parametrizations import Parametrization, Variable

PROBE_STEP = 1 / 160
"""Length of a step towards the probe of `balance`, root mean square of the encoder input: of levels
above a floor of -80 dB, 0.5 dB."""

MAX_PROBE_STEPS = 100
"""Steps after which the search for the probe of `balance` ends."""


class Problem(NamedTuple):
    """The inputs of the loss besides the state. Traced: changing them compiles nothing."""

    variables: Any
    """The encoder's weights."""
    targets: Targets
    weights: Weights
    constants: Any
    """The parametrization's."""
    content_total: Float[Array, ""]
    """The total loss of the content itself, or 1 where that is 0: the scale of the loss."""
    n_frames: Int[Array, ""] | None = None
    """The content's own frames, where the clips are padded."""


@dataclass(frozen=True)
class Objective:
    """The form of the loss. Static: one compiled program for each value."""

    spec: MelSpec
    parametrization: Parametrization
    encoder: Encoder
    content_loss: ContentLoss
    style_loss: StyleLoss
    representation: Representation = field(default_factory=Levels)

    @property
    def loss_pair(self) -> LossPair:
        """Both losses."""
        return LossPair(self.content_loss, self.style_loss)

    def log_mel(self, variable: Variable, problem: Problem) -> LogMel:
        """The spectrogram of the variable, dB."""
        return self.parametrization.log_mel(variable, problem.constants, self.spec)

    def encoder_input(self, clip: Clip) -> EncoderInput:
        """The encoder input of a clip."""
        return self.representation(clip.y, clip.level_db, self.spec)

    def __call__(self, variable: Variable, problem: Problem) -> Losses:
        """The losses of the variable."""
        y = None
        if self.representation.needs_waveform:
            y = self.parametrization.samples(variable, problem.constants, self.spec)
        return self.losses(
            self.representation(y, self.log_mel(variable, problem), self.spec), problem
        )

    def losses(self, encoder_input: EncoderInput, problem: Problem) -> Losses:
        """The losses of an encoder input."""
        if problem.n_frames is None:
            distances = self.encoder.distances(
                problem.variables, encoder_input, problem.targets, self.loss_pair
            )
        else:
            activations = self._counted(problem.variables, encoder_input, problem.n_frames)
            distances = losses.compare(activations, problem.targets, self.loss_pair)
        return losses.weigh(distances, problem.weights)

    @property
    def pads(self) -> bool:
        """True where clips may be padded: all that is averaged over frames is a product of two."""
        return (
            type(self.parametrization) is ContentGain
            and type(self.encoder) is Conv1dEncoder
            and not self.representation.needs_waveform
            and self.content_loss == SquaredError()
            and type(self.style_loss) in (FeatureReconstruction, Gram)
        )

    def targets(self, variables: Any, content: Clip, style: Clip) -> Targets:
        """The targets of two clips, both of them padded or none."""
        of_content, of_style = (self.encoder_input(clip) for clip in (content, style))
        n_content, n_style = (padding.frames_of(clip, self.spec) for clip in (content, style))
        if n_content is None or n_style is None:
            return self.encoder.targets(variables, of_content, of_style, self.loss_pair)
        activations = self._counted(variables, of_content, n_content)
        other = self._counted(variables, of_style, n_style)
        return losses.make_targets(activations, other, self.style_loss)

    def _counted(
        self, variables: Any, encoder_input: EncoderInput, n_frames: Int[Array, ""]
    ) -> dict[str, Array]:
        assert isinstance(self.encoder, Conv1dEncoder)
        activations = self.encoder.activations(variables, encoder_input)
        return padding.counted(activations, encoder_input.shape[0], n_frames)


@partial(jax.jit, static_argnames=("objective",))
def evaluate(clip: Clip, problem: Problem, *, objective: Objective) -> Losses:
    """The losses of any clip, compiled."""
    return objective.losses(objective.encoder_input(clip), problem)


@partial(jax.jit, static_argnames=("objective",))
def log_mel_of(variable: Variable, problem: Problem, *, objective: Objective) -> LogMel:
    """The log-mel spectrogram of the variable, dB, compiled."""
    return objective.log_mel(variable, problem)


@partial(jax.jit, static_argnames=("objective",))
def waveform_of(
    variable: Variable, problem: Problem, *, objective: Objective
) -> Float[Array, " samples"] | None:
    """The samples of the variable, compiled; `None` where it needs an inversion."""
    return objective.parametrization.samples(variable, problem.constants, objective.spec)


@partial(jax.jit, static_argnames=("objective",))
def filter_samples(
    y: Float[Array, " samples"], variable: Variable, problem: Problem, *, objective: Objective
) -> Float[Array, " samples"] | None:
    """A sound with the carrier's filter, compiled; `None` where the variable is no filter."""
    return objective.parametrization.filtered(y, variable, problem.constants, objective.spec)


def balance(
    content: EncoderInput, problem: Problem, strength: Float[Array, ""], *, objective: Objective
) -> Weights:
    """The weights whose alpha and beta make the two gradients `1 - strength` to `strength`.

    At the content itself the content loss has no gradient to compare with. So the two are compared
    at a probe half way to the style: steps of `PROBE_STEP` down the style loss, from the content,
    until the distance of the Gram matrices, the root of the style loss, has been halved. There

        |alpha grad L_content| : |beta grad L_style| = (1 - strength) : strength

    with respect to the encoder input, and beta times the style loss of the content is `strength`.
    So the weights depend neither on the units of a loss, nor on the start or the parametrization.

    Args:
        content: the content's encoder input.
        problem: its alpha and beta are not read.
        strength: 0, the content, to 1, the style.
    """

    def style_loss(x: EncoderInput) -> Float[Array, ""]:
        return objective.losses(x, problem).style

    def content_loss(x: EncoderInput) -> Float[Array, ""]:
        return objective.losses(x, problem).content

    def is_too_near(probe: tuple[EncoderInput, Array, EncoderInput, Array]) -> Array:
        _, loss, _, n = probe
        return (loss > first / 4) & (n < MAX_PROBE_STEPS)

    def step(
        probe: tuple[EncoderInput, Array, EncoderInput, Array],
    ) -> tuple[EncoderInput, Array, EncoderInput, Array]:
        x, _, grad, n = probe
        x = x - PROBE_STEP / scale * grad / _above_0(_root_mean_square(grad))
        return (x, *jax.value_and_grad(style_loss)(x), n + 1)

    # Padding, where a gradient is 0, lowers its root mean square.
    n_frames = problem.n_frames
    scale = 1.0 if n_frames is None else jnp.sqrt(content.shape[0] / n_frames)
    first, grad = jax.value_and_grad(style_loss)(content)
    x, _, grad, _ = jax.lax.while_loop(is_too_near, step, (content, first, grad, jnp.int32(0)))
    of_style, of_content = (
        _above_0(_root_mean_square(g)) for g in (grad, jax.grad(content_loss)(x))
    )
    beta = strength / _above_0(first)
    alpha = (1.0 - strength) / _above_0(first) * of_style / of_content
    return problem.weights._replace(alpha=alpha, beta=beta)


def _above_0(x: Float[Array, ""]) -> Float[Array, ""]:
    """1 in place of 0: a loss without weights, or of two equal clips, has no scale."""
    return jnp.where(x > 0, x, 1.0)


def _root_mean_square(x: EncoderInput) -> Float[Array, ""]:
    largest = _above_0(jnp.max(jnp.abs(x)))  # the squares of a gradient may be below any float32
    return largest * jnp.sqrt(jnp.mean((x / largest) ** 2))


@partial(jax.jit, static_argnames=("objective",))
def make_problem(
    *,
    key: PRNGKeyArray,
    content: Clip,
    style: Clip,
    aim: Clip | None = None,
    carrier: Clip,
    weights: Weights,
    style_targets: Any = None,
    strength: Float[Array, ""] | None = None,
    negatives: Sequence[Clip] = (),
    objective: Objective,
) -> Problem:
    """Draw the encoder's weights and compute the targets of the two clips.

    Args:
        content, style: both padded, where the objective `pads`, or neither; the others like them.
        aim: the clip that the style loss compares with, see `aims`; `None` is the style.
        carrier: the sound that the parametrization changes: the content, or the initializer's.
        style_targets: those of a problem with the same key and style; `None` computes them.
        strength: chooses alpha and beta, see `balance`; `None` keeps those in `weights`.
        negatives: clips that the result shall not be like, for a loss that
            `losses.supports_negatives`.
    """
    aim = style if aim is None else aim
    encoder_input = objective.encoder_input(content)
    variables = objective.encoder.init(key, encoder_input)
    targets, *others = (objective.targets(variables, content, clip) for clip in (aim, *negatives))
    if others:
        targets = losses.add_negatives(targets, others, objective.style_loss)
    if style_targets is not None:
        targets = targets._replace(style=style_targets)
    constants = objective.parametrization.constants(carrier, style, objective.spec)
    n_frames = padding.frames_of(content, objective.spec)
    problem = Problem(variables, targets, weights, constants, jnp.float32(1.0), n_frames)
    if strength is not None:
        balanced = balance(encoder_input, problem, strength, objective=objective)
        problem = problem._replace(weights=balanced)
    total = objective.losses(encoder_input, problem).total
    return problem._replace(content_total=jnp.where(total > 0, total, 1.0))
