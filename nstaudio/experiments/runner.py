"""Runners of one run or many: make their steps, show progress, stop on Ctrl-C."""

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

from tqdm import tqdm

from nstaudio.errors import one_line
from nstaudio.experiments import cost_estimate
from nstaudio.experiments.run import Run, Summary
from nstaudio.optimization import batching
from nstaudio.transfer.segment_loop import StepRequest, StepResult, Transfer, make_steps

MAX_CONCURRENT = 128  # each has some files open, and a process may have a thousand

Outcome = Summary | BaseException
T = TypeVar("T")


class ProgressBar(tqdm):
    """A bar whose lock is this process's own: tqdm's is of all processes, and outlives a kill."""

    _lock = threading.RLock()


@functools.cache
def follow_parent() -> None:
    """Leave Ctrl-C to the parent process, in a worker, and end when it ends."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent.pid:
            time.sleep(1)
        os._exit(1)  # whoever repeats the command would find the folder in use

    threading.Thread(target=watch, daemon=True).start()


class StopRequest:
    """A flag that the first Ctrl-C or SIGTERM sets; the second one interrupts as usual."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        # No other thread may listen, and a worker process should not, see `follow_parent`.
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and multiprocessing.parent_process() is None:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def _request(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        print(f"\n{name}: finishing what there is (again to stop at once)", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def run_one(run: Transfer[T]) -> T:
    """Make a run's steps to its end; returns what it returns.

    Raises:
        InputError, OSError: see `run.run`.
    """
    try:
        request = next(run)
        with StopRequest() as stop, _bar(request.total, request.name) as bar:
            while True:
                result = make_steps(request.updates)._replace(stop=stop.requested)
                losses = result.losses
                bar.set_postfix(
                    total=f"{float(losses.total):.3g}",
                    content=f"{float(losses.content):.3g}",
                    style=f"{float(losses.style):.3g}",
                    refresh=False,
                )
                _show(bar, request.done + request.updates.n_steps, stop)
                request = run.send(result)
    except StopIteration as finished:
        return finished.value


def _bar(n_steps: int, name: str) -> ProgressBar:
    return ProgressBar(
        total=n_steps,
        desc=one_line(name),
        unit="step",
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        # Bars of worker processes would be written over each other.
        disable=n_steps == 0 or multiprocessing.parent_process() is not None,
    )


def _show(bar: ProgressBar, n_done: int, stop: StopRequest) -> None:
    """Update a bar; the last time close it, so that later log lines stand below it."""
    bar.update(n_done - bar.n)
    if bar.n == bar.total or stop.requested:
        bar.close()


def run_concurrently(
    runs: Sequence[Run], *, within: Callable[[int], contextlib.AbstractContextManager[Any]]
) -> list[Outcome]:
    """Make the steps of many runs, as many runs at a time as fit; equal ones in one program.

    Reading, rendering and writing are done in threads.

    Args:
        within: a context for the work of a run, by its number.

    Returns:
        The summary of each run, or the error it failed by; KeyboardInterrupt if it never began.
    """
    with StopRequest() as stop, ThreadPoolExecutor(batching.n_cores()) as pool:
        concurrent = _ConcurrentRuns(runs, within, stop, pool)
        waiting = list(range(len(runs)))
        while waiting and not stop.requested:
            n_begun = concurrent.begin(waiting)
            del waiting[:n_begun]
            concurrent.finish()
    return concurrent.outcomes


class _ConcurrentRuns:
    """Runs that ask for steps side by side."""

    def __init__(
        self,
        runs: Sequence[Run],
        within: Callable[[int], contextlib.AbstractContextManager[Any]],
        stop: StopRequest,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.outcomes: list[Outcome] = [KeyboardInterrupt() for _ in runs]
        self._runs, self._within, self._stop, self._pool = runs, within, stop, pool
        self._requests: dict[int, StepRequest] = {}
        self._n_begun = 0
        self._batches: dict[Any, batching.Batch] = {}

    def begin(self, waiting: Sequence[int]) -> int:
        """Begin the first of the waiting runs, and as many more as fit; returns how many.

        The first goes ahead: the others find its programs compiled, and it shows their size.
        """
        n_fitting, first = 1, self._advance(waiting[0], None)
        if first is not None:
            n_fitting = min(cost_estimate.n_fitting(first.updates), MAX_CONCURRENT)
        n_rounds = -(-len(waiting) // n_fitting)
        others = waiting[1 : -(-len(waiting) // n_rounds)]
        requests = [first, *self._pool.map(self._advance, others, [None] * len(others))]
        begun = [waiting[0], *others]
        self._requests = _without_ended(begun, requests)
        self._n_begun, self._batches = len(begun), {}
        return len(begun)

    def finish(self) -> None:
        """Make the steps of the runs that have begun, to their ends."""
        n_done = {i: request.done for i, request in self._requests.items()}
        total = sum(request.total for request in self._requests.values())
        with _bar(total, f"{self._n_begun} runs") as bar:
            while self._requests:
                for i, request in self._requests.items():
                    n_done[i] = request.done + request.updates.n_steps
                results = self._make_steps()
                _show(bar, sum(n_done.values()), self._stop)
                requests = self._pool.map(self._advance, results.keys(), results.values())
                self._requests = _without_ended(results, requests)

    def _make_steps(self) -> Mapping[int, StepResult]:
        """Make the steps that are asked for; equal ones in one program."""
        groups: dict[Any, list[int]] = {}
        for i, request in self._requests.items():
            groups.setdefault(batching.batch_key(request.updates), []).append(i)
        results = {}
        for key, group in groups.items():
            batch = self._batches.setdefault((key[1:], tuple(group)), batching.Batch())
            started = time.perf_counter()
            reached = batch.make([self._requests[i].updates for i in group])
            seconds = (time.perf_counter() - started) / len(group)
            for i, (state, losses) in zip(group, reached, strict=True):
                results[i] = StepResult(
                    state=state,
                    losses=losses,
                    seconds=seconds,
                    n_concurrent=self._n_begun,
                    stop=self._stop.requested,
                )
        return results

    def _advance(self, i: int, result: StepResult | None) -> StepRequest | None:
        """Send a run its result (`None` begins it); its next request, `None` if it has ended."""
        with self._within(i):
            try:
                return next(self._runs[i]) if result is None else self._runs[i].send(result)
            except StopIteration as finished:
                self.outcomes[i] = finished.value
            except Exception as error:  # the others go on
                self.outcomes[i] = error
            return None


def _without_ended(
    numbers: Iterable[int], requests: Iterable[StepRequest | None]
) -> dict[int, StepRequest]:
    return {i: request for i, request in zip(numbers, requests, strict=True) if request is not None}
