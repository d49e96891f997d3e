from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, unit
from nstaudio.encoders import Conv1dEncoder
from nstaudio.losses import Gram, SquaredError, Weights
from nstaudio.optimization import loop
from nstaudio.optimization.objective import MAX_PROBE_STEPS, Objective, make_problem
from nstaudio.optimization.optimizers import from_optax
from nstaudio.optimization.parametrizations import FreeMel

from helpers import compiled

SPEC = MelSpec(n_mels=16)
ENCODER = Conv1dEncoder(features=(12, 8), kernel_size=(2, 1))
OBJECTIVE = Objective(SPEC, FreeMel(), ENCODER, SquaredError("sum"), Gram())
OPTIMIZERS = {
    "adam": partial(optax.adam, learning_rate=0.5),
    "sgd": partial(optax.sgd, learning_rate=1e6),
    "lbfgs": partial(optax.lbfgs, memory_size=5),
    "rmsprop": partial(optax.rmsprop, learning_rate=0.2, eps=1e-12),
}


def clip(seed: int, n_frames: int = 40) -> jax.Array:
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.standard_normal((n_frames, 16)), axis=0)
    return jnp.asarray(np.clip(-35 + 6 * smooth, -80, 0), jnp.float32)


def problem(
    alpha=1e-4, beta=1.0, seed=0, strength=None, objective=OBJECTIVE, v=0.5, w=0.5, style=None
):
    """`v` and `w` weigh the layers of content and of style, all alike or each by a number."""
    of_content, of_style = (
        dict(zip(ENCODER.layer_names, jnp.broadcast_to(jnp.float32(each), 2), strict=True))
        for each in (v, w)
    )
    weights = Weights(jnp.float32(alpha), jnp.float32(beta), of_content, of_style)
    content, style = (
        Clip(jnp.zeros(9), db) for db in (clip(1), clip(2) if style is None else style)
    )
    if strength is not None:
        strength = jnp.float32(strength)
    return make_problem(
        key=jax.random.key(seed),
        content=content,
        style=style,
        carrier=content,
        weights=weights,
        strength=strength,
        objective=objective,
    )


def start(optimizer):
    return loop.TransferState(clip(1), optimizer.init(clip(1)), jnp.int32(0))


