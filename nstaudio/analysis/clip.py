"""An analysed clip: samples and a log-mel spectrogram; the types of these arrays."""

from typing import NamedTuple

from jaxtyping import Array, Float

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
