import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.losses import FeatureReconstruction

LOSS = FeatureReconstruction()


@pytest.mark.parametrize("shape", [(7, 3), (7, 4, 3)])
def test_half_the_mean_squared_difference(shape):
    f, a = jnp.asarray(np.random.default_rng(0).standard_normal((2, *shape)), jnp.float32)
    expected = 0.5 * np.mean((np.float64(f) - np.float64(a)) ** 2)
    assert float(LOSS.distance(f, LOSS.statistic(a))) == pytest.approx(expected, rel=1e-5)


def test_gradient():
    f, a = jnp.asarray(np.random.default_rng(1).standard_normal((2, 5, 3)), jnp.float32)
    got = jax.grad(lambda x: LOSS.distance(x, LOSS.statistic(a)))(f)
    np.testing.assert_allclose(got, (f - a) / f.size, rtol=1e-5)


def test_other_frames_are_refused():
    f = jnp.zeros((7, 3))
    with pytest.raises(InputError, match="the aim has 9 frames to the content's 7"):
        LOSS.distance(f, LOSS.statistic(jnp.zeros((9, 3))))
