import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio import initial
from nstaudio.errors import InputError
from nstaudio.spectrogram import MelSpec

SPEC, KEY = MelSpec(floor_db=-80.0), jax.random.key(0)


@pytest.fixture
def content_db():
    return jnp.asarray(np.random.default_rng(0).uniform(-60, -10, (400, 128)), jnp.float32)


def test_content_is_the_content(content_db):
    np.testing.assert_array_equal(initial.content(content_db, key=KEY, spec=SPEC), content_db)


@pytest.mark.parametrize("noise_db", [0.5, 3.0])
def test_noisy_content_has_the_stated_noise(content_db, noise_db):
    got = initial.noisy_content(content_db, key=KEY, spec=SPEC, noise_db=noise_db)
    noise = np.asarray(got - content_db)
    assert noise.std() == pytest.approx(noise_db, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.05 * noise_db)


def test_noise_does_not_go_below_the_floor(content_db):
    got = initial.noisy_content(content_db, key=KEY, spec=SPEC, noise_db=40.0)
    assert got.min() == -80.0


def test_white_noise_has_the_contents_level_and_none_of_its_pattern(content_db):
    got = initial.white_noise(content_db, key=KEY, spec=SPEC)
    assert got.shape == content_db.shape
    assert got.mean() == pytest.approx(float(content_db.mean()), abs=0.5)
    assert got.std() == pytest.approx(float(content_db.std()), rel=0.05)
    assert abs(np.corrcoef(np.ravel(got), np.ravel(content_db))[0, 1]) < 0.02


def test_the_key_decides_the_noise(content_db):
    a, b, c = (initial.white_noise(content_db, key=jax.random.key(s), spec=SPEC) for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


def test_negative_noise_is_refused(content_db):
    with pytest.raises(InputError, match=r"init.noise_db=-1 must be at least 0"):
        initial.noisy_content(content_db, key=KEY, spec=SPEC, noise_db=-1.0)
