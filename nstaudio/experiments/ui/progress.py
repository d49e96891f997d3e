"""How far a run is, by the files that it has written."""

import json
import re
from pathlib import Path
from typing import Any

from nstaudio.experiments.storage import preview_files

_ESTIMATE = re.compile(r"\d+ segments?: about (.+?) and [\d.]+ GB")
_TAIL = 4096  # bytes; a line of metrics.jsonl has some hundreds


def read_progress(folder: Path) -> dict[str, Any]:
    """The phase of a run, its steps, its estimate and its newest preview.

    `phase` is one of `starting`, `preparing`, `optimising`, `finishing`; what is not known yet is
    `None`.
    """
    found: dict[str, Any] = {
        "phase": "starting",
        "step": None,
        "n_steps": None,
        "fraction": 0.0,
        "estimate": None,
        "preview": None,
    }
    if not (folder / "config.yaml").exists():
        found["phase"] = "preparing" if (folder / ".hydra").exists() else "starting"
        return found
    found["phase"] = "preparing"
    if estimate := _ESTIMATE.search(_text(folder / "run.log")):
        found["estimate"] = estimate[1]
    if steps := preview_files.read_steps(folder):
        found |= _of_steps(steps, _last_line(folder / "metrics.jsonl"))
    found["preview"] = preview_files.read_about(folder)
    return found


def _of_steps(steps: dict[str, int], last: dict[str, Any] | None) -> dict[str, Any]:
    """How far the segment under way is, by its number of steps and the last line of the losses."""
    n_steps = steps["n_steps"]
    of_this = last if last is not None and last["segment"] == steps["segment"] else {"step": 0}
    step = n_steps * steps["place"] + int(of_this["step"])
    total = n_steps * steps["n_segments"]
    return {
        "step": step,
        "n_steps": total,
        "fraction": step / total if total else 1.0,
        "phase": "finishing" if step >= total else "optimising",
    }


def _last_line(file: Path) -> dict[str, Any] | None:
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _TAIL))
            lines = stream.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            return dict(json.loads(line))
        except ValueError:  # cut, at either end
            continue
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
