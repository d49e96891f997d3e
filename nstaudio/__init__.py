"""nstaudio: neural style transfer for audio.

>>> import nstaudio
>>> result = nstaudio.transfer(content_samples, style_samples, sample_rate)  # doctest: +SKIP
>>> result.y, result.sr  # doctest: +SKIP
"""

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.errors import InputError
from nstaudio.transfer.api import Result, transfer
from nstaudio.transfer.render import Figures
from nstaudio.transfer.settings import Settings

__all__ = ["Figures", "InputError", "MelSpec", "Result", "Settings", "transfer"]
__version__ = "0.1.0"
