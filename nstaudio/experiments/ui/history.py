"""The runs that lie among the outputs, however they were made."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nstaudio.errors import InputError, one_line
from nstaudio.experiments import folder_claim
from nstaudio.experiments.command_line import to_paste
from nstaudio.experiments.storage import preview_files
from nstaudio.experiments.storage.summary import part_folders, read_summary
from nstaudio.experiments.ui.clips import FOLDER, ClipLibrary
from nstaudio.experiments.ui.presets import presets
from nstaudio.experiments.ui.run_queue import run_id

MAX_RUNS = 200
"""The newest of them, that are shown."""

MAX_DEPTH = 5
"""Of a run's folder among the outputs."""

SOUNDS = {
    "content": "content_*.wav",
    "style": "style_*.wav",
    "result": "generated.*",
    "preview": preview_files.SOUND,
    "report": "report.html",
}
"""The files of a run that the page reads, by the names by which it asks."""

_UPLOAD = re.compile(rf"\b{FOLDER}[/\\]+([0-9a-f]{{32}})[/\\]")
_NO_RUNS = frozenset({FOLDER, "checkpoints", "segments", ".hydra"})
_NUMBERS = ("strength", "n_steps", "seed", "duration_s")
_NOT_THE_RESULT = ("checkpoint.", "hydra.", "log_every")

Stamp = tuple[int, int]


class _Read(NamedTuple):
    stamp: Stamp
    about: dict[str, Any]


