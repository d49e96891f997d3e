"""Everything that defines a transfer besides the two clips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from nstaudio.analysis.representations import Levels, Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.guide import Guide
from nstaudio.audio.segments import Segmentation
from nstaudio.encoders import ActivationEncoder, Conv1dEncoder, Encoder
from nstaudio.errors import InputError, choice, integer, number, one_line
from nstaudio.inversion import griffin_lim
from nstaudio.losses import (
    ContentLoss,
    FeatureReconstruction,
    SquaredError,
    StyleLoss,
    Weights,
    layers_of,
)
from nstaudio.optimization import initializers
from nstaudio.optimization.aims import Aim, Fitting, Start
from nstaudio.optimization.content_gain import ContentGain
from nstaudio.optimization.fitting_start import FittingStart
from nstaudio.optimization.initializers import Initialization
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.optimization.optimizers import Optimizer, from_optax
from nstaudio.optimization.parametrizations import Parametrization

PREDICTED = partial(initializers.frame_attention, learned=3.0, frames=1.0, balance=0.5, notes=1.0)
"""The levels to expect of the content in the style's sound."""

N_STEPS = 100
"""The steps of a descent if their number is not set."""

ALPHA, BETA = 0.005, 1.0
"""The weights of content and style if neither they nor a strength are set."""


