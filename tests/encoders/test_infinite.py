import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.encoders import InfiniteEncoder
from nstaudio.errors import InputError
from nstaudio.losses import FeatureReconstruction, LossPair, SquaredError

from helpers import compiled

LOSSES = LossPair(SquaredError(), FeatureReconstruction())


@pytest.fixture
def spectrograms():
    x = np.random.default_rng(0).uniform(0, 1, (3, 20, 6))
    return [jnp.asarray(one, jnp.float32) for one in x]


def test_frame_by_frame_the_style_is_like_a_content(spectrograms):
    """Half the mean squared difference, of the aim's activations as of the content's."""
    x, content, aim = spectrograms
    encoder = InfiniteEncoder(kernel_size=(3, 2))

    def distances(content, aim):
        targets = encoder.targets({}, content, aim, LOSSES)
        return encoder.distances({}, x, targets, LOSSES)

    of_both, of_aim = compiled(distances)(content, aim), compiled(distances)(aim, content)
    for name in encoder.layer_names:
        np.testing.assert_allclose(of_both.style[name], of_aim.content[name], rtol=1e-5)
        assert float(of_both.style[name]) != pytest.approx(float(of_both.content[name]), rel=1e-3)


def test_an_aim_of_other_frames(spectrograms):
    _, content, aim = spectrograms
    with pytest.raises(InputError, match="the aim has 15 frames to the content's 20"):
        InfiniteEncoder(3).targets({}, content, aim[:15], LOSSES)


def test_the_gradient_of_the_aim_itself_is_0(spectrograms):
    _, content, aim = spectrograms
    encoder = InfiniteEncoder(kernel_size=(3,))

    def loss(x):
        return encoder.distances({}, x, encoder.targets({}, content, aim, LOSSES), LOSSES).style

    value, grad = jax.jit(jax.value_and_grad(lambda x: loss(x)["conv1"]))(aim)
    assert float(value) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(grad, 0, atol=1e-3)
