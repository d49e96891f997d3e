"""nstaudio: neural style transfer for audio.

>>> import nstaudio
>>> result = nstaudio.transfer(content_samples, style_samples, sample_rate)  # doctest: +SKIP
>>> result.y, result.sr  # doctest: +SKIP
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nstaudio.analysis.spectrogram import MelSpec
    from nstaudio.errors import InputError
    from nstaudio.transfer.api import Result, transfer
    from nstaudio.transfer.render import Figures
    from nstaudio.transfer.settings import Settings

__all__ = ["Figures", "InputError", "MelSpec", "Result", "Settings", "transfer"]
__version__ = "0.1.0"

_HOMES = {
    "Figures": "nstaudio.transfer.render",
    "InputError": "nstaudio.errors",
    "MelSpec": "nstaudio.analysis.spectrogram",
    "Result": "nstaudio.transfer.api",
    "Settings": "nstaudio.transfer.settings",
    "transfer": "nstaudio.transfer.api",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: JAX takes seconds, and `nstaudio --help` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nstaudio' has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    if _HOMES[name] == _HOMES["Result"]:
        module.Result._view = staticmethod(_view)  # the core knows nothing of pages
    globals()[name] = getattr(module, name)
    return globals()[name]


def _view(result: "Result") -> str:
    from nstaudio.experiments.report.notebook import to_html

    return to_html(result)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """This module, in which `transfer` is the function, not the room of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):  # as importing the room would
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
