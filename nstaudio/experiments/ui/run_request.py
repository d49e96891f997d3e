"""What the page asks for: clips and settings, as the command line that makes the same run."""

from dataclasses import dataclass, field, replace
from typing import Any

from nstaudio.errors import InputError, choice, integer, number, one_line
from nstaudio.experiments.command_line import to_paste
from nstaudio.experiments.storage.file_writing import short_name
from nstaudio.experiments.ui.clips import Clip, ClipLibrary
from nstaudio.experiments.ui.presets import presets

MAX_CONTENTS, MAX_STYLES, MAX_STEPS = 50, 20, 100_000
MAX_DURATION_S = 600.0
"""Of what is made without a content."""

_KEYS = frozenset(
    {
        *("content", "style", "content_region", "style_region", "preset", "strength", "n_steps"),
        *("seed", "duration_s"),
    }
)


@dataclass(frozen=True)
class RunRequest:
    """One run, or one of each of several contents in one process.

    Attributes:
        contents: none for a preset that takes none.
        style: one or several.
        settings: by name, as on the command line; the preset first.
    """

    contents: tuple[Clip, ...]
    style: tuple[Clip, ...]
    settings: dict[str, str | float | int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the run's folder is called, after its time."""
        n, style = len(self.contents), "+".join(clip.file.stem for clip in self.style)
        content = f"{n} contents" if n > 1 else "".join(clip.file.stem for clip in self.contents)
        return f"{short_name(content or 'noise')}_as_{short_name(style)}"

    @property
    def first(self) -> "RunRequest":
        """The run of the first content."""
        return replace(self, contents=self.contents[:1])

    def arguments(self) -> list[str]:
        """The arguments of `nstaudio`, before a shell's quotes."""
        found = [f"{name}={value}" for name, value in self.settings.items()]
        if self.contents:
            found.insert(_after_preset(found), _clip("content", self.contents))
        found.insert(_after_preset(found), _clip("style", self.style))
        return found

    def command(self) -> str:
        """The line to paste into a shell."""
        return " ".join(["nstaudio", *map(to_paste, self.arguments())])


def _after_preset(arguments: list[str]) -> int:
    return 1 if arguments and arguments[0].startswith("experiment=") else 0


def _clip(role: str, clips: tuple[Clip, ...]) -> str:
    if len(clips) == 1 and clips[0].demo is not None:
        return f"{role}={clips[0].demo}"
    paths = [str(clip.file.absolute()) for clip in clips]
    return f"{role}.path={paths[0]}" if len(paths) == 1 else f"{role}.path=[{','.join(paths)}]"


def read_request(asked: Any, clips: ClipLibrary) -> RunRequest:
    """The run that the page asks for, or those of several contents.

    Raises:
        InputError: a clip that there is not, a setting unknown or outside its limits.
    """
    if not isinstance(asked, dict):
        raise InputError("the request is not a group of settings")
    for key in asked:
        choice("setting", key, sorted(_KEYS))
    name = asked.get("preset") or ""
    choice("preset", name, presets())
    preset = presets()[name]
    contents: list[Clip] = []
    if preset.has_content:
        contents = _clips("content", asked.get("content"), MAX_CONTENTS, clips)
    styles = _clips("style", asked.get("style"), MAX_STYLES, clips)
    settings: dict[str, str | float | int] = {"experiment": name} if name else {}
    strength = asked.get("strength")
    if strength is not None:
        if not preset.has_strength:
            raise InputError(f"strength: the preset {name} has none")
        settings["strength"] = number("strength", strength, at_least=0, at_most=1)
    for key, low, high in (("n_steps", 0, MAX_STEPS), ("seed", 0, 2**31 - 1)):
        if asked.get(key) is not None:
            settings[key] = integer(key, asked[key], at_least=low, at_most=high)
    if asked.get("duration_s") is not None and not preset.has_content:
        settings["duration_s"] = number(
            "duration_s", asked["duration_s"], above=0, at_most=MAX_DURATION_S
        )
    if len(contents) == 1:
        settings |= _region("content", asked.get("content_region"), contents[0])
    if len(styles) == 1:
        settings |= _region("style", asked.get("style_region"), styles[0])
    return RunRequest(tuple(contents), tuple(styles), settings)


def _clips(role: str, ids: Any, most: int, clips: ClipLibrary) -> list[Clip]:
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise InputError(f"{role} must be a list of clips, not {one_line(ids)}")
    if not ids:
        raise InputError(f"{role} is missing: drop a file, or take a demo clip")
    if len(ids) > most:
        raise InputError(f"{role} has {len(ids)} clips; at most {most} go together")
    return [clips.find(one) for one in ids]


def _region(role: str, region: Any, clip: Clip) -> dict[str, float]:
    """The settings for a part of a clip; none for all of it."""
    if region is None:
        return {}
    if not isinstance(region, list) or len(region) != 2:
        raise InputError(f"{role}_region must be two numbers, not {one_line(region)}")
    start = number(f"{role}_region", region[0], at_least=0)
    end = number(f"{role}_region", region[1], above=start)
    if start >= clip.duration_s:
        raise InputError(
            f"{role}_region starts at {start:g} s, and {one_line(clip.name)} is "
            f"{clip.duration_s:.2f} s long"
        )
    settings = {f"{role}.start_s": round(start, 3)} if start > 0 else {}
    if end < clip.duration_s:
        settings[f"{role}.duration_s"] = round(end - start, 3)
    return settings
