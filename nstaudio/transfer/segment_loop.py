"""The loop over segments: each is prepared, optimised and rendered before the next begins.

It is a coroutine that yields requests for steps and receives their results. So its runner can make
the steps of one transfer (`complete`) or those of many in one program, and a recorder keeps the
results, in memory or in files.
"""

import contextlib
import time
from collections.abc import Callable, Generator
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from nstaudio.losses import Losses
from nstaudio.optimization.loop import TransferState, Updates, milestones, run_updates
from nstaudio.transfer.inputs import Segments
from nstaudio.transfer.prepare import check_finite
from nstaudio.transfer.prepared import PreparedTransfer
from nstaudio.transfer.render import RenderedSegment
from nstaudio.transfer.settings import Settings

T = TypeVar("T")


class StepRequest(NamedTuple):
    """Steps that a transfer needs, and how far it has come."""

    name: str
    """A name of the transfer, for a progress bar."""
    updates: Updates
    done: int
    """Steps made before these, in all segments."""
    total: int
    """Steps in all, in all segments."""


class StepResult(NamedTuple):
    """The result of a request."""

    state: TransferState
    losses: Losses
    seconds: float
    """Time spent; for steps made together with others, a share of it."""
    n_concurrent: int = 1
    """Transfers that go on side by side, this one included."""
    stop: bool = False
    """True if the transfer shall end here."""


class OptimizedSegment(NamedTuple):
    """A segment after its last step."""

    prepared: PreparedTransfer
    state: TransferState
    losses: Losses
    n_new_steps: int
    """Steps made now, without those before a resumed start."""
    stopped: bool
    """True where it was asked to stop before its last step."""


@runtime_checkable
class Recorder(Protocol):
    """Storage for what the loop produces."""

    @property
    def has_result(self) -> bool:
        """True if a segment was optimised."""
        ...

    def has(self, index: int) -> bool:
        """True if a segment is stored already, so that the loop skips it."""
        ...

    def optimizing(
        self, index: int, prepared: PreparedTransfer
    ) -> contextlib.AbstractContextManager[TransferState]:
        """A context for the steps of a segment; gives the state that they start from."""
        ...

    def record(self, step: int, result: StepResult) -> None:
        """Record the result of steps up to `step`."""
        ...

    def save(
        self, index: int, rendered: RenderedSegment, optimized: OptimizedSegment | None
    ) -> None:
        """Keep a segment; `optimized` is `None` for one that stays as it is."""
        ...


Transfer = Generator[StepRequest, StepResult, T]
"""A transfer under way."""


def run_segments(
    segments: Segments, recorder: Recorder, *, name: str, log_every: int
) -> Transfer[None]:
    """Optimise and render the segments, up to one where a result says to stop.

    Args:
        name: see `StepRequest`.
        log_every: steps between requests.

    Raises:
        InputError: a segment cannot be used, or its loss is no number.
    """
    for index in range(len(segments.inputs.spans)):
        if recorder.has(index):
            continue
        stopped = yield from _run_segment(segments, index, recorder, name=name, log_every=log_every)
        if stopped:
            return


def _run_segment(
    segments: Segments, index: int, recorder: Recorder, *, name: str, log_every: int
) -> Transfer[bool]:
    """Optimise, render and save a segment; returns whether to stop."""
    inputs, prepared = segments.inputs, segments.prepare(index)
    if prepared is None:
        recorder.save(index, inputs.pass_through(index), None)
        return False
    with recorder.optimizing(index, prepared) as start:
        optimized = yield from optimize_segment(
            start,
            prepared,
            inputs.settings,
            recorder.record,
            name=name,
            log_every=log_every,
            steps_before=inputs.guided.index(index) * segments.n_steps,
            total=len(inputs.guided) * segments.n_steps,
        )
    if optimized.stopped and not optimized.n_new_steps and recorder.has_result:
        return True  # the result ends with the segment before
    recorder.save(index, inputs.render(index, prepared, optimized.state), optimized)
    return optimized.stopped


def optimize_segment(
    start: TransferState,
    prepared: PreparedTransfer,
    settings: Settings,
    record: Callable[[int, StepResult], None],
    *,
    name: str,
    log_every: int,
    steps_before: int,
    total: int,
) -> Transfer[OptimizedSegment]:
    """Make the steps of a segment.

    Args:
        record: called with the step and the result after each request.
        name: see `StepRequest`.
        log_every: steps between requests.
        steps_before: steps of the segments before this one.
        total: steps of all segments.
    """
    first = last = int(start.step)
    state, result = start, None
    transformation = settings.optimizer.transformation if prepared.n_steps else None
    for step in milestones(first, prepared.n_steps, log_every):
        updates = Updates(
            state=state,
            problem=prepared.problem,
            n_steps=step - last,
            objective=prepared.objective,
            transformation=transformation,
        )
        result = yield StepRequest(name, updates, done=steps_before + last, total=total)
        state, last = result.state, step
        check_finite(result.losses, step, settings)
        record(step, result)
        if result.stop:
            break
    assert result is not None
    return OptimizedSegment(
        prepared=prepared,
        state=state,
        losses=result.losses,
        n_new_steps=last - first,
        stopped=result.stop,
    )


def make_steps(updates: Updates) -> StepResult:
    """Make the steps of one request, timed."""
    started = time.perf_counter()
    state, losses = run_updates(updates)
    return StepResult(state, losses, time.perf_counter() - started)


def complete(transfer: Transfer[T]) -> T:
    """Make all the steps that a transfer asks for; returns what it returns."""
    try:
        request = next(transfer)
        while True:
            request = transfer.send(make_steps(request.updates))
    except StopIteration as finished:
        return finished.value
