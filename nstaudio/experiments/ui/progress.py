"""How far a run is, by the files that it has written."""

import json
import re
from pathlib import Path
from typing import Any

from nstaudio.experiments.storage import preview_files

_ESTIMATE = re.compile(r"(\d+) segments?: about (.+?) and ([\d.]+) GB")
_N_STEPS = re.compile(r"^n_steps: (\d+)", re.MULTILINE)
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
    n_segments = 1
    if estimate := _ESTIMATE.search(_text(folder / "run.log")):
        n_segments, found["estimate"] = int(estimate[1]), estimate[2]
    last = _last_line(folder / "metrics.jsonl")
    n_steps = _N_STEPS.search(_text(folder / "config.yaml"))
    if last is not None and n_steps is not None:
        per_segment = int(n_steps[1])
        found["n_steps"] = n_segments * per_segment
        found["step"] = int(last["segment"]) * per_segment + int(last["step"])
        found["fraction"] = found["step"] / found["n_steps"] if per_segment else 1.0
        found["phase"] = "finishing" if found["step"] >= found["n_steps"] else "optimising"
    found["preview"] = preview_files.read_about(folder)
    return found


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
