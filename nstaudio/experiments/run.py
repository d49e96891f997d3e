"""A run from files to files, as a coroutine that yields the steps it needs, see `segment_loop`."""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nstaudio.audio.gate import MIN_GAP_S
from nstaudio.errors import InputError, one_line
from nstaudio.evaluation import judge
from nstaudio.experiments import cost_estimate, results, resume
from nstaudio.experiments.command_line import to_paste
from nstaudio.experiments.folder_claim import check_new, check_resumed, folder_lock
from nstaudio.experiments.job import Job
from nstaudio.experiments.run_recorder import RunRecorder
from nstaudio.experiments.storage import file_writing
from nstaudio.experiments.storage.checkpoints import SaveQueue
from nstaudio.experiments.storage.summary import read_summary
from nstaudio.transfer.inputs import Segments
from nstaudio.transfer.segment_loop import Transfer, run_segments

log = logging.getLogger(__name__)


MAX_DIFFERENCE = 0.03
"""Of two copies of one recording, root mean square over the recording's: -30 dB, a lossy coding."""

Summary = dict[str, Any]
"""The contents of summary.json."""

Run = Transfer[Summary]
"""A run under way."""


def run(
    cfg: Any,
    folder: Path,
    overrides: list[str],
    *,
    of_sweep: bool = False,
    estimating: bool = True,
    save_queue: SaveQueue | None = None,
) -> Run:
    """One transfer, from files to files in `folder`.

    Args:
        cfg: the composed config; `cfg.resume` is the folder of a run to resume.
        overrides: the command line, Hydra's form.
        of_sweep: resume a run that is in the folder; one that is finished is left as it is.
        estimating: log an estimate of time and memory, measured on two steps.
        save_queue: of the runs that are under way in this process; `None` is this one alone.

    Raises:
        InputError: settings or files that cannot work; then nothing of the run is in `folder`.
        OSError: a file that cannot be read or written.
    """
    started = time.perf_counter()
    cfg, saved = configs_of_call(cfg, folder, overrides, of_sweep=of_sweep)
    job = Job.load(cfg, folder)
    if of_sweep and saved is not None:
        summary = _finished_before(job, cfg, saved)
        if summary is not None:
            return summary
    # The sizes first: clips too long for the memory must not be analysed.
    job.check_size()
    preparing = time.perf_counter()
    segments = Segments(job.inputs)
    preparing = time.perf_counter() - preparing
    # Everything has been checked; only now does the folder become a run's.
    with folder_lock(folder):
        resaving = _claim(cfg, folder, resuming=saved is not None)
        if not of_sweep:
            _log_demo(job, overrides)
        _warn_of_unused(job, overrides)
        _log_silence(job)
        _warn_of_same_clips(segments)
        if estimating:
            _log_estimate(segments, preparing)
        with RunRecorder(
            job, on_restored=resaving, save_queue=save_queue or SaveQueue()
        ) as recorder:
            yield from run_segments(
                segments,
                recorder,
                name=f"{job.content.name} as {job.style_name}",
                log_every=job.settings.log_every,
            )
        outcome = recorder.outcome(segments.shared)
        summary = results.write(job, outcome, resume.to_yaml(cfg), started)
        recorder.previews.remove()
        _log_end(job, summary)
        return summary


def _claim(cfg: Any, folder: Path, *, resuming: bool) -> Callable[[], None] | None:
    """Make a folder a run's; returns, for a resumed run, the function that saves its new config.

    Raises:
        InputError: the folder has become another run's.
    """
    record = folder / "config.yaml"
    if resuming:
        file_writing.remove_unfinished(folder)
        # A resume that is refused later must not change the record.
        return partial(resume.save, cfg, record, replace=True)
    try:
        resume.save(cfg, record)
    except FileExistsError:
        raise InputError(f"{one_line(folder)} already holds a run") from None
    return None


