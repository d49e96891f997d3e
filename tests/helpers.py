"""Small sounds and small problems that many tests use."""

from pathlib import Path

import jax
import numpy as np

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import Conv1dEncoder
from nstaudio.optimization.loop import Updates
from nstaudio.transfer import prepare
from nstaudio.transfer.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SR = 22050


def music(seed: int, seconds: float = 2.0, sr: int = SR) -> np.ndarray:
    """A few decaying harmonic notes and some noise: broadband, never the same twice."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sr)) / sr
    y = 0.002 * rng.standard_normal(t.size)
    for start in np.arange(0.0, seconds, 0.25):
        f0, after = 110.0 * 2 ** (rng.integers(0, 36) / 12), np.maximum(t - start, 0.0)
        for k in range(1, 8):
            if k * f0 < 0.45 * sr:
                y += (t >= start) * 0.2 / k * np.exp(-4 * after) * np.sin(2 * np.pi * k * f0 * t)
    return (0.8 * y / np.abs(y).max()).astype(np.float32)


SMALL = {"spec": MelSpec(n_mels=40), "encoder": Conv1dEncoder(features=(16, 8))}


def small_updates(content, style, n_steps: int = 3, **changes) -> Updates:
    settings = Settings(**{**SMALL, **changes})
    prepared = prepare.prepare(content, style, settings)
    transformation = settings.optimizer.transformation
    return Updates(prepared.state, prepared.problem, n_steps, prepared.objective, transformation)


def assert_equal(made, expected, atol: float = 1e-6) -> None:
    for a, b in zip(jax.tree.leaves(made), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=atol)
