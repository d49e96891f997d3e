"""Encoders: from spectrograms to the features that the losses compare.

The input of every encoder is `frames mels` in units of 0 (silence) to 1. An encoder has a receptive
field, computes the targets of two clips, and the distances of a third from them, layer by layer.

Most encoders have activations: they are Flax Linen modules that return `{layer name: frames
channels}`, or `frames bands channels`, in order of depth, and `ActivationEncoder` does the rest.
Linen rather than NNX: a Linen module is a frozen dataclass, so it is hashable and can be a static
argument of `jax.jit`, and `apply(variables, x)` is a pure function of explicit arrays.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from nstaudio.encoders.aisfx import AisfxEncoder
from nstaudio.encoders.base import (
    ACTIVATIONS,
    INPUT,
    ActivationEncoder,
    Encoder,
    Spectrogram,
    StyleSpectrogram,
)
from nstaudio.encoders.basic_pitch import BasicPitchEncoder
from nstaudio.encoders.conv1d import Conv1dEncoder
from nstaudio.encoders.conv2d import Conv2dEncoder
from nstaudio.encoders.identity import IdentityEncoder
from nstaudio.encoders.infinite import InfiniteEncoder
from nstaudio.encoders.learned import LearnedEncoder
from nstaudio.encoders.musicnn import MusicnnEncoder
from nstaudio.encoders.parallel import ParallelEncoder

__all__ = [
    "ACTIVATIONS",
    "INPUT",
    "ActivationEncoder",
    "AisfxEncoder",
    "BasicPitchEncoder",
    "Conv1dEncoder",
    "Conv2dEncoder",
    "Encoder",
    "IdentityEncoder",
    "InfiniteEncoder",
    "LearnedEncoder",
    "MusicnnEncoder",
    "ParallelEncoder",
    "Spectrogram",
    "StyleSpectrogram",
]

if not TYPE_CHECKING:  # a type checker knows the names above

    def __getattr__(name: str) -> Any:
        """An encoder from a module of this package that is not named above, e.g. one just added."""
        modules = [module.name for module in pkgutil.iter_modules(__path__)]
        if not name.startswith("_") and name not in modules:
            for module in modules:
                found = getattr(importlib.import_module(f"{__name__}.{module}"), name, None)
                if getattr(found, "__module__", None) == f"{__name__}.{module}":
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
