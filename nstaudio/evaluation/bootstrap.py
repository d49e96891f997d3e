"""Confidence intervals of means over items."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_N_RESAMPLES = 10_000
_SEED = 0


class Interval(NamedTuple):
    """A mean and where it may lie."""

    mean: float
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end."""


def mean(values: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """The mean, and the percentile interval of the means of resampled items (Efron 1979).

    Of differences it compares two methods pair by pair: where the interval holds no 0, one is
    better. The same values have the same interval.

    Args:
        values: one an item, at least one; with fewer than about ten the interval is too narrow.
        confidence: share of the resamples inside.
    """
    items = np.asarray(values, float)
    rng = np.random.default_rng(_SEED)
    means = items[rng.integers(0, len(items), (_N_RESAMPLES, len(items)))].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(items.mean()), float(low), float(high))
