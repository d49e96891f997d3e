"""An estimate of a run's time, before it is started, in a process of its own.

It prepares the run as the command would, and measures two steps and a short rendering; what it
compiles is kept for the run.
"""

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from nstaudio.errors import InputError
from nstaudio.experiments.ui.run_request import RunRequest

NICENESS = 10
"""A run has the cores first."""

_KEPT = 200  # estimates
_PROGRAM = ("-m", "nstaudio.experiments.ui.estimate")


class Estimates:
    """Estimates for the page, the newest question alone: another ends the one before.

    Args:
        extra: see `RunQueue`.
    """

    def __init__(self, *, extra: tuple[str, ...] = ()) -> None:
        self._extra = extra
        self._known: dict[tuple[str, ...], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def of(self, request: RunRequest) -> dict[str, Any]:
        """`seconds` and `bytes` of a run; `error` where it would be refused.

        `superseded` where another question, or a run, came in between.
        """
        arguments = (*self._extra, *request.arguments())
        if arguments in self._known:
            return self._known[arguments]
        with self._lock:
            self._end()
            process = self._process = subprocess.Popen(
                [sys.executable, *_PROGRAM, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        answer = process.communicate()[0]
        if process.returncode != 0 or not answer:
            return {"superseded": True}
        found: dict[str, Any] = json.loads(answer.splitlines()[-1])
        if len(self._known) > _KEPT:
            self._known.clear()
        self._known[arguments] = found
        return found

    def end(self) -> None:
        """End the one under way: a run begins, or the server ends."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()


def measure(arguments: list[str], seconds_before: float) -> dict[str, Any]:
    """The estimate of a command line.

    Args:
        arguments: see `RunRequest.arguments`.
        seconds_before: already spent by this process, on imports that a run needs as well.
    """
    from pathlib import Path

    from nstaudio.experiments import cost_estimate
    from nstaudio.experiments.command_line import in_hydras_grammar
    from nstaudio.experiments.config_files import compose
    from nstaudio.experiments.job import Job
    from nstaudio.experiments.storage import compile_cache
    from nstaudio.transfer.inputs import Segments

    started = time.perf_counter()
    compile_cache.keep()
    try:
        job = Job.load(compose(in_hydras_grammar(arguments)), Path())
        job.check_size()
        segments = Segments(job.inputs)
    except InputError as error:
        return {"error": str(error)}
    inputs = job.inputs
    preparing = time.perf_counter() - started
    expected = cost_estimate.measure(
        inputs.segment(segments.first_index),
        inputs.sr,
        segments.first,
        inputs.settings,
        n_segments=len(inputs.guided),
        seconds_preparing=preparing,
        style_lengths=inputs.style_lengths,
    )
    return {"seconds": expected.seconds + seconds_before, "bytes": expected.bytes}


def _main() -> None:
    import psutil

    if hasattr(os, "nice"):
        os.nice(NICENESS)
    before = time.time() - psutil.Process().create_time()
    sys.stdout.write(json.dumps(measure(sys.argv[1:], before)) + "\n")


if __name__ == "__main__":
    _main()
