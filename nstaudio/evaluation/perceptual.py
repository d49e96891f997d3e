"""Perceptual scores of a sound against a reference, by packages that need not be installed.

The extra `evaluation` has them. Both are mean opinion scores, 1 (bad) to 5 (as the reference), made
for coded sounds: they say how near a result sounds to its target, not whether it is good music.
"""

import importlib.util

import numpy as np
import soxr

from nstaudio.audio import samples
from nstaudio.audio.samples import Other, Samples

SR = 48000
"""The rate at which both listen, Hz."""

_LEVEL = 0.05  # root mean square; -26 dBFS leaves room for peaks


def zimtohrli(y: Samples, reference: Other, sr: int) -> float | None:
    """Zimtohrli's score (Google 2024); `None` without the package.

    Args:
        y, reference: mono samples at `sr`; levels do not matter, and what only the longer one has
            is left out.
        sr: their rate, Hz.

    Raises:
        InputError: silence, or no samples at all.
    """
    if importlib.util.find_spec("zimtohrli") is None:
        return None
    from zimtohrli import mos_from_signals  # pyright: ignore[reportMissingImports]

    y, reference = _comparable(y, reference, sr)
    return float(mos_from_signals(reference, y))


def visqol(y: Samples, reference: Other, sr: int) -> float | None:
    """ViSQOL's score in audio mode (Chinen et al. 2020); `None` without the package.

    Args:
        y, reference: as for `zimtohrli`.
        sr: their rate, Hz.

    Raises:
        InputError: silence, or no samples at all.
    """
    if importlib.util.find_spec("visqol") is None:
        return None
    from visqol import VisqolApi  # pyright: ignore[reportMissingImports]

    api = VisqolApi()
    api.create(mode="audio")
    y, reference = (x.astype(np.float64) for x in _comparable(y, reference, sr))
    return float(api.measure_from_arrays(reference, y, SR).moslqo)


def _comparable(y: np.ndarray, reference: np.ndarray, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Both equally long and strong, at the rate `SR`."""
    length = min(len(y), len(reference))
    first, second = (
        np.float32(_LEVEL)
        * samples.unit_power(soxr.resample(np.asarray(x[:length], np.float32), sr, SR), name=name)
        for x, name in ((y, "a sound to compare"), (reference, "the reference"))
    )
    return first, second
