"""Infinitely wide random ReLU layers in closed form, and means over them in linear memory.

The layer: N filters of `size` frames over C channels, weights from N(0, 2 / (size C)), no bias,
ReLU, as in `encoders.Conv1dEncoder`. F_i being its activations at frame i of one clip and P_j at
frame j of another, K(i, j) = <F_i, P_j> / N has a limit as N grows (Cho & Saul 2009, the arc-cosine
kernel of degree 1):

    K0(i, j) = mean over d < size of <x_{i+d}, y_{j+d}> / C
    K(i, j)  = sqrt(p_i q_j) phi(c),    c = K0(i, j) / sqrt(p_i q_j)
    phi(c)   = (sin t + (pi - t) cos t) / pi,    t = arccos c

with p_i = K0_xx(i, i) and q_j = K0_yy(j, j), the mean squares ("energies") of the two inputs. The
next layer sees <x_i, y_j> / C only through K(i, j) of the layer before. phi(1) = 1, so the energy
of an activation is K0(i, i) itself.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import Chebyshev, Polynomial

Input = Float[Array, "frames channels"]
OtherInput = Float[Array, "other_frames channels"]
Sizes = tuple[int, ...]
Pointwise = Callable[[Array], Array]

BLOCK_ENTRIES = 2**22
"""Entries of the matrix between two clips that are in memory at a time: 16 MB of float32."""

# arccos(1 - u) = sqrt(u) / Q(1 - 2u) for u in [0, 1]. The square root takes the singularity; what
# is left is analytic, and 20 terms reach the precision of float64. XLA's arccos goes through atan2
# and takes 20 times as long on a CPU.
_SERIES = (
    Chebyshev.interpolate(lambda t: np.sqrt((1 - t) / 2) / np.arccos((1 + t) / 2), 20)
    .convert(kind=Polynomial)
    .coef
)


def _angle(u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The angle whose cosine is 1 - u, u in [0, 2]; exact where u is near 0."""
    near = jnp.minimum(u, 2 - u)
    t = 1 - 2 * near
    series = jnp.full_like(t, _SERIES[-1])
    for coefficient in _SERIES[-2::-1]:
        series = series * t + float(coefficient)
    angle = jnp.sqrt(near) / series
    return jnp.where(u > 1, np.pi - angle, angle)


