"""Coarse to fine: long frames first, whose result initialises shorter ones."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Array, Float

from nstaudio.analysis.axes import interpolate
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.errors import InputError, integer


@dataclass(frozen=True)
class MultiScale:
    """Coarser analyses that the transfer begins with (as Gatys et al. 2017 do with images).

    On each of them frames and hops are longer by a factor, and the same filters span more time by
    that factor. Its result, as a change of the carrier in dB, initialises the next one.

    Attributes:
        factors: from the coarsest to the finest, each at least 2 and above the next; none is one
            scale.
        n_steps: updates on each of them.

    Raises:
        InputError: a value outside its limits.
    """

    factors: tuple[int, ...] = ()
    n_steps: int = 50

    def __post_init__(self) -> None:
        values = self.factors
        factors = tuple(values) if isinstance(values, Sequence) else (values,)
        for factor in factors:
            integer("multiscale.factors", factor, at_least=2, at_most=64)
        if any(a <= b for a, b in itertools.pairwise(factors)):
            raise InputError(f"multiscale.factors={list(factors)} must fall, e.g. [4, 2]")
        integer("multiscale.n_steps", self.n_steps, at_least=1)
        object.__setattr__(self, "factors", factors)

    def specs(self, spec: MelSpec) -> list[MelSpec]:
        """The coarser analyses, in order."""
        return [
            replace(spec, n_fft=factor * spec.n_fft, hop_length=factor * spec.hop_length)
            for factor in self.factors
        ]


def in_time(
    x: Float[Array, "frames bands"], hop_length: int, new_hop_length: int, n_frames: int
) -> Float[Array, "new_frames bands"]:
    """Interpolate frames `hop_length` apart at `n_frames` frames `new_hop_length` apart.

    Beyond the last frame its values are held.
    """
    at = np.minimum(np.arange(n_frames) * new_hop_length / hop_length, x.shape[0] - 1)
    return interpolate(x.T, at).T
