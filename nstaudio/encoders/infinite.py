"""Spectrograms to what the losses compare.

Every encoder sees `frames mels` in units of 0 (silence) to 1, says how many frames it needs, makes
the targets of two clips and tells how far a third is from them, layer by layer.

Most encoders have activations: they are Flax Linen modules that return `{layer name: frames
channels}` in order of depth, and `ActivationEncoder` does the rest. Linen rather than NNX: a Linen
module is a frozen dataclass, so it is hashable and can be a static argument of `jax.jit`, and
`apply(variables, x)` is a pure function of explicit arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio import kernels, losses
from nstaudio.convolution import convolve
from nstaudio.errors import choice, integer
from nstaudio.losses import ContentLoss, Distances, StyleLoss, Targets, kernel_form

Spectrogram = Float[Array, "frames mels"]
StyleSpectrogram = Float[Array, "style_frames mels"]

ACTIVATIONS = ("relu", "elu", "gelu", "leaky_relu", "selu", "sigmoid", "silu", "softplus", "tanh")


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


class ActivationEncoder(nn.Module):
    """The base of encoders with activations: a subclass's `__call__` returns them by layer."""

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
        activations: Any = self.apply(variables, content), self.apply(variables, style)
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
        activations: Any = self.apply(variables, x)
        return losses.compare(
            activations, targets, content_loss=content_loss, style_loss=style_loss
        )


def _layer_names(depth: int) -> tuple[str, ...]:
    return tuple(f"conv{i + 1}" for i in range(depth))


def _receptive_field(kernel_sizes: Sequence[int]) -> int:
    return 1 + sum(size - 1 for size in kernel_sizes)


