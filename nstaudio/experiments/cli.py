"""The command `nstaudio run`: a transfer, or a sweep of them, as configs/ and the command line say.

nstaudio style=classical content=jazz
nstaudio content.path=my.mp3 style.path=other.flac
nstaudio experiment=texture style.path=rain.wav duration_s=20 n_seeds=4
nstaudio -m alpha=0.01,0.03,0.1 seed=0,1
nstaudio resume=outputs/2026-01-31/12-00-00_jazz_as_classical

In a checkout `python scripts/run.py` is the same.
"""

import gc
import logging
import os
import sys
import textwrap
from pathlib import Path
from types import TracebackType
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from nstaudio.errors import InputError, one_line
from nstaudio.experiments import folder_claim
from nstaudio.experiments.callback import Refused
from nstaudio.experiments.command_line import in_hydras_grammar, to_paste
from nstaudio.experiments.config_choices import CONFIGS
from nstaudio.experiments.config_files import register_resolvers
from nstaudio.experiments.explain import explain

log = logging.getLogger("nstaudio.run")


def main() -> int:
    """Run the command line `sys.argv`.

    Returns:
        The exit code: 0, 2 for bad input, 130 for a second Ctrl-C.
    """
    from nstaudio.experiments import sweep, vmap_launcher

    # Hydra would print its errors over many lines and exit with 1; like this it raises them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # A log that cannot be written, as on a full disk, would be reported by a traceback a line.
    logging.raiseExceptions = False
    sys.excepthook = print_traceback
    try:
        sys.argv[1:] = in_hydras_grammar(sys.argv[1:])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    register_resolvers(sweep.SweepNames.of(sys.argv[1:]))
    vmap_launcher.register()
    sweep.prefer_launchers(CONFIGS / "hydra" / "launcher")
    try:
        return Command().run()
    finally:
        folder_claim.release_all()


