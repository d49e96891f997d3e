import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.losses import (
    Gram,
    LossPair,
    SquaredError,
    Targets,
    Weights,
    compare,
    make_targets,
    weigh,
)

from helpers import compiled

targets_of = compiled(make_targets)


@pytest.fixture
def activations():
    rng = np.random.default_rng(0)
    return {
        who: {"conv1": rng.standard_normal((7, 5)), "conv2": rng.standard_normal((6, 3))}
        for who in ("generated", "content", "style")
    }


@compiled
def evaluate(activations, targets, weights, style_loss):
    distances = compare(activations, targets, LossPair(SquaredError("sum"), style_loss))
    return weigh(distances, weights)


@pytest.mark.parametrize(("reduction", "expected"), [("sum", 0.5 * 5), ("mean", 0.5 * 5 / 2)])
def test_content_loss_is_half_the_squares(reduction, expected):
    loss = SquaredError(reduction)
    assert loss.distance(jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 4.0]])) == expected


def test_content_loss_as_a_mean_does_not_depend_on_the_clips_length(activations):
    f, p = (jnp.asarray(activations[who]["conv1"]) for who in ("generated", "content"))
    distance = compiled(SquaredError().distance)
    once, twice = distance(f, p), [np.concatenate([a, a]) for a in (f, p)]
    assert distance(*twice) == pytest.approx(float(once), rel=1e-5)


def test_an_unknown_reduction():
    with pytest.raises(InputError, match="content_loss.reduction=max is not one of: mean, sum"):
        SquaredError("max")  # type: ignore[arg-type]


@jax.jit
def gram_distance(f, s):
    return Gram().distance(f, Gram().statistic(s))


def test_style_loss_is_the_papers(activations):
    """E_l = sum_ij (X_ij - A_ij)^2 / (4 N^2 M^2), with sums written out."""
    f, s = activations["generated"]["conv1"], activations["style"]["conv1"]
    m, n = f.shape
    expected = 0.0
    for i in range(n):
        for j in range(n):
            x = sum(f[t, i] * f[t, j] for t in range(m))
            a = sum(s[t, i] * s[t, j] for t in range(m))
            expected += (x - a) ** 2
    expected /= 4 * n**2 * m**2
    got = gram_distance(f, s)
    assert got == pytest.approx(expected, rel=1e-5)


def test_style_does_not_depend_on_the_clips_length(activations):
    s = jnp.asarray(activations["style"]["conv1"])
    assert gram_distance(s, jnp.concatenate([s, s])) == pytest.approx(0, abs=1e-10)


def as_jax(layers):
    return {name: jnp.asarray(a) for name, a in layers.items()}


def weights(alpha, beta, content, style):
    return Weights(
        jnp.asarray(alpha),
        jnp.asarray(beta),
        {k: jnp.asarray(v) for k, v in content.items()},
        {k: jnp.asarray(v) for k, v in style.items()},
    )


def reference(activations, alpha, beta, v, w):
    g, c, s = (activations[who] for who in ("generated", "content", "style"))
    content = sum(v[layer] * 0.5 * ((g[layer] - c[layer]) ** 2).sum() for layer in g)
    by_layer = {}
    for layer in g:
        m, n = g[layer].shape
        difference = g[layer].T @ g[layer] - s[layer].T @ s[layer]
        by_layer[layer] = (difference**2).sum() / (4 * n**2 * m**2)
    style = sum(w[layer] * by_layer[layer] for layer in g)
    return alpha * content + beta * style, content, style, by_layer


def test_terms_and_weights_against_numpy(activations):
    v, w = {"conv1": 0.3, "conv2": 1.1}, {"conv1": 0.7, "conv2": 0.2}
    expected = reference(activations, 0.25, 3.0, v, w)
    targets = targets_of(as_jax(activations["content"]), as_jax(activations["style"]), Gram())
    got = evaluate(as_jax(activations["generated"]), targets, weights(0.25, 3.0, v, w), Gram())
    assert got.total == pytest.approx(expected[0], rel=1e-5)
    assert got.content == pytest.approx(expected[1], rel=1e-5)
    assert got.style == pytest.approx(expected[2], rel=1e-5)
    assert got.style_layers == {k: pytest.approx(x, rel=1e-5) for k, x in expected[3].items()}


