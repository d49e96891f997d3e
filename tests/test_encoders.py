import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.encoders import ACTIVATIONS, Conv1dEncoder
from nstaudio.errors import InputError


def by_hand(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Valid convolution along time as sums, then ReLU; kernel is (size, in, out)."""
    size = kernel.shape[0]
    out = np.zeros((x.shape[0] - size + 1, kernel.shape[2]))
    for t in range(out.shape[0]):
        for d in range(size):
            out[t] += x[t + d] @ kernel[d]
    return np.maximum(out, 0.0)


def test_activations_by_hand():
    encoder = Conv1dEncoder(features=(5, 4), kernel_size=(3, 2))
    x = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (9, 6)), jnp.float32)
    variables = encoder.init(jax.random.key(0), x)
    got = encoder.apply(variables, x)
    kernels = variables["params"]
    assert set(kernels) == {"conv1", "conv2"}
    assert set(kernels["conv1"]) == {"kernel"}, "no bias: silence has no activation"
    first = by_hand(np.asarray(x), np.asarray(kernels["conv1"]["kernel"], float))
    second = by_hand(first, np.asarray(kernels["conv2"]["kernel"], float))
    assert list(got) == ["conv1", "conv2"]
    np.testing.assert_allclose(got["conv1"], first, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got["conv2"], second, rtol=1e-5, atol=1e-6)


def test_weights_have_the_variance_of_he():
    encoder = Conv1dEncoder(features=(256,), kernel_size=11)
    x = jnp.zeros((20, 128))
    kernel = np.asarray(encoder.init(jax.random.key(3), x)["params"]["conv1"]["kernel"])
    assert kernel.shape == (11, 128, 256)
    assert kernel.var() == pytest.approx(2 / (11 * 128), rel=0.02)
    assert kernel.mean() == pytest.approx(0, abs=1e-3)


def test_seed_decides_the_weights():
    encoder, x = Conv1dEncoder(), jnp.ones((30, 8))
    a, b, c = (encoder.apply(encoder.init(jax.random.key(s), x), x)["conv2"] for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


@pytest.mark.parametrize(
    ("kernel_size", "depth", "field"), [(11, 2, 21), (1, 3, 1), ([3, 5], 2, 7), (4, 1, 4)]
)
def test_receptive_field_is_the_shortest_input(kernel_size, depth, field):
    encoder = Conv1dEncoder(features=[4] * depth, kernel_size=kernel_size)
    assert encoder.receptive_field == field
    x = jnp.ones((field, 3))
    last = encoder.layer_names[-1]
    assert encoder.apply(encoder.init(jax.random.key(0), x), x)[last].shape == (1, 4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_works(name):
    encoder, x = Conv1dEncoder(features=(4,), activation=name), jnp.ones((12, 3))
    got = encoder.apply(encoder.init(jax.random.key(0), x), x)["conv1"]
    assert np.isfinite(got).all()


def test_equal_encoders_are_equal_static_arguments():
    a, b = Conv1dEncoder(features=[8, 4]), Conv1dEncoder(features=(8, 4))  # a list as from YAML
    assert a == b
    assert hash(a) == hash(b)
    assert a != Conv1dEncoder(features=(8, 5))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"features": ()}, "length of encoder.features=0 must be at least 1"),
        ({"features": (4, 0)}, "encoder.features=0 must be at least 1"),
        ({"features": (4, "8")}, "encoder.features must be a whole number, not '8'"),
        ({"kernel_size": 0}, "encoder.kernel_size=0 must be at least 1"),
        ({"kernel_size": (3, 3, 3)}, "length of encoder.kernel_size=3 must be at most 2"),
        ({"activation": "rellu"}, r"encoder.activation=rellu is not one of.*mean relu\?"),
    ],
)
def test_bad_encoders(values, message):
    with pytest.raises(InputError, match=message):
        Conv1dEncoder(**values)
