"""Against the same formulas in numpy and float64, and the arc-cosine against an integral."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.encoders import arc_cosine

from helpers import Compiled

programs = Compiled(arc_cosine)


def integral(c: float) -> float:
    """N(0, 2) filters on unit vectors at an angle: E relu(a) relu(b), over the angle of w."""
    angle = np.arccos(c)
    w = np.linspace(0, 2 * np.pi, 200_000, endpoint=False)
    products = np.maximum(np.cos(w), 0) * np.maximum(np.cos(w - angle), 0)
    return 2 * products.mean() * 2  # the mean of a squared radius is 2


def phi(c):
    angle = np.arccos(np.clip(c, -1, 1))
    return (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi


def by_loops(x: np.ndarray, y: np.ndarray, sizes) -> list[np.ndarray]:
    """K of each layer, every entry written out."""

    def averaged(k, size):
        n, m = k.shape[0] - size + 1, k.shape[1] - size + 1
        return np.array(
            [[np.mean([k[i + d, j + d] for d in range(size)]) for j in range(m)] for i in range(n)]
        )

    xy, xx, yy = (a @ b.T / x.shape[1] for a, b in ((x, y), (x, x), (y, y)))
    found = []
    for size in sizes:
        xy, xx, yy = (averaged(k, size) for k in (xy, xx, yy))
        p, q = np.diag(xx), np.diag(yy)

        def layer(k, a, b):
            scale = np.sqrt(np.outer(a, b))
            c = np.divide(k, scale, out=np.zeros_like(k), where=scale > 0)
            return scale * phi(c)

        xy, xx, yy = layer(xy, p, q), layer(xx, p, p), layer(yy, q, q)
        found.append(xy)
    return found


def clips(seed=0, frames=(14, 11), channels=6):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-0.2, 1, (n, channels)) for n in frames]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("c", [-1.0, -0.9, -0.2, 0.0, 0.3, 0.97, 1.0])
def test_arc_cosine_is_the_mean_over_all_filters(c):
    p, q = jnp.array([4.0]), jnp.array([0.25])
    got = programs.arc_cosine(jnp.array([[c]]), p, q)  # the product of the norms is 1
    assert got[0, 0] == pytest.approx(integral(c), abs=1e-9)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-13), (np.float32, 1e-6)])
def test_the_series_has_the_precision_of_its_numbers(dtype, rtol):
    near = np.geomspace(1e-14, 1, 1000)
    u = np.concatenate([near, 2 - near]).astype(dtype)
    angle = 2 * np.arcsin(np.sqrt(np.minimum(u, 2 - u).astype(float) / 2))
    got = programs._angle(jnp.asarray(u))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, np.where(u > 1, np.pi - angle, angle), rtol=rtol)


def test_deficit_and_its_derivative_where_frames_coincide_or_oppose():
    slope = jax.jit(jax.vmap(jax.grad(arc_cosine.deficit)))
    outside = jnp.array([-1e-7, 0.0, 2.0, 2.0000001])
    np.testing.assert_allclose(programs.deficit(outside), [0, 0, 1, 1], atol=1e-12)
    np.testing.assert_allclose(slope(outside), [1, 1, 0, 0], atol=1e-12)
    u = jnp.asarray(np.linspace(0.01, 1.99, 50))
    expected = (programs.deficit(u + 1e-6) - programs.deficit(u - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope(u), expected, rtol=1e-6)


@pytest.mark.parametrize("sizes", [(1,), (4,), (3, 2), (2, 3, 2)])
@pytest.mark.parametrize("entries", [2**22, 40])
def test_means_and_their_gradient_against_loops(monkeypatch, sizes, entries):
    monkeypatch.setattr(arc_cosine, "BLOCK_ENTRIES", entries)  # 40: blocks of 3 rows
    x, y = clips()
    expected = [np.mean(k**3) for k in by_loops(x, y, sizes)]
    weights = np.arange(1.0, len(sizes) + 1)

    @jax.jit
    def means_and_gradient(x, y):
        got, pull = jax.vjp(lambda x: arc_cosine.means(x, y, sizes, lambda k: k**3), x)
        return got, *pull(jnp.asarray(weights))

    got, gradient = means_and_gradient(x, y)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    direction = np.random.default_rng(1).standard_normal(x.shape)
    step, moved = 1e-6, []
    for sign in (1, -1):
        ks = by_loops(x + sign * step * direction, y, sizes)
        moved.append(sum(w * np.mean(k**3) for w, k in zip(weights, ks, strict=True)))
    slope = (moved[0] - moved[1]) / (2 * step)
    assert np.vdot(gradient, direction) == pytest.approx(slope, rel=1e-6)


def test_means_less_a_like_number():
    less = jnp.array([0.1, 0.2])

    @jax.jit
    def plain_and_less(x, y):
        means = partial(arc_cosine.means, y=y, sizes=(3, 2), pointwise=jnp.square)
        plain, pull_plain = jax.vjp(means, x)
        got, pull = jax.vjp(partial(means, offset=less), x)
        return (plain - less, got), (pull_plain(got)[0], pull(got)[0])

    for expected, got in plain_and_less(*clips(9)):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_block_of_any_size_gives_the_same(monkeypatch):
    found = []
    for entries in (arc_cosine.BLOCK_ENTRIES, 1, 100, 333):
        monkeypatch.setattr(arc_cosine, "BLOCK_ENTRIES", entries)
        means = jax.jit(lambda x, y: arc_cosine.means(x, y, (3, 3), jnp.square))
        found.append(means(*clips(3, (30, 20))))
    np.testing.assert_allclose(found[1:], [found[0]] * 3, rtol=1e-12)


@pytest.mark.parametrize("sizes", [(4,), (3, 2)])
def test_distances_are_the_diagonals(sizes):
    x, y = clips(1, (12, 12))
    got = programs.distances(jnp.asarray(x), jnp.asarray(y), sizes)
    parts = zip(by_loops(x, x, sizes), by_loops(x, y, sizes), by_loops(y, y, sizes), strict=True)
    for d, (xx, xy, yy) in zip(got, parts, strict=True):
        np.testing.assert_allclose(d, np.diag(xx) - 2 * np.diag(xy) + np.diag(yy), rtol=1e-10)


def test_distances_near_each_other_keep_their_digits_in_float32():
    x = clips(2, (40, 1))[0].astype(np.float32)
    y = (x + 1e-4 * np.random.default_rng(0).standard_normal(x.shape)).astype(np.float32)
    exact = programs.distances(jnp.asarray(x, float), jnp.asarray(y, float), (5, 3))
    for got, expected in zip(
        programs.distances(jnp.asarray(x), jnp.asarray(y), (5, 3)), exact, strict=True
    ):
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, expected, rtol=2e-3)


def test_a_clip_is_at_no_distance_from_itself_and_pulls_nowhere():
    x = jnp.asarray(clips(4)[0], jnp.float32)
    total = lambda z: sum(d.sum() for d in arc_cosine.distances(z, x, (3, 3)))  # noqa: E731
    value, gradient = jax.jit(jax.value_and_grad(total))(x)
    assert value == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_gradient_of_distances_is_that_of_finite_differences():
    x, y = clips(5, (12, 12))
    total = jax.jit(
        lambda z: sum(d.mean() for d in arc_cosine.distances(z, jnp.asarray(y), (3, 2)))
    )
    direction = np.random.default_rng(1).standard_normal(x.shape)
    ends = [total(jnp.asarray(x + s * 1e-6 * direction)) for s in (1, -1)]
    got = np.vdot(jax.jit(jax.grad(total))(jnp.asarray(x)), direction)
    assert got == pytest.approx(float(ends[0] - ends[1]) / 2e-6, rel=1e-6)


@jax.jit
@jax.value_and_grad
def apart_and_alike(z, y):
    apart = sum(d.sum() for d in arc_cosine.distances(z, y, (3, 2)))
    return apart + arc_cosine.means(z, y, (3, 2), jnp.square).sum()


@pytest.mark.parametrize("silent", ["x", "y", "both", "some frames"])
def test_silence_has_finite_gradients(silent):
    x, y = clips(6, (12, 12))
    if silent in ("x", "both"):
        x[:] = 0
    if silent in ("y", "both"):
        y[:] = 0
    if silent == "some frames":
        x[2:9], y[4:] = 0, 0
    value, gradient = apart_and_alike(jnp.asarray(x), jnp.asarray(y))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    if silent == "x":
        np.testing.assert_array_equal(gradient, 0)  # as behind ReLU
    if silent == "some frames":
        # the frames of which no filter sees anything but silence
        np.testing.assert_array_equal(np.asarray(gradient)[4:7], 0)
        assert np.abs(gradient[:2]).min() > 0


def test_frames_that_coincide_have_the_right_gradient():
    """A steady sound: every frame alike, where the naive derivative is NaN."""
    x = np.tile(clips(7, (1, 1))[0], (9, 1))
    y = np.tile(clips(8, (1, 1))[0], (9, 1))
    total = lambda z: arc_cosine.means(z, jnp.asarray(x), (3,), jnp.square)[0]  # noqa: E731
    gradient = np.asarray(jax.jit(jax.grad(total))(jnp.asarray(x)))
    direction = y - x  # along it all frames of z stay alike
    ends = [np.mean(by_loops(x + s * 1e-6 * direction, x, (3,))[0] ** 2) for s in (1, -1)]
    assert np.vdot(gradient, direction) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)
