"""A run from files to files, as a coroutine: it asks for steps and does all the rest.

Whoever drives it makes the steps, of one run by itself or of many in one program, and shows how far
they have come. Nothing here waits for steps, or knows of other runs.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from nstaudio.errors import InputError, one_line
from nstaudio.experiments import cost_estimate, results, resume
from nstaudio.experiments.job import Job
from nstaudio.experiments.results import OptimizedRun, StepTimer
from nstaudio.experiments.schema import RunSettings
from nstaudio.experiments.storage import file_writing, metrics_log
from nstaudio.experiments.storage.checkpoints import Checkpoints, OtherInputs
from nstaudio.experiments.storage.finished_segments import SegmentStore
from nstaudio.experiments.storage.summary import read_summary
from nstaudio.losses import Losses
from nstaudio.optimization import loop
from nstaudio.optimization.loop import TransferState, Updates
from nstaudio.transfer import prepare
from nstaudio.transfer.prepare import PreparedTransfer

log = logging.getLogger(__name__)


class StepRequest(NamedTuple):
    """Steps that a run needs, and how far it has come."""

    name: str
    """Of the run: its clips."""
    steps: Updates
    done: int
    """Steps made before these, in all segments."""
    total: int


class StepResult(NamedTuple):
    """What came of a request."""

    state: TransferState
    losses: Losses
    seconds: float
    """What it took, of steps made together with others a share."""
    n_concurrent: int
    """Runs that went on side by side, this one included."""
    stop: bool
    """Whether the run shall end here."""


Run = Generator[StepRequest, StepResult, dict[str, Any]]
"""A run under way; it returns what summary.json holds."""


def run(
    cfg: Any,
    folder: Path,
    overrides: list[str],
    *,
    of_sweep: bool = False,
    estimating: bool = True,
) -> Run:
    """One transfer, from files to files in `folder`.

    Args:
        cfg: the composed config; `cfg.resume` is the folder of a run to go on with.
        overrides: the command line, Hydra's form.
        of_sweep: go on with what is in the folder; what has come to its end there is left as it is.
        estimating: say what time and memory it will take, by a try.

    Raises:
        InputError: settings or files that cannot work; then nothing of the run is in `folder`.
        OSError: a file that cannot be read or written.
    """
    started = time.perf_counter()
    record = folder / "config.yaml"
    cfg, before = configs_of_call(cfg, folder, overrides, of_sweep=of_sweep)
    resuming = before is not None
    job = Job.load(cfg, folder)
    if of_sweep and resuming:
        summary = _done_before(job, cfg, before)
        if summary is not None:
            return summary
    # The sizes first: what is too long for the memory must not be analysed.
    job.check_size()
    preparing = time.perf_counter()
    first = job.first_sound()
    preparing = time.perf_counter() - preparing
    # Everything has been checked; only now does the folder become a run's.
    with folder_lock(folder):
        if not resuming:
            try:
                resume.save(cfg, record)
            except FileExistsError:
                raise InputError(f"{one_line(folder)} already holds a run") from None
        else:
            file_writing.remove_unfinished(folder)
        changed = {key.split(".")[0] for key in resume.override_keys(overrides)}
        if "inversion" in changed and job.settings.transfer.parametrization.yields_waveform:
            log.warning(
                "inversion is not used: what parametrization=%s optimises is sound already",
                type(job.settings.transfer.parametrization).__name__,
            )
        if estimating:
            _say_estimate(job, first, preparing)
        # What is refused on the way must not have changed the record.
        saved = partial(resume.save, cfg, record, replace=True) if resuming else None
        done = yield from optimize(job, first, on_restored=saved)
        summary = results.write(job, done, resume.to_yaml(cfg), started)
        _say_end(job, summary)
        return summary


def configs_of_call(
    cfg: Any, folder: Path, overrides: list[str], *, of_sweep: bool
) -> tuple[Any, Any]:
    """The config that a call to `run` means, and the one saved with the run that it goes on with.

    The latter is `None` where it begins one.

    Raises:
        InputError: what is there is no run, or one that cannot go on like this.
    """
    record = folder / "config.yaml"
    if cfg.resume is not None:
        if not record.is_file():
            raise InputError(f"resume={one_line(cfg.resume)} is no run's folder: no config.yaml")
        before = resume.load(record)
        return resume.resumed_config(cfg, before, overrides), before
    if of_sweep and record.exists():
        before = resume.load(record)
        resume.check_resumable(cfg, before, folder)
        return cfg, before
    if record.exists():
        raise InputError(
            f"{one_line(folder)} already holds a run; continue it with resume=, or choose another "
            "folder with hydra.run.dir="
        )
    return cfg, None


def _done_before(job: Job, cfg: Any, before: Any) -> dict[str, Any] | None:
    """The summary of a run that has come to the end that is asked for; else `None`."""
    summary = read_summary(job.folder)
    if summary is None or summary["interrupted"] or summary["inputs"] != job.inputs:
        return None
    if not resume.is_complete_for(cfg, before):
        return None
    log.info("done before: %s", job.folder / "report.html")
    return summary


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder against other runs; the system lets go of it when the process ends.

    Raises:
        InputError: another run holds it.
    """
    try:
        with FileLock(folder / ".lock", timeout=0, thread_local=False):
            yield
    except Timeout:
        raise InputError(f"{one_line(folder)} is being used by another run") from None


