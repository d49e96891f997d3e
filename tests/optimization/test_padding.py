"""The objective of clips that are padded, beside that of the clips as they are."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis import padding
from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import Conv1dEncoder
from nstaudio.losses import FeatureReconstruction, Gram, SquaredError, Weights
from nstaudio.optimization.content_gain import ContentGain
from nstaudio.optimization.objective import Objective, make_problem

SPEC = MelSpec(sr=8000, n_fft=128, hop_length=32, n_mels=12)
ENCODER = Conv1dEncoder(features=(6, 4), kernel_size=3, input_layer=True)
SIZE, STYLE_SIZE = 64, 96
RNG = np.random.default_rng(0)
N_SAMPLES = 1500
N_FRAMES = SPEC.n_frames(N_SAMPLES)


def noise(n: int) -> Clip:
    y = RNG.standard_normal(n).astype(np.float32) * np.linspace(0.1, 0.01, n, dtype=np.float32)
    return Clip.of(y, SPEC)


CONTENT, STYLE, OTHER = noise(N_SAMPLES), noise(2000), noise(N_SAMPLES)
CHANGE_DB = 5 * RNG.standard_normal((N_FRAMES, SPEC.n_mels)).astype(np.float32)


def everything(style_loss, padded: bool):
    """All that a transfer computes of a change of the content, cut to the content's own frames."""
    objective = Objective(
        SPEC, ContentGain(sigma_s=0.01, sigma_mels=1.0), ENCODER, SquaredError(), style_loss
    )
    assert objective.pads

    def pad(clip, size):
        return padding.pad(clip, size, SPEC) if padded else clip

    content, other, style = pad(CONTENT, SIZE), pad(OTHER, SIZE), pad(STYLE, STYLE_SIZE)
    even = dict.fromkeys(ENCODER.layer_names, jnp.float32(1 / 3))
    problem = make_problem(
        key=jax.random.key(0),
        content=content,
        style=style,
        aim=other if isinstance(style_loss, FeatureReconstruction) else style,
        carrier=content,
        weights=Weights(jnp.float32(1), jnp.float32(1), even, even),
        strength=jnp.float32(0.4),
        objective=objective,
    )
    own = np.pad(CHANGE_DB, ((0, len(content.level_db) - N_FRAMES), (0, 0)))

    @partial(jax.jit, static_argnames="objective")
    def compute(variable, problem, *, objective):
        loss, gradient = jax.value_and_grad(lambda v: objective(v, problem).total)(variable)
        parametrization, constants = objective.parametrization, problem.constants
        return (
            (loss, objective(variable, problem), problem.weights, problem.content_total),
            (gradient, objective.log_mel(variable, problem)),
            parametrization.samples(variable, constants, SPEC),
            parametrization.filtered(other.y, variable, constants, SPEC),
        )

    numbers, by_frame, *sounds = compute(own, problem, objective=objective)
    rest = [np.asarray(x)[N_FRAMES:] for x in by_frame[:1]] + [
        np.asarray(y)[N_SAMPLES:] for y in sounds
    ]
    assert not any(np.any(x) for x in rest), "padding stays as it is"
    return numbers, [np.asarray(x)[:N_FRAMES] for x in by_frame], [y[:N_SAMPLES] for y in sounds]


@pytest.mark.parametrize(
    "style_loss", [Gram(), pytest.param(FeatureReconstruction(), marks=pytest.mark.slow)]
)
def test_padding_changes_nothing(style_loss):
    got, expected = (everything(style_loss, padded) for padded in (True, False))
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5 * np.abs(b).max())


def test_what_is_no_mean_of_products_is_not_padded():
    objective = Objective(SPEC, ContentGain(), ENCODER, SquaredError(), Gram())
    assert not replace(objective, content_loss=SquaredError("sum")).pads
