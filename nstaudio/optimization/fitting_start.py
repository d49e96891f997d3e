"""The start that is left to the clips."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import PRNGKeyArray

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.errors import InputError, one_line
from nstaudio.optimization.initializers import Initialization

Start = Callable[..., Initialization]


@dataclass(frozen=True)
class FittingStart:
    """Left to the clips: the start for each kind of them, see `transfer.fitting`.

    Attributes:
        mix, one_voice, unpitched: results already, which need no step of optimisation.
        descent: where one is asked for; taken by itself, this is that start.

    Raises:
        InputError: one of them is no function.
    """

    mix: Start
    one_voice: Start
    unpitched: Start
    descent: Start

    def __post_init__(self) -> None:
        for name in ("mix", "one_voice", "unpitched", "descent"):
            if not callable(start := getattr(self, name)):
                raise InputError(f"init.{name}={one_line(start)} is no start")

    def __call__(
        self, content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec
    ) -> Initialization:
        """The start of `descent`."""
        return self.descent(content, style, key=key, spec=spec)