class History:
    """The runs among the outputs.

    Args:
        outputs: the folder.
        clips: those that a run can be made of again.
    """

    def __init__(self, outputs: Path, clips: ClipLibrary) -> None:
        self._outputs, self._clips = outputs.absolute(), clips
        self._read: dict[Path, _Read] = {}

    def runs(self) -> list[dict[str, Any]]:
        """The newest runs, the newest first, as the page is told of them."""
        found = sorted(((_begun(folder), folder) for folder in self._folders()), reverse=True)
        return [self._about(folder, begun) for begun, folder in found[:MAX_RUNS]]

    def find(self, id_: str) -> Path:
        """A run's folder.

        Raises:
            InputError: there is none of this name among the outputs.
        """
        parts = Path(id_).parts
        folder = self._outputs.joinpath(*parts)
        within = all(part not in ("", ".", "..", os.sep) and "\\" not in part for part in parts)
        if not parts or Path(id_).is_absolute() or not within or len(parts) > MAX_DEPTH:
            raise InputError(f"{one_line(id_)} is no run here")
        steps = [self._outputs.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
        try:
            if _is_run(folder) and not any(step.is_symlink() for step in steps):
                return folder
        except (OSError, ValueError):  # too long for a name, or with a character that none has
            pass
        raise InputError(f"{one_line(id_)} is no run here")

    def file(self, id_: str, what: str) -> Path:
        """A file of a run.

        Args:
            what: one of `SOUNDS`; for a preview that is no more there the result.

        Raises:
            InputError: there is none.
        """
        folder = self.find(id_)
        files = sorted(folder.glob(SOUNDS[what])) if what in SOUNDS else []
        found = [file for file in files if file.is_file() and not file.is_symlink()]
        if not found and what == "preview":
            return self.file(id_, "result")
        if not found:
            raise InputError(f"the run {one_line(id_)} has no {one_line(what)}")
        return found[0]

    def uploads(self) -> set[str]:
        """The ids of all uploads that runs were made of."""
        # That of several contents names those that have not begun, too.
        folders = {place for run in self._folders() for place in (run, run.parent)}
        texts = (_text(folder / "config.yaml") for folder in folders)
        return {id_ for text in texts for id_ in _UPLOAD.findall(text)}

    def _folders(self) -> Iterator[Path]:
        waiting = [(self._outputs, 0)]
        while waiting:
            folder, depth = waiting.pop()
            try:
                inside = list(os.scandir(folder))
            except OSError:
                continue
            if depth and _is_run(folder):
                yield from [part for part in part_folders(folder) if _is_run(part)] or [folder]
            elif depth < MAX_DEPTH:
                waiting += [
                    (Path(one.path), depth + 1)
                    for one in inside
                    if one.name not in _NO_RUNS and one.is_dir(follow_symlinks=False)
                ]

    def _about(self, folder: Path, begun: float) -> dict[str, Any]:
        stamp = _stamp(folder / "summary.json"), _stamp(folder / "config.yaml")
        known = self._read.get(folder)
        if known is None or known.stamp != stamp:
            known = _Read(stamp, self._figures(folder))
            self._read[folder] = known
        state = known.about["state"]
        if state == "unfinished" and folder_claim.is_in_use(folder):
            state = "running"
        return {**known.about, "id": run_id(self._outputs, folder), "begun": begun, "state": state}

    def _figures(self, folder: Path) -> dict[str, Any]:
        summary = read_summary(folder)
        config, typed = _yaml(folder / "config.yaml", {}), overrides(folder)
        about: dict[str, Any] = {
            "content": _names(config, "content"),
            "style": _names(config, "style"),
            "preset": value_of("experiment", typed) or "",
            "settings": settings_of(typed, self._clips, config),
            "command": command(typed, config),
            "state": "unfinished",
            "has": [what for what in SOUNDS if any(folder.glob(SOUNDS[what]))],
        }
        if summary is not None:
            about["state"] = "stopped" if summary["interrupted"] else "done"
            for key in ("transfer_distance", "seconds_total", "duration_s", "n_steps"):
                about[key] = summary.get(key)
        return about


def overrides(folder: Path) -> list[str]:
    """The settings that a run was started with, in Hydra's grammar."""
    found = _yaml(_record(folder) / "overrides.yaml", [])
    return [str(one) for one in found] if isinstance(found, list) else []


def value_of(key: str, typed: list[str]) -> str | None:
    """The value of a setting among overrides; `None` without it."""
    values = [one.partition("=")[2] for one in typed if one.partition("=")[0].lstrip("+") == key]
    return values[-1] if values else None


def command(typed: list[str], config: dict[str, Any]) -> str:
    """The command line that makes the same result, from any folder."""
    arguments = []
    for one in typed:
        key = one.partition("=")[0].lstrip("+~")
        role = key.partition(".")[0]
        if key.startswith(_NOT_THE_RESULT) or key == "resume":
            continue
        if key in ("content.path", "style.path"):
            path = _path(config, role)
            one = f"{key}=[{','.join(path)}]" if isinstance(path, list) else f"{key}={path}"
        arguments.append(one)
    return " ".join(["nstaudio", *map(to_paste, arguments)])


def settings_of(
    typed: list[str], clips: ClipLibrary, config: dict[str, Any]
) -> dict[str, Any] | None:
    """A run's settings as the page would ask for them; `None` where it cannot.

    It can with clips that are here and settings that it has.
    """
    keys = {one.partition("=")[0].lstrip("+") for one in typed}
    keys = {key for key in keys if not key.startswith((*_NOT_THE_RESULT, "content", "style"))}
    name = value_of("experiment", typed) or ""
    if name not in presets():
        return None
    preset = presets()[name]
    if keys - {"experiment", *_NUMBERS}:
        return None
    asked: dict[str, Any] = {"preset": name}
    for role in ("content", "style"):
        path = _path(config, role)
        paths = [] if path is None else _list(path)
        found = [clip for clip in map(clips.of_file, paths) if clip is not None]
        if len(found) < len(paths) or (not found and (role == "style" or preset.has_content)):
            return None
        asked[role] = [clip.about() for clip in found]
        asked[f"{role}_region"] = _region(config[role], found[0].duration_s) if found else None
    for key in _NUMBERS:
        value = value_of(key, typed)
        asked[key] = None if value is None else yaml.safe_load(value)
    return asked


def _region(clip: dict[str, Any], duration_s: float) -> list[float] | None:
    start, length = clip.get("start_s") or 0.0, clip.get("duration_s")
    if not isinstance(length, int | float):
        return [start, duration_s] if start else None
    return [start, start + length]


def _names(config: dict[str, Any], role: str) -> str:
    path = _path(config, role)
    if path is None:
        return "noise"
    names = [Path(p.removesuffix("}").rpartition(":")[2] if "${" in p else p) for p in _list(path)]
    return " + ".join(one_line(name.stem) for name in names)


def _path(config: dict[str, Any], role: str) -> Any:
    clip = config.get(role)
    return clip.get("path") if isinstance(clip, dict) else None


def _list(path: Any) -> list[str]:
    return [str(p) for p in path] if isinstance(path, list) else [str(path)]


def _yaml(file: Path, otherwise: Any) -> Any:
    try:
        found = yaml.load(_text(file), _Loader)
    except (ValueError, yaml.YAMLError):
        return otherwise
    return found if isinstance(found, type(otherwise)) else otherwise


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() and _record(folder).is_dir()


def _record(folder: Path) -> Path:
    """What Hydra has noted of a run; of one of several contents or seeds, of all of them."""
    own = folder / ".hydra"
    is_part = not own.is_dir() and folder in part_folders(folder.parent)
    return folder.parent / ".hydra" if is_part else own


def _begun(folder: Path) -> float:
    """When a run was begun, seconds since 1970: its config is written once."""
    try:
        return (_record(folder) / "overrides.yaml").stat().st_mtime
    except OSError:
        return 0.0


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