def run(optimizer, n_steps, chunk, state=None, **changes):
    return list(
        loop.run(
            start(optimizer) if state is None else state,
            problem(**changes),
            objective=OBJECTIVE,
            transformation=optimizer.transformation,
            n_steps=n_steps,
            chunk=chunk,
        )
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(name):
    before = loop.advance._cache_size()  # type: ignore[attr-defined]
    items = run(from_optax(OPTIMIZERS[name]), 30, 30)
    assert loop.advance._cache_size() == before + 1, "one program"  # type: ignore[attr-defined]
    assert items[-1][1].total < 0.7 * items[0][1].total
    assert np.isfinite(items[-1][0].variable).all()


def test_adam_is_adam_by_hand():
    """Three steps of Kingma & Ba's algorithm in numpy on gradients from finite differences."""
    optimizer = from_optax(partial(optax.adam, learning_rate=0.5, b1=0.9, b2=0.999, eps=1e-8))
    target = problem()
    x = np.asarray(clip(1), np.float64)
    m, v = np.zeros_like(x), np.zeros_like(x)
    gradient = jax.jit(jax.grad(lambda z: OBJECTIVE(z, target).total))
    for step in range(1, 4):
        g = np.asarray(gradient(jnp.asarray(x, jnp.float32)), np.float64)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - 0.5 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    got = run(optimizer, 3, 3)[-1][0].variable
    np.testing.assert_allclose(got, x, atol=2e-2)
    assert np.abs(x - np.asarray(clip(1))).max() > 1.0


def test_gradient_of_the_whole_objective_is_that_of_finite_differences():
    with jax.enable_x64(True):
        double = jax.tree.map(
            lambda a: a.astype(jnp.float64) if a.dtype == jnp.float32 else a, problem()
        )
        x = clip(3).astype(jnp.float64)
        direction = jnp.asarray(np.random.default_rng(0).standard_normal(x.shape))
        total = jax.jit(lambda z: OBJECTIVE(z, double).total)
        step = 1e-5
        expected = (total(x + step * direction) - total(x - step * direction)) / (2 * step)
        got = jnp.vdot(jax.jit(jax.grad(total))(x), direction)
        assert got == pytest.approx(float(expected), rel=1e-5)


def test_losses_are_those_of_the_state_yielded():
    for state, losses in run(from_optax(OPTIMIZERS["adam"]), 7, 3):
        expected = compiled(OBJECTIVE)(state.variable, problem())
        assert losses.total == pytest.approx(float(expected.total), rel=1e-5)


def test_without_a_transformation_there_are_losses_and_no_updates():
    state = start(from_optax(OPTIMIZERS["adam"]))
    same, losses = loop.run_updates(loop.Updates(state, problem(), 3, OBJECTIVE, None))
    assert int(same.step) == 0
    np.testing.assert_array_equal(same.variable, state.variable)
    expected = compiled(OBJECTIVE)(state.variable, problem())
    assert losses.total == pytest.approx(float(expected.total), rel=1e-5)


def test_items_come_at_multiples_of_the_chunk():
    optimizer = from_optax(OPTIMIZERS["adam"])
    assert [int(s.step) for s, _ in run(optimizer, 7, 3)] == [0, 3, 6, 7]
    middle = run(optimizer, 4, 4)[-1][0]
    assert [int(s.step) for s, _ in run(optimizer, 10, 3, middle)] == [4, 6, 9, 10]
    assert [int(s.step) for s, _ in run(optimizer, 4, 3, middle)] == [4]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_where_it_is_cut_changes_no_bit(name):
    optimizer = from_optax(OPTIMIZERS[name])
    whole = run(optimizer, 20, 20)[-1][0]
    state = start(optimizer)
    for n_steps in (1, 8, 13, 20):
        state = run(optimizer, n_steps, 5, state)[-1][0]
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)


def test_numbers_do_not_recompile():
    run(from_optax(OPTIMIZERS["adam"]), 5, 5)
    before = loop.advance._cache_size()  # type: ignore[attr-defined]
    for rate, alpha, seed in ((0.1, 1e-5, 1), (0.2, 0.0, 2), (1, 1, 3)):
        optimizer = from_optax(partial(optax.adam, learning_rate=rate))
        run(optimizer, 4, 2, alpha=alpha, beta=alpha + 1, seed=seed)
    assert loop.advance._cache_size() == before  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def half_way():
    """The norms of both gradients at the probe, and the style loss of the content.

    The probe walked to and both losses written out by hand, in double precision.
    """
    with jax.enable_x64(True):
        variables = jax.tree.map(lambda a: a.astype(jnp.float64), problem().variables)
        clips = [db.astype(jnp.float64) for db in (clip(1), clip(2))]

        def layers(level_db):
            return ENCODER.apply(variables, 1 + level_db / 80)

        def grams(level_db):
            return {k: f.T @ f / len(f) for k, f in layers(level_db).items()}

        p, a = (jax.jit(f)(db) for f, db in zip((layers, grams), clips, strict=True))

        def style(level_db):
            g = grams(level_db)
            return sum(0.5 * jnp.sum((g[k] - a[k]) ** 2) / (4 * len(a[k]) ** 2) for k in a)

        def content(level_db):
            f = layers(level_db)
            return sum(0.5 * 0.5 * jnp.sum((f[k] - p[k]) ** 2) for k in p)

        down = jax.jit(jax.value_and_grad(style))
        x, n_steps = clips[0], 0
        first, g = loss, _ = down(x)
        while np.sqrt(loss) > 0.5 * np.sqrt(first):
            x, n_steps = x - 0.5 * g / np.sqrt(np.mean(g**2)), n_steps + 1
            loss, g = down(x)
        assert 2 < n_steps < MAX_PROBE_STEPS
        sizes = [np.linalg.norm(gradient) for gradient in (jax.jit(jax.grad(content))(x), g)]
    return sizes, float(first)


