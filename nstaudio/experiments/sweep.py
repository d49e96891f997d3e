"""Sweeps: folders of runs that the same command finds again, and what has become of the runs.

Whatever launched them, in this process or on another machine, what is known of the runs of a sweep
is what lies in their folders: `summary.json` of those that are done, `error.txt` of those that
failed.
"""

import contextlib
import contextvars
import hashlib
import itertools
import logging
import os
import re
import socket
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from nstaudio.errors import InputError, one_line
from nstaudio.experiments.folder_claim import FolderInUse
from nstaudio.experiments.storage.file_writing import short_name, write_whole
from nstaudio.experiments.storage.summary import SEED_PREFIX, read_summary, seed_folders

log = logging.getLogger(__name__)

_ERROR = "error.txt"


class SweepNames(NamedTuple):
    """Names of the folders of a sweep.

    Attributes:
        sweep: the swept settings, and a hash of the whole command line but for what launches the
            jobs and where: so they can go on with another launcher.
        swept: the keys of the swept settings.
    """

    sweep: str
    swept: tuple[str, ...]

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "SweepNames":
        """Of a command line."""
        settings = sorted(a for a in arguments if not a.lstrip("+~").startswith(("hydra", "-")))
        try:
            overrides = OverridesParser.create().parse_overrides([a for a in settings if "=" in a])
        except HydraException:
            overrides = []  # Hydra will say what is wrong with them
        swept = tuple(a.get_key_element() for a in overrides if a.is_sweep_override())
        short = short_name(",".join(key.replace("/", ".").rpartition(".")[2] for key in swept))
        whole = "\n".join(settings).encode(errors="surrogateescape")  # names of files can be any
        return cls(f"{short}_{hashlib.sha256(whole).hexdigest()[:8]}", swept)

    def job(self, overrides: Sequence[str]) -> str:
        """The name of a job: its values of the swept settings."""
        varying = ",".join(a for a in overrides if a.partition("=")[0] in self.swept)
        return short_name(re.sub("['\"]", "", varying))


def record_failure(folder: Path, outcome: Mapping[str, Any] | BaseException) -> None:
    """Leave in a run's folder, and say, what it failed by, if it did.

    Args:
        outcome: its summary, or an error.
    """
    if isinstance(outcome, FolderInUse):
        return  # the folder is another command's to write in, and its run may go well
    if not isinstance(outcome, Exception):
        (folder / _ERROR).unlink(missing_ok=True)
        return
    expected = isinstance(outcome, InputError | OSError)
    reason = one_line(outcome if expected else f"{type(outcome).__name__}: {outcome}")
    log.error("error: %s", reason)
    text = "" if expected else "\n" + "".join(traceback.format_exception(outcome))
    with contextlib.suppress(OSError):  # a disk that is full may be what failed
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / _ERROR, f"{reason}\n{text}")


def is_interrupted(outcome: Mapping[str, Any] | BaseException) -> bool:
    """True if a run was stopped by its user."""
    if isinstance(outcome, BaseException):
        return isinstance(outcome, KeyboardInterrupt)
    return outcome["interrupted"]


class SweepInterrupted(KeyboardInterrupt):
    """A run of a sweep was stopped by its user: the rest of it is not wanted either."""


class Outcome(NamedTuple):
    """The state of the runs of a sweep, by their folders."""

    finished: list[Path]
    failed: dict[Path, str]
    """And why."""
    unfinished: list[Path]


def outcome(folder: Path) -> Outcome:
    """Look at a sweep's folder; each seed run of a job counts."""
    found = Outcome([], {}, [])
    below = sorted(folder.iterdir(), key=_number) if folder.is_dir() else []
    begun = [job for job in below if (job / ".hydra").is_dir() or (job / _ERROR).exists()]
    for job in itertools.chain.from_iterable(map(_runs_of, begun)):
        if (job / _ERROR).exists():
            text = (job / _ERROR).read_text(encoding="utf-8", errors="replace")
            found.failed[job] = one_line((text.splitlines() or ["no reason given"])[0])
        elif not (read_summary(job) or {"interrupted": True})["interrupted"]:
            found.finished.append(job)
        else:
            found.unfinished.append(job)
    return found


def _runs_of(job: Path) -> list[Path]:
    """Its seed runs, unless it failed before them or has none."""
    return [job] if (job / _ERROR).exists() else seed_folders(job) or [job]


def _number(folder: Path) -> tuple[int, str]:
    number = folder.name.partition("_")[0]
    return (int(number) if number.isdecimal() else 2**31, folder.name)


_EXTRAS = {
    "hydra_joblib_launcher": "sweep",
    "hydra_submitit_launcher": "slurm",
    "hydra_ray_launcher": "ray",
}
"""Which of the package's extras brings a plugin."""


def prefer_launchers(folder: Path) -> None:
    """Let the launchers' configs in `folder` replace those of the same name that plugins bring.

    Hydra would take the plugins' for schemas of ours, and warn of it. Before it composes.
    """
    Plugins.instance()  # they register their configs
    of_plugins = ConfigStore.instance().repo["hydra"].get("launcher", {})
    for file in folder.glob("*.yaml"):
        of_plugins.pop(file.name, None)


def refuse_missing_launcher(config: DictConfig) -> None:
    """Check that the launcher's plugin is installed.

    Raises:
        InputError: it is not; the message says which extra brings it.
    """
    target = str(config.hydra.launcher["_target_"])
    extra = next((extra for name, extra in _EXTRAS.items() if f".{name}." in target), None)
    if extra is not None and target not in Plugins.instance().class_name_to_class:
        raise InputError(
            f"this launcher comes with the extra {extra}: "
            f"uv run --extra {extra} python scripts/run.py, or pip install 'nstaudio[{extra}]'"
        )


def refuse_silent_cluster(config: DictConfig) -> None:
    """Check that a Ray cluster that is named takes a connection.

    Ray itself would wait long, and say so over many lines.

    Raises:
        InputError: it does not.
    """
    setting = "hydra.launcher.ray.init.address"
    address = OmegaConf.select(config, setting)
    if address in (None, "auto") and os.environ.get("RAY_ADDRESS"):  # as Ray does
        setting, address = "RAY_ADDRESS", os.environ["RAY_ADDRESS"]
    if address in (None, "auto", "local"):  # Ray will look for one here, or start one
        return
    host, _, port = str(address).rpartition("//")[2].rpartition(":")
    try:
        if host:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
    except (OSError, ValueError, OverflowError):  # the last two: of what is no address
        pass
    named = one_line(address) or "''"
    raise InputError(f"no Ray cluster answers at {named} ({setting})")


def chdir_to_sweep() -> None:
    """Go where the sweep was started, in a worker that was not: relative paths mean the same."""
    os.chdir(os.environ["NSTAUDIO_FOLDER"])


@dataclass
class Progress:
    """Progress of a command in this process.

    Attributes:
        running: the folder of the job that has begun and not returned; while `None`, Hydra is at
            work.
        failed: the folders of the jobs that failed, but for those of a sweep.
        sweep: the folder of the sweep that has begun.
    """

    running: Path | None = None
    failed: list[Path] = field(default_factory=list)
    sweep: Path | None = None


current_progress: contextvars.ContextVar[Progress] = contextvars.ContextVar("progress")
"""Of the command that is running: Hydra makes its callbacks itself and passes them no object."""


def remove_errors(folder: Path) -> None:
    """Remove what an earlier command of the same sweep left of failures: they are tried again."""
    for pattern in (f"*/{_ERROR}", f"*/{SEED_PREFIX}*/{_ERROR}"):
        for error in folder.glob(pattern):
            error.unlink()
