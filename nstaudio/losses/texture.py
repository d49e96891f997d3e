"""The style loss of auditory texture statistics."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from nstaudio.analysis.axes import over_time
from nstaudio.errors import InputError, integer, number
from nstaudio.losses import texture_statistics
from nstaudio.losses.base import Scalar


@dataclass(frozen=True)
class TextureStatistics:
    """The distance of the auditory texture statistics of McDermott & Simoncelli (2011).

    `texture_statistics.distance`, with a spectrogram's bands in place of cochlear filters: their
    envelopes, brought to an amplitude to the power 0.3, are cheaper by far than filtered samples.
    It is for the spectrogram itself, `encoder=identity`, with bands as wide as an ear's and frames
    in quick succession, `spectrogram=cochlear`.

    Attributes:
        sr, hop_length, floor_db: those of the spectrogram.

    Raises:
        InputError: a value outside its limits; a clip shorter than `texture_statistics.MIN_S`.
    """

    sr: int = 22050
    hop_length: int = 64
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        integer("style_loss.sr", self.sr, at_least=1000)
        integer("style_loss.hop_length", self.hop_length, at_least=1)
        number("style_loss.floor_db", self.floor_db, at_most=-20)

    def statistic(
        self, activations: Float[Array, "frames *bands channels"]
    ) -> texture_statistics.Statistics:
        """The clip's texture statistics; its level does not matter.

        Raises:
            InputError: a clip shorter than `texture_statistics.MIN_S`.
        """
        level_db = self.floor_db * (1.0 - over_time(activations))
        rate = self.sr / self.hop_length
        if level_db.shape[0] < texture_statistics.MIN_S * rate:
            raise InputError(
                f"{level_db.shape[0] / rate:.2f} s are too short for the statistics of a texture: "
                f"at least {texture_statistics.MIN_S:g} s are needed"
            )
        # Of samples with a mean square of 1 the cochlear bands, analytic, have a power of 2 in all.
        power = jnp.mean(jnp.sum(10 ** (level_db / 10), axis=1)) / 2
        level_db -= 10 * jnp.log10(power)
        envelopes = 10 ** (level_db * texture_statistics.COMPRESSION / 20)
        return texture_statistics.of_envelopes(envelopes.T, rate)

    def distance(
        self,
        activations: Float[Array, "frames *bands channels"],
        target: texture_statistics.Statistics,
    ) -> Scalar:
        """The distance of two textures: 0 is the same, about 1 as different as any two sounds."""
        return texture_statistics.distance(self.statistic(activations), target)
