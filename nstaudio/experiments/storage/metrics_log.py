"""The figures of a run as files: metrics.jsonl, line by line, and summary.json."""

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nstaudio.losses import Losses

PACKAGES = (
    "nstaudio",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "hydra-core",
    "soundfile",
    "soxr",
)


def _line(row: str) -> dict[str, float] | None:
    """A line of metrics.jsonl; `None` where it is none."""
    try:
        line = {str(name): float(value) for name, value in json.loads(row).items()}
        if not {"window", "step", "total", "content", "style", "seconds"} <= line.keys():
            return None
        return {**line, "window": int(line["window"]), "step": int(line["step"])}
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None


class Metrics:
    """metrics.jsonl: a line a logged step with its window, the losses and the seconds so far.

    Each line is on disk when `write` returns. A resumed run cuts what was logged of a window after
    its checkpoint and goes on from there.

    Args:
        file: created when missing.
    """

    def __init__(self, file: Path) -> None:
        self.lines: list[dict[str, float]] = []
        self._file, self._window, self._steps = file, 0, set[float]()
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        for row in text.splitlines():
            line = _line(row)
            if line is None:
                break  # a kill can cut the last line
            self.lines.append(line)
        self._rewrite()

    def _rewrite(self) -> None:
        write_whole(self._file, "".join(json.dumps(line) + "\n" for line in self.lines))
        self._stream = self._file.open("a", encoding="utf-8")

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def seconds(self) -> float:
        """Seconds of optimising up to the last line."""
        return self.lines[-1]["seconds"] if self.lines else 0.0

    def has(self, window: int) -> bool:
        """Whether there is a line of this window."""
        return any(line["window"] == window for line in self.lines)

    def start(self, window: int, *, last_step: int) -> None:
        """What follows is of this window, after this step: later lines of it are dropped."""
        self._window = window
        kept = [a for a in self.lines if a["window"] != window or a["step"] <= last_step]
        if len(kept) < len(self.lines):
            self.lines = kept
            self._stream.close()
            self._rewrite()
        self._steps = {line["step"] for line in self.lines if line["window"] == window}

    def write(self, step: int, losses: Losses, seconds: float) -> None:
        """Add a line, unless there is one of this window and step already."""
        if step in self._steps:
            return
        self._steps.add(step)
        line = {
            "window": self._window,
            "step": step,
            "total": float(losses.total),
            "content": float(losses.content),
            "style": float(losses.style),
            **{f"style_{name}": float(value) for name, value in losses.style_layers.items()},
            "seconds": round(seconds, 4),
        }
        self.lines.append(line)
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


def initial(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The first line of each window, their mean."""
    first = {line["window"]: line for line in reversed(lines)}
    return mean(list(first.values()))


def mean(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of every number that all the records have, dB as powers; groups within as well."""
    found = {}
    for name in records[0]:
        values = [record.get(name) for record in records]
        if all(isinstance(value, Mapping) for value in values):
            found[name] = mean([value for value in values if isinstance(value, Mapping)])
        elif all(isinstance(value, float | int) and value is not True for value in values):
            numbers = np.array(values, float)
            if name.endswith("_db"):
                found[name] = float(10 * np.log10(np.mean(10 ** (numbers / 10))))
            else:
                found[name] = float(np.mean(numbers))
    return found


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that shape a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a tree that is not installed
            continue
    return found


def peak_rss_mb() -> float | None:
    """The largest resident size of this process so far, MB; `None` where the system cannot tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def write_summary(file: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json."""
    write_whole(file, json.dumps(summary, indent=2, allow_nan=False) + "\n")


def read_summary(folder: Path) -> dict[str, Any] | None:
    """A run's summary; `None` where there is none that is whole."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(summary, dict) or not {"inputs", "interrupted"} <= summary.keys():
        return None
    return summary


def takes(folder: Path) -> list[Path]:
    """The folders of a run's takes, in order; none where it is no run of several."""
    found = [take for take in folder.glob("take_*") if take.name[5:].isdecimal() and take.is_dir()]
    return sorted(found, key=lambda take: int(take.name[5:]))


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process had begun to write."""
    for temporary in folder.rglob(".*.part"):
        temporary.unlink(missing_ok=True)


def write_whole(file: Path, data: str | bytes, *, replace: bool = True) -> None:
    """Write a file that appears under its name only when it is whole.

    Raises:
        FileExistsError: there is one already and `replace` is false.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        if isinstance(data, bytes):
            temporary.write_bytes(data)
        else:
            temporary.write_text(data, encoding="utf-8")
        if replace:
            temporary.replace(file)
        else:
            _name_new(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _name_new(temporary: Path, file: Path) -> None:
    try:
        os.link(temporary, file)  # unlike a rename, it fails where there is one already
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if file.exists():
            raise FileExistsError(file) from None
        temporary.replace(file)
