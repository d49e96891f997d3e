"""The interface of encoders, and the base class of those with activations."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
from jaxtyping import Array, Float

from nstaudio.analysis.representations import Levels, Representation
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.errors import InputError, integer
from nstaudio.losses import Distances, LossPair, Targets, compare, make_targets

Spectrogram = Float[Array, "frames mels *parts"]
StyleSpectrogram = Float[Array, "style_frames mels *parts"]

ACTIVATIONS = ("relu", "elu", "gelu", "leaky_relu", "selu", "sigmoid", "silu", "softplus", "tanh")
INPUT = "input"
"""The layer that is the spectrogram itself."""


@runtime_checkable
class Encoder(Protocol):
    """The interface of an encoder.

    It must be hashable by value, since it is a static argument of compiled functions.
    """

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers in order of depth."""
        ...

    @property
    def receptive_field(self) -> int:
        """Frames of the shortest usable input."""
        ...

    @property
    def init(self) -> Any:
        """`init(key, x)` draws the weights."""
        ...

    def targets(
        self, variables: Any, content: Spectrogram, style: StyleSpectrogram, losses: LossPair
    ) -> Targets:
        """The targets of `distances`, from the two clips."""
        ...

    def distances(
        self, variables: Any, x: Spectrogram, targets: Targets, losses: LossPair
    ) -> Distances:
        """The distances of `x` from the targets, by layer; differentiable in `x`."""
        ...


class ActivationEncoder(nn.Module, kw_only=True):
    """The base of encoders with activations: a subclass's `__call__` returns them by layer.

    Attributes:
        input_layer: whether the spectrogram itself is a layer too, the first, called `input`. A
            loss can then be of it and have a weight like that of any other layer.
    """

    input_layer: bool = False

    @property
    def network_layers(self) -> tuple[str, ...]:
        """Names of the layers that `__call__` returns."""
        raise NotImplementedError

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`input`, where asked for, and the network's layers in order of depth."""
        return (INPUT, *self.network_layers) if self.input_layer else self.network_layers

    @nn.nowrap
    def check_input(self, representation: Representation, spec: MelSpec) -> None:
        """Check that the network's input can be made so; a network of random weights takes any.

        Raises:
            InputError: it is not what a trained network hears.
        """
        del representation, spec

    @nn.nowrap
    def activations(self, variables: Any, x: Spectrogram) -> dict[str, Any]:
        """The activations of all layers, by name."""
        activations: Any = self.apply(variables, x)
        return {INPUT: x, **activations} if self.input_layer else activations

    @nn.nowrap
    def targets(
        self, variables: Any, content: Spectrogram, style: StyleSpectrogram, losses: LossPair
    ) -> Targets:
        """The content's activations and the statistics of the style's."""
        return make_targets(
            self.activations(variables, content), self.activations(variables, style), losses.style
        )

    @nn.nowrap
    def distances(
        self, variables: Any, x: Spectrogram, targets: Targets, losses: LossPair
    ) -> Distances:
        """The distances of the activations of `x` from the targets, by layer."""
        return compare(self.activations(variables, x), targets, losses)


def check_levels(name: str, heard: MelSpec, representation: Representation, spec: MelSpec) -> None:
    """Check that a network hears the levels that it was trained on, but for their floor.

    Args:
        name: of the encoder and of the spectrogram in the configs.
        heard: what it was trained on.

    Raises:
        InputError: another representation or spectrogram.
    """
    heard = replace(heard, floor_db=spec.floor_db)
    if not isinstance(representation, Levels) or spec != heard:
        raise InputError(
            f"encoder={name} was trained on spectrogram={name} representation=levels "
            f"({heard.n_mels} bands, sr={heard.sr}, n_fft={heard.n_fft}, "
            f"hop_length={heard.hop_length}) without multiscale.factors: choose these"
        )


def check_bands(name: str, n_bands: int, x: Spectrogram, *, representation: str) -> None:
    """Check the bands of an input of a network that was trained on so many.

    Args:
        name: of the encoder and of the spectrogram in the configs.
        representation: of such an input, in the configs.

    Raises:
        InputError: another number of bands, or parts of them.
    """
    if x.ndim != 2 or x.shape[1] != n_bands:
        raise InputError(
            f"encoder={name} takes {n_bands} bands, not {x.shape[1:]}: "
            f"use spectrogram={name} representation={representation}"
        )


def layer_names(depth: int) -> tuple[str, ...]:
    """`conv1`, `conv2`, ...: the names of `depth` layers."""
    return tuple(f"conv{i + 1}" for i in range(depth))


def features_of_layers(value: Any) -> tuple[int, ...]:
    """`encoder.features`: channels of each layer, as a tuple, from a `value` of one or several.

    Raises:
        InputError: no layer, or one without channels.
    """
    features = tuple(value) if isinstance(value, Sequence) else (value,)
    integer("length of encoder.features", len(features), at_least=1)
    for width in features:
        integer("encoder.features", width, at_least=1)
    return features


def each_layer(name: str, value: Any, depth: int) -> tuple[int, ...]:
    """`encoder.{name}`, a number of frames for all layers or one a layer, as one a layer.

    Args:
        value: a number, or a list of them.
        depth: the number of layers.

    Raises:
        InputError: not as many as layers, or one below 1.
    """
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * depth
    for number in numbers:
        integer(f"encoder.{name}", number, at_least=1)
    integer(f"length of encoder.{name}", len(numbers), at_least=depth, at_most=depth)
    return numbers
