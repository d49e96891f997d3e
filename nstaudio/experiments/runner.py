"""Drive runs: make the steps that they ask for, show how far they have come, stop on Ctrl-C."""

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

from tqdm import tqdm

from nstaudio.errors import one_line
from nstaudio.experiments import cost_estimate
from nstaudio.experiments.run import Run, StepRequest, StepResult
from nstaudio.optimization import batching, loop

MAX_CONCURRENT = 128  # each has some files open, and a process may have a thousand

Summary = dict[str, Any]
T = TypeVar("T")

tqdm.set_lock(
    threading.RLock()
)  # its own is of all processes, and stays behind where one is killed


@functools.cache
def follow_parent() -> None:
    """In a worker process: leave Ctrl-C to the parent, which it reaches as well; end with it."""
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
    """Turns the first Ctrl-C (or SIGTERM) into a flag; the second one interrupts as usual."""

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


def run_one(run: Generator[StepRequest, StepResult, T]) -> T:
    """A run, to its end; returns what it returns.

    Raises:
        InputError, OSError: see `run.run`.
    """
    try:
        request = next(run)
        with StopRequest() as stop, _bar(request.total, request.name) as bar:
            while True:
                started = time.perf_counter()
                state, losses = loop.run_updates(request.steps)
                seconds = time.perf_counter() - started
                bar.update(request.done + request.steps.n_steps - bar.n)
                bar.set_postfix(
                    total=f"{float(losses.total):.3g}",
                    content=f"{float(losses.content):.3g}",
                    style=f"{float(losses.style):.3g}",
                    refresh=False,
                )
                if bar.n == bar.total or stop.requested:
                    bar.close()  # what is said from here on stands below it
                request = run.send(StepResult(state, losses, seconds, 1, stop.requested))
    except StopIteration as finished:
        return finished.value


def _bar(n_steps: int, name: str) -> Any:
    """A progress bar."""
    return tqdm(
        total=n_steps,
        desc=one_line(name),
        unit="step",
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        # Bars of worker processes would be written over each other.
        disable=n_steps == 0 or multiprocessing.parent_process() is not None,
    )


def run_concurrently(
    runs: Sequence[Run], *, within: Callable[[int], contextlib.AbstractContextManager[Any]]
) -> list[Summary | BaseException]:
    """Runs side by side, as many at a time as fit: steps that are alike are made in one program.

    What a run does by itself, reading, rendering, writing, is done in threads.

    Args:
        within: what to do a run's own work in, by its number.

    Returns:
        Of each run its summary, or what it failed by; KeyboardInterrupt of one that never began.
    """
    outcomes: list[Summary | BaseException | None] = [None] * len(runs)

    def turn(i: int, answer: StepResult | None) -> StepRequest | None:
        """On to its next request; `None` where it has ended."""
        with within(i):
            try:
                return next(runs[i]) if answer is None else runs[i].send(answer)
            except StopIteration as finished:
                outcomes[i] = finished.value
            except Exception as error:  # the others go on
                outcomes[i] = error
            return None

    with StopRequest() as stop, ThreadPoolExecutor(batching.n_cores()) as pool:
        waiting = list(range(len(runs)))
        n_fit = 1
        while waiting and not stop.requested:
            # The first by itself: what it compiles, the others have, and it tells what they need.
            first = waiting.pop(0)
            request = turn(first, None)
            if request is not None:
                n_fit = min(cost_estimate.how_many_fit(request.steps), MAX_CONCURRENT)
            n_batches = -(-(1 + len(waiting)) // n_fit)
            more = waiting[: -(-(1 + len(waiting)) // n_batches) - 1]
            del waiting[: len(more)]
            begun = {first: request}
            begun |= zip(more, pool.map(turn, more, [None] * len(more)), strict=True)
            _steps_of(begun, turn, stop, pool)
    return [KeyboardInterrupt() if a is None else a for a in outcomes]


def _steps_of(
    begun: dict[int, StepRequest | None],
    turn: Callable[[int, StepResult | None], StepRequest | None],
    stop: StopRequest,
    pool: ThreadPoolExecutor,
) -> None:
    """Runs that have begun, to their ends."""
    requests = {i: request for i, request in begun.items() if request is not None}
    done = {i: request.done for i, request in requests.items()}
    kept: dict[Any, batching.Batch] = {}
    with _bar(sum(a.total for a in requests.values()), f"{len(begun)} runs") as bar:
        while requests:
            groups: dict[Any, list[int]] = {}
            for i, request in requests.items():
                groups.setdefault(batching.batch_key(request.steps), []).append(i)
            answers = {}
            for key, group in groups.items():
                started = time.perf_counter()
                batch = kept.setdefault((key[1:], tuple(group)), batching.Batch())
                made = batch.make([requests[i].steps for i in group])
                share = (time.perf_counter() - started) / len(group)
                for i, (state, losses) in zip(group, made, strict=True):
                    answers[i] = StepResult(state, losses, share, len(begun), stop.requested)
                    done[i] = requests[i].done + requests[i].steps.n_steps
            bar.update(sum(done.values()) - bar.n)
            if bar.n == bar.total or stop.requested:
                bar.close()  # what is said from here on stands below it
            next_ones = pool.map(turn, answers.keys(), answers.values())
            requests = {
                i: request
                for i, request in zip(answers, next_ones, strict=True)
                if request is not None
            }
