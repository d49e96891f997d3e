"""Random 1-D convolutions along time."""

from collections.abc import Sequence

import flax.linen as nn
from jaxtyping import Array, Float

from nstaudio.analysis.axes import over_time
from nstaudio.encoders.base import (
    ACTIVATIONS,
    ActivationEncoder,
    Spectrogram,
    each_layer,
    features_of_layers,
    layer_names,
)
from nstaudio.encoders.random_convolution import time_convolution
from nstaudio.errors import choice


class Conv1dEncoder(ActivationEncoder):
    """A stack of random 1-D convolutions along time, mel bands as input channels.

    The source paper's network has two such layers. The weights are not trained: drawn once from
    N(0, 2 / (kernel_size * channels)) (He et al. 2015), they describe textures well enough to
    transfer them (Ulyanov & Lebedev 2016; Ustyuzhaninov et al. 2016). No bias, so silence has
    no activation; no padding, so no activation depends on an edge that is not in the sound.

    With dilations that grow from layer to layer few filters span long times (van den Oord et al.
    2016, WaveNet; for the transfer of style Huzaifah & Wyse 2019).

    Attributes:
        features: channels of each layer; as many layers as numbers.
        kernel_size: frames that a filter spans, one number for all layers or one a layer.
        activation: name of a function in `flax.linen`, see `ACTIVATIONS`.
        dilation: distance of a filter's taps in frames, one number for all layers or one a layer;
            a filter spans 1 + (kernel_size - 1) * dilation.
        input_layer: see `ActivationEncoder`.

    Raises:
        InputError: a value outside its limits.
    """

    features: tuple[int, ...] = (256, 64)
    kernel_size: int | tuple[int, ...] = 9
    activation: str = "relu"
    dilation: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        self.features = features_of_layers(self.features)
        for name in ("kernel_size", "dilation"):
            value = getattr(self, name)
            each_layer(name, value, len(self.features))
            # Lists, as they come from YAML, would make the module unhashable.
            setattr(self, name, tuple(value) if isinstance(value, Sequence) else value)
        choice("encoder.activation", self.activation, ACTIVATIONS)
        super().__post_init__()

    @property
    def _filters(self) -> list[tuple[int, int]]:
        """Size and dilation of each layer."""
        depth = len(self.features)
        sizes = each_layer("kernel_size", self.kernel_size, depth)
        return list(zip(sizes, each_layer("dilation", self.dilation, depth), strict=True))

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`conv1`, `conv2`, ... in order of depth."""
        return layer_names(len(self.features))

    @property
    def receptive_field(self) -> int:
        """Frames that one activation of the last layer depends on: the shortest usable input."""
        return 1 + sum((size - 1) * dilation for size, dilation in self._filters)

    @nn.compact
    def __call__(self, x: Spectrogram) -> dict[str, Float[Array, "_ _"]]:
        """Activations after each layer.

        Layer l has (kernel_size - 1) * dilation frames fewer than its input.
        """
        activations, x = {}, over_time(x)
        for name, width, (size, dilation) in zip(
            self.network_layers, self.features, self._filters, strict=True
        ):
            x = getattr(nn, self.activation)(time_convolution(width, size, dilation, name)(x))
            activations[name] = x
        return activations
