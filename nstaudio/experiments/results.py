"""What a run writes: each segment's sound and figures, and at the end the files of its folder."""

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from nstaudio.audio import files, loudness, samples, segments, writing
from nstaudio.evaluation import held_out, noise
from nstaudio.experiments.job import Job
from nstaudio.experiments.report.page import Panel, draw_losses, draw_spectrograms, make_page
from nstaudio.experiments.storage import file_writing, metrics_log
from nstaudio.experiments.storage.finished_segments import FinishedSegment, SegmentStore
from nstaudio.experiments.storage.summary import mean, peak_rss_mb, versions, write_summary
from nstaudio.losses import Losses
from nstaudio.optimization.loop import TransferState
from nstaudio.transfer import render as rendering
from nstaudio.transfer.prepare import PreparedStyle, PreparedTransfer
from nstaudio.transfer.render import RenderedSegment


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
    """What the optimisation leaves behind."""

    parts: SegmentStore
    """The segments."""
    records: list[dict[str, Any]]
    """Of each segment that was made."""
    lines: list[dict[str, float]]
    """metrics.jsonl."""
    style: PreparedStyle
    clock: StepTimer
    interrupted: bool


def render(
    job: Job, index: int, prepared: PreparedTransfer, state: TransferState, losses: Losses
) -> FinishedSegment:
    """A segment's sound, and all that is said of it."""
    transfer = job.settings.transfer
    content, sr, rate = job.segment(index), job.content.sr, transfer.spec.sr
    begins = job.spans[index].start
    made = rendering.render_segment(content, sr, prepared, state, transfer, begins=begins)
    y, heard = (samples.to_mono(a, sr, rate) for a in (made.y, content))
    record = {
        "step": int(state.step),
        "interrupted": int(state.step) < prepared.n_steps,
        "power": made.power,
        "figures": {
            "total_loss": float(losses.total),
            "content_loss": float(losses.content),
            "style_loss": float(losses.style),
            "style_loss_by_layer": {k: float(v) for k, v in losses.style_layers.items()},
            **(made.figures._asdict() if made.figures else {}),
            "unseen_style_share": held_out.unseen_style_share(y, heard, job.style, rate),
            **noise.noise(y, heard, job.style)._asdict(),
        },
    }
    return _part(job, made, record)


def unchanged(job: Job, index: int) -> FinishedSegment:
    """A segment that stays as it is: silence, or where the guide wants nothing of the style."""
    made = rendering.pass_through(job.segment(index), job.content.sr, job.settings.transfer.spec)
    return _part(job, made, {"step": 0, "interrupted": False, "power": made.power})


def _part(job: Job, made: RenderedSegment, record: dict[str, Any]) -> FinishedSegment:
    # A picture has no use for more columns than these, and long recordings have many segments.
    n_columns = -(-len(made.content_db) // -(-len(job.spans) * len(made.content_db) // 6000))
    generated_db, content_db = (
        np.stack([part.mean(axis=0) for part in np.array_split(level_db, n_columns)])
        for level_db in (made.generated_db, made.content_db)
    )
    return FinishedSegment(made.y, generated_db, content_db, record)


def write(job: Job, done: OptimizedRun, settings_yaml: str, started: float) -> dict[str, Any]:
    """Join and write everything; the summary comes last, so a folder that has one is complete.

    Args:
        started: when the run began, by `time.perf_counter`.

    Raises:
        OSError: a file cannot be written.
    """
    output, content, spec = job.settings.output, job.content, job.settings.transfer.spec
    n_channels, sr = output.channels or content.y.shape[1], output.sr or content.sr
    indices = range(len(done.records))
    joined = files.spool(
        segments.crossfade_join(
            (done.parts[i].y for i in indices),
            job.spans,
            within=job.settings.transfer.guide.within(content.sr),
        ),
        content.y.shape[1],
    )
    original = content.y[: len(joined)]  # what an interrupted run has come to
    y = files.spool(samples.convert(joined, content.sr, sr, n_channels), n_channels)
    levels = [loudness.measure(a, r) for a, r in ((y, sr), (original, content.sr))]
    wanted = levels[1] if output.loudness_lufs is None else output.loudness_lufs
    gain = loudness.gain(levels[0], wanted, max_true_peak_db=output.true_peak_db)
    generated = job.folder / f"generated.{output.format}"
    writing.save(generated, y, sr, coding=output.coding, subtype=content.subtype, gain=gain.factor)
    # For a fair comparison the two inputs are as loud as the result.
    made = levels[0].amplified(gain.gain_db)
    inputs = (
        (f"content: {content.name}", "content", content.name, original, content.sr, levels[1]),
        (
            *(f"style: {job.style_name}", "style", job.style_name, job.style, spec.sr),
            loudness.measure(job.style, spec.sr),
        ),
    )
    panels = []
    powers = [record["power"] for record in done.records]
    level_db = {
        "content": rendering.join_levels(
            [done.parts[i].content_db for i in indices], powers, job.spans
        ),
        "style": np.asarray(done.style.clip.level_db),
    }
    for title, role, name, samples_, rate, level in inputs:
        factor = loudness.gain(level, made, max_true_peak_db=0.0).factor
        file = f"{role}_{file_writing.short_name(name)}.wav"
        coded = content.subtype if role == "content" else "PCM_24"
        writing.save(job.folder / file, samples_, rate, subtype=coded, gain=factor)
        panels.append(Panel(title, samples_, rate, factor, level_db[role]))
    generated_db = rendering.join_levels(
        [done.parts[i].generated_db for i in indices], powers, job.spans
    )
    panels.append(Panel("generated", y, sr, gain.factor, generated_db))
    pictures = {
        "spectrograms.png": draw_spectrograms(panels, spec),
        "losses.png": draw_losses(done.lines),
    }
    summary = {
        "content": content.name,
        "style": job.style_name,
        "inputs": job.inputs,
        **mean([a["figures"] for a in done.records if "figures" in a]),
        "initial_style_loss": metrics_log.initial(done.lines)["style"],
        "alpha": float(done.style.weights.alpha),
        "beta": float(done.style.weights.beta),
        "loudness_lufs": made.lufs,
        "content_loudness_lufs": levels[1].lufs,
        "true_peak_db": made.true_peak_db,
        "output_gain_db": gain.gain_db,
        "loudness_limited": gain.limited,
        "duration_s": len(y) / sr,
        "n_segments": len(done.records),
        "n_steps": sum(record["step"] for record in done.records),
        "interrupted": done.interrupted,
        "seconds_compiling": done.clock.compiling,
        "seconds_optimizing": done.lines[-1]["seconds"],
        "steps_per_second": done.clock.steps_per_second,
        "device": jax.devices()[0].device_kind,
        "peak_rss_mb": peak_rss_mb(),
        "seconds_total": time.perf_counter() - started,
        "versions": versions(),
    }
    summary["style_ratio"] = summary["style_loss_on_audio"] / max(summary["style_loss"], 1e-30)
    if job.settings.reference_loss is not None:
        summary["reference_loss"] = job.settings.reference_loss
    page = make_page(panels, pictures=pictures, summary=summary, settings_yaml=settings_yaml)
    for file, data in {**pictures, "report.html": page}.items():
        file_writing.write_whole(job.folder / file, data)
    write_summary(job.folder / "summary.json", summary)
    if not done.interrupted:
        done.parts.remove()
    return summary
