"""Infinitely wide random convolutions, in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from nstaudio.analysis.axes import over_time
from nstaudio.encoders import arc_cosine
from nstaudio.encoders.base import Spectrogram, StyleSpectrogram, layer_names
from nstaudio.errors import integer
from nstaudio.losses import (
    Distances,
    FrameByFrame,
    LossPair,
    Targets,
    check_frames,
    doubled_gradient,
    kernel_form,
    not_negative,
)


@dataclass(frozen=True)
class InfiniteEncoder:
    """The limit of `Conv1dEncoder` with ReLU as all its layers become infinitely wide.

    There are no filters to draw and no activations, only their inner products, which have a closed
    form (`arc_cosine`). Its losses are the limits of the finite encoder's, with no factor between
    them: the squared distance of Gram matrices over 4 N^2, and the mean squared difference of
    activations, depend on the inner products over N alone. So alpha, beta and the layers' weights
    mean the same. A loss must have a kernel form, see `losses.KernelForm`, or
    compare frame by frame.

    A step costs frames^2 channels where the finite encoder's costs frames channels kernel_size
    width: it is the cheaper one up to kernel_size * width frames.

    Attributes:
        kernel_size: frames that a filter of each layer spans; as many layers as numbers.

    Raises:
        InputError: a value outside its limits.
    """

    kernel_size: int | tuple[int, ...] = (9, 9)

    def __post_init__(self) -> None:
        value = self.kernel_size
        sizes = tuple(value) if isinstance(value, Sequence) else (value,)
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
        return layer_names(len(self._sizes))

    @property
    def receptive_field(self) -> int:
        """Frames that one position of the last layer depends on: the shortest usable input."""
        return 1 + sum(size - 1 for size in self._sizes)

    def init(self, key: PRNGKeyArray, x: Spectrogram) -> dict[str, Any]:
        """Nothing to draw."""
        del key, x
        return {}

    def targets(
        self, variables: Any, content: Spectrogram, style: StyleSpectrogram, losses: LossPair
    ) -> Targets:
        """The two clips, and the part of the style distance that is the style clip's alone.

        Raises:
            InputError: a loss without a kernel form.
        """
        del variables
        content, style = over_time(content), over_time(style)
        kernel_form("content_loss", losses.content, self)
        if isinstance(losses.style, FrameByFrame):
            check_frames(len(content), len(style))
            return Targets(content, style)
        pointwise = kernel_form("style_loss", losses.style, self)
        return Targets(content, (style, arc_cosine.means(style, style, self._sizes, pointwise)))

    def distances(
        self, variables: Any, x: Spectrogram, targets: Targets, losses: LossPair
    ) -> Distances:
        """The distances of `x` from the targets, by layer.

        Raises:
            InputError: a loss without a kernel form.
        """
        del variables
        x, sizes = over_time(x), self._sizes
        content_form = kernel_form("content_loss", losses.content, self)
        content = [content_form(d) for d in arc_cosine.distances(x, targets.content, sizes)]
        if isinstance(losses.style, FrameByFrame):
            form = losses.style.frames_form
            style = [form(d) for d in arc_cosine.distances(x, targets.style, sizes)]
            return self._by_layer(content, style)
        pointwise = kernel_form("style_loss", losses.style, self)
        style, style_mean = targets.style
        constant = jax.lax.stop_gradient(x)
        # The kernel is symmetric: half of the gradient comes from its rows and half from its
        # columns, so the columns can be a constant and the rows count twice.
        own_mean = doubled_gradient(
            arc_cosine.means(x, constant, sizes, pointwise, offset=style_mean)
        )
        cross_mean = arc_cosine.means(x, style, sizes, pointwise, offset=style_mean)
        style_layers = not_negative(own_mean - 2 * cross_mean)
        return self._by_layer(content, jnp.unstack(style_layers))

    def _by_layer(self, content: Sequence[Array], style: Sequence[Array]) -> Distances:
        names = self.layer_names
        return Distances(*(dict(zip(names, d, strict=True)) for d in (content, style)))
