"""Takes: runs alike but for their seeds, made side by side in one program.

Where the style loss keeps results apart from clips (`losses.supports_negatives`), each take is
kept so from those before it; then they are made one after the other.

Each is a run of its own, in a folder of its own below that of the job, whose `config.yaml` says how
many there are.
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
from nstaudio.experiments.config import file_names
from nstaudio.experiments.groups import Outcome, RunSpec
from nstaudio.experiments.job import Job
from nstaudio.experiments.parts import build_part
from nstaudio.experiments.report import sweep_page
from nstaudio.experiments.run_logging import Log, within
from nstaudio.experiments.schema import n_seeds
from nstaudio.experiments.sweep import is_interrupted
from nstaudio.losses import supports_negatives
from nstaudio.optimization import batching

log = logging.getLogger(__name__)

_MAX_COMPARED = 8  # of 20 s they take some 20 s
_COMPARED_S = 20.0


def has_several_seeds(job: RunSpec) -> bool:
    """Whether a job is of several takes; of one that goes on, its folder knows.

    Raises:
        InputError: `n_seeds` is not a whole number inside its limits.
    """
    record = job.folder / "config.yaml"
    if job.cfg.resume is not None and record.is_file():
        return resume.load(record).get("n_seeds", 1) != 1
    return schema.n_seeds(job.cfg) > 1


class SeedRuns(NamedTuple):
    """The takes of a job, ready to be made."""

    folder: Path
    cfg: Any
    log: Log
    parts: list[RunSpec]

    def conclude(self, outcomes: Sequence[Outcome]) -> None:
        """Write their page, and say how alike they are."""
        with within(self.log):
            if not any(isinstance(outcome, Exception) for outcome in outcomes):
                # What is refused must not have changed the record.
                resume.save(self.cfg, self.folder / "config.yaml", replace=True)
            try:
                log.info("listen: %s", one_line(sweep_page.write(self.folder)))
                self._compare()
            except (InputError, OSError) as error:
                log.warning("the takes: %s", one_line(error))
            if any(is_interrupted(outcome) for outcome in outcomes):
                log.info("interrupted; go on with: resume=%s", one_line(self.folder))

    def _compare(self) -> None:
        found = [sweep_page.read(part.folder).sound("generated") for part in self.parts]
        sounds = [sound for sound in found if sound is not None]
        if len(sounds) > 1:
            log.info(
                "likeness of the takes: %.2f%s; 1 is half a second that two have in common",
                max_similarity(sounds[:_MAX_COMPARED]),
                f" (of the first {_MAX_COMPARED})" if len(sounds) > _MAX_COMPARED else "",
            )


@contextlib.contextmanager
def open_seed_runs(job: RunSpec, *, of_sweep: bool) -> Iterator[SeedRuns]:
    """The takes of a job; until this is closed, its folder is theirs alone.

    Args:
        of_sweep: go on with what is in the folder, see `run.run`.

    Raises:
        InputError: settings or files that cannot work; then the folder holds nothing of them.
        OSError: a file that cannot be read or written.
    """
    batching.use_cores()
    folder = job.folder
    cfg, before = run.configs_of_call(job.cfg, folder, job.overrides, of_sweep=of_sweep)
    configs = configs_of_seeds(cfg, folder)
    # What no take can be made of must leave nothing.
    Job.load(configs[0][0], folder).check_size()
    with run.folder_lock(folder), contextlib.ExitStack() as files:
        if before is None:
            resume.save(cfg, folder / "config.yaml")
        found = SeedRuns(folder, cfg, job.log, [])
        for take, below in configs:
            below.mkdir(exist_ok=True)
            beside = files.enter_context(job.log.beside(below / "run.log"))
            found.parts.append(RunSpec(take, below, job.overrides, beside))
        yield found


def max_similarity(sounds: Sequence[Path]) -> float:
    """The largest `copies.max_correlation` of any two files, of their first 20 s.

    Raises:
        InputError: one cannot be read.
    """
    clips = [load(file, duration_s=_COMPARED_S) for file in sounds]
    heard = [(clip.mono(clip.sr), clip.sr) for clip in clips]
    return max(max_correlation(y, other, sr) for (y, sr), (other, _) in combinations(heard, 2))


def configs_of_seeds(cfg: DictConfig, folder: Path) -> list[tuple[DictConfig, Path]]:
    """The config and the folder of each take of a job in `folder`: alike but for the seed.

    Where the style loss keeps results apart from clips, each is kept so from those before it.

    Raises:
        InputError: as `n_seeds`; a seed that is no whole number or leaves no room for the last's.
    """
    n = n_seeds(cfg)
    seed = integer("seed", cfg.seed, at_least=0, at_most=2**31 - n)
    found = [(cfg.copy(), folder / f"take_{i + 1}") for i in range(n)]
    results = [str(below / f"generated.{cfg.output.format}") for _, below in found]
    values: Any = OmegaConf.to_container(cfg, resolve=True)
    apart = list(file_names("negatives", values["negatives"]))
    one_by_one = supports_negatives(build_part("style_loss", cfg.style_loss))
    for i, (take, _) in enumerate(found):
        take.seed, take.n_seeds = seed + i, 1
        take.negatives = [*apart, *(results[:i] if one_by_one else [])]
    return found