@pytest.mark.parametrize("strength", [0.125, 0.5, 0.9])
def test_a_strength_is_the_proportion_of_the_gradients_half_way(strength, half_way):
    weights, (sizes, of_content) = problem(strength=strength).weights, half_way
    alpha, beta = float(weights.alpha), float(weights.beta)
    assert alpha * sizes[0] / (beta * sizes[1]) == pytest.approx(
        (1 - strength) / strength, rel=1e-3
    )
    assert beta * of_content == pytest.approx(strength, rel=1e-4)


def test_no_strength_is_the_content_and_all_of_it_the_style():
    none, all_of_it = (problem(strength=s).weights for s in (0, 1))
    assert none.alpha > none.beta == 0
    assert all_of_it.beta > all_of_it.alpha == 0


def test_a_strength_knows_no_units():
    """Neither those of the losses nor how their layers are weighed, not even by plain descent."""
    optimizer = from_optax(partial(optax.sgd, learning_rate=3e3))
    mean = replace(OBJECTIVE, content_loss=SquaredError("mean"))

    def reached(objective=OBJECTIVE, **changes):
        items = loop.run(
            start(optimizer),
            problem(strength=0.5, objective=objective, **changes),
            objective=objective,
            transformation=optimizer.transformation,
            n_steps=30,
            chunk=30,
        )
        return list(items)[-1][0].variable

    expected = reached()
    assert np.sqrt(np.mean((expected - clip(1)) ** 2)) > 1
    for other in (reached(v=50.0), reached(w=0.003), reached(mean, v=[12 * 39, 8 * 39])):
        np.testing.assert_allclose(other, expected, atol=0.02)


@pytest.mark.parametrize("changes", [{"v": 0}, {"w": 0}, {"style": clip(1)}])
def test_a_strength_of_what_cannot_be_compared_is_finite(changes):
    weights = problem(strength=0.5, **changes).weights
    assert np.isfinite([weights.alpha, weights.beta]).all()
    assert weights.alpha > 0


def test_targets_are_the_clips_own():
    target = problem(style=clip(2, 50))
    activations = compiled(lambda v, db: ENCODER.apply(v, unit(db, SPEC)))
    style = np.asarray(activations(target.variables, clip(2, 50))["conv1"], np.float64)
    np.testing.assert_allclose(target.targets.style["conv1"], style.T @ style / 49, rtol=1e-4)
    np.testing.assert_allclose(
        target.targets.content["conv2"],
        activations(target.variables, clip(1))["conv2"],
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_update_lowers_for_every_platform(name):
    """jax.export builds the program for accelerators that need not be here."""
    optimizer = from_optax(OPTIMIZERS[name])
    platforms = ("cpu", "cuda", "tpu")
    jitted = jax.jit(
        partial(
            loop.advance.__wrapped__,  # type: ignore[attr-defined]
            objective=OBJECTIVE,
            transformation=optimizer.transformation,
        )
    )
    exported = jax.export.export(jitted, platforms=platforms)(
        start(optimizer), problem(), jnp.int32(3)
    )
    assert exported.platforms == platforms
    assert len(exported.mlir_module_serialized) > 1000


def test_programs_of_many_lengths_are_dropped(monkeypatch):
    run(from_optax(OPTIMIZERS["adam"]), 1, 1)
    kept = loop.advance._cache_size()  # type: ignore[attr-defined]
    monkeypatch.setattr(loop, "MAX_PROGRAMS", kept)
    loop.drop_programs()
    assert loop.advance._cache_size() == kept > 0  # type: ignore[attr-defined]
    monkeypatch.setattr(loop, "MAX_PROGRAMS", kept - 1)
    loop.drop_programs()
    assert loop.advance._cache_size() == 0  # type: ignore[attr-defined]
