"""Updates of a small problem, and a comparison of what they make."""

import jax
import numpy as np

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import Conv1dEncoder
from nstaudio.optimization.loop import Updates
from nstaudio.optimization.parametrizations import FreeMel
from nstaudio.transfer import prepare
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE

SPEC = MelSpec(n_fft=512, hop_length=128, n_mels=32)
SMALL = {
    "spec": SPEC,
    "parametrization": FreeMel(),
    "encoder": Conv1dEncoder(features=(16, 8), kernel_size=(2, 1)),
    **GRAM_OF_STYLE,
}


def small_updates(content, style, n_steps: int = 3, **changes) -> Updates:
    settings = Settings(**{**SMALL, **changes})
    prepared = prepare.prepare(content, style, settings)
    transformation = settings.optimizer.transformation
    return Updates(prepared.state, prepared.problem, n_steps, prepared.objective, transformation)


def assert_equal(made, expected, atol: float = 1e-6) -> None:
    for a, b in zip(jax.tree.leaves(made), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=atol)