class Command:
    """A command line being run: jobs by Hydra, errors as lines, the end of a sweep."""

    def __init__(self) -> None:
        from nstaudio.experiments import sweep

        self._progress = sweep.Progress()

    def run(self) -> int:
        """Run all jobs; returns the exit code."""
        from nstaudio.experiments import sweep

        progress = self._progress
        token = sweep.current_progress.set(progress)
        try:
            code = self._run_jobs()
        except sweep.SweepInterrupted:
            code = 130
        except KeyboardInterrupt:
            if progress.running or progress.sweep is None:
                return 130
            code = 130  # it waited for other processes
        finally:
            sweep.current_progress.reset(token)
        if progress.sweep is not None:
            code = end_sweep(progress.sweep) or code
        return code

    def _run_jobs(self) -> int:
        """Let Hydra do all it does; what it raises becomes a line."""
        run = hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")
        try:
            run(self.job)()
        except BrokenPipeError:  # the reader of our output has gone, e.g. head
            sys.stderr.close()
            return 1
        except (Exception, Refused) as error:
            line = self._refusal(error.reason if isinstance(error, Refused) else error)
            if line is None:
                raise
            print(f"error: {line}", file=sys.stderr)
            return 2
        return 2 if self._progress.failed else 0

    def _refusal(self, error: Exception) -> str | None:
        """A line for what is not a bug; else `None`."""
        if isinstance(error, HydraException | OmegaConfBaseException | yaml.YAMLError):
            return explain(error)
        if isinstance(error, InputError):
            return str(error)
        if isinstance(error, ConnectionError):  # Ray's, e.g. of address=auto where no cluster runs
            return f"no Ray cluster answers: {one_line(error)}"
        if isinstance(error, OSError):
            return f"the output folder cannot be used: {one_line(error)}"
        if self._progress.running:
            return None
        if self._progress.sweep is not None:  # e.g. a worker process that was killed
            what = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
            return f"the sweep was cut short: {one_line(what)}"
        # Hydra trips over a number or a list where a name belongs, e.g. content=5.
        if isinstance(error, AssertionError | TypeError | ValueError):
            return f"these settings cannot be understood: {one_line(error)}"
        return None

    def job(self, cfg: DictConfig) -> None:
        """One Hydra job; every expected failure becomes a logged line, in a sweep every failure."""
        # JAX, Orbax and matplotlib take seconds to import: --help needs none of them. Collecting
        # garbage meanwhile takes as long as librosa, and finds none.
        gc.disable()
        from nstaudio.experiments.storage import compile_cache

        compile_cache.keep()
        from nstaudio.experiments import groups, parts, run_logging, runner, sweep

        gc.enable()
        runner.follow_parent()
        hydra_cfg = HydraConfig.get()
        of_sweep = hydra_cfg.mode is RunMode.MULTIRUN
        folder = Path(hydra_cfg.runtime.output_dir if cfg.resume is None else cfg.resume)
        overrides = list(hydra_cfg.overrides.task)
        self._progress.running = folder
        spec = groups.RunSpec(cfg, folder, overrides, run_logging.Log.current())
        try:
            parts.check_sources(cfg, hydra_cfg, CONFIGS)
            outcome = self._outcome(spec, of_sweep=of_sweep)
        except Exception as error:
            # Raising would make Hydra print more lines, and in a sweep report only the first error.
            if of_sweep:
                sweep.record_failure(folder, error)
            elif isinstance(error, InputError | OSError):
                log.error("error: %s", one_line(error))
                self._progress.failed.append(folder)
            else:
                raise
            self._progress.running = None
            return
        self._progress.running = None
        if of_sweep:
            sweep.record_failure(folder, outcome)
            if sweep.is_interrupted(outcome):
                raise sweep.SweepInterrupted

    def _outcome(self, spec: Any, *, of_sweep: bool) -> dict[str, Any]:
        """Run one job, of one run or several.

        Args:
            spec: a `groups.RunSpec`.
            of_sweep: whether it is a job of a sweep.
        """
        from nstaudio.experiments import contents, groups, run, run_logging, runner, seeds, sweep

        if contents.has_several_contents(spec):
            outcomes = contents.run_contents(spec, of_sweep=of_sweep)
        elif seeds.has_several_seeds(spec):
            with seeds.open_seed_runs(spec, of_sweep=of_sweep) as found:
                outcomes = groups.run_all(found.specs)
                with run_logging.routed():
                    found.conclude(outcomes)
        else:
            begun = run.run(spec.cfg, spec.folder, spec.overrides, of_sweep=of_sweep)
            return runner.run_one(begun)
        if not of_sweep:  # those that failed have said so in their own folders
            failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
            self._progress.failed.extend(spec.folder for _ in failed)
        return {"interrupted": any(sweep.is_interrupted(outcome) for outcome in outcomes)}


def print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print a traceback, but for one: when a checkpoint failed, it tells of nothing else.

    TensorStore goes on to speak to the event loop that Orbax has closed; nothing calls it there.
    """
    if trace is None or trace.tb_frame.f_code.co_name != "call_soon_threadsafe":
        sys.__excepthook__(kind, error, trace)


def end_sweep(folder: Path) -> int:
    """Say what has become of the jobs; returns the exit code, 0 where all is well."""
    from nstaudio.experiments import sweep
    from nstaudio.experiments.report import sweep_page

    found = sweep.outcome(folder)
    n_jobs = sum(len(jobs) for jobs in found)
    if not n_jobs:  # cut short before the first
        return 0
    lines = [f"{len(found.finished)} of {n_jobs} jobs are done in {one_line(folder)}"]
    names = {job: one_line(job.relative_to(folder)) for jobs in found for job in jobs}
    lines += [f"failed: {names[job]}: {why}" for job, why in found.failed.items()]
    in_use = [job for job in found.unfinished if folder_claim.is_in_use(job)]
    lines += [f"being made by another command: {names[job]}" for job in in_use]
    lines += [f"not finished: {names[job]}" for job in found.unfinished if job not in in_use]
    if found.failed or found.unfinished:
        lines.append("the same command goes on with what is not done")
    try:
        current = sweep_page.is_current(folder)
        page = folder / sweep_page.NAME if current else sweep_page.write(folder)
        lines.append(f"listen: {to_paste(page)}")
    except (InputError, OSError) as error:
        lines.append(f"no page of the sweep: {one_line(error)}")
    print("\n".join(lines), file=sys.stderr)
    return 2 if found.failed or in_use else 0
