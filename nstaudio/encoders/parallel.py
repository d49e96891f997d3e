"""Random convolutions of several shapes side by side."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from nstaudio.analysis.axes import over_time
from nstaudio.encoders.base import ACTIVATIONS, ActivationEncoder, Spectrogram
from nstaudio.encoders.conv2d import as_image, pair
from nstaudio.encoders.random_convolution import Pair, image_convolution, time_convolution
from nstaudio.errors import InputError, choice, integer, one_line


class ParallelEncoder(ActivationEncoder):
    """Networks of one random layer each, with filters of different shapes: one scale each.

    Antognini, Hoffman & Weiss (2018) have six 1-D layers of 2 to 64 frames, so that rhythms are
    represented as well as timbre; Caracalla & Roebel (2020) have 2-D filters, long in time, long in
    frequency and square ones. The weights are as in `Conv1dEncoder` and `Conv2dEncoder`.

    Attributes:
        kernel_size: the shape of each layer's filters, none twice. A number is frames, of 1-D
            filters over all bands; their layer is called `width8`. A pair is frames and bands, of
            2-D filters; their layer is called `kernel8x3` and is `frames bands channels`.
        features: channels of each layer.
        activation: name of a function in `flax.linen`, see `ACTIVATIONS`.
        input_layer: see `ActivationEncoder`.

    Raises:
        InputError: a value outside its limits.
    """

    kernel_size: tuple[int | Pair, ...] = (2, 4, 8, 16, 32, 64)
    features: int = 128
    activation: str = "relu"

    def __post_init__(self) -> None:
        if not isinstance(self.kernel_size, Sequence) or isinstance(self.kernel_size, str):
            value = one_line(repr(self.kernel_size))
            raise InputError(f"encoder.kernel_size must be a list of shapes, not {value}")
        self.kernel_size = tuple(_shape(shape) for shape in self.kernel_size)
        integer("length of encoder.kernel_size", len(self.kernel_size), at_least=1)
        integer("encoder.features", self.features, at_least=1)
        choice("encoder.activation", self.activation, ACTIVATIONS)
        if len(set(self.kernel_size)) < len(self.kernel_size):
            raise InputError(f"encoder.kernel_size={self.kernel_size} has a shape twice")
        super().__post_init__()

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`width2`, `width4`, ..., and `kernel3x3`, ..., in the order of `kernel_size`."""
        return tuple(
            f"width{shape}" if isinstance(shape, int) else f"kernel{shape[0]}x{shape[1]}"
            for shape in self.kernel_size
        )

    @property
    def receptive_field(self) -> int:
        """Frames of the longest filter: the shortest usable input."""
        return max(shape if isinstance(shape, int) else shape[0] for shape in self.kernel_size)

    @nn.compact
    def __call__(self, x: Spectrogram) -> dict[str, Float[Array, "..."]]:
        """Activations of each layer; the input of all is the spectrogram itself."""
        activations = {}
        for name, shape in zip(self.network_layers, self.kernel_size, strict=True):
            if isinstance(shape, int):
                y = time_convolution(self.features, shape, 1, name)(over_time(x))
            else:
                y = image_convolution(self.features, shape, (1, 1), name)(as_image(x))
            activations[name] = getattr(nn, self.activation)(y)
        return activations


def _shape(value: Any) -> int | Pair:
    if isinstance(value, Sequence):
        return pair("kernel_size", value)
    return integer("encoder.kernel_size", value, at_least=1)
