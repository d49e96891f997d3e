"""Seed runs: runs that differ by their seeds alone, side by side in one program.

If the style loss supports negatives (`losses.supports_negatives`), the results before a seed run
are negatives of it; then they are made one after the other.

Each is a run of its own, in a folder of its own below the job's, whose `config.yaml` has `n_seeds`.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from nstaudio.audio.files import load
from nstaudio.errors import InputError, integer, one_line
from nstaudio.evaluation.copies import max_correlation
from nstaudio.experiments import resume, run, schema
from nstaudio.experiments.command_line import to_paste
from nstaudio.experiments.config import file_names
from nstaudio.experiments.folder_claim import FolderInUse, folder_lock
from nstaudio.experiments.groups import Outcome, RunSpec
from nstaudio.experiments.job import Job
from nstaudio.experiments.parts import build_part
from nstaudio.experiments.report import sweep_page
from nstaudio.experiments.run_logging import Log, within
from nstaudio.experiments.schema import n_seeds
from nstaudio.experiments.storage.summary import SEED_PREFIX
from nstaudio.experiments.sweep import is_interrupted
from nstaudio.losses import supports_negatives
from nstaudio.optimization import batching

log = logging.getLogger(__name__)

_MAX_COMPARED = 8  # files of 20 s, compared in some 20 s
_COMPARED_S = 20.0


def has_several_seeds(job: RunSpec) -> bool:
    """True if a job has several seed runs; a resumed job has the number of its folder.

    Raises:
        InputError: `n_seeds` is not a whole number inside its limits.
    """
    record = job.folder / "config.yaml"
    if job.cfg.resume is not None and record.is_file():
        return resume.load(record).get("n_seeds", 1) != 1
    return schema.n_seeds(job.cfg) > 1


class SeedRuns(NamedTuple):
    """The seed runs of a job, ready to begin."""

    folder: Path
    cfg: Any
    log: Log
    specs: list[RunSpec]

    def conclude(self, outcomes: Sequence[Outcome]) -> None:
        """Write their page, and log how similar they are."""
        with within(self.log):
            for outcome in outcomes:
                if isinstance(outcome, FolderInUse):
                    log.error("error: %s", outcome)
            if not any(isinstance(outcome, Exception) for outcome in outcomes):
                # A resume that was refused must not change the record.
                resume.save(self.cfg, self.folder / "config.yaml", replace=True)
            try:
                log.info("listen: %s", to_paste(sweep_page.write(self.folder)))
                self._compare()
            except (InputError, OSError) as error:
                log.warning("the seed runs: %s", one_line(error))
            if any(is_interrupted(outcome) for outcome in outcomes):
                log.info("interrupted; go on with: %s", to_paste(f"resume={self.folder}"))

    def _compare(self) -> None:
        results = [sweep_page.read(spec.folder).sound("generated") for spec in self.specs]
        sounds = [sound for sound in results if sound is not None]
        if len(sounds) > 1:
            log.info(
                "similarity of the seed runs: %.2f%s; 1 is half a second that two have in common",
                max_similarity(sounds[:_MAX_COMPARED]),
                f" (of the first {_MAX_COMPARED})" if len(sounds) > _MAX_COMPARED else "",
            )


@contextlib.contextmanager
def open_seed_runs(job: RunSpec, *, of_sweep: bool) -> Iterator[SeedRuns]:
    """The seed runs of a job, whose folder is locked in this context.

    Args:
        of_sweep: resume runs that are in the folder, see `run.run`.

    Raises:
        InputError: settings or files that cannot work; then the folder holds nothing of them.
        OSError: a file that cannot be read or written.
    """
    batching.use_cores()
    folder = job.folder
    cfg, saved = run.configs_of_call(job.cfg, folder, job.overrides, of_sweep=of_sweep)
    configs = configs_of_seeds(cfg, folder)
    # Clips or settings that no run can use must leave nothing behind.
    Job.load(configs[0][0], folder).check_size()
    with folder_lock(folder), contextlib.ExitStack() as files:
        if saved is None:
            resume.save(cfg, folder / "config.yaml")
        seed_runs = SeedRuns(folder, cfg, job.log, specs=[])
        for seed_cfg, seed_folder in configs:
            seed_folder.mkdir(exist_ok=True)
            seed_log = files.enter_context(job.log.with_file(seed_folder / "run.log"))
            seed_runs.specs.append(RunSpec(seed_cfg, seed_folder, job.overrides, seed_log))
        yield seed_runs


def max_similarity(sounds: Sequence[Path]) -> float:
    """The largest `copies.max_correlation` of any two files, of their first 20 s.

    Raises:
        InputError: one cannot be read.
    """
    clips = [load(file, duration_s=_COMPARED_S) for file in sounds]
    signals = [(clip.mono(clip.sr), clip.sr) for clip in clips]
    return max(max_correlation(y, other, sr) for (y, sr), (other, _) in combinations(signals, 2))


def configs_of_seeds(cfg: DictConfig, folder: Path) -> list[tuple[DictConfig, Path]]:
    """The config and the folder of each seed run of a job in `folder`: they differ by the seed.

    If the style loss supports negatives, the results before a run are negatives of it.

    Raises:
        InputError: as `n_seeds`; a seed that is no whole number, or leaves no room for the last.
    """
    n = n_seeds(cfg)
    first = integer("seed", cfg.seed, at_least=0, at_most=2**31 - n)
    configs = [(cfg.copy(), folder / f"{SEED_PREFIX}{first + i}") for i in range(n)]
    results = [str(below / f"generated.{cfg.output.format}") for _, below in configs]
    values: Any = OmegaConf.to_container(cfg, resolve=True)
    negatives = list(file_names("negatives", values["negatives"]))
    in_turn = supports_negatives(build_part("style_loss", cfg.style_loss))
    for i, (seed_cfg, _) in enumerate(configs):
        seed_cfg.seed, seed_cfg.n_seeds = first + i, 1
        seed_cfg.negatives = [*negatives, *(results[:i] if in_turn else [])]
    return configs
