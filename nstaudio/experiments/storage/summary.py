"""summary.json: the figures of a run and the versions behind them."""

import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    "av",
    "soxr",
)


SEED_PREFIX = "seed_"
"""Name of a seed run's folder, before its seed."""

CONTENTS = "contents.json"
"""The file that lists the folders of a job's content runs."""


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that a result depends on."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a tree that is not installed
            continue
    return installed


def peak_rss_mb() -> float | None:
    """The largest resident size of this process so far, MB; `None` on a system that cannot tell."""
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
    """A run's summary; `None` for a folder without a whole one."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(summary, dict) or not {"inputs", "interrupted"} <= summary.keys():
        return None
    return summary


def seed_folders(folder: Path) -> list[Path]:
    """The folders of a job's seed runs, by their seeds; none for a single run."""
    seeds = [
        (int(path.name[len(SEED_PREFIX) :]), path)
        for path in folder.glob(f"{SEED_PREFIX}*")
        if path.name[len(SEED_PREFIX) :].isdecimal() and path.is_dir()
    ]
    return [path for _, path in sorted(seeds)]


def part_folders(folder: Path) -> list[Path]:
    """The folders of the runs that a job consists of: of seeds or of contents; else none."""
    try:
        names = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        found = [folder / Path(name).name for name in names]
    except (OSError, ValueError, TypeError):
        return seed_folders(folder)
    return [path for path in found if path.is_dir()]