@jax.custom_jvp
def deficit(u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 - phi(c) from u = 1 - c, which rounding may have put outside [0, 2].

    The derivative is 1 - t / pi, finite where frames coincide (u = 0), where that of arccos is not.
    """
    u = jnp.clip(u, 0, 2)
    angle = _angle(u)
    return u + (angle * (1 - u) - jnp.sqrt(u * (2 - u))) / np.pi


@deficit.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (u,), (du,) = primals, tangents
    return deficit(u), (1 - _angle(jnp.clip(u, 0, 2)) / np.pi) * du


@jax.custom_jvp
def _root(p: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root with the derivative 0 at silence: that of ReLU there."""
    return jnp.sqrt(p)


@_root.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (p,), (dp,) = primals, tangents
    root = jnp.sqrt(p)
    return root, _ratio(dp, 2 * root)


def _ratio(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """a / b, and 0 where b is 0: the cosine of a zero vector with any other is 0."""
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)


def arc_cosine(
    k0: Float[Array, "rows columns"], p: Float[Array, " rows"], q: Float[Array, " columns"]
) -> Float[Array, "rows columns"]:
    """K from K0 and the energies."""
    roots = _root(p)[:, None], _root(q)[None]
    divisors = [jnp.where(root > 0, root, 1) for root in roots]
    # Zeros are replaced in the vectors: in the matrix it would cost a pass.
    c = k0 / (divisors[0] * divisors[1])
    return roots[0] * roots[1] * (1 - deficit(1 - c))


def arc_cosine_distance(
    e: Float[Array, " frames"], p: Float[Array, " frames"], q: Float[Array, " frames"]
) -> Float[Array, " frames"]:
    """|F - P|^2 / N from e = |x - y|^2 / (size C) and the energies of x and y.

    It is p + q - 2 K(p, q), written so that nothing cancels where the two nearly coincide, as they
    do when the optimisation starts at the content.
    """
    scale = _root(p) * _root(q)
    radial = _ratio(p - q, _root(p) + _root(q)) ** 2  # (sqrt(p) - sqrt(q))^2
    return radial + 2 * scale * deficit(_ratio(e - radial, 2 * scale))


def _window_mean(x: Float[Array, " frames"], size: int) -> Float[Array, " positions"]:
    n = x.shape[0] - size + 1
    return sum((x[d : d + n] for d in range(1, size)), x[:n]) / size


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _diagonal_mean(k: Array, size: int) -> Array:
    """`rows columns` to `size - 1` fewer of both: the mean of `size` entries down each diagonal."""
    n, m = (length - size + 1 for length in k.shape)
    return sum((k[d : d + n, d : d + m] for d in range(1, size)), k[:n, :m]) / size


def _diagonal_mean_backward(size: int, _: None, cotangent: Array) -> tuple[Array]:
    # The same mean of the cotangent with a border of zeros. It is written into an array: what is
    # only padded, the compiler would compute anew for each of the terms.
    wider = jnp.zeros([length + 2 * (size - 1) for length in cotangent.shape], cotangent.dtype)
    wider = jax.lax.dynamic_update_slice(wider, cotangent, (size - 1, size - 1))
    return (_diagonal_mean(wider, size),)


_diagonal_mean.defvjp(lambda k, size: (_diagonal_mean(k, size), None), _diagonal_mean_backward)


def energies(x: Input, sizes: Sizes) -> list[Float[Array, " _"]]:
    """K_xx(t, t) for each layer, `positions` of that layer, of filters of these `sizes`, frames."""
    layers, p = [], jnp.mean(x**2, axis=1)
    for size in sizes:
        p = _window_mean(p, size)
        layers.append(p)
    return layers


def distances(x: Input, y: Input, sizes: Sizes) -> list[Float[Array, " _"]]:
    """|F_t - P_t|^2 / N for each layer, `positions` of that layer; only diagonals are needed.

    Args:
        sizes: frames that the filters of each layer span.
    """
    layers, d = [], jnp.mean((x - y) ** 2, axis=1)
    for size, p, q in zip(sizes, energies(x, sizes), energies(y, sizes), strict=True):
        d = arc_cosine_distance(_window_mean(d, size), p, q)
        layers.append(d)
    return layers


def means(
    x: Input,
    y: OtherInput,
    sizes: Sizes,
    pointwise: Pointwise,
    *,
    offset: Float[Array, " layers"] | None = None,
) -> Float[Array, " layers"]:
    """The mean of pointwise(K(i, j)) over all pairs of positions, for each layer.

    Differentiable in `x`; `y` is a constant. Rows are taken in blocks, so memory grows with the
    length of the clips, not with its square; value and gradient come from the same pass, so
    nothing of a block is kept or computed again.

    Args:
        sizes: frames that the filters of each layer span.
        offset: a constant to subtract, e.g. a similar mean: within the rows, where the difference
            of two means keeps more digits than afterwards.
    """
    offset = jnp.zeros(len(sizes), x.dtype) if offset is None else offset
    return _means(x, y, offset, sizes, pointwise)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _means(x: Array, y: Array, offset: Array, sizes: Sizes, pointwise: Pointwise) -> Any:
    return _pass(x, y, offset, sizes, pointwise, with_gradient=False)[0]


def _means_forward(x: Array, y: Array, offset: Array, sizes: Sizes, pointwise: Pointwise) -> Any:
    values, gradients = _pass(x, y, offset, sizes, pointwise, with_gradient=True)
    return values, (gradients, y)


def _means_backward(sizes: Sizes, pointwise: Pointwise, residuals: Any, cotangent: Array) -> Any:
    del sizes, pointwise
    gradients, y = residuals
    x_cotangent = sum(c * g for c, g in zip(cotangent, gradients, strict=True))
    return x_cotangent, jnp.zeros_like(y), jnp.zeros_like(cotangent)


_means.defvjp(_means_forward, _means_backward)


def _pass(
    x: Array, y: Array, offset: Array, sizes: Sizes, pointwise: Pointwise, *, with_gradient: bool
) -> tuple[Float[Array, " layers"], tuple[Input, ...]]:
    """The means and, if asked for, the gradient of each."""
    layers = range(len(sizes))
    n_frames, channels = x.shape
    y_energies = energies(y, sizes)
    n_rows = [n_frames - sum(sizes[: layer + 1]) + layer + 1 for layer in layers]
    n_blocks = -(-n_rows[0] * y.shape[0] // BLOCK_ENTRIES)
    block, reach = -(-n_rows[0] // n_blocks), n_frames - n_rows[-1]
    padded = jnp.pad(x, ((0, n_blocks * block + reach - n_frames), (0, 0)))

    def layer_mean(rows: Array, layer: int, start: Array) -> Array:
        """The part of the block's rows; `rows` has `reach` more, which deeper layers need."""
        used = sizes[: layer + 1]
        k = jnp.matmul(rows, y.T, precision=jax.lax.Precision.HIGHEST) / channels
        for size, p, q in zip(used, energies(rows, used), y_energies, strict=False):
            k = arc_cosine(_diagonal_mean(k, size), p, q)
        means_of_rows = jnp.mean(pointwise(k[:block]), axis=1)
        inside = start + jnp.arange(block) < n_rows[layer]
        return jnp.sum(jnp.where(inside, means_of_rows - offset[layer], 0)) / n_rows[layer]

    def step(carry: Any, start: Array) -> tuple[Any, None]:
        values, gradients = carry
        rows = jax.lax.dynamic_slice_in_dim(padded, start, block + reach)
        # Each layer for itself: what they share, the compiler computes once.
        parts = [partial(layer_mean, layer=layer, start=start) for layer in layers]
        if with_gradient:
            pairs = [jax.value_and_grad(part)(rows) for part in parts]
            gradients = tuple(
                jax.lax.dynamic_update_slice_in_dim(
                    total,
                    jax.lax.dynamic_slice_in_dim(total, start, block + reach) + gradient,
                    start,
                    axis=0,
                )
                for total, (_, gradient) in zip(gradients, pairs, strict=True)
            )
            terms = [value for value, _ in pairs]
        else:
            terms = [part(rows) for part in parts]
        return (values + jnp.stack(terms), gradients), None

    gradients = tuple(jnp.zeros_like(padded) for _ in layers) if with_gradient else ()
    start = jnp.zeros(len(sizes), x.dtype), gradients
    (values, gradients), _ = jax.lax.scan(step, start, jnp.arange(n_blocks) * block)
    return values, tuple(gradient[:n_frames] for gradient in gradients)