def _warn_of_unused(job: Job, overrides: list[str]) -> None:
    groups = {key.split(".")[0] for key in resume.override_keys(overrides)}
    parametrization = job.settings.transfer.parametrization
    if "inversion" in groups and parametrization.yields_waveform:
        log.warning(
            "inversion is not used: parametrization=%s optimises a waveform",
            type(parametrization).__name__,
        )
    if judge.took_part(job.settings.transfer.encoder):
        log.warning(
            "transfer_distance and judge_to_style are left out: encoder=aisfx is the judge's own "
            "network, which cannot judge what it has optimised"
        )


def _log_demo(job: Job, overrides: list[str]) -> None:
    """Say what a run without clips of its own does."""
    typed = {key.split(".")[0] for key in resume.override_keys(overrides)}
    if typed.isdisjoint(("content", "style", "experiment", "resume")):
        log.info(
            "no clips named: the demo pair, %s in the style of %s; for your own files write "
            "content.path=my.mp3 style.path=other.flac",
            job.content.name,
            job.style_name,
        )


def _log_silence(job: Job) -> None:
    by_role = {"content": job.inputs.recording.left_out_s, "style": job.style_silence_s}
    parts = [
        f"{seconds:.1f} s of the {role}"
        for role, seconds in by_role.items()
        if seconds >= MIN_GAP_S
    ]
    if parts:
        log.info("silence left out: %s", " and ".join(parts))


def _warn_of_same_clips(segments: Segments) -> None:
    content, style = (np.asarray(c.y) for c in (segments.first.content, segments.shared.clip))
    if content.shape == style.shape:
        difference = np.linalg.norm(content - style) / np.linalg.norm(style)
        if difference < MAX_DIFFERENCE:
            log.warning("content and style are the same recording: there is no style to transfer")


def configs_of_call(
    cfg: Any, folder: Path, overrides: list[str], *, of_sweep: bool
) -> tuple[Any, Any]:
    """The config of a call to `run`, and the saved one of the run that it resumes.

    The latter is `None` for a new run.

    Raises:
        InputError: the folder holds no run, or one that cannot be resumed like this.
    """
    record = folder / "config.yaml"
    if cfg.resume is not None:
        check_resumed(cfg.resume)
        saved = resume.load(record)
        return resume.resumed_config(cfg, saved, overrides, folder), saved
    if of_sweep and record.exists():
        saved = resume.load(record)
        resume.check_resumable(cfg, saved, folder)
        return cfg, saved
    check_new(folder)
    return cfg, None


def _finished_before(job: Job, cfg: Any, saved: Any) -> Summary | None:
    """The summary of a run that is finished as `cfg` has it; else `None`."""
    summary = read_summary(job.folder)
    if summary is None or summary["interrupted"] or summary["inputs"] != job.fingerprint:
        return None
    if not resume.is_complete_for(cfg, saved):
        return None
    log.info("done before: %s", to_paste(job.folder / "report.html"))
    return summary


def _log_estimate(segments: Segments, seconds_preparing: float) -> None:
    inputs = segments.inputs
    n_segments, n_channels = len(inputs.guided), inputs.content.shape[1]
    expected = cost_estimate.measure(
        inputs.segment(segments.first_index),
        inputs.sr,
        segments.first,
        inputs.settings,
        n_segments=n_segments,
        seconds_preparing=seconds_preparing,
        style_lengths=inputs.style_lengths,
    )
    log.info(
        "%.1f s of %d channels at %d Hz, %d segment%s: about %s and %.1f GB of memory",
        len(inputs.content) / inputs.sr,
        n_channels,
        inputs.sr,
        n_segments,
        "s" if n_segments > 1 else "",
        format_duration(expected.seconds),
        expected.bytes / 1e9,
    )


def format_duration(seconds: float) -> str:
    """A duration in the unit that suits it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _log_end(job: Job, summary: Summary) -> None:
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
    log.info("listen: %s", to_paste(job.folder / "report.html"))
    if summary["interrupted"]:
        again = to_paste(f"resume={job.folder}")
        log.info("interrupted at step %d; go on with: %s", summary["n_steps"], again)
