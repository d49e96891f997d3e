"""Run a transfer, or a sweep of them, as configs/ and the command line say.

python scripts/run.py style=classical content=jazz
python scripts/run.py content.path=my.mp3 style.path=other.flac
python scripts/run.py experiment=texture style.path=rain.wav duration_s=20 n_seeds=4
python scripts/run.py -m alpha=0.01,0.03,0.1 seed=0,1
python scripts/run.py resume=outputs/2026-01-31/12-00-00_jazz_as_classical
"""

import gc
import logging
import os
import re
import signal
import sys
import textwrap
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    # Until there is something to finish, Ctrl-C just ends the process, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nstaudio.errors import InputError, nearest, one_line
from nstaudio.experiments.explain import PRESET_WITHOUT_PACKAGE, unknown_clip

if TYPE_CHECKING:
    from nstaudio.experiments.groups import RunSpec

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

log = logging.getLogger("nstaudio.run")

failed: list[Path] = []
"""Folders of the jobs of this process that failed."""

running: list[Path] = []
"""The folder of a job that has begun and not returned; while there is none, Hydra is at work."""


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")
def job(cfg: DictConfig) -> None:
    """One Hydra job; every expected failure becomes one logged line, in a sweep every failure."""
    # JAX, Orbax and matplotlib take seconds to import: --help needs none of them. Collecting
    # garbage meanwhile takes as long as librosa, and finds none.
    gc.disable()
    from nstaudio.experiments.storage import compile_cache

    compile_cache.keep()
    from nstaudio.experiments import groups, parts, run, run_logging, runner, seeds, sweep

    gc.enable()
    runner.follow_parent()
    hydra_cfg = HydraConfig.get()
    of_sweep = hydra_cfg.mode is RunMode.MULTIRUN
    folder = Path(hydra_cfg.runtime.output_dir if cfg.resume is None else cfg.resume)
    running[:] = [folder]
    part = groups.RunSpec(cfg, folder, list(hydra_cfg.overrides.task), run_logging.Log.current())
    try:
        parts.check_sources(cfg, hydra_cfg, CONFIGS)
        if seeds.has_several_seeds(part):
            outcome = make_takes(part, of_sweep=of_sweep)
        else:
            outcome = runner.run_one(run.run(*part[:3], of_sweep=of_sweep))
    except Exception as error:
        # Raising would have Hydra print more lines, and in a sweep report the first error alone.
        if of_sweep:
            sweep.record_failure(folder, error)
        elif isinstance(error, InputError | OSError):
            log.error("error: %s", one_line(error))
            failed.append(folder)
        else:
            raise
        running.clear()
        return
    running.clear()
    if of_sweep:
        sweep.record_failure(folder, outcome)
        if sweep.is_interrupted(outcome):
            raise sweep.SweepInterrupted


def make_takes(job: "RunSpec", *, of_sweep: bool) -> dict[str, Any]:
    """A job of several takes; those that fail say so in their own folders."""
    from nstaudio.experiments import groups, run_logging, seeds, sweep

    with seeds.open_seed_runs(job, of_sweep=of_sweep) as found:
        outcomes = groups.run_all(found.parts)
        with run_logging.routed():
            found.conclude(outcomes)
    if not of_sweep:
        failed.extend(
            part.folder
            for part, outcome in zip(found.parts, outcomes, strict=True)
            if isinstance(outcome, Exception)
        )
    return {"interrupted": any(sweep.is_interrupted(outcome) for outcome in outcomes)}


