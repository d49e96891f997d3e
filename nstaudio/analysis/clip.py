"""An analysed clip: samples and a log-mel spectrogram; the types of these arrays."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from nstaudio.analysis import numpy_stft
from nstaudio.analysis.spectrogram import MelSpec

Samples = Float[Array, " samples"]
"""Mono samples at the analysis rate, on the device; `audio.samples` has those of numpy."""

LogMel = Float[Array, "frames mels"]
"""Mel power spectrogram, dB."""

Power = Float[Array, "frames bins"]
"""Power spectrogram."""

EncoderInput = Float[Array, "frames bands *parts"]
"""A representation of a clip, see `representations`."""


class Clip(NamedTuple):
    """A clip, scaled so that its loudest mel band is 0 dB, and its log-mel spectrogram."""

    y: Samples
    level_db: LogMel
    n_samples: Int[Array, ""] | None = None
    """Samples before the padding, see `padding`; `None` where there is none."""

    @classmethod
    def of(cls, y: Float32[np.ndarray, " samples"], spec: MelSpec) -> "Clip":
        """The clip of scaled samples; compiles nothing for their length."""
        # `jnp.asarray` would compile.
        return cls(*jax.device_put((y, numpy_stft.log_mel(y, spec))))
