"""Groups of runs: those that can share a program are optimised together."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nstaudio.experiments import resume, run, runner, sweep
from nstaudio.experiments.run_logging import Log, routed, within
from nstaudio.experiments.storage.checkpoints import SaveQueue

Outcome = Mapping[str, Any] | BaseException
"""The summary of a run, or the error it failed by; KeyboardInterrupt if it never began."""


class RunSpec(NamedTuple):
    """A run among others; one that is in its folder is resumed, see `run.run`."""

    cfg: Any
    folder: Path
    overrides: list[str]
    log: Log


def run_all(specs: Sequence[RunSpec]) -> list[Outcome]:
    """Make the runs; an error is left in the run's folder, see `sweep.record_failure`.

    Those that can share a program, see `resume.compile_key`, do, group after group in the order of
    their first; after a group that its user has interrupted, no other begins.
    """
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        groups.setdefault(json.dumps(resume.compile_key(spec.cfg), default=str), []).append(spec)
    outcomes: dict[Path, Outcome] = {}
    for group in groups.values():
        if any(sweep.is_interrupted(outcome) for outcome in outcomes.values()):
            break
        outcomes |= zip((spec.folder for spec in group), _run_group(group), strict=True)
    return [outcomes.get(spec.folder, KeyboardInterrupt()) for spec in specs]


def _run_group(specs: Sequence[RunSpec]) -> list[Outcome]:
    with routed():
        outcomes = [_run_alone(specs[0])] if len(specs) == 1 else _run_together(specs)
        for spec, outcome in zip(specs, outcomes, strict=True):
            with within(spec.log):
                sweep.record_failure(spec.folder, outcome)
    return outcomes


def _run_alone(spec: RunSpec) -> Outcome:
    with within(spec.log):
        try:
            return runner.run_one(run.run(spec.cfg, spec.folder, spec.overrides, of_sweep=True))
        except Exception as error:
            return error


def _run_together(specs: Sequence[RunSpec]) -> list[Outcome]:
    save_queue = SaveQueue()
    runs = [
        run.run(
            spec.cfg,
            spec.folder,
            spec.overrides,
            of_sweep=True,
            estimating=False,
            save_queue=save_queue,
        )
        for spec in specs
    ]
    return list(runner.run_concurrently(runs, within=lambda i: within(specs[i].log)))