class Conv1dEncoder(ActivationEncoder):
    """A stack of random 1-D convolutions along time, mel bands as input channels.

    The source paper's network has two such layers. The weights are not trained: drawn once from
    N(0, 2 / (kernel_size * channels)) (He et al. 2015), they describe textures well enough to
    transfer them (Ulyanov & Lebedev 2016; Ustyuzhaninov et al. 2016). No bias, so silence has
    no activation; no padding, so no activation sees an edge that is not in the sound.

    Attributes:
        features: channels of each layer; as many layers as numbers.
        kernel_size: frames that a filter spans, one number for all layers or one a layer.
        activation: name of a function in `flax.linen`, see `ACTIVATIONS`.

    Raises:
        InputError: a value outside its limits.
    """

    features: tuple[int, ...] = (256, 64)
    kernel_size: int | tuple[int, ...] = 9
    activation: str = "relu"

    def __post_init__(self) -> None:
        features = self.features if isinstance(self.features, Sequence) else (self.features,)
        integer("length of encoder.features", len(features), at_least=1)
        for width in features:
            integer("encoder.features", width, at_least=1)
        for size in self._kernel_sizes(len(features)):
            integer("encoder.kernel_size", size, at_least=1)
        integer(
            "length of encoder.kernel_size",
            len(self._kernel_sizes(len(features))),
            at_least=len(features),
            at_most=len(features),
        )
        choice("encoder.activation", self.activation, ACTIVATIONS)
        # Lists, as they come from YAML, would make the module unhashable.
        self.features = tuple(features)
        if isinstance(self.kernel_size, Sequence):
            self.kernel_size = tuple(self.kernel_size)
        super().__post_init__()

    def _kernel_sizes(self, depth: int) -> tuple[int, ...]:
        if isinstance(self.kernel_size, Sequence):
            return tuple(self.kernel_size)
        return (self.kernel_size,) * depth

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`conv1`, `conv2`, ... in order of depth."""
        return _layer_names(len(self.features))

    @property
    def receptive_field(self) -> int:
        """Frames that one activation of the last layer sees: the shortest usable input."""
        return _receptive_field(self._kernel_sizes(len(self.features)))

    @nn.compact
    def __call__(self, x: Float[Array, "frames mels"]) -> dict[str, Float[Array, "_ _"]]:
        """Activations after each layer; layer l has kernel_size - 1 frames fewer than its input."""
        activations = {}
        sizes = self._kernel_sizes(len(self.features))
        for name, width, size in zip(self.layer_names, self.features, sizes, strict=True):
            conv = nn.Conv(
                width,
                kernel_size=(size,),
                padding="VALID",
                use_bias=False,
                kernel_init=nn.initializers.he_normal(),
                conv_general_dilated=_convolution,
                name=name,
            )
            x = getattr(nn, self.activation)(conv(x))
            activations[name] = x
        return activations


def _convolution(
    x: Float[Array, "1 frames channels"],
    kernel: Float[Array, "size channels features"],
    *args: Any,
    **options: Any,
) -> Float[Array, "1 positions features"]:
    """A valid convolution by whichever way is the faster on this platform."""

    def library(x: Array, kernel: Array) -> Array:
        return jax.lax.conv_general_dilated(x, kernel, *args, **options)

    def ours(x: Array, kernel: Array) -> Array:
        return convolve(x[0], kernel)[None]

    return jax.lax.platform_dependent(x, kernel, cpu=ours, default=library)


@dataclass(frozen=True)
class InfiniteEncoder:
    """The limit of `Conv1dEncoder` with ReLU as all its layers become infinitely wide.

    There are no filters to draw and no activations, only their inner products, which have a closed
    form (`kernels`). Its losses are what the finite encoder's converge to, with no factor between
    them: the squared distance of Gram matrices over 4 N^2, and the mean squared difference of
    activations, depend on the inner products over N alone. So alpha, beta and the layers' weights
    mean the same. A loss must have a kernel form, see `losses.KernelForm`.

    A step costs frames^2 channels where the finite encoder's costs frames channels kernel_size
    width: it is the cheaper one up to kernel_size * width frames.

    Attributes:
        kernel_size: frames that a filter of each layer spans; as many layers as numbers.

    Raises:
        InputError: a value outside its limits.
    """

    kernel_size: int | tuple[int, ...] = (9, 9)

    def __post_init__(self) -> None:
        given = self.kernel_size
        sizes = tuple(given) if isinstance(given, Sequence) else (given,)
        integer("length of encoder.kernel_size", len(sizes), at_least=1)
        for size in sizes:
            integer("encoder.kernel_size", size, at_least=1)
        # Equal encoders are equal static arguments, however they were written.
        object.__setattr__(self, "kernel_size", sizes)

    @property
    def _sizes(self) -> tuple[int, ...]:
        assert isinstance(self.kernel_size, tuple)
        return self.kernel_size

    @property
    def layer_names(self) -> tuple[str, ...]:
        """`conv1`, `conv2`, ... in order of depth."""
        return _layer_names(len(self._sizes))

    @property
    def receptive_field(self) -> int:
        """Frames that one position of the last layer sees: the shortest usable input."""
        return _receptive_field(self._sizes)

    def init(self, key: jax.Array, x: Spectrogram) -> dict[str, Any]:
        """Nothing to draw."""
        del key, x
        return {}

    def targets(
        self,
        variables: Any,
        content: Spectrogram,
        style: StyleSpectrogram,
        *,
        content_loss: ContentLoss,
        style_loss: StyleLoss,
    ) -> Targets:
        """The two clips, and the part of the style distance that is the style clip's alone.

        Raises:
            InputError: a loss without a kernel form.
        """
        del variables
        kernel_form("content_loss", content_loss, self)
        pointwise = kernel_form("style_loss", style_loss, self)
        return Targets(content, (style, kernels.means(style, style, self._sizes, pointwise)))

    def distances(
        self,
        variables: Any,
        x: Spectrogram,
        targets: Targets,
        *,
        content_loss: ContentLoss,
        style_loss: StyleLoss,
    ) -> Distances:
        """How far `x` is from the targets, by layer.

        Raises:
            InputError: a loss without a kernel form.
        """
        del variables
        sizes = self._sizes
        content_form = kernel_form("content_loss", content_loss, self)
        pointwise = kernel_form("style_loss", style_loss, self)
        content = [content_form(d) for d in kernels.distances(x, targets.content, sizes)]
        style, of_style = targets.style
        still = jax.lax.stop_gradient(x)
        # The kernel is symmetric: half of the gradient comes from its rows and half from its
        # columns, so the columns can stand still and the rows count twice.
        of_x = losses.doubled_gradient(kernels.means(x, still, sizes, pointwise, less=of_style))
        of_both = kernels.means(x, style, sizes, pointwise, less=of_style)
        style_layers = losses.not_negative(of_x - 2 * of_both)
        return Distances(
            dict(zip(self.layer_names, content, strict=True)),
            dict(zip(self.layer_names, jnp.unstack(style_layers), strict=True)),
        )
