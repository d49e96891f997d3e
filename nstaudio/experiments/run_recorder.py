"""The recorder of a run: its segments, metrics and checkpoints, in its folder."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from nstaudio.errors import InputError, one_line
from nstaudio.experiments import resume
from nstaudio.experiments.job import Job
from nstaudio.experiments.previews import Previews
from nstaudio.experiments.results import OptimizedRun, StepTimer, finished_segment
from nstaudio.experiments.storage import metrics_log
from nstaudio.experiments.storage.checkpoints import Checkpoints, OtherInputs, SaveQueue
from nstaudio.experiments.storage.finished_segments import SegmentStore
from nstaudio.optimization.loop import TransferState
from nstaudio.transfer.prepared import PreparedStyle, PreparedTransfer
from nstaudio.transfer.render import RenderedSegment
from nstaudio.transfer.segment_loop import OptimizedSegment, StepResult

log = logging.getLogger(__name__)


class SegmentProgress:
    """Metrics and checkpoints of a segment while it is optimised."""

    def __init__(
        self,
        start: TransferState,
        checkpoints: Checkpoints,
        metrics: metrics_log.Metrics,
        timer: StepTimer,
    ) -> None:
        self._checkpoints, self._metrics, self._timer = checkpoints, metrics, timer
        self._state, self._first_step = start, int(start.step)
        self._seconds, self._seconds_before = 0.0, metrics.seconds

    def record(self, step: int, result: StepResult) -> None:
        """Write a line of metrics.jsonl, and a checkpoint if one is due."""
        if step == self._first_step:  # nothing but compiling
            self._timer.compiling += result.seconds
        else:
            self._seconds += result.seconds
        self._state = result.state
        self._metrics.write(step, result.losses, self._seconds_before + self._seconds)
        self._checkpoints.save_if_due(result.state, n_concurrent=result.n_concurrent)

    def finish(self) -> None:
        """Save a checkpoint of the last state."""
        self._checkpoints.save(self._state)
        self._timer.seconds += self._seconds
        self._timer.n_steps += int(self._state.step) - self._first_step


class RunRecorder:
    """Keeps what `run_segments` produces in the folder of a run, so that it can be resumed.

    A context manager, which keeps metrics.jsonl open. See `segment_loop.Recorder`.

    Args:
        on_restored: of a run that is resumed, called once it is clear that it can be; else `None`.
        save_queue: of the runs that are under way in this process.
    """

    def __init__(
        self, job: Job, *, on_restored: Callable[[], None] | None, save_queue: SaveQueue
    ) -> None:
        self.store = SegmentStore(job.folder / "segments")
        self.records: list[dict[str, Any]] = []
        self.timer = StepTimer()
        self.metrics = metrics_log.Metrics(job.folder / "metrics.jsonl")
        self._job, self._save_queue = job, save_queue
        self._resuming, self._on_restored = on_restored is not None, on_restored
        self._made_of = {"inputs": job.fingerprint, "settings": job.immutable}
        self._key = {**self._made_of, "n_steps": job.settings.transfer.n_steps}
        self._progress: SegmentProgress | None = None
        self.previews = Previews(job.folder, job.settings.checkpoint.preview_s, job.inputs)

    def __enter__(self) -> "RunRecorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.metrics.close()

    @property
    def has_result(self) -> bool:
        """See `Recorder`."""
        return any("figures" in record for record in self.records)

    def has(self, index: int) -> bool:
        """True if a resumed run finds the segment finished and up to date."""
        segment = self.store.load(index) if self._resuming else None
        if segment is None or segment.record["interrupted"]:
            return False
        if not _is_same(segment.record.get("key"), self._key) or not self.metrics.has(index):
            return False
        self._add(segment.record)
        return True

    @contextlib.contextmanager
    def optimizing(self, index: int, prepared: PreparedTransfer) -> Iterator[TransferState]:
        """Restore the newest checkpoint of a resumed run; save one at the end of the steps."""
        settings = self._job.settings.checkpoint
        with Checkpoints(
            self._job.folder / "checkpoints" / f"{index:04d}",
            keep=settings.keep,
            interval_s=settings.interval_s,
            inputs=self._made_of,
            same=_is_same,
            queue=self._save_queue,
        ) as checkpoints:
            start = prepared.state
            if self._resuming:
                start = _restore(checkpoints, start, prepared.n_steps, self._job, index)
            self.metrics.start(index, last_step=int(start.step))
            self._progress = SegmentProgress(start, checkpoints, self.metrics, self.timer)
            self.previews.begin(index, prepared)
            yield start
            self._progress.finish()

    def record(self, step: int, result: StepResult) -> None:
        """See `SegmentProgress` and `Previews`."""
        assert self._progress is not None
        self._progress.record(step, result)
        self.previews.offer(step, result.state)

    def save(
        self, index: int, rendered: RenderedSegment, optimized: OptimizedSegment | None
    ) -> None:
        """Write a segment, so that a resumed run need not repeat it."""
        segment = finished_segment(self._job, index, rendered, optimized)
        segment.record["key"] = self._key
        self.store.save(index, segment)
        if optimized is not None:
            self.previews.end(int(optimized.state.step), rendered.y)
        self._add(segment.record)

    def _add(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        if self._on_restored is not None:
            self._on_restored()
            self._on_restored = None

    def outcome(self, style: PreparedStyle) -> OptimizedRun:
        """The run as its last segment left it."""
        unfinished = any(record["interrupted"] for record in self.records)
        return OptimizedRun(
            segments=self.store,
            records=self.records,
            lines=self.metrics.lines,
            style=style,
            timer=self.timer,
            interrupted=unfinished or len(self.records) < len(self._job.inputs.spans),
        )


def _is_same(before: Any, now: Any) -> bool:
    """True if a segment's cache key is still valid."""
    if not isinstance(before, dict) or not isinstance(before.get("settings"), dict):
        return False
    return {**before, "settings": resume.with_defaults(before["settings"])} == now


def _restore(
    checkpoints: Checkpoints, state: TransferState, n_steps: int, job: Job, index: int
) -> TransferState:
    """The newest checkpoint's state; `state` without one.

    Raises:
        InputError: it belongs to other clips or settings, or to more steps.
    """
    folder = job.folder
    try:
        restored = checkpoints.restore(state)
    except OtherInputs as other:
        before = resume.with_defaults(other.inputs["settings"])
        if before == job.immutable:
            raise InputError(
                f"the clips have changed since the run in {one_line(folder)} was started"
            ) from None
        changes = resume.changes(before, job.immutable)
        raise InputError(
            f"config.yaml in {one_line(folder)} has changed since the run was started: {changes}"
        ) from None
    where = f"segment {index + 1} of {len(job.inputs.spans)}: " if len(job.inputs.spans) > 1 else ""
    if restored is None:
        log.warning("%sno checkpoint can be read in %s: starting from the beginning", where, folder)
        return state
    if int(restored.step) > n_steps:
        raise InputError(
            f"n_steps={n_steps} is below the {int(restored.step)} steps already made in "
            f"{one_line(folder)}"
        )
    log.info("%sresuming at step %d of %d", where, int(restored.step), n_steps)
    return restored