def _say_estimate(job: Job, first: tuple[int, PreparedTransfer], seconds_preparing: float) -> None:
    content, n_segments = job.content, len(job.wanted)
    expected = cost_estimate.measure(
        *(job.segment(first[0]), content.sr, n_segments, first[1], seconds_preparing),
        job.style_lengths,
        job.settings.transfer,
    )
    log.info(
        "%.1f s of %d channels at %d Hz, %d segment%s: about %s and %.1f GB of memory",
        *(content.duration_s, content.y.shape[1], content.sr, n_segments),
        "s" if n_segments > 1 else "",
        format_duration(expected.seconds),
        expected.bytes / 1e9,
    )


def format_duration(seconds: float) -> str:
    """A time as one says it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _say_end(job: Job, summary: dict[str, Any]) -> None:
    log.info(
        "style loss %.4g -> %.4g (%.4g on the audio), consistency %.1f dB, %d steps in %.0f s",
        summary["initial_style_loss"],
        summary["style_loss"],
        summary["style_loss_on_audio"],
        summary["consistency_db"],
        summary["n_steps"],
        summary["seconds_total"],
    )
    if job.settings.reference_loss is not None:
        log.info(
            "total loss %.4g; the reference reports %.4g, which compares only where the loss is "
            "normalised alike",
            summary["total_loss"],
            job.settings.reference_loss,
        )
    log.info("listen: %s", job.folder / "report.html")
    if summary["interrupted"]:
        log.info("interrupted at step %d; go on with: resume=%s", summary["n_steps"], job.folder)


def optimize(
    job: Job, first: tuple[int, PreparedTransfer], *, on_restored: Callable[[], None] | None
) -> Generator[StepRequest, StepResult, OptimizedRun]:
    """Window after segment: each is optimised, rendered and saved before the next begins.

    Args:
        first: the first segment that is to be changed, and its number.
        on_restored: of a run that goes on, called once it is clear that it can; else `None`.
    """
    resuming, transfer = on_restored is not None, job.settings.transfer
    shared, n_steps, clock = first[1].shared, first[1].n_steps, StepTimer()
    waiting = dict([first])  # prepared already
    parts, made = SegmentStore(job.folder / "segments"), []
    key = {"inputs": job.inputs, "settings": job.lasting, "n_steps": transfer.n_steps}
    wanted, stop = job.wanted, False
    del first
    with metrics_log.Metrics(job.folder / "metrics.jsonl") as metrics:
        for index in range(len(job.spans)):
            part = parts.load(index) if resuming else None
            usable = part is not None and _same(part.record.get("key"), key) and metrics.has(index)
            if part is None or not usable or part.record["interrupted"]:
                prepared = waiting.pop(index, None) or job.prepare(index, shared)
                if prepared is None:
                    part = results.unchanged(job, index)
                else:
                    with Checkpoints(
                        job.folder / "checkpoints" / f"{index:04d}",
                        keep=job.settings.checkpoint.keep,
                        interval_s=job.settings.checkpoint.interval_s,
                        inputs={name: key[name] for name in ("inputs", "settings")},
                        same=_same,
                    ) as checkpoints:
                        start = prepared.state
                        if resuming:
                            start = _restore(checkpoints, start, prepared.n_steps, job, index)
                        metrics.start(index, last_step=int(start.step))
                        reached = yield from optimize_segment(
                            *(start, prepared, job.settings, checkpoints, metrics, clock),
                            name=f"{job.content.name} as {job.style_name}",
                            before=wanted.index(index) * n_steps,
                            total=len(wanted) * n_steps,
                        )
                    stop = reached.stop
                    unmoved = int(reached.state.step) == int(start.step)
                    if stop and unmoved and any("figures" in record for record in made):
                        break  # what there is ends with the segment before
                    part = results.render(job, index, prepared, reached.state, reached.losses)
                part.record["key"] = key
                parts.save(index, part)
            made.append(part.record)
            if on_restored is not None:
                on_restored()
                on_restored = None
            if stop:
                break
    unfinished = any(record["interrupted"] for record in made)
    return OptimizedRun(
        parts, made, metrics.lines, shared, clock, unfinished or len(made) < len(job.spans)
    )


def optimize_segment(
    start: TransferState,
    prepared: PreparedTransfer,
    settings: RunSettings,
    checkpoints: Checkpoints,
    metrics: metrics_log.Metrics,
    clock: StepTimer,
    *,
    name: str,
    before: int,
    total: int,
) -> Generator[StepRequest, StepResult, StepResult]:
    """The steps of a segment; metrics and checkpoints live between them.

    Args:
        name: of the run.
        before: steps of the segments before this one.
        total: steps of all segments.
    """
    transfer, first = settings.transfer, int(start.step)
    state, last, seconds, earlier = start, first, 0.0, metrics.seconds
    answer = None
    for step in loop.milestones(first, prepared.n_steps, settings.log_every):
        answer = yield StepRequest(
            name,
            Updates(
                state,
                prepared.problem,
                step - last,
                prepared.objective,
                transfer.optimizer.transformation,
            ),
            before + last,
            total,
        )
        if step == first:  # nothing but compiling
            clock.compiling += answer.seconds
        else:
            seconds += answer.seconds
        state, last = answer.state, step
        prepare.check_finite(answer.losses, step, transfer)
        metrics.write(step, answer.losses, earlier + seconds)
        checkpoints.save_if_due(state, n_concurrent=answer.n_concurrent)
        if answer.stop:
            break
    assert answer is not None
    checkpoints.save(state)
    clock.seconds, clock.n_steps = clock.seconds + seconds, clock.n_steps + last - first
    return answer


def _same(before: Any, now: Any) -> bool:
    """Whether what a segment was made of is what it would be made of now."""
    if not isinstance(before, dict) or not isinstance(before.get("settings"), dict):
        return False
    return {**before, "settings": resume.with_defaults(before["settings"])} == now


def _restore(
    checkpoints: Checkpoints, state: TransferState, n_steps: int, job: Job, index: int
) -> TransferState:
    """The newest checkpoint's state, or `state` where a run was cut before its first."""
    folder = job.folder
    try:
        restored = checkpoints.restore(state)
    except OtherInputs as other:
        before = resume.with_defaults(other.inputs["settings"])
        if before == job.lasting:
            raise InputError(
                f"the clips have changed since the run in {one_line(folder)} was started"
            ) from None
        changes = resume.changes(before, job.lasting)
        raise InputError(
            f"config.yaml in {one_line(folder)} has changed since the run was started: {changes}"
        ) from None
    where = f"segment {index + 1} of {len(job.spans)}: " if len(job.spans) > 1 else ""
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
