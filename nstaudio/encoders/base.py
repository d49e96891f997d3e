"""What is asked of an encoder, and what encoders with activations have in common."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from nstaudio import losses
from nstaudio.encoders.fast_convolution import convolve
from nstaudio.errors import integer
from nstaudio.losses import ContentLoss, Distances, StyleLoss, Targets

Spectrogram = Float[Array, "frames mels *parts"]
StyleSpectrogram = Float[Array, "style_frames mels *parts"]

ACTIVATIONS = ("relu", "elu", "gelu", "leaky_relu", "selu", "sigmoid", "silu", "softplus", "tanh")
INPUT = "input"
"""The layer that is the spectrogram itself."""


@runtime_checkable
class Encoder(Protocol):
    """What the rest of the code asks of an encoder.

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
        self,
        variables: Any,
        content: Spectrogram,
        style: StyleSpectrogram,
        *,
        content_loss: ContentLoss,
        style_loss: StyleLoss,
    ) -> Targets:
        """What `distances` compares with, from the two clips."""
        ...

    def distances(
        self,
        variables: Any,
        x: Spectrogram,
        targets: Targets,
        *,
        content_loss: ContentLoss,
        style_loss: StyleLoss,
    ) -> Distances:
        """How far `x` is from the targets, differentiable in `x`."""
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
        """Names of what `__call__` returns."""
        raise NotImplementedError

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`input`, where asked for, and the network's layers in order of depth."""
        return (INPUT,) * self.input_layer + self.network_layers

    @nn.nowrap
    def activations(self, variables: Any, x: Spectrogram) -> dict[str, Any]:
        """Those of all layers."""
        found: Any = self.apply(variables, x)
        return {INPUT: x, **found} if self.input_layer else found

    @nn.nowrap
    def targets(
        self,
        variables: Any,
        content: Spectrogram,
        style: StyleSpectrogram,
        *,
        content_loss: ContentLoss,
        style_loss: StyleLoss,
    ) -> Targets:
        """The content's activations and the statistics of the style's."""
        del content_loss
        activations = self.activations(variables, content), self.activations(variables, style)
        return losses.make_targets(activations[0], activations[1], style_loss)

    @nn.nowrap
    def distances(
        self,
        variables: Any,
        x: Spectrogram,
        targets: Targets,
        *,
        content_loss: ContentLoss,
        style_loss: StyleLoss,
    ) -> Distances:
        """How far the activations of `x` are from the targets."""
        return losses.compare(
            self.activations(variables, x),
            targets,
            content_loss=content_loss,
            style_loss=style_loss,
        )


def layer_names(depth: int) -> tuple[str, ...]:
    """`conv1`, `conv2`, ..."""
    return tuple(f"conv{i + 1}" for i in range(depth))


def features_of_layers(value: Any) -> tuple[int, ...]:
    """`encoder.features`: channels of each layer, as a tuple.

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

    Raises:
        InputError: not as many as layers, or one below 1.
    """
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * depth
    for number in numbers:
        integer(f"encoder.{name}", number, at_least=1)
    integer(f"length of encoder.{name}", len(numbers), at_least=depth, at_most=depth)
    return numbers


def along_time(
    x: Float[Array, "1 frames channels"],
    kernel: Float[Array, "size channels features"],
    *args: Any,
    rhs_dilation: Sequence[int],
    **options: Any,
) -> Float[Array, "1 positions features"]:
    """A valid convolution by whichever way is the faster on this platform; for `nn.Conv`."""

    def library(x: Array, kernel: Array) -> Array:
        return jax.lax.conv_general_dilated(x, kernel, *args, rhs_dilation=rhs_dilation, **options)

    def ours(x: Array, kernel: Array) -> Array:
        return convolve(x[0], kernel, dilation=rhs_dilation[0])[None]

    return jax.lax.platform_dependent(x, kernel, cpu=ours, default=library)
