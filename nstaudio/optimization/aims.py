"""The clips that the style loss compares the generated clip with.

The literature's is the style clip (`StyleClip`): a statistic of all of it, whatever the content
plays. A start that already tells what the style sounds like where it is like the content
(`initializers`) is another (`Start`): a spectrogram with the content's frames, whose activations
the generated clip's can be compared with frame by frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import PRNGKeyArray

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.errors import InputError, one_line
from nstaudio.losses import StyleLoss, compares_frames


@runtime_checkable
class Aim(Protocol):
    """The clip that the style loss compares with. Implementations are frozen dataclasses."""

    follows_content: ClassVar[bool]
    """True if it has the content's frames: then each segment has its own, and it has no samples."""

    def __call__(self, content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec) -> Clip:
        """The clip for these two."""
        ...


@dataclass(frozen=True)
class StyleClip:
    """The style clip itself."""

    follows_content: ClassVar[bool] = False

    def __call__(self, content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec) -> Clip:
        """The style."""
        del content, key, spec
        return style


@dataclass(frozen=True)
class Start:
    """The spectrogram at which a start of the optimisation would begin.

    Attributes:
        init: the start, a function of `initializers`.

    Raises:
        InputError: `init` is no function.
    """

    follows_content: ClassVar[bool] = True

    init: Callable[..., Any]

    def __post_init__(self) -> None:
        if not callable(self.init):
            raise InputError(f"aim.init={one_line(self.init)} is no start")

    def __call__(self, content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec) -> Clip:
        """The spectrogram of the start, with the content's samples."""
        start = self.init(content, style, key=key, spec=spec)
        return Clip(content.y, start.level_db)


@dataclass(frozen=True)
class Fitting:
    """The aim that fits the style loss: a statistic's is the style clip.

    Attributes:
        by_frame: the aim of a loss that compares frame by frame; taken by itself, this is that aim.
        of_statistic: the aim of any other.

    Raises:
        InputError: one of them is no aim.
    """

    follows_content: ClassVar[bool] = True

    by_frame: Aim
    of_statistic: Aim = StyleClip()

    def __post_init__(self) -> None:
        for name in ("by_frame", "of_statistic"):
            if not isinstance(aim := getattr(self, name), Aim):
                raise InputError(f"aim.{name}={one_line(aim)} is no aim")

    def for_loss(self, style_loss: StyleLoss) -> Aim:
        """The one of the two that fits."""
        return self.by_frame if compares_frames(style_loss) else self.of_statistic

    def __call__(self, content: Clip, style: Clip, *, key: PRNGKeyArray, spec: MelSpec) -> Clip:
        """The clip of `by_frame`."""
        return self.by_frame(content, style, key=key, spec=spec)
