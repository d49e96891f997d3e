"""Files that a run under way shows: its steps, and a preview, a sound and its description."""

import json
from pathlib import Path
from typing import Any

from nstaudio.audio import writing
from nstaudio.audio.samples import Channels
from nstaudio.experiments.storage.file_writing import write_whole

SOUND, ABOUT, STEPS = "preview.wav", "preview.json", "steps.json"


def write(folder: Path, y: Channels, sr: int, about: dict[str, Any]) -> None:
    """Write a preview in place of the one before.

    Raises:
        OSError: it cannot be written.
    """
    writing.save(folder / SOUND, y, sr, subtype="PCM_16")
    write_whole(folder / ABOUT, json.dumps(about) + "\n")


def write_steps(folder: Path, steps: dict[str, int]) -> None:
    """Write how many steps a segment that begins will have, and which it is of how many.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(folder / STEPS, json.dumps(steps) + "\n")


def read_steps(folder: Path) -> dict[str, int] | None:
    """The record of `write_steps`; `None` before there is one."""
    try:
        found = json.loads((folder / STEPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_about(folder: Path) -> dict[str, Any] | None:
    """What the preview is of, and a `mark` that is another for each; `None` without one."""
    file = folder / ABOUT
    try:
        mark = str(file.stat().st_mtime_ns)
        return {**json.loads(file.read_text(encoding="utf-8")), "mark": mark}
    except (OSError, ValueError, TypeError):
        return None


def remove(folder: Path) -> None:
    """Remove them, if they are there."""
    for name in (SOUND, ABOUT, STEPS):
        (folder / name).unlink(missing_ok=True)