@dataclass(frozen=True)
class Settings:
    """Everything that defines a transfer besides the two clips; the fields of `configs/`.

    Attributes:
        alpha, beta: weights of content and style in the total, at least 0, not both 0. `None` is
            0.005 and 1, or what `strength` chooses.
        strength: of the style, 0 (the content) to 1. Of a descent it chooses alpha and beta for
            these clips, see `objective.balance`; of a start to which no step is added it is the
            share of the way from the content, see `partial_start.part_way`.
        content_weights, style_weights: weight of each layer by name; a layer that is not
            named has 1 / (number of layers).
        init: the first sound; by default what fits the clips, see `transfer.fitting`.
        inversion: a function from a spectrogram to samples, see `inversion.griffin_lim`; for a
            parametrization that makes no sound itself.
        n_steps: updates to make; more where the start needs them (`initializers.Initialization`).
            `None` is none from a start that fits the clips and is a result already, else
            `N_STEPS`.
        seed: of the encoder's weights, the initial noise and the first phase.
        segments: division of long recordings.
        multiscale: coarser analyses that the transfer begins with.
        guide: the part of the content, in time and frequency, that the style is applied to.

    Raises:
        InputError: a value outside its limits or a layer the encoder does not have.
    """

    spec: MelSpec = field(default_factory=MelSpec)
    parametrization: Parametrization = field(
        default_factory=partial(ContentGain, sigma_s=0.005, n_corrections=1)
    )
    representation: Representation = field(default_factory=Levels)
    encoder: Encoder = field(default_factory=partial(Conv1dEncoder, input_layer=True))
    content_loss: ContentLoss = field(default_factory=SquaredError)
    style_loss: StyleLoss = field(default_factory=FeatureReconstruction)
    aim: Aim = field(default_factory=lambda: Fitting(Start(PREDICTED)))
    optimizer: Optimizer = field(
        default_factory=lambda: from_optax(
            partial(optax.adam, learning_rate=3.0, b1=0.9, b2=0.999, eps=1e-12)
        )
    )
    init: Callable[..., Initialization] = field(
        default_factory=lambda: FittingStart(
            mix=PREDICTED,
            one_voice=initializers.note_attention,
            unpitched=initializers.musaicing,
            descent=initializers.content,
        )
    )
    inversion: Callable[..., Float[Array, " samples"]] = griffin_lim.mel_griffin_lim
    alpha: float | None = None
    beta: float | None = None
    strength: float | None = None
    content_weights: Mapping[str, float] = field(default_factory=dict)
    style_weights: Mapping[str, float] = field(default_factory=dict)
    n_steps: int | None = None
    seed: int = 0
    segments: Segmentation = field(default_factory=Segmentation)
    multiscale: MultiScale = field(default_factory=MultiScale)
    guide: Guide = field(default_factory=Guide)

    def __post_init__(self) -> None:
        weights = {
            name: number(name, value, at_least=0)
            for name, value in (("alpha", self.alpha), ("beta", self.beta))
            if value is not None
        }
        if self.strength is not None:
            number("strength", self.strength, at_least=0, at_most=1)
            if weights:
                listed = " and ".join(f"{name}={value:g}" for name, value in weights.items())
                raise InputError(
                    f"strength={self.strength:g} chooses alpha and beta, and {listed} is given: "
                    "set strength=null, or alpha=null and beta=null"
                )
        if self.alpha == 0 and self.beta == 0:
            raise InputError("alpha=0 and beta=0: nothing to optimise, set at least one above 0")
        self.multiscale.specs(self.spec)  # each must be possible
        if self.representation.needs_waveform and not self.parametrization.yields_waveform:
            raise InputError(
                f"representation={one_line(self.representation)} is made of samples, and "
                f"parametrization={one_line(self.parametrization)} has none before the inversion: "
                "choose waveform or content_gain"
            )
        if self.representation.needs_waveform and self.fitting_aim.follows_content:
            raise InputError(
                f"representation={one_line(self.representation)} is made of samples, and "
                f"the aim of style_loss={one_line(self.style_loss)} has none: choose a statistic "
                "of the style, e.g. style_loss=gram"
            )
        if isinstance(self.encoder, ActivationEncoder):
            for spec in (*self.multiscale.specs(self.spec), self.spec):
                self.encoder.check_input(self.representation, spec)
        if self.n_steps is not None:
            integer("n_steps", self.n_steps, at_least=0)
        integer("seed", self.seed, at_least=0)
        for group, by_layer in (
            ("content_weights", self.content_weights),
            ("style_weights", self.style_weights),
        ):
            for layer, weight in by_layer.items():
                choice(f"layer in {group}", layer, self.layer_names)
                number(f"{group}.{layer}", weight, at_least=0)
        for group, loss in (("content_loss", self.content_loss), ("style_loss", self.style_loss)):
            for layer in layers_of(loss):
                choice(f"layer in {group}", layer, self.layer_names)

    @property
    def scales(self) -> "Sequence[Settings]":
        """The settings of each coarser scale, in order: one scale each, its spec and steps."""
        return [
            replace(self, spec=spec, n_steps=self.multiscale.n_steps, multiscale=MultiScale())
            for spec in self.multiscale.specs(self.spec)
        ]

    @property
    def steps(self) -> int:
        """Updates to make from a start that is no result."""
        return N_STEPS if self.n_steps is None else self.n_steps

    @property
    def fitting_aim(self) -> Aim:
        """The aim of the style loss: `aim`, or what of it fits the loss."""
        aim = self.aim
        return aim.for_loss(self.style_loss) if isinstance(aim, Fitting) else aim

    @property
    def layer_names(self) -> Sequence[str]:
        """The encoder's layers in order of depth."""
        return self.encoder.layer_names

    @property
    def traced_strength(self) -> Float[Array, ""] | None:
        """The strength as a float32 scalar, so that a sweep over it compiles once."""
        return None if self.strength is None else jnp.float32(self.strength)

    @property
    def weights(self) -> Weights:
        """The weights as float32 scalars, every layer named; before `strength` is applied."""

        def scalars(by_layer: Mapping[str, float]) -> dict[str, Array]:
            even = 1.0 / len(self.layer_names)
            return {name: jnp.float32(by_layer.get(name, even)) for name in self.layer_names}

        return Weights(
            jnp.float32(ALPHA if self.alpha is None else self.alpha),
            jnp.float32(BETA if self.beta is None else self.beta),
            scalars(self.content_weights),
            scalars(self.style_weights),
        )
