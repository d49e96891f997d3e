import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.evaluation import similarity
from nstaudio.learned import prediction
from nstaudio.learned.features import power_weights
from nstaudio.learned.network import Sound, TransferNet
from nstaudio.learned.training import whole_sound

from helpers import compiled, music

NET = TransferNet(width=16)


def levels(seed, frames):
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(size=(frames, 128)), axis=0)
    return (10 + 5 * np.sin(smooth / 4) + rng.normal(size=(frames, 128))).astype(np.float32)


def clip(level_db):
    return whole_sound(jnp.asarray(level_db[None]))


@pytest.fixture(scope="module")
def network():
    """A network whose every weight matters: those that start near 0 would hide most of it."""
    frames = clip(np.zeros((8, 128), np.float32))
    params = jax.jit(NET.init)(jax.random.key(0), content=frames, style=frames)
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [
        x + 0.2 * jax.random.normal(k, x.shape) / np.sqrt(x.shape[0])
        for k, x in zip(keys, leaves, strict=True)
    ]
    return NET, jax.tree.unflatten(structure, moved)


def whole(network, content_db, style_db):
    """The prediction for everything at once, without windows or padding; not of unit power."""
    net, params = network
    apply = compiled(net.apply)
    return apply(params, clip(content_db), clip(style_db))[0]


def without_level(x):
    return x - np.mean(x)


@pytest.mark.parametrize("frames", [100, 226, 500])
def test_windows_together_are_the_whole(network, frames, monkeypatch):
    monkeypatch.setattr(prediction, "_cut", lambda x: x)  # the floor depends on the level
    monkeypatch.setattr(prediction, "_loudest_lifted", lambda x, _: x)
    content_db, style_db = levels(0, frames), levels(1, 120)
    predicted_db = prediction.predict(content_db, style_db, network)
    expected_db = whole(network, content_db, style_db)
    np.testing.assert_allclose(
        without_level(predicted_db), without_level(expected_db), atol=2e-4, rtol=0
    )


def test_a_padded_style_is_the_style(network):
    net, params = network
    content = clip(levels(0, 40))
    style_db = levels(1, 130)
    padded = prediction.padded_style(style_db)
    assert padded.level_db.shape == (1, 256, 128)
    other = Sound(padded.level_db.at[:, 130:].set(55.0), padded.mask, padded.whole)
    apply = compiled(net.apply)
    expected = apply(params, content, clip(style_db))
    for style in (padded, other):
        np.testing.assert_allclose(apply(params, content, style), expected, atol=2e-4)


def test_a_long_style_is_heard_from_beginning_to_end():
    style_db = np.repeat(np.arange(5000, dtype=np.float32)[:, None], 128, axis=1)
    taken = prediction.padded_style(style_db)
    assert taken.level_db.shape == (1, 1024, 128)
    frames = np.asarray(taken.level_db[0, :, 0])
    assert (frames[0], frames[-1]) == (0, 4999)
    assert (np.diff(frames.reshape(-1, 64)) == 1).all(), "passages, not single frames"
    np.testing.assert_allclose(taken.whole.mean_db[0], 2499.5)


def test_lengths_share_programs(network):
    before = prediction._applied._cache_size()
    for content, style in ((10, 300), (226, 301), (700, 512)):
        prediction.predict(levels(0, content), levels(1, style), network)
    assert prediction._applied._cache_size() - before == 1


def test_a_prediction_has_unit_power_and_80_db(network):
    predicted_db = prediction.predict(levels(0, 60), levels(1, 60), network)
    assert predicted_db.max() - predicted_db.min() <= 80.001
    assert np.mean(10 ** (predicted_db / 10) @ power_weights()) == pytest.approx(1, rel=0.01)


def test_what_lacks_in_power_is_lifted_where_it_is_loud():
    """A loud half of the bands, 20 dB over the other: it gets more of the 5 dB."""
    level_db = np.tile(np.repeat([0.0, 20.0], 64), (50, 1)).astype(np.float32)
    found_db = prediction._loudest_lifted(level_db, level_db + 5)
    np.testing.assert_allclose(
        np.mean(10 ** (found_db / 10) @ power_weights()), 1, rtol=1e-3, err_msg="unit power"
    )
    risen_db = found_db[25] - level_db[25]
    assert risen_db[120] - risen_db[8] > 1


def test_the_levels_are_those_of_the_evaluation():
    y = music(0, 1.5)
    np.testing.assert_allclose(
        prediction.level_db(0.01 * y, 22050, name="x"),
        similarity.analyse(y, 22050).level_db,
        atol=0.02,
    )


def test_the_power_is_that_of_the_samples():
    noise = np.random.default_rng(0).normal(size=32000).astype(np.float32)
    level_db = prediction.level_db(noise, 16000, name="x")
    assert np.mean(10 ** (level_db / 10) @ power_weights()) == pytest.approx(1, rel=0.05)


def test_silence_is_refused():
    with pytest.raises(InputError, match="the style"):
        prediction.level_db(np.zeros(4000, np.float32), 16000, name="the style")
