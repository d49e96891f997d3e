"""The samples themselves as what is optimised."""

from dataclasses import dataclass
from typing import ClassVar

from nstaudio.analysis.clip import Clip, LogMel, Samples
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.errors import number
from nstaudio.optimization.content_gain import ContentGain, ContentStft


@dataclass(frozen=True)
class Waveform:
    """The samples themselves.

    Attributes:
        scale: amplitude of one unit of the variable, where the content's loudest mel band has
            power 1. It makes a learning rate that suits dB suit samples.

    Raises:
        InputError: a scale that is not above 0.
    """

    yields_waveform: ClassVar[bool] = True

    scale: float = 3e-5

    _FILTER: ClassVar = ContentGain(sigma_s=0.0, sigma_mels=0.0, noise_boost=1.0)

    def __post_init__(self) -> None:
        number("parametrization.scale", self.scale, above=0)

    def constants(self, carrier: Clip, style: Clip, spec: MelSpec) -> ContentStft:
        """The carrier's transform, from which the first samples are made."""
        return self._FILTER.constants(carrier, style, spec)

    def init(self, level_db: LogMel, constants: ContentStft, spec: MelSpec) -> Samples:
        """The carrier, filtered towards `level_db`."""
        return self._FILTER.samples(level_db - constants.carrier_db, constants, spec) / self.scale

    def log_mel(self, variable: Samples, constants: ContentStft, spec: MelSpec) -> LogMel:
        """The spectrogram of the samples."""
        del constants
        return log_mel(self.scale * variable, spec)

    def samples(self, variable: Samples, constants: ContentStft, spec: MelSpec) -> Samples:
        """The samples."""
        del constants, spec
        return self.scale * variable

    def filtered(
        self, y: Samples, variable: Samples, constants: ContentStft, spec: MelSpec
    ) -> None:
        """It is no filter."""
        del y, variable, constants, spec