def test_a_weight_of_zero_switches_a_layer_off(activations):
    targets = targets_of(as_jax(activations["content"]), as_jax(activations["style"]), Gram())
    off = weights(1.0, 1.0, {"conv1": 0.0, "conv2": 0.0}, {"conv1": 0.0, "conv2": 1.0})
    got = evaluate(as_jax(activations["generated"]), targets, off, Gram())
    assert got.content == 0
    assert got.total == got.style_layers["conv2"]
    assert got.style_layers["conv1"] > 0, "the layer is still reported"


def test_the_targets_themselves_cost_nothing(activations):
    same = as_jax(activations["content"])
    targets = targets_of(same, same, Gram())
    even = {"conv1": 0.5, "conv2": 0.5}
    assert evaluate(same, targets, weights(1.0, 1.0, even, even), Gram()).total == 0


def test_gradient_is_that_of_finite_differences(activations):
    v, w = {"conv1": 0.3, "conv2": 1.1}, {"conv1": 0.7, "conv2": 0.2}
    with jax.enable_x64(True):
        targets = Targets(
            as_jax(activations["content"]),
            {k: jnp.asarray(a.T @ a / len(a)) for k, a in activations["style"].items()},
        )
        factors = weights(0.25, 3.0, v, w)
        total = lambda g: evaluate(g, targets, factors, Gram()).total  # noqa: E731
        gradient = jax.jit(jax.grad(total))(as_jax(activations["generated"]))
        for layer, position in (("conv1", (2, 3)), ("conv2", (5, 0))):
            step, moved = 1e-6, {}
            for sign in (1, -1):
                shifted = {k: a.copy() for k, a in activations["generated"].items()}
                shifted[layer][position] += sign * step
                moved[sign] = reference({**activations, "generated": shifted}, 0.25, 3.0, v, w)[0]
            expected = (moved[1] - moved[-1]) / (2 * step)
            assert gradient[layer][position] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("positions", "style_positions"), [(9, 8), (40, 8), (9, 40), (40, 40)])
def test_every_form_of_the_gram_distance_is_the_same(positions, style_positions):
    """Fewer positions than channels or more, on either side: value and gradient by the formula."""
    rng, channels = np.random.default_rng(3), 16
    f, s = (rng.uniform(0, 1, (n, channels)) for n in (positions, style_positions))
    difference = f.T @ f / positions - s.T @ s / style_positions
    value, gradient = jax.jit(jax.value_and_grad(gram_distance))(jnp.asarray(f), jnp.asarray(s))
    assert value == pytest.approx((difference**2).sum() / (4 * channels**2), rel=1e-4)
    expected = f @ difference / (channels**2 * positions)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(("positions", "largest"), [(6, 100 * 6), (99, 100 * 99)])
def test_the_smaller_matrix_is_the_one_computed(positions, largest):
    """With 100 channels: frames by frames, or activations and a Gram matrix."""
    f = jnp.ones((positions, 100))
    statistic = Gram().statistic(f)
    jaxpr = jax.make_jaxpr(lambda f: Gram().distance(f, statistic))(f)
    sizes = [v.aval.size for eqn in jaxpr.eqns for v in eqn.outvars]  # type: ignore[attr-defined]
    assert max(sizes) <= largest
    assert isinstance(Gram().statistic(jnp.ones((100, 100))), jax.Array)


def test_a_distance_is_not_negative_by_rounding():
    f = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (20, 400)), jnp.float32)
    value_and_gradient = jax.jit(jax.value_and_grad(gram_distance))
    for seed in range(5):
        near = f + 1e-6 * jax.random.normal(jax.random.key(seed), f.shape)
        value, gradient = value_and_gradient(near, f)
        assert 0 <= value < 1e-6
        assert np.abs(gradient).max() > 0
