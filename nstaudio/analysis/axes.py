"""Reshaping and interpolation along the axes of activations and spectrograms."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def positions(
    activations: Float[Array, "frames *bands channels"],
) -> Float[Array, "positions channels"]:
    """Every band of every frame in a row of its own."""
    return activations.reshape(-1, activations.shape[-1])


def over_time(
    activations: Float[Array, "frames *bands channels"],
) -> Float[Array, "frames all_channels"]:
    """Every frame in a row of its own: the channels of all bands are channels."""
    return activations.reshape(activations.shape[0], -1)


def resample(values: Float[Array, "*batch old"], n: int) -> Float[Array, "*batch new"]:
    """Interpolate the last axis at `n` points spread evenly over it."""
    old = values.shape[-1]
    if old == n:
        return values
    return interpolate(values, np.clip((np.arange(n) + 0.5) * old / n - 0.5, 0, old - 1))


def interpolate(
    values: Float[Array, "*batch old"], index: Float[np.ndarray, " new"]
) -> Float[Array, "*batch new"]:
    """Interpolate the last axis linearly.

    Args:
        index: fractional indices into it, from 0 to the last entry's.
    """
    old, n = values.shape[-1], len(index)
    below = np.floor(index).astype(int)
    above = np.minimum(below + 1, old - 1)
    share = jnp.asarray(index - below, values.dtype).reshape((1,) * (values.ndim - 1) + (n,))
    return values[..., below] * (1 - share) + values[..., above] * share
