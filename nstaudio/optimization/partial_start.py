"""Starts that go only part of the way from the content: what strength is without a descent."""

import jax
import jax.numpy as jnp
import numpy as np

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.optimization.initializers import Initialization

_LEAST_POWER = 1e-20

_log_mel = jax.jit(log_mel, static_argnames=("spec",))


def part_way(
    start: Initialization, content: Clip, strength: float, *, spec: MelSpec
) -> Initialization:
    """A start some of the way from the content.

    Of one that filters the content, a share of the change in dB; of one with a sound of its own, a
    crossfade of constant power.

    Args:
        strength: 0 is the content, 1 is `start` itself.
    """
    if strength == 1:
        return start
    if start.carrier is content:
        change_db = strength * (start.level_db - content.level_db)
        return start._replace(level_db=content.level_db + change_db)
    y, other = np.asarray(content.y), np.asarray(start.carrier.y)
    level = np.sqrt(np.mean(y**2) / max(np.mean(other**2), _LEAST_POWER))
    faded = np.sqrt(1 - strength) * y + np.sqrt(strength) * level * other
    sound = jnp.asarray(faded, jnp.float32)
    carrier = Clip(sound, _log_mel(sound, spec=spec))
    return start._replace(carrier=carrier, level_db=carrier.level_db)
