"""Random 2-D convolutions over time and frequency."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from nstaudio.encoders.base import (
    ACTIVATIONS,
    ActivationEncoder,
    Spectrogram,
    features_of_layers,
    layer_names,
)
from nstaudio.encoders.random_convolution import Pair, image_convolution
from nstaudio.errors import InputError, choice, integer, one_line


class Conv2dEncoder(ActivationEncoder):
    """A stack of random 2-D convolutions: the spectrogram as an image of one channel.

    After Gatys, Ecker & Bethge (2016) on images; on spectrograms Verma & Smith (2018), Grinstein et
    al. (2018), Huzaifah & Wyse (2019), there with pretrained weights too. The weights here are
    random, from N(0, 2 / (size * height * channels)), without bias. A filter is moved along
    frequency as along time, so activations have `bands` besides frames and channels, and a Gram
    matrix, whose positions are all bands of all frames, forgets where in frequency a pattern was.

    No padding in time, so no activation depends on an edge that is not in the sound. In frequency
    the bands are padded with silence (0), as there is below 0 Hz, and their number stays as it is:
    the lowest and the highest bands are at the centre of as many filters as all others.

    Attributes:
        features: channels of each layer; as many layers as numbers.
        kernel_size: frames and bands that a filter spans, one pair for all layers or one a layer.
        pooling: frames and bands that are averaged between two layers, without overlap, what is
            left over at the end dropped; (1, 1) averages nothing.
        activation: name of a function in `flax.linen`, see `ACTIVATIONS`.
        dilation: distance of a filter's taps in frames and bands, one pair for all layers or one
            a layer.
        input_layer: see `ActivationEncoder`.

    Raises:
        InputError: a value outside its limits.
    """

    features: tuple[int, ...] = (32, 64, 128)
    kernel_size: Pair | tuple[Pair, ...] = (3, 3)
    pooling: Pair = (2, 2)
    activation: str = "relu"
    dilation: Pair | tuple[Pair, ...] = (1, 1)

    def __post_init__(self) -> None:
        self.features = features_of_layers(self.features)
        # One pair a layer, however they were written: equal encoders are equal static arguments.
        depth = len(self.features)
        self.kernel_size = _each_layer("kernel_size", self.kernel_size, depth)
        self.dilation = _each_layer("dilation", self.dilation, depth)
        self.pooling = pair("pooling", self.pooling)
        choice("encoder.activation", self.activation, ACTIVATIONS)
        super().__post_init__()

    @property
    def _filters(self) -> list[Any]:
        """Size and dilation of each layer, both pairs."""
        return list(zip(self.kernel_size, self.dilation, strict=True))

    @property
    def network_layers(self) -> tuple[str, ...]:
        """`conv1`, `conv2`, ... in order of depth."""
        return layer_names(len(self.features))

    @property
    def receptive_field(self) -> int:
        """Frames that one activation of the last layer depends on: the shortest usable input."""
        frames = 1
        for depth, (size, dilation) in enumerate(reversed(self._filters)):
            if depth:
                frames *= self.pooling[0]
            frames += (size[0] - 1) * dilation[0]
        return frames

    @nn.compact
    def __call__(self, x: Spectrogram) -> dict[str, Float[Array, "_ _ _"]]:
        """Activations after each layer, `frames bands channels`.

        Raises:
            InputError: pooling leaves no band.
        """
        activations, y = {}, as_image(x)
        for name, width, (size, dilation) in zip(
            self.network_layers, self.features, self._filters, strict=True
        ):
            if activations:
                y = _average(y, self.pooling)
            if y.shape[1] == 0:
                raise InputError(
                    f"encoder.pooling={self.pooling} leaves {name} none of {x.shape[1]} bands: "
                    "use fewer layers or less pooling"
                )
            y = getattr(nn, self.activation)(image_convolution(width, size, dilation, name)(y))
            activations[name] = y
        return activations


def as_image(x: Spectrogram) -> Float[Array, "frames bands parts"]:
    """The input as an image, whose channels are its parts; a spectrogram has one."""
    return x[:, :, None] if x.ndim == 2 else x


def _average(
    y: Float[Array, "frames bands channels"], pooling: Pair
) -> Float[Array, "fewer_frames fewer_bands channels"]:
    if pooling == (1, 1):
        return y
    n_frames, n_bands = (n // size for n, size in zip(y.shape, pooling, strict=False))
    whole = y[: n_frames * pooling[0], : n_bands * pooling[1]]
    return whole.reshape(n_frames, pooling[0], n_bands, pooling[1], y.shape[2]).mean(axis=(1, 3))


def pair(name: str, value: Any) -> Pair:
    """`encoder.{name}`: frames and bands, from a `value` that should be a list of the two.

    Raises:
        InputError: not two numbers of at least 1.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise InputError(
            f"encoder.{name} must be two numbers, frames and bands, not {one_line(repr(value))}"
        )
    return (
        integer(f"frames of encoder.{name}", value[0], at_least=1),
        integer(f"bands of encoder.{name}", value[1], at_least=1),
    )


def _each_layer(name: str, value: Any, depth: int) -> tuple[Pair, ...]:
    several = isinstance(value, Sequence) and any(isinstance(entry, Sequence) for entry in value)
    pairs = tuple(pair(name, entry) for entry in (value if several else (value,) * depth))
    integer(f"length of encoder.{name}", len(pairs), at_least=depth, at_most=depth)
    return pairs
