"""Hydra's launcher `vmap`: the jobs of a sweep that are alike, in one program.

    python scripts/run.py -m hydra/launcher=vmap alpha=0.001,0.005,0.02 seed=0,1

Jobs are alike when they differ only in numbers that the compiled program takes as they are. The
rest goes one by one, as with Hydra's own launcher. It lies here since Hydra finds its plugins in a
package of this name.
"""

import contextlib
import contextvars
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

log = logging.getLogger(__name__)

_LOGGERS = (None, "nstaudio")  # those that configs/hydra/job_logging gives handlers


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
        from nstaudio import batches, compiled, config

        compiled.keep()
        batches.use_cores()
        setup_globals()
        self._log_as_hydra()
        Path(str(self._config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        log.info("Launching %d jobs, those that are alike together", len(job_overrides))
        jobs = [
            self._begin(initial_job_idx + i, list(overrides))
            for i, overrides in enumerate(job_overrides)
        ]
        groups: dict[str, list[_Job]] = {}
        for job in jobs:
            groups.setdefault(json.dumps(config.static(job.cfg), default=str), []).append(job)
        try:
            for group in groups.values():
                _launch_together(group)
        finally:
            for job in jobs:
                job.close()
            self._log_as_hydra()
        return [job.returned for job in jobs]

    def _log_as_hydra(self) -> None:
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)

    def _begin(self, number: int, overrides: list[str]) -> "_Job":
        """A job's folder, record and log, as Hydra makes them; the work comes later."""
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
        job = _Job(returned, Path(folders[0]))
        self._log_as_hydra()
        return job


class _Job:
    """A job that has a folder, and what Hydra has set up to log it."""

    def __init__(self, returned: JobReturn, folder: Path) -> None:
        self.returned = returned
        self.cfg: Any = returned.cfg
        self.folder = folder if self.cfg.resume is None else Path(self.cfg.resume)
        loggers = {name: logging.getLogger(name) for name in _LOGGERS}
        self.handlers = {name: list(logger.handlers) for name, logger in loggers.items()}
        self.level = {name: logger.level for name, logger in loggers.items()}

    def close(self) -> None:
        """Close its log."""
        for handlers in self.handlers.values():
            for handler in handlers:
                handler.close()


_current: contextvars.ContextVar[_Job | None] = contextvars.ContextVar("job", default=None)


class _Router(logging.Handler):
    """Gives what is said to the handlers of the job that says it."""

    def __init__(self, name: str | None) -> None:
        super().__init__()
        self._name = name

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`."""
        job = _current.get()
        if job is None or record.levelno < job.level[self._name]:
            return
        for handler in job.handlers[self._name]:
            if record.levelno >= handler.level:
                handler.handle(record)


@contextlib.contextmanager
def _within(job: _Job) -> Iterator[None]:
    token = _current.set(job)
    try:
        yield
    finally:
        _current.reset(token)


def _launch_together(jobs: list[_Job]) -> None:
    from nstaudio import driving, runs, sweeps

    for name in _LOGGERS:
        logging.getLogger(name).handlers = [_Router(name)]
    begun = [
        runs.run(
            *(job.cfg, job.folder, list(job.returned.overrides or [])),
            of_sweep=True,
            estimating=len(jobs) == 1,
        )
        for job in jobs
    ]
    if len(jobs) == 1:
        outcomes: list[Any] = []
        with _within(jobs[0]):
            try:
                outcomes.append(driving.drive(begun[0]))
            except Exception as error:
                outcomes.append(error)
    else:
        outcomes = driving.drive_together(begun, within=lambda i: _within(jobs[i]))
    interrupted = False
    for job, outcome in zip(jobs, outcomes, strict=True):
        with _within(job):
            sweeps.settle(job.folder, outcome)
        interrupted = interrupted or sweeps.is_interrupted(outcome)
    if interrupted:
        raise sweeps.Stopped
