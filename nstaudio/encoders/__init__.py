"""Spectrograms to what the losses compare.

Every encoder sees `frames mels` in units of 0 (silence) to 1, says how many frames it needs, makes
the targets of two clips and tells how far a third is from them, layer by layer.

Most encoders have activations: they are Flax Linen modules that return `{layer name: frames
channels}`, or `frames bands channels`, in order of depth, and `ActivationEncoder` does the rest.
Linen rather than NNX: a Linen module is a frozen dataclass, so it is hashable and can be a static
argument of `jax.jit`, and `apply(variables, x)` is a pure function of explicit arrays.
"""

from nstaudio.encoders.base import (
    ACTIVATIONS,
    INPUT,
    ActivationEncoder,
    Encoder,
    Spectrogram,
    StyleSpectrogram,
)
from nstaudio.encoders.conv1d import Conv1dEncoder
from nstaudio.encoders.conv2d import Conv2dEncoder
from nstaudio.encoders.identity import IdentityEncoder
from nstaudio.encoders.infinite import InfiniteEncoder
from nstaudio.encoders.parallel import ParallelEncoder

__all__ = [
    "ACTIVATIONS",
    "INPUT",
    "ActivationEncoder",
    "Conv1dEncoder",
    "Conv2dEncoder",
    "Encoder",
    "IdentityEncoder",
    "InfiniteEncoder",
    "ParallelEncoder",
    "Spectrogram",
    "StyleSpectrogram",
]
