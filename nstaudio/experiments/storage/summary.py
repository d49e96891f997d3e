"""summary.json: the figures of a run and the versions behind them."""

import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nstaudio.experiments.storage.file_writing import write_whole

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
    except ImportError:  # Segments
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


def seed_folders(folder: Path) -> list[Path]:
    """The folders of a run's takes, in order; none where it is no run of several."""
    found = [take for take in folder.glob("take_*") if take.name[5:].isdecimal() and take.is_dir()]
    return sorted(found, key=lambda take: int(take.name[5:]))
