"""Flax layers of random filters, convolved in the way that is faster on the platform."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from nstaudio.encoders.fast_convolution import band_padding, convolve, convolve2d

Pair = tuple[int, int]
"""Frames and bands."""


def time_convolution(features: int, size: int, dilation: int, name: str) -> nn.Conv:
    """A layer of `features` filters that move along time; no padding.

    Args:
        size: frames that a filter has taps at.
        dilation: distance of the taps, frames.
    """
    return _layer(features, (size,), (dilation,), "VALID", _along_time, name)


def image_convolution(features: int, size: Pair, dilation: Pair, name: str) -> nn.Conv:
    """A layer of `features` filters that move along time and frequency, and keep all bands.

    Args:
        size: frames and bands that a filter has taps at.
        dilation: distances of the taps, frames and bands.
    """
    padding = ((0, 0), band_padding(size[1], dilation[1]))
    return _layer(features, size, dilation, padding, along_both, name)


def _layer(
    features: int,
    size: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Any,
    convolution: Callable[..., Array],
    name: str,
) -> nn.Conv:
    return nn.Conv(
        features,
        kernel_size=size,
        kernel_dilation=dilation,
        padding=padding,
        use_bias=False,
        kernel_init=nn.initializers.he_normal(),
        conv_general_dilated=convolution,
        name=name,
    )


def _along_time(
    x: Float[Array, "1 frames channels"],
    kernel: Float[Array, "size channels features"],
    *args: Any,
    rhs_dilation: Sequence[int],
    **options: Any,
) -> Float[Array, "1 positions features"]:
    def fast(x: Array, kernel: Array) -> Array:
        return convolve(x[0], kernel, dilation=rhs_dilation[0])[None]

    return _by_platform(fast, x, kernel, *args, rhs_dilation=rhs_dilation, **options)


def along_both(
    x: Float[Array, "1 frames bands channels"],
    kernel: Float[Array, "size height channels features"],
    *args: Any,
    rhs_dilation: Pair,
    **options: Any,
) -> Float[Array, "1 positions bands features"]:
    """The convolution of a layer that keeps all bands, as `nn.Conv` calls it.

    Args:
        args: strides of 1, and the padding: none in time, half a filter's height in frequency.
        rhs_dilation: distances of the taps, frames and bands.
        options: of `jax.lax.conv_general_dilated`.
    """

    def fast(x: Array, kernel: Array) -> Array:
        return convolve2d(x[0], kernel, dilation=rhs_dilation)[None]

    return _by_platform(fast, x, kernel, *args, rhs_dilation=rhs_dilation, **options)


def _by_platform(
    fast: Callable[[Array, Array], Array], x: Array, kernel: Array, *args: Any, **options: Any
) -> Array:
    """`fast` on a CPU, the library's convolution elsewhere."""

    def library(x: Array, kernel: Array) -> Array:
        return jax.lax.conv_general_dilated(x, kernel, *args, **options)

    return jax.lax.platform_dependent(x, kernel, cpu=fast, default=library)
