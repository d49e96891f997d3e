from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.encoders.fast_convolution import convolve, convolve2d

from helpers import compiled


def by_hand(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The sum over taps, in double precision."""
    n = len(x) - len(kernel) + 1
    return sum((x[d : d + n] @ tap for d, tap in enumerate(kernel)), np.zeros(()))


def draw(n_frames: int, size: int, channels: int, features: int):
    rng = np.random.default_rng(size * 1000 + n_frames)
    x = rng.uniform(0, 1, (n_frames, channels))
    return x, rng.standard_normal((size, channels, features))


# Every size of kernel; shapes are few, for each is a program.
@pytest.mark.parametrize("size", range(1, 17))
def test_any_shape_is_the_sum_over_taps(size):
    more, channels, features = 7 * size % 31, 1 + size % 5, 1 + size % 4
    x, kernel = draw(size + more, size, channels, features)
    got = compiled(convolve)(jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32))
    assert got.shape == (more + 1, features)
    np.testing.assert_allclose(got, by_hand(x, kernel), atol=1e-5 * size * channels)


@pytest.mark.parametrize("size", [2, 3, 5, 9, 11])
def test_no_result_changes_beyond_float_error(size):
    """Value and gradient against the library's convolution, in a layer's sizes."""
    x, kernel = draw(120, size, 144, 32)
    x, kernel = jnp.asarray(x, jnp.float32), jnp.asarray(kernel / 12, jnp.float32)

    def library(x, kernel):
        axes = ("NWC", "WIO", "NWC")
        return jax.lax.conv_general_dilated(x[None], kernel, (1,), "VALID", dimension_numbers=axes)

    def value_and_gradients(way):
        y, back = jax.vjp(lambda x, kernel: way(x, kernel).reshape(-1, 32), x, kernel)
        return y, *back(2 * y)

    found = jax.jit(lambda: (value_and_gradients(library), value_and_gradients(convolve)))()
    for expected, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=5e-6 * np.abs(expected).max())


def test_double_precision_stays_double():
    with jax.enable_x64(True):
        x, kernel = draw(30, 5, 3, 2)
        got = compiled(convolve)(jnp.asarray(x), jnp.asarray(kernel))
        np.testing.assert_allclose(got, by_hand(x, kernel), rtol=1e-12, atol=1e-12)


def test_one_bad_frame_stays_where_it_is():
    """Nothing leaks further than a tile: an impulse answers with the filter, elsewhere with 0."""
    x = np.zeros((40, 1))
    x[20] = 1.0
    kernel = np.arange(1.0, 6.0).reshape(5, 1, 1)
    x, kernel = jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)
    got = np.asarray(compiled(convolve)(x, kernel))[:, 0]
    np.testing.assert_allclose(got[16:21], [5, 4, 3, 2, 1], atol=1e-5)
    np.testing.assert_allclose(np.delete(got, range(16, 21)), 0, atol=1e-5)


@pytest.mark.parametrize("dilation", [2, 8])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_dilation_puts_taps_apart(size, dilation):
    n = 23 + dilation * (size - 1)
    x, kernel = draw(n, size, 3, 2)
    spread = np.zeros((1 + dilation * (size - 1), 3, 2))
    spread[::dilation] = kernel
    single = jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)
    got = compiled(convolve)(*single, dilation=dilation)
    np.testing.assert_allclose(got, by_hand(x, spread), atol=1e-4)


@pytest.mark.parametrize(
    ("size", "height", "dilation"), [(3, 3, (1, 1)), (1, 4, (1, 1)), (6, 1, (1, 1)), (2, 3, (3, 2))]
)
def test_two_dimensions_are_the_librarys(size, height, dilation):
    """Value and gradient: valid in time, as many bands as before in frequency."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.uniform(0, 1, (20, 9, 3)), jnp.float32)
    kernel = jnp.asarray(rng.standard_normal((size, height, 3, 4)), jnp.float32)
    around = (height - 1) * dilation[1]

    def library(x):
        return jax.lax.conv_general_dilated(
            x[None],
            kernel,
            (1, 1),
            ((0, 0), (around // 2, around - around // 2)),
            rhs_dilation=dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )[0]

    def value_and_gradient(way):
        y, back = jax.vjp(way, x)
        return y, *back(2 * y)

    ours = partial(convolve2d, kernel=kernel, dilation=dilation)
    found = jax.jit(lambda: (value_and_gradient(library), value_and_gradient(ours)))()
    for expected, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=5e-6 * np.abs(expected).max())
