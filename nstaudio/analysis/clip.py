"""A clip as the method holds it: samples and a log-mel spectrogram; the array types of both."""

from typing import NamedTuple

from jaxtyping import Array, Float

Samples = Float[Array, " samples"]

LogMel = Float[Array, "frames mels"]

Power = Float[Array, "frames bins"]


class Clip(NamedTuple):
    """A clip, scaled so that its loudest mel band is 0 dB, and its log-mel spectrogram."""

    y: Samples
    level_db: LogMel
