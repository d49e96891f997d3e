"""Convolution along time, and frequency, with fewer multiplications: Toom-Cook, for CPUs.

A filter of r taps over a tile of m outputs is a product of two polynomials. Evaluated at
n = m + r - 1 points it needs n products instead of m r, each a matrix product over channels
(Winograd 1980; Lavin & Gray, "Fast algorithms for convolutional neural networks", 2016). A longer
filter is several such filters, m taps apart, whose tiles are the same ones shifted.
"""

import functools
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Small numbers keep rounding small: with m = 4 the error is about twice that of plain products.
_POINTS = tuple(map(Fraction, (0, 1, -1, 2, -2, "1/2", "-1/2")))
_MAX_TILE, _MAX_TAPS = 4, 5


class _Plan(NamedTuple):
    tile: int
    """Outputs computed together, m."""
    taps: int
    """Of one part of the filter, r."""
    parts: int
    inputs: np.ndarray
    """`points points`: n successive inputs to their values at the points."""
    filters: np.ndarray
    """`points taps`."""
    outputs: np.ndarray
    """`tile points`."""


@functools.cache
def _plan(size: int) -> _Plan:
    """The tile and the parts with the fewest products per output."""
    tiles = range(2, _MAX_TILE + 1)
    options = [(m, size if size <= _MAX_TAPS else m) for m in tiles]
    m, r = min(options, key=lambda option: -(-size // option[1]) * (sum(option) - 1) / option[0])
    n = m + r - 1
    points = _POINTS[: n - 1]  # and infinity
    outputs, filters = np.zeros((n, m)), np.zeros((n, r))
    for i, p in enumerate(points):
        scale = np.prod([float(p - q) for q in points if q != p])
        outputs[i] = [float(p**j) for j in range(m)]
        filters[i] = [float(p**k) / scale for k in range(r)]
    outputs[-1, -1] = filters[-1, -1] = 1.0
    # The inputs' transform for which output j is the sum over k of input j + k times tap k.
    products = np.einsum("ij,ik->jki", outputs, filters).reshape(m * r, n)
    targets = np.stack([np.eye(n)[j + k] for j in range(m) for k in range(r)])
    inputs = np.linalg.lstsq(products, targets, rcond=None)[0]
    inputs[np.abs(inputs) < 1e-9] = 0.0
    return _Plan(m, r, -(-size // r), inputs, filters, outputs.T)


# Traced once for each shape, not for each layer, clip and loss of it
@functools.partial(jax.jit, static_argnames="dilation", inline=True)
def convolve(
    x: Float[Array, "frames *batch channels"],
    kernel: Float[Array, "size channels features"],
    *,
    dilation: int = 1,
) -> Float[Array, "positions *batch features"]:
    """The valid convolution (without flipping, as neural networks have it), stride one.

    Differentiable; gradients have the same number of products. With a dilation the taps of the
    filter are so many frames apart.
    """
    size, channels, features = kernel.shape
    n_positions = x.shape[0] - dilation * (size - 1)
    if size == 1:
        return x @ kernel[0]
    if dilation > 1:
        # The taps of a filter all have one remainder: as many signals side by side.
        n_blocks = -(-x.shape[0] // dilation)
        x = _padded(x, n_blocks * dilation)
        interleaved = convolve(x.reshape(n_blocks, dilation, *x.shape[1:]), kernel)
        return interleaved.reshape(-1, *interleaved.shape[2:])[:n_positions]
    plan = _plan(size)
    m, n = plan.tile, plan.tile + plan.taps - 1
    n_tiles = -(-n_positions // m)
    n_inputs = n_tiles + plan.parts - 1  # tiles, counting those that only later parts reach
    n_blocks = n_inputs + (n - 1) // m
    x = _padded(x, n_blocks * m)[: n_blocks * m]
    blocks = x.reshape(n_blocks, m, *x.shape[1:])
    successive = [blocks[q // m : q // m + n_inputs, q % m] for q in range(n)]
    kernel = jnp.pad(kernel, ((0, plan.parts * plan.taps - size), (0, 0), (0, 0)))
    taps = kernel.reshape(plan.parts, plan.taps, channels, features)
    products = []
    for to_input, to_filter in zip(plan.inputs, plan.filters, strict=True):
        inputs = _combine(to_input, successive)
        inputs = jnp.concatenate([inputs[p : p + n_tiles] for p in range(plan.parts)], axis=-1)
        filters = _combine(to_filter, [taps[:, k] for k in range(plan.taps)])
        products.append(inputs @ filters.reshape(plan.parts * channels, features))
    y = jnp.stack([_combine(row, products) for row in plan.outputs], axis=1)
    return y.reshape(n_tiles * m, *y.shape[2:])[:n_positions]


def convolve2d(
    x: Float[Array, "frames bands channels"],
    kernel: Float[Array, "size height channels features"],
    *,
    dilation: tuple[int, int] = (1, 1),
) -> Float[Array, "positions bands features"]:
    """A convolution along time as `convolve` has it, and along frequency with zeros around.

    As many bands come out as go in: half of the `height` - 1 that a filter needs besides are below
    and half above, the odd one above.

    The bands a filter spans become channels, side by side, and what is left is a convolution along
    time.

    Args:
        dilation: distance of a filter's taps in frames and in bands.
    """
    size, height, channels, features = kernel.shape
    n_bands = x.shape[1]
    x = jnp.pad(x, ((0, 0), band_padding(height, dilation[1]), (0, 0)))
    starts = range(0, height * dilation[1], dilation[1])
    x = jnp.concatenate([x[:, b : b + n_bands] for b in starts], axis=2)
    return convolve(x, kernel.reshape(size, height * channels, features), dilation=dilation[0])


def band_padding(height: int, dilation: int) -> tuple[int, int]:
    """Bands of zeros below and above, with which a filter of this height keeps their number.

    Args:
        dilation: distance of its taps, bands.
    """
    around = (height - 1) * dilation
    return around // 2, around - around // 2


def _padded(x: Float[Array, "frames *rest"], n_frames: int) -> Float[Array, "padded_frames *rest"]:
    """Append zeros where there are fewer frames than these."""
    return jnp.pad(x, ((0, max(0, n_frames - x.shape[0])), *((0, 0),) * (x.ndim - 1)))


def _combine(
    weights: Float[np.ndarray, " n"], arrays: list[Float[Array, "*shape"]]
) -> Float[Array, "*shape"]:
    terms = [float(w) * a for w, a in zip(weights, arrays, strict=True) if w]
    return functools.reduce(jnp.add, terms)
