"""Small sounds that many tests use."""

import functools
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from nstaudio.losses import Gram
from nstaudio.optimization.aims import StyleClip

ROOT = Path(__file__).resolve().parent.parent
SR = 22050

GRAM_OF_STYLE = {"style_loss": Gram(), "aim": StyleClip()}
"""Settings of the literature's style loss. Unlike the default's it draws on no trained network."""


def music(seed: int, seconds: float = 2.0, sr: int = SR) -> np.ndarray:
    """A few decaying harmonic notes and some noise: broadband, never the same twice."""
    return _music(seed, seconds, sr).copy()


@functools.cache
def _music(seed: int, seconds: float, sr: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sr)) / sr
    y = 0.002 * rng.standard_normal(t.size)
    for start in np.arange(0.0, seconds, 0.25):
        f0, after = 110.0 * 2 ** (rng.integers(0, 36) / 12), np.maximum(t - start, 0.0)
        for k in range(1, 8):
            if k * f0 < 0.45 * sr:
                y += (t >= start) * 0.2 / k * np.exp(-4 * after) * np.sin(2 * np.pi * k * f0 * t)
    return (0.8 * y / np.abs(y).max()).astype(np.float32)


def with_loud_ends(y: np.ndarray) -> np.ndarray:
    """Samples of which no soft end is left out, see `gate.spans`."""
    y = y.copy()
    y[[0, -1]] = 0.1
    return y


def compiled(function: Callable) -> Callable:
    """The function as one program, not one for each operation: so compiling it takes less time.

    What is no array among its arguments must be hashable, and is static.
    """

    def call(*args, **kwargs):
        leaves, structure = jax.tree.flatten((args, kwargs))
        is_array = [isinstance(leaf, (jax.Array, np.ndarray)) for leaf in leaves]
        static = tuple(None if a else leaf for leaf, a in zip(leaves, is_array, strict=True))
        arrays = [leaf for leaf, a in zip(leaves, is_array, strict=True) if a]
        return _program(function, structure, static, tuple(is_array))(arrays)

    return call


@functools.cache
def _program(function, structure, static, is_array) -> Callable:
    def run(arrays):
        rest = iter(arrays)
        leaves = [next(rest) if a else s for a, s in zip(is_array, static, strict=True)]
        args, kwargs = jax.tree.unflatten(structure, leaves)
        return function(*args, **kwargs)

    return jax.jit(run)


class Compiled:
    """An object each of whose methods is one program, see `compiled`."""

    def __init__(self, wrapped) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Callable:
        return compiled(getattr(self._wrapped, name))
