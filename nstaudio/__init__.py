"""nstaudio: neural style transfer for audio.

>>> import nstaudio
>>> result = nstaudio.transfer(content_samples, style_samples, sample_rate)  # doctest: +SKIP
>>> result.y, result.sr  # doctest: +SKIP
"""

from nstaudio.errors import InputError
from nstaudio.pipeline import Figures, Result, transfer
from nstaudio.settings import Settings
from nstaudio.spectrogram import MelSpec

__all__ = ["Figures", "InputError", "MelSpec", "Result", "Settings", "transfer"]
__version__ = "0.1.0"
