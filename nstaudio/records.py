"""The figures of a run as files: metrics.jsonl, line by line, and summary.json."""

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


class Metrics:
    """metrics.jsonl: a line a logged step with the losses and the seconds spent so far.

    Each line is on disk when `write` returns. A resumed run cuts what was logged after its
    checkpoint and goes on from there.

    Args:
        file: created when missing.
        last_step: drop the lines after this step.
    """

    def __init__(self, file: Path, *, last_step: int) -> None:
        self.lines: list[dict[str, float]] = []
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        for row in text.splitlines():
            try:
                line = json.loads(row)
            except json.JSONDecodeError:
                break  # a kill can cut the last line
            if line["step"] <= last_step:
                self.lines.append(line)
        write_whole(file, "".join(json.dumps(line) + "\n" for line in self.lines))
        self._stream = file.open("a", encoding="utf-8")

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def seconds(self) -> float:
        """Seconds of optimising up to the last line."""
        return self.lines[-1]["seconds"] if self.lines else 0.0

    def write(self, step: int, losses: Losses, seconds: float) -> None:
        """Add a line, unless the last one is of this step already."""
        if self.lines and self.lines[-1]["step"] == step:
            return
        line = {
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


def write_whole(file: Path, data: str | bytes, *, replace: bool = True) -> None:
    """Write a file that appears under its name only when it is whole.

    Raises:
        FileExistsError: there is one already and `replace` is false.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    if isinstance(data, bytes):
        temporary.write_bytes(data)
    else:
        temporary.write_text(data, encoding="utf-8")
    if replace:
        temporary.replace(file)
        return
    try:
        os.link(temporary, file)  # unlike a rename, it fails where there is one already
        temporary.unlink()
    except FileExistsError:
        temporary.unlink()
        raise
    except OSError:  # a file system without hard links
        if file.exists():
            raise FileExistsError(file) from None
        temporary.replace(file)
