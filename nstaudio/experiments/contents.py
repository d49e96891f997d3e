"""Content runs: several contents in one style, one after the other in one process.

Each is a run of its own, in a folder of its own below the job's. Contents of one length share the
compiled update, and all of them the style.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nstaudio.audio import files
from nstaudio.errors import InputError, one_line
from nstaudio.experiments import config, content_files, groups, resume, run, schema
from nstaudio.experiments.command_line import to_paste
from nstaudio.experiments.folder_claim import folder_lock
from nstaudio.experiments.groups import Outcome, RunSpec
from nstaudio.experiments.report import sweep_page
from nstaudio.experiments.schema import path_list
from nstaudio.experiments.storage.file_writing import write_whole
from nstaudio.experiments.storage.summary import CONTENTS
from nstaudio.experiments.sweep import is_interrupted

log = logging.getLogger(__name__)


def has_several_contents(job: RunSpec) -> bool:
    """True if a job names a list of contents or a folder of them, or goes on with such a run."""
    if job.cfg.resume is not None:
        return (job.folder / CONTENTS).is_file()
    path: Any = OmegaConf.select(job.cfg, "content.path", default=None)
    if not isinstance(path, str):
        return OmegaConf.is_list(path)
    try:
        return files.located(path).is_dir()
    except (OSError, RuntimeError, ValueError):
        return False  # `files.load` says what is wrong with it


def run_contents(job: RunSpec, *, of_sweep: bool) -> list[Outcome]:
    """Make the content runs of a job; one that fails leaves the others be.

    Returns:
        The summary of each, or the error it failed by; KeyboardInterrupt if it never began.

    Raises:
        InputError: settings, or a style, that cannot work; then the folder holds nothing of them.
        OSError: a file that cannot be read or written.
    """
    if of_sweep or schema.n_seeds(job.cfg) > 1:
        raise InputError(
            f"content.path={one_line(job.cfg.content.path)} is several contents, which a sweep and "
            "n_seeds take one by one: -m content.path=a.wav,b.wav"
        )
    folder = job.folder
    cfg, saved = run.configs_of_call(job.cfg, folder, job.overrides, of_sweep=False)
    _check_shared(cfg)
    paths = content_files.find(path_list(cfg.content.path))
    names = content_files.folder_names(paths) if saved is None else _saved_names(folder)
    if len(names) != len(paths):
        raise InputError(
            f"content.path names {len(paths)} files, and the run in {one_line(folder)} has "
            f"{len(names)} contents"
        )
    cfg.content.path = paths
    with folder_lock(folder):
        if saved is None:
            resume.save(cfg, folder / "config.yaml")
            write_whole(folder / CONTENTS, json.dumps(names, indent=1) + "\n")
        outcomes = _run_each(job, cfg, [folder / name for name in names])
        _conclude(folder, cfg, outcomes)
    return outcomes


def _saved_names(folder: Path) -> list[str]:
    try:
        return json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{one_line(folder / CONTENTS)} cannot be read: {error}") from error


def _config_of(cfg: DictConfig, path: str) -> DictConfig:
    one = cfg.copy()
    one.content.path = path
    return one


def _check_shared(cfg: DictConfig) -> None:
    """Check what all contents have in common: the settings and the style."""
    style = config.build(_config_of(cfg, "any")).style
    files.load_all(style.path, start_s=style.start_s, duration_s=style.duration_s, role="style")  # type: ignore[arg-type]


def _run_each(job: RunSpec, cfg: DictConfig, folders: Sequence[Path]) -> list[Outcome]:
    paths = path_list(cfg.content.path)
    outcomes: list[Outcome] = []
    for i, (path, folder) in enumerate(zip(paths, folders, strict=True)):
        log.info("content %d of %d: %s", i + 1, len(paths), one_line(path))
        folder.mkdir(exist_ok=True)
        with job.log.with_file(folder / "run.log") as own:
            spec = RunSpec(_config_of(cfg, path), folder, job.overrides, own)
            outcomes += groups.run_all([spec])
        if is_interrupted(outcomes[-1]):
            break
    return [*outcomes, *(KeyboardInterrupt() for _ in paths[len(outcomes) :])]


def _conclude(folder: Path, cfg: DictConfig, outcomes: Sequence[Outcome]) -> None:
    """Write the page of all, and say what is not done."""
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if len(failed) < len(outcomes):
        # A resume that was refused must not change the record.
        resume.save(cfg, folder / "config.yaml", replace=True)
    try:
        log.info("listen: %s", to_paste(sweep_page.write(folder)))
    except (InputError, OSError) as error:
        log.warning("no page of the contents: %s", one_line(error))
    interrupted = any(is_interrupted(outcome) for outcome in outcomes)
    if failed:
        log.error("%d of %d contents failed", len(failed), len(outcomes))
    if failed or interrupted:
        log.info("go on with what is not done: %s", to_paste(f"resume={folder}"))
