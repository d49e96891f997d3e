"""Fades from silence to sound."""

import numpy as np
from jaxtyping import Float, Real


def raised_cosine(x: Real[np.ndarray, "*shape"], width: float) -> Float[np.ndarray, "*shape"]:
    """A raised cosine from 0 where `x` is 0 to 1 where it is `width`; a step if that is 0."""
    return np.sin(np.pi / 2 * np.clip(x / max(width, 1e-12), 0.0, 1.0)) ** 2
