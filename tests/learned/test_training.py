import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.learned import training
from nstaudio.learned.examples import Stems, Triplet, mixed
from nstaudio.learned.features import power_weights
from nstaudio.learned.training import Training

from helpers import compiled

SMALL = Training(width=8, n_steps=4, batch_size=3, content_frames=10, style_frames=12, warmup=1)


def stems(seed=0, groups=3, frames=20):
    """Three parts of five, of which one has no content."""
    rng = np.random.default_rng(seed)
    level_db = rng.normal(-20, 8, (groups, 5, 3, frames, 128)).astype(np.float16)
    mean_square = np.zeros((groups, 5, 3), np.float32)
    mean_square[:, [0, 1, 4]] = 1e-3
    mean_square[:, 1, 0] = 0
    return Stems(jnp.asarray(level_db), jnp.asarray(mean_square))


def test_examples_have_unit_power_and_80_db():
    triplet = compiled(mixed)(jax.random.key(0), stems())
    for level_db in triplet:
        assert level_db.shape == (3, 20, 128)
        powers = np.mean(10 ** (np.asarray(level_db) / 10) @ power_weights(), axis=1)
        np.testing.assert_allclose(powers, 1, rtol=1e-3)
        assert (level_db.max(axis=(1, 2)) - level_db.min(axis=(1, 2)) <= 80.001).all()


def test_style_and_target_share_their_equaliser():
    """A stem that is the same for both, without noise, is the same in both mixes."""
    same = stems()
    level_db = same.level_db.at[:, :, 2].set(same.level_db[:, :, 1])
    mix = compiled(mixed)
    for seed in range(20):
        triplet = mix(jax.random.key(seed), Stems(level_db, same.mean_square))
        difference_db = np.abs(triplet.style - triplet.target).max(axis=(1, 2))
        if (difference_db < 1e-3).any():
            assert np.abs(triplet.content - triplet.target).max() > 1
            return
    raise AssertionError("noise in every example")


def test_what_is_not_there_does_not_play():
    """The only pitched part that is there in all three roles is the first."""
    loud = stems()
    level_db = loud.level_db.at[:, 1].set(90.0)
    triplet = compiled(mixed)(jax.random.key(1), Stems(level_db, loud.mean_square))
    plain = compiled(mixed)(jax.random.key(1), loud)
    for a, b in zip(triplet, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_loss_is_the_distance_and_that_of_the_changes():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 5, (2, 2, 6, 128)).astype(np.float32)
    value = training.loss(jnp.asarray(a - 7), jnp.asarray(b), flux=0.5)
    expected = np.sqrt(np.mean((a - 7 - b) ** 2, axis=1)).mean()
    expected += 0.5 * np.abs(np.diff(a, axis=1) - np.diff(b, axis=1)).mean()
    assert float(value) == pytest.approx(expected, rel=1e-3)


def test_below_the_floor_the_loss_leads_back_weakly():
    target = jnp.full((1, 4, 128), 20.0).at[:, 0].set(-60.0)  # 80 dB: the floor
    deep = target.at[:, 0].set(-100.0)
    gradient = jax.grad(lambda x: training.loss(x, target, flux=0.0))(deep)
    slope = np.asarray(gradient)[0, 0]
    assert (slope < 0).all()
    assert (np.abs(slope) < 0.1 / 128).all()


def test_constant_bands_have_finite_gradients():
    silent = Triplet(*(jnp.zeros((2, 20, 128)) for _ in range(3)))
    state = training.started(SMALL)

    def value(params):
        content, style, target_db = training.cut(jax.random.key(0), silent, SMALL)
        predicted_db = training.TransferNet(SMALL.width).apply(params, content, style)
        return training.loss(predicted_db, target_db, flux=0.1)

    gradients = jax.jit(jax.grad(value))(state.params)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradients))


def test_steps_are_those_of_muon():
    """Singular values about alike for a matrix; Adam's step for other arrays."""
    rate = 0.1
    optimizer = training._optimizer(Training(learning_rate=rate, warmup=1, weight_decay=0))
    rng = np.random.default_rng(0)
    shapes = {"kernel": (6, 4), "bias": (4,)}
    gradient = {k: 1e-3 * rng.normal(size=n).astype(np.float32) for k, n in shapes.items()}
    params = jax.tree.map(jnp.zeros_like, gradient)
    state = optimizer.init(params)
    _, state = optimizer.update(gradient, state, params)  # of a rate of 0: the warm-up
    updates, _ = optimizer.update(gradient, state, params)
    of_adam = rate * (0.9 * 0.19 / 0.271 + 0.1 / 0.19)  # with Nesterov's momentum (Dozat, 2016)
    np.testing.assert_allclose(updates["bias"], -of_adam * np.sign(gradient["bias"]), rtol=1e-3)
    u, singular, v = np.linalg.svd(gradient["kernel"], full_matrices=False)
    assert singular.max() > 2 * singular.min()
    stretched = u.T @ np.asarray(updates["kernel"]) @ v.T
    scale = rate * 0.2 * np.sqrt(6)
    np.testing.assert_allclose(np.diag(stretched), -scale, rtol=0.35)
    np.testing.assert_allclose(stretched - np.diag(np.diag(stretched)), 0, atol=0.05 * scale)


@pytest.mark.slow
def test_steps_lower_the_loss_and_are_repeatable():
    settings = Training(width=8, n_steps=30, content_frames=20, style_frames=20, warmup=2)
    runs = []
    for _ in range(2):
        state, values = training.started(settings), []
        for _ in range(30):
            state, value = training.step(state, stems(), training=settings)
            values.append(float(value))
        runs.append(values)
    assert runs[0] == runs[1]
    assert np.mean(runs[0][-5:]) < np.mean(runs[0][:5])


def test_validation_knows_its_rivals():
    """Content is the target but for 10 dB in a half of the bands, which the style has too."""
    rng = np.random.default_rng(0)
    content = rng.normal(0, 5, (2, 30, 128)).astype(np.float32)
    tilt = np.repeat([0.0, 10.0], 64).astype(np.float32)
    triplet = Triplet(*(jnp.asarray(x) for x in (content, content[:, ::-1] + tilt, content + tilt)))
    rows = training.validation(training.started(SMALL).params, [triplet], training=SMALL)
    assert rows["eq"] == pytest.approx(0, abs=0.1)
    assert rows["adain"] == pytest.approx(0, abs=0.1)
    assert rows["content"] == pytest.approx(tilt.mean(), rel=1e-2)


def test_a_training_starts_from_other_weights():
    other = training.started(Training(width=8, seed=1)).params
    state = training.started(SMALL, other)
    for params in (state.params, state.average):
        for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match="not of a network of width 9"):
        training.started(Training(width=9), other)
