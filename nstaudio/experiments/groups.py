"""Groups of runs: those that may share a program are optimised together."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nstaudio.experiments import resume, run, runner, sweep
from nstaudio.experiments.run_logging import Log, routed, within

Outcome = Mapping[str, Any] | BaseException
"""Of a run its summary, or what it failed by; KeyboardInterrupt of one that never began."""


class RunSpec(NamedTuple):
    """A run to be made beside others; what is in its folder goes on, see `run.run`."""

    cfg: Any
    folder: Path
    overrides: list[str]
    log: Log


def run_all(parts: Sequence[RunSpec]) -> list[Outcome]:
    """Make the runs, and leave in each one's folder what it failed by, see `sweep.record_failure`.

    Those that may run in one program, see `resume.compile_key`, do, and group after group in the
    order of their first; after one that its user has stopped, no other begins.
    """
    groups: dict[str, list[RunSpec]] = {}
    for part in parts:
        groups.setdefault(json.dumps(resume.compile_key(part.cfg), default=str), []).append(part)
    outcomes: dict[Path, Outcome] = {}
    for group in groups.values():
        if any(sweep.is_interrupted(outcome) for outcome in outcomes.values()):
            break
        outcomes |= zip((part.folder for part in group), _run_group(group), strict=True)
    return [outcomes.get(part.folder, KeyboardInterrupt()) for part in parts]


def _run_group(parts: Sequence[RunSpec]) -> list[Outcome]:
    alone = len(parts) == 1
    with routed():
        begun = [
            run.run(part.cfg, part.folder, part.overrides, of_sweep=True, estimating=alone)
            for part in parts
        ]
        outcomes: list[Outcome] = []
        if alone:
            with within(parts[0].log):
                try:
                    outcomes.append(runner.run_one(begun[0]))
                except Exception as error:
                    outcomes.append(error)
        else:
            outcomes.extend(runner.run_concurrently(begun, within=lambda i: within(parts[i].log)))
        for part, outcome in zip(parts, outcomes, strict=True):
            with within(part.log):
                sweep.record_failure(part.folder, outcome)
    return outcomes