def complain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback, but for one: when a checkpoint failed, it tells of nothing else.

    TensorStore goes on to speak to the event loop that Orbax has closed; nothing calls it there.
    """
    if trace is None or trace.tb_frame.f_code.co_name != "call_soon_threadsafe":
        sys.__excepthook__(kind, error, trace)


def explain(error: Exception) -> str:
    """One line for what Hydra says in several, with the nearest right name."""
    return one_line(_explanation(error)) or "these settings cannot be resolved"


def _explanation(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override} cannot be understood: {text.splitlines()[0]}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = [str(option) for option in error.options or ()]
        role = group.partition("/")[0]
        if role in ("content", "style"):
            return unknown_clip(role, str(error.missing_cfg_file).partition("/")[2], options)
        return f"{group}={name} is not one of: {', '.join(options)}{nearest(name, options)}"
    if re.search(r"Could not override '[^']*@experiment\.", text):
        return PRESET_WITHOUT_PACKAGE
    unknown = re.search(r"Could not override '([^']*)'|Key '([^']*)' is not in struct", text)
    group = re.search(r"Could not override '([^']*)'\.\s*No match in the defaults list", text)
    if group or unknown:
        names = [n for n in (group or unknown).groups() if n]  # type: ignore[union-attr]
        name = names[0] if names else "''"
        return f"unknown option {name}{nearest(name, known_options())}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def known_options() -> list[str]:
    """Every key of the default config in dotted form, and every group."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("config")

    def keys(node: Any, prefix: str = "") -> list[str]:
        if not OmegaConf.is_dict(node):
            return [prefix]
        below = [k for key in node for k in keys(node._get_node(key), f"{prefix}.{key}".strip("."))]
        return [prefix, *below]

    return [key for key in keys(cfg) if key] + ["experiment"]


def main() -> int:
    """The command; returns the exit code: 0, 2 for bad input, 130 for a second Ctrl-C."""
    from nstaudio.experiments import config, sweep

    # Hydra would print its errors over many lines and exit with 1; like this it raises them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # A log that cannot be written, as on a full disk, would be reported by a traceback a line.
    logging.raiseExceptions = False
    sys.excepthook = complain
    config.register_resolvers(sweep.SweepNames.of(sys.argv[1:]))
    sweep.prefer_launchers(CONFIGS / "hydra" / "launcher")
    failed.clear()
    running.clear()
    sweep.SweepCallback.folder = None
    try:
        code = run_jobs()
    except sweep.SweepInterrupted:
        code = 130
    except KeyboardInterrupt:
        if running or sweep.SweepCallback.folder is None:
            return 130
        code = 130  # it waited for other processes
    if sweep.SweepCallback.folder is not None:
        code = end_sweep(sweep.SweepCallback.folder) or code
    return code


def run_jobs() -> int:
    """All that Hydra does; what it raises becomes a line."""
    from nstaudio.experiments import sweep

    try:
        job()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 2
    except sweep.Unreachable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, e.g. head
        sys.stderr.close()
        return 1
    except ConnectionError as error:  # Ray's, e.g. of address=auto where no cluster runs
        print(f"error: no Ray cluster answers: {one_line(error)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: the output folder cannot be used: {one_line(error)}", file=sys.stderr)
        return 2
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if running:
            raise
        missing = sweep.missing_extra(error)
        if missing is not None:
            print(f"error: {missing}", file=sys.stderr)
            sweep.SweepCallback.folder = None  # there is no sweep
            return 2
        if sweep.SweepCallback.folder is not None:  # e.g. a worker process that was killed
            what = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
            print(f"error: the sweep was cut short: {one_line(what)}", file=sys.stderr)
            return 2
        if not isinstance(error, AssertionError | TypeError | ValueError):
            raise
        # Hydra trips over a number or a list where a name belongs, e.g. content=5.
        print(f"error: these settings cannot be understood: {one_line(error)}", file=sys.stderr)
        return 2
    return 2 if failed else 0


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
    lines += [f"not finished: {names[job]}" for job in found.unfinished]
    if found.failed or found.unfinished:
        lines.append("the same command goes on with what is not done")
    try:
        current = sweep_page.is_current(folder)
        page = folder / sweep_page.NAME if current else sweep_page.write(folder)
        lines.append(f"listen: {one_line(page)}")
    except (InputError, OSError) as error:
        lines.append(f"no page of the sweep: {one_line(error)}")
    print("\n".join(lines), file=sys.stderr)
    return 2 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
