"""Small sounds that many tests use."""

from pathlib import Path

import numpy as np

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
