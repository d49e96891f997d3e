"""The preview of a run under way: a sound, and what it is of."""

import json
from pathlib import Path
from typing import Any

from nstaudio.audio import writing
from nstaudio.audio.samples import Channels
from nstaudio.experiments.storage.file_writing import write_whole

SOUND, ABOUT = "preview.wav", "preview.json"


def write(folder: Path, y: Channels, sr: int, about: dict[str, Any]) -> None:
    """Write a preview in place of the one before.

    Raises:
        OSError: it cannot be written.
    """
    writing.save(folder / SOUND, y, sr, subtype="PCM_16")
    write_whole(folder / ABOUT, json.dumps(about) + "\n")


def read_about(folder: Path) -> dict[str, Any] | None:
    """What the preview is of, and a `mark` that is another for each; `None` without one."""
    file = folder / ABOUT
    try:
        mark = str(file.stat().st_mtime_ns)
        return {**json.loads(file.read_text(encoding="utf-8")), "mark": mark}
    except (OSError, ValueError, TypeError):
        return None


def remove(folder: Path) -> None:
    """Remove the preview, if there is one."""
    for name in (SOUND, ABOUT):
        (folder / name).unlink(missing_ok=True)
