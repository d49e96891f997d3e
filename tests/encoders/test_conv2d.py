"""Encoders of other shapes than a stack along time: 2-D, dilated, side by side, none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import (
    Conv1dEncoder,
    Conv2dEncoder,
    Encoder,
    IdentityEncoder,
    ParallelEncoder,
)
from nstaudio.errors import InputError
from nstaudio.losses import Gram, LossPair, SquaredError
from nstaudio.optimization.waveform import Waveform
from nstaudio.transfer import api
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE

LOSSES = LossPair(SquaredError(), Gram())


def spectrogram(n_frames: int, n_mels: int = 7, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).uniform(0, 1, (n_frames, n_mels)), jnp.float32)


def activations(encoder, x):
    found, variables = jax.jit(encoder.init_with_output)(jax.random.key(0), x)
    return found, jax.tree.map(np.asarray, variables["params"])


def image_by_hand(x: np.ndarray, kernel: np.ndarray, dilation=(1, 1)) -> np.ndarray:
    """Sums over taps, silence around the bands, then ReLU; kernel is (size, height, in, out)."""
    size, height = kernel.shape[:2]
    n = x.shape[0] - dilation[0] * (size - 1)
    below = (height - 1) * dilation[1] // 2
    out = np.zeros((n, x.shape[1], kernel.shape[3]))
    for t in range(n):
        for b in range(x.shape[1]):
            for d in range(size):
                for e in range(height):
                    band = b + e * dilation[1] - below
                    if 0 <= band < x.shape[1]:
                        out[t, b] += x[t + d * dilation[0], band] @ kernel[d, e]
    return np.maximum(out, 0.0)


@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
def test_2d_activations_by_hand(dilation):
    encoder = Conv2dEncoder(
        features=(3, 2), kernel_size=((2, 3), (3, 4)), pooling=(2, 3), dilation=dilation
    )
    x = spectrogram(16)
    got, params = activations(encoder, x)
    assert list(got) == list(encoder.layer_names) == ["conv1", "conv2"]
    assert all(set(layer) == {"kernel"} for layer in params.values()), "no bias"
    first = image_by_hand(np.asarray(x)[:, :, None], params["conv1"]["kernel"], dilation)
    n_frames, n_bands = first.shape[0] // 2, first.shape[1] // 3
    whole = first[: 2 * n_frames, : 3 * n_bands]
    pooled = np.zeros((n_frames, n_bands, 3))
    for t in range(n_frames):
        for b in range(n_bands):
            pooled[t, b] = whole[2 * t : 2 * t + 2, 3 * b : 3 * b + 3].mean(axis=(0, 1))
    second = image_by_hand(pooled, params["conv2"]["kernel"], dilation)
    np.testing.assert_allclose(got["conv1"], first, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got["conv2"], second, rtol=1e-5, atol=1e-5)


def test_dilated_activations_by_hand():
    encoder = Conv1dEncoder(features=(4, 3), kernel_size=(2, 3), dilation=(1, 3))
    x = spectrogram(12)
    got, params = activations(encoder, x)
    y = np.asarray(x)
    for name, dilation in (("conv1", 1), ("conv2", 3)):
        kernel = params[name]["kernel"]
        n = len(y) - dilation * (len(kernel) - 1)
        y = np.maximum(sum(y[d * dilation :][:n] @ kernel[d] for d in range(len(kernel))), 0)
        np.testing.assert_allclose(got[name], y, rtol=1e-5, atol=1e-6)


def test_side_by_side_all_see_the_spectrogram():
    encoder = ParallelEncoder((2, (3, 5), 4), features=3)
    x = spectrogram(9)
    got, params = activations(encoder, x)
    assert encoder.layer_names == ("width2", "kernel3x5", "width4")
    for name, size in (("width2", 2), ("width4", 4)):
        kernel, n = params[name]["kernel"], 9 - size + 1
        expected = np.maximum(sum(np.asarray(x)[d:][:n] @ kernel[d] for d in range(size)), 0)
        np.testing.assert_allclose(got[name], expected, rtol=1e-5, atol=1e-6)
    image = image_by_hand(np.asarray(x)[:, :, None], params["kernel3x5"]["kernel"])
    np.testing.assert_allclose(got["kernel3x5"], image, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("encoder", "field"),
    [
        (Conv1dEncoder(features=(4, 4, 4), kernel_size=2, dilation=(1, 2, 4)), 8),
        (Conv2dEncoder(features=(4, 4), kernel_size=(3, 3), pooling=(2, 2)), 8),
        (Conv2dEncoder(features=(4, 4), kernel_size=(3, 5), pooling=(1, 1)), 5),
        (Conv2dEncoder(features=(4, 4), kernel_size=(3, 1), pooling=(3, 1), dilation=(2, 1)), 19),
        (ParallelEncoder((2, 8, (5, 3)), features=4), 8),
        (IdentityEncoder(), 1),
    ],
)
def test_receptive_field_is_the_shortest_input(encoder, field):
    assert encoder.receptive_field == field
    x = spectrogram(field)
    got, _ = jax.eval_shape(encoder.init_with_output, jax.random.key(0), x)
    assert min(a.shape[0] for a in got.values()) == 1


ALL = (
    Conv1dEncoder(features=(4, 3), kernel_size=2, dilation=(1, 2), input_layer=True),
    Conv2dEncoder(features=(4, 3), pooling=(2, 2), input_layer=True),
    ParallelEncoder((2, (3, 5)), features=3, input_layer=True),
    IdentityEncoder(),
)


@pytest.mark.parametrize("encoder", ALL, ids=lambda e: type(e).__name__)
def test_targets_and_distances_layer_by_layer(encoder):
    """The same layers everywhere, the input among them, and a gradient."""
    assert isinstance(encoder, Encoder)
    assert encoder.layer_names[0] == "input"
    content, style, x = (spectrogram(n, seed=n) for n in (20, 26, 20))

    @jax.jit
    def drawn(key, content, style):
        variables = encoder.init(key, content)
        return variables, encoder.targets(variables, content, style, LOSSES)

    variables, targets = drawn(jax.random.key(0), content, style)

    def total(x):
        found = encoder.distances(variables, x, targets, LOSSES)
        assert set(found.content) == set(found.style) == set(encoder.layer_names)
        total = sum(map(sum, (found.content.values(), found.style.values())), jnp.zeros(()))
        return total, found

    compiled = jax.jit(jax.value_and_grad(total, has_aux=True))
    (_, found), gradient = compiled(x)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
    expected = 0.5 * np.mean((np.asarray(x) - np.asarray(content)) ** 2)
    assert found.content["input"] == pytest.approx(expected, rel=1e-5)
    (_, found), _ = compiled(content)
    assert all(value == pytest.approx(0, abs=1e-9) for value in found.content.values())


def test_a_gram_matrix_of_bands_has_all_bands_as_positions():
    f, s = (np.random.default_rng(i).uniform(0, 1, (n, 5, 4)) for i, n in enumerate((6, 9)))
    x, a = (y.reshape(-1, 4).T @ y.reshape(-1, 4) / y[..., 0].size for y in (f, s))
    got = Gram().distance(jnp.asarray(f), Gram().statistic(jnp.asarray(s)))
    assert got == pytest.approx(((x - a) ** 2).sum() / (4 * 4**2), rel=1e-4)


def test_equal_encoders_are_equal_static_arguments():
    pairs = [
        (Conv2dEncoder([4], [3, 5]), Conv2dEncoder((4,), ((3, 5),))),  # type: ignore[arg-type]
        (Conv1dEncoder([4], 3, dilation=[2]), Conv1dEncoder((4,), 3, dilation=(2,))),  # type: ignore[arg-type]
        (ParallelEncoder([2, [3, 3]]), ParallelEncoder((2, (3, 3)))),  # type: ignore[arg-type]
        (IdentityEncoder(), IdentityEncoder()),
    ]
    for a, b in pairs:
        assert a == b
        assert hash(a) == hash(b)
    assert Conv2dEncoder() != Conv2dEncoder(pooling=(1, 1))
    assert Conv1dEncoder() != Conv1dEncoder(input_layer=True)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Conv1dEncoder, {"dilation": 0}, "encoder.dilation=0 must be at least 1"),
        (Conv1dEncoder, {"dilation": (1, 2, 4)}, "length of encoder.dilation=3 must be at most 2"),
        (Conv2dEncoder, {"features": ()}, "length of encoder.features=0 must be at least 1"),
        (Conv2dEncoder, {"kernel_size": 3}, "encoder.kernel_size must be two numbers.*not 3"),
        (Conv2dEncoder, {"kernel_size": (3, 0)}, "bands of encoder.kernel_size=0 must be at least"),
        (Conv2dEncoder, {"kernel_size": ((3, 3),) * 2}, "length of encoder.kernel_size=2 must be"),
        (Conv2dEncoder, {"pooling": (2,)}, r"encoder.pooling must be two numbers.*not \(2,\)"),
        (Conv2dEncoder, {"pooling": ("a", 2)}, "frames of encoder.pooling must be a whole number"),
        (Conv2dEncoder, {"activation": "rellu"}, r"encoder.activation=rellu .*mean relu\?"),
        (ParallelEncoder, {"kernel_size": 3}, "encoder.kernel_size must be a list of shapes"),
        (ParallelEncoder, {"kernel_size": ()}, "length of encoder.kernel_size=0 must be at least"),
        (ParallelEncoder, {"kernel_size": (2, 4, 2)}, "has a shape twice"),
        (ParallelEncoder, {"kernel_size": (2, "x")}, "encoder.kernel_size must be"),
        (ParallelEncoder, {"features": 0}, "encoder.features=0 must be at least 1"),
    ],
)
def test_bad_encoders(kind, values, message):
    with pytest.raises(InputError, match=message):
        kind(**values)


def test_pooling_that_leaves_no_band_is_refused():
    encoder = Conv2dEncoder(features=(2, 2, 2), pooling=(1, 4))
    with pytest.raises(InputError, match=r"encoder.pooling=\(1, 4\) leaves conv3 none of 7 bands"):
        jax.eval_shape(encoder.init, jax.random.key(0), spectrogram(20))


def test_a_transfer_with_2d_features(content, style):
    """Through the whole path: other layers and the spectrogram's own have weights by name."""
    settings = Settings(
        spec=MelSpec(n_mels=24),
        parametrization=Waveform(),  # the fewest programs
        encoder=Conv2dEncoder(features=(4, 4), kernel_size=(1, 3), input_layer=True),
        style_weights={"input": 0.1},
        n_steps=2,
        **GRAM_OF_STYLE,
    )
    result = api.transfer(content[:9000], style[:9000], 22050, settings)
    assert set(result.history[-1][1].style_layers) == {"input", "conv1", "conv2"}
    assert result.history[-1][1].total < result.history[0][1].total
