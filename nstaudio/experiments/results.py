"""The results of a run: the record of each segment, and at the end the files of its folder."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from nstaudio.audio import loudness, samples, writing
from nstaudio.audio.loudness import Gain, Level
from nstaudio.audio.spooling import spool
from nstaudio.evaluation import held_out, judge, noise, transfer_distance
from nstaudio.experiments.job import Job
from nstaudio.experiments.report.page import Panel, draw_losses, draw_spectrograms, make_page
from nstaudio.experiments.storage import file_writing, metrics_log
from nstaudio.experiments.storage.finished_segments import FinishedSegment, SegmentStore
from nstaudio.experiments.storage.summary import peak_rss_mb, versions, write_summary
from nstaudio.losses.ratio import loss_ratio
from nstaudio.transfer.prepared import PreparedStyle
from nstaudio.transfer.render import RenderedSegment, mean_figures
from nstaudio.transfer.segment_loop import OptimizedSegment

MAX_COLUMNS = 6000
"""Frames of a spectrogram that are kept for the pictures, of all segments."""


class StepTimer:
    """Steps made by this process, and the seconds spent on them and on compiling."""

    def __init__(self) -> None:
        self.seconds = self.compiling = 0.0
        self.n_steps = 0

    @property
    def steps_per_second(self) -> float | None:
        """Speed of the optimisation alone."""
        return self.n_steps / self.seconds if self.seconds else None


class OptimizedRun(NamedTuple):
    """A run after its last segment."""

    segments: SegmentStore
    records: list[dict[str, Any]]
    """One of each segment, in order; fewer than the segments if the run was interrupted."""
    lines: list[dict[str, float]]
    """metrics.jsonl."""
    style: PreparedStyle
    timer: StepTimer
    interrupted: bool


def finished_segment(
    job: Job, index: int, rendered: RenderedSegment, optimized: OptimizedSegment | None
) -> FinishedSegment:
    """A rendered segment with its record.

    Args:
        optimized: `None` for a segment that stays as it is.
    """
    n_frames = len(rendered.content_db)
    inputs = job.inputs
    in_time = len(inputs.recording.recorded) / len(inputs.content)  # silence is drawn, too
    n_columns = -(-n_frames // math.ceil(len(inputs.spans) * n_frames * in_time / MAX_COLUMNS))
    record = {"step": 0, "interrupted": False, "power": rendered.power}
    if optimized is not None:
        step = int(optimized.state.step)
        record["step"] = step
        record["interrupted"] = step < optimized.prepared.n_steps
        record["figures"] = _figures(job, index, rendered, optimized)
    return FinishedSegment(
        y=rendered.y,
        generated_db=_thinned(rendered.generated_db, n_columns),
        content_db=_thinned(rendered.content_db, n_columns),
        record=record,
    )


def _figures(
    job: Job, index: int, rendered: RenderedSegment, optimized: OptimizedSegment
) -> dict[str, Any]:
    """The losses, and the figures measured on the audio."""
    inputs, losses = job.inputs, optimized.losses
    sr = inputs.settings.spec.sr
    y = samples.to_mono(rendered.y, inputs.sr, sr)
    content = samples.to_mono(inputs.segment(index), inputs.sr, sr)
    assert rendered.figures is not None
    to_keep = None if job.settings.content.path is None else content
    with ThreadPoolExecutor() as pool:  # of a minute of sound, each takes seconds
        hearing = pool.submit(transfer_distance.measure, y, to_keep, inputs.style, sr)
        unseen = pool.submit(held_out.unseen_style_share, y, content, inputs.style, sr)
        noises = noise.noise(y, content, inputs.style)._asdict()
    heard = hearing.result()._asdict()
    if judge.took_part(inputs.settings.encoder):
        heard = {"chroma_to_content": heard["chroma_to_content"]}
    return {
        **heard,
        "total_loss": float(losses.total),
        "content_loss": float(losses.content),
        "style_loss": float(losses.style),
        "style_loss_by_layer": {k: float(v) for k, v in losses.style_layers.items()},
        **rendered.figures._asdict(),
        "unseen_style_share": unseen.result(),
        **noises,
    }


def _thinned(
    level_db: Float[np.ndarray, "frames mels"], n_columns: int
) -> Float[np.ndarray, "columns mels"]:
    """A spectrogram with fewer columns, means of neighbouring frames."""
    return np.stack([part.mean(axis=0) for part in np.array_split(level_db, n_columns)])


class _Output(NamedTuple):
    """The joined result, and the content that it stands beside."""

    y: Float[np.ndarray, "samples channels"]
    sr: int
    gain: Gain
    """From `y` to the file."""
    level: Level
    """The level of the file."""
    content: Float[np.ndarray, "samples channels"]
    """As it was recorded, cut to the length of an interrupted run."""
    content_level: Level


def write(job: Job, run: OptimizedRun, settings_yaml: str, started: float) -> dict[str, Any]:
    """Join and write everything; the summary comes last, so a folder that has one is complete.

    Args:
        started: when the run began, by `time.perf_counter`.

    Raises:
        OSError: a file cannot be written.
    """
    output = _join(job, run)
    panels = _write_sounds(job, run, output)
    pictures = {
        "spectrograms.png": draw_spectrograms(panels, job.settings.transfer.spec),
        "losses.png": draw_losses(run.lines),
    }
    summary = _summary(job, run, output, started)
    page = make_page(panels, pictures=pictures, summary=summary, settings_yaml=settings_yaml)
    for file, data in {**pictures, "report.html": page}.items():
        file_writing.write_whole(job.folder / file, data)
    write_summary(job.folder / "summary.json", summary)
    if not run.interrupted:
        run.segments.remove()
    return summary


def _join(job: Job, run: OptimizedRun) -> _Output:
    """Join the segments, in the form that the output settings ask for."""
    settings, inputs = job.settings.output, job.inputs
    recorded = inputs.recording.recorded
    n_recorded = recorded.shape[1]
    n_channels, sr = settings.channels or n_recorded, settings.sr or inputs.sr
    sounds = (run.segments[i].y for i in range(len(run.records)))
    joined = spool(inputs.join(sounds), n_recorded)
    to_mix = joined if n_channels == n_recorded else inputs.recording.in_phase(joined)
    y = spool(samples.convert(to_mix, inputs.sr, sr, n_channels), n_channels)
    content = recorded[: len(joined)]
    measured, of_content = loudness.measure(y, sr), loudness.measure(content, inputs.sr)
    target = of_content if settings.loudness_lufs is None else settings.loudness_lufs
    gain = loudness.gain(measured, target, max_true_peak_db=settings.true_peak_db)
    return _Output(
        y=y,
        sr=sr,
        gain=gain,
        level=measured.amplified(gain.gain_db),
        content=content,
        content_level=of_content,
    )


def _write_sounds(job: Job, run: OptimizedRun, output: _Output) -> list[Panel]:
    """Write content, style and result; the panels that show them.

    For a fair comparison the two inputs are as loud as the result.
    """
    settings, inputs, subtype = job.settings.output, job.inputs, job.content.subtype
    writing.save(
        job.folder / f"generated.{settings.format}",
        output.y,
        output.sr,
        coding=settings.coding,
        subtype=subtype,
        gain=output.gain.factor,
    )
    style_sr = inputs.settings.spec.sr
    style_gain = _gain_to(output.level, loudness.measure(inputs.style, style_sr))
    content_gain = _gain_to(output.level, output.content_level)
    content_file, style_file = (
        job.folder / f"{role}_{file_writing.short_name(name)}.wav"
        for role, name in (("content", job.content.name), ("style", job.style_name))
    )
    writing.save(content_file, output.content, inputs.sr, subtype=subtype, gain=content_gain)
    writing.save(style_file, inputs.style, style_sr, subtype="PCM_24", gain=style_gain)
    # One segment at a time: their sounds would not fit in the memory.
    indices = range(len(run.records))
    powers = [record["power"] for record in run.records]
    content_db = inputs.join_levels([run.segments[i].content_db for i in indices], powers)
    generated_db = inputs.join_levels([run.segments[i].generated_db for i in indices], powers)
    return [
        Panel(
            title=f"content: {job.content.name}",
            y=output.content,
            sr=inputs.sr,
            gain=content_gain,
            level_db=content_db,
        ),
        Panel(
            title=f"style: {job.style_name}",
            y=inputs.style,
            sr=style_sr,
            gain=style_gain,
            level_db=np.asarray(run.style.clip.level_db),
        ),
        Panel(
            title="generated",
            y=output.y,
            sr=output.sr,
            gain=output.gain.factor,
            level_db=generated_db,
        ),
    ]


def _gain_to(target: Level, level: Level) -> float:
    """The factor that makes a sound as loud as another, with peaks up to full scale."""
    return loudness.gain(level, target, max_true_peak_db=0.0).factor


def _summary(job: Job, run: OptimizedRun, output: _Output, started: float) -> dict[str, Any]:
    """The contents of summary.json."""
    summary = {
        "content": job.content.name,
        "style": job.style_name,
        "inputs": job.fingerprint,
        **mean_figures([record["figures"] for record in run.records if "figures" in record]),
        "initial_style_loss": metrics_log.initial(run.lines)["style"],
        "alpha": float(run.style.weights.alpha),
        "beta": float(run.style.weights.beta),
        "loudness_lufs": output.level.lufs,
        "content_loudness_lufs": output.content_level.lufs,
        "true_peak_db": output.level.true_peak_db,
        "output_gain_db": output.gain.gain_db,
        "loudness_limited": output.gain.limited,
        "duration_s": len(output.y) / output.sr,
        "n_segments": len(run.records),
        "n_steps": sum(record["step"] for record in run.records),
        "interrupted": run.interrupted,
        "seconds_compiling": run.timer.compiling,
        "seconds_optimizing": run.lines[-1]["seconds"],
        "steps_per_second": run.timer.steps_per_second,
        "device": jax.devices()[0].device_kind,
        "peak_rss_mb": peak_rss_mb(),
        "seconds_total": time.perf_counter() - started,
        "versions": versions(),
    }
    summary["style_ratio"] = None
    if summary["style_share"] is not None:
        summary["style_ratio"] = loss_ratio(
            summary["style_loss_on_audio"],
            summary["style_loss"],
            scale=summary["initial_style_loss"],
        )
    if job.settings.reference_loss is not None:
        summary["reference_loss"] = job.settings.reference_loss
    return summary
