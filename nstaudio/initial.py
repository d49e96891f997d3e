"""Where the optimisation starts: each function makes the first generated spectrogram.

Every function is called as `initial(content_db, key=key, spec=spec)` with the content clip's
log-mel spectrogram in dB and returns one of the same shape.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from nstaudio.errors import number
from nstaudio.spectrogram import MelSpec

LogMel = Float[Array, "frames mels"]


def content(content_db: LogMel, *, key: PRNGKeyArray, spec: MelSpec) -> LogMel:
    """The content itself: the source paper's procedure."""
    del key, spec
    return content_db


def noisy_content(
    content_db: LogMel, *, key: PRNGKeyArray, spec: MelSpec, noise_db: float = 10.0
) -> LogMel:
    """The content plus Gaussian noise of standard deviation `noise_db`: the paper's theory.

    Raises:
        InputError: `noise_db` is negative.
    """
    number("init.noise_db", noise_db, at_least=0)
    noise = noise_db * jax.random.normal(key, content_db.shape, content_db.dtype)
    return jnp.maximum(content_db + noise, spec.floor_db)


def white_noise(content_db: LogMel, *, key: PRNGKeyArray, spec: MelSpec) -> LogMel:
    """Independent Gaussian pixels with the content's mean and standard deviation in dB."""
    noise = jax.random.normal(key, content_db.shape, content_db.dtype)
    return jnp.maximum(jnp.mean(content_db) + jnp.std(content_db) * noise, spec.floor_db)
