import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.encoders import ACTIVATIONS, Conv1dEncoder, Encoder, InfiniteEncoder
from nstaudio.errors import InputError
from nstaudio.losses import Gram, LossPair, SquaredError

from helpers import compiled


def by_hand(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Valid convolution along time as sums, then ReLU; kernel is (size, in, out)."""
    size = kernel.shape[0]
    out = np.zeros((x.shape[0] - size + 1, kernel.shape[2]))
    for t in range(out.shape[0]):
        for d in range(size):
            out[t] += x[t + d] @ kernel[d]
    return np.maximum(out, 0.0)


@compiled
def activations(encoder, key, x):
    return encoder.init_with_output(key, x)


def test_activations_by_hand():
    encoder = Conv1dEncoder(features=(5, 4), kernel_size=(3, 2))
    x = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (9, 6)), jnp.float32)
    got, variables = activations(encoder, jax.random.key(0), x)
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
    kernel = np.asarray(compiled(encoder.init)(jax.random.key(3), x)["params"]["conv1"]["kernel"])
    assert kernel.shape == (11, 128, 256)
    assert kernel.var() == pytest.approx(2 / (11 * 128), rel=0.02)
    assert kernel.mean() == pytest.approx(0, abs=1e-3)


def test_seed_decides_the_weights():
    encoder, x = Conv1dEncoder((16, 8), 3), jnp.ones((30, 8))
    a, b, c = (activations(encoder, jax.random.key(s), x)[0]["conv2"] for s in (0, 0, 1))
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
    got, _ = jax.eval_shape(encoder.init_with_output, jax.random.key(0), x)
    assert got[last].shape == (1, 4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_works(name):
    encoder, x = Conv1dEncoder((4,), 1, activation=name), jnp.ones((12, 3))
    got, _ = activations(encoder, jax.random.key(0), x)
    assert np.isfinite(got["conv1"]).all()


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


LOSSES = LossPair(SquaredError(), Gram())


@compiled
def losses_and_gradient(encoder: Encoder, key, content, style, x):
    """Mean over layers of style and content, each with its gradient."""
    variables = encoder.init(key, content)
    targets = encoder.targets(variables, content, style, LOSSES)

    def terms(x):
        found = encoder.distances(variables, x, targets, LOSSES)
        return {k: jnp.stack(list(v.values())) for k, v in found._asdict().items()}

    return terms(x), jax.jacrev(terms)(x)


@pytest.mark.slow
def test_finite_encoders_converge_to_the_infinite_one():
    """Losses and gradients after one layer and after two; the error falls like 1 / sqrt(N)."""
    depth = 2
    rng = np.random.default_rng(0)
    bands = np.linspace(0.9, 0.1, 48)
    content, style, x = (
        jnp.asarray(np.clip(tilt + 0.4 * rng.standard_normal((14, 48)), 0, 1), jnp.float32)
        for tilt in (bands, bands[::-1], 0.5)
    )
    sizes, widths, n_draws = (3, 2), (64, 512), 24
    limit = losses_and_gradient(InfiniteEncoder(sizes), jax.random.key(0), content, style, x)
    errors = []
    for width in widths:
        encoder = Conv1dEncoder(features=(width,) * depth, kernel_size=sizes)
        draws = [
            losses_and_gradient(encoder, jax.random.key(seed), content, style, x)
            for seed in range(n_draws)
        ]

        def error(*values):
            """Of single draws (root mean square) and of their mean, by layer."""
            *found, expected = (np.asarray(v, float).reshape(depth, -1) for v in values)
            differences = np.stack(found) - expected
            single = np.sqrt(np.mean(np.sum(differences**2, axis=-1), axis=0))
            mean = np.linalg.norm(differences.mean(axis=0), axis=-1)
            return np.stack([single, mean]) / np.linalg.norm(expected, axis=-1)

        errors.append(jax.tree.map(error, *draws, limit))
    for by_width in zip(*map(jax.tree.leaves, errors), strict=True):
        for layer in range(depth):
            single = [e[0, layer] for e in by_width]
            slope = np.polyfit(np.log(widths), np.log(single), 1)[0]
            assert -0.7 < slope < -0.3, single
            assert by_width[-1][1, layer] < 0.6 * single[-1], "and it is this limit"


def test_the_infinite_encoder_is_an_encoder_like_others():
    infinite, finite = InfiniteEncoder((3, 5)), Conv1dEncoder((4, 4), (3, 5))
    assert infinite.layer_names == finite.layer_names
    assert infinite.receptive_field == finite.receptive_field == 7
    assert InfiniteEncoder([3, 5]) == infinite  # type: ignore[arg-type]
    assert hash(InfiniteEncoder([3, 5])) == hash(infinite)  # type: ignore[arg-type]
    assert InfiniteEncoder(3) == InfiniteEncoder((3,)) != infinite
    assert isinstance(infinite, Encoder)
    assert isinstance(finite, Encoder)


@pytest.mark.parametrize(
    ("kernel_size", "message"),
    [
        ((), "length of encoder.kernel_size=0 must be at least 1"),
        ((3, 0), "encoder.kernel_size=0 must be at least 1"),
        (2.5, "encoder.kernel_size must be a whole number, not 2.5"),
    ],
)
def test_bad_infinite_encoders(kernel_size, message):
    with pytest.raises(InputError, match=message):
        InfiniteEncoder(kernel_size)


class OfActivations:
    """A style loss that needs the activations themselves."""

    def __repr__(self) -> str:
        return "OfActivations()"

    def statistic(self, activations):
        return activations.max(axis=0)

    def distance(self, activations, target):
        return jnp.sum(jnp.abs(activations.max(axis=0) - target))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"content": SquaredError("sum")}, r"content_loss=SquaredError\(reduction='sum'\)"),
        ({"style": OfActivations()}, r"style_loss=OfActivations\(\)"),
    ],
)
def test_losses_without_a_kernel_form_are_refused(changed, named):
    x = jnp.ones((9, 4))
    message = rf"^{named} has no kernel form.*encoder=InfiniteEncoder\(kernel_size=\(3,\)\)"
    with pytest.raises(InputError, match=message) as error:
        InfiniteEncoder((3,)).targets({}, x, x, LOSSES._replace(**changed))
    assert len(str(error.value).splitlines()) == 1


def test_the_style_clips_own_part_is_computed_once():
    """The distance of a clip from itself is 0, to rounding, and it pulls nowhere."""
    x = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (30, 8)), jnp.float32)
    terms, gradients = losses_and_gradient(InfiniteEncoder((3, 3)), jax.random.key(0), x, x, x)
    for name in ("content", "style"):
        np.testing.assert_allclose(terms[name], 0, atol=1e-7)
        np.testing.assert_allclose(gradients[name], 0, atol=1e-7)
