"""Starts that go only part of the way from the content: what strength is without a descent."""

import jax
import numpy as np

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.optimization.initializers import Initialization

_LEAST_POWER = 1e-20


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
        content_db, level_db = np.asarray(content.level_db), np.asarray(start.level_db)
        level_db = content_db + np.float32(strength) * (level_db - content_db)
        return start._replace(level_db=jax.device_put(level_db))
    y, other = np.asarray(content.y), np.asarray(start.carrier.y)
    level = np.sqrt(np.mean(y**2) / max(np.mean(other**2), _LEAST_POWER))
    faded = np.sqrt(1 - strength) * y + np.sqrt(strength) * level * other
    carrier = Clip.of(np.asarray(faded, np.float32), spec)
    return start._replace(carrier=carrier, level_db=carrier.level_db)
