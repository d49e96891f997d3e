"""Hydra's launcher `vmap`: the jobs of a sweep that are alike, in one program.

    python scripts/run.py -m hydra/launcher=vmap alpha=0.001,0.005,0.02 seed=0,1

Jobs are alike when they differ only in numbers that the compiled program takes as they are. The
rest goes one by one, as with Hydra's own launcher.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

if TYPE_CHECKING:
    from nstaudio.experiments.groups import RunSpec

# Not below the logger `nstaudio`, whose handlers are still those of the job before: what the
# launcher logs would open that job's log again.
log = logging.getLogger("hydra.vmap_launcher")


TARGET = "hydra_plugins.nstaudio.VmapLauncher"
"""The launcher's name in configs/: Hydra takes plugins of this namespace alone."""


def register() -> None:
    """Make the launcher known to Hydra, which finds only those installed as packages of theirs."""
    Plugins.instance().class_name_to_class[TARGET] = VmapLauncher


class VmapLauncher(Launcher):
    """See the module."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before the first launch."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """All jobs, group after group."""
        from nstaudio.experiments import parts
        from nstaudio.experiments.config_choices import CONFIGS
        from nstaudio.experiments.storage import compile_cache
        from nstaudio.optimization import batching

        parts.check_sources(self._config, self._config.hydra, CONFIGS)
        compile_cache.keep()
        batching.use_cores()
        setup_globals()
        self._log_as_hydra()
        Path(str(self._config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        log.info("Launching %d jobs, those that are alike together", len(job_overrides))
        jobs = [
            self._begin(initial_job_idx + i, list(overrides))
            for i, overrides in enumerate(job_overrides)
        ]
        parts = [part for _, part in jobs]
        try:
            _make(parts)
        finally:
            for part in parts:
                part.log.close()
            self._log_as_hydra()
        return [returned for returned, _ in jobs]

    def _log_as_hydra(self) -> None:
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)

    def _begin(self, number: int, overrides: list[str]) -> "tuple[JobReturn, RunSpec]":
        """A job's folder, record and log, as Hydra makes them; the work comes later."""
        from nstaudio.experiments.groups import RunSpec
        from nstaudio.experiments.run_logging import Log

        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        config = self._context.config_loader.load_sweep_config(self._config, overrides)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        folders = []
        returned = run_job(
            hydra_context=self._context,
            task_function=lambda _: folders.append(HydraConfig.get().runtime.output_dir),
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        cfg: Any = returned.cfg
        folder = Path(folders[0]) if cfg.resume is None else Path(cfg.resume)
        part = RunSpec(cfg, folder, list(returned.overrides or []), Log.current())
        self._log_as_hydra()
        return returned, part


def _make(jobs: "list[RunSpec]") -> None:
    """All jobs, or their seed runs."""
    from nstaudio.experiments import groups, run_logging, seeds, sweep

    several: list[seeds.SeedRuns] = []
    runs: list[RunSpec] = []
    with run_logging.routed(), ExitStack() as stack:
        for job in jobs:
            with run_logging.within(job.log):
                try:
                    if seeds.has_several_seeds(job):
                        several.append(
                            stack.enter_context(seeds.open_seed_runs(job, of_sweep=True))
                        )
                        runs += several[-1].specs
                    else:
                        runs.append(job)
                except Exception as error:
                    sweep.record_failure(job.folder, error)
        made = groups.run_all(runs)
        if any(sweep.is_interrupted(outcome) for outcome in made):
            raise sweep.SweepInterrupted
        outcomes = dict(zip((run.folder for run in runs), made, strict=True))
        for one in several:
            one.conclude([outcomes[run.folder] for run in one.specs])
