"""Run a transfer, or a sweep of them, as configs/ and the command line say.

python scripts/run.py style=classical content=jazz
python scripts/run.py content.path=my.mp3 style.path=other.flac
python scripts/run.py -m alpha=0.01,0.03,0.1 seed=0,1
python scripts/run.py resume=outputs/2026-01-31/12-00-00_jazz_as_classical
"""

import contextlib
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

if __name__ == "__main__":
    # Until there is something to finish, Ctrl-C just ends the process, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nstaudio.errors import InputError, nearest, one_line

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

log = logging.getLogger("nstaudio.run")

failed: list[Path] = []
"""Folders of the jobs of this process that failed."""

running: list[Path] = []
"""The folder of a job that has begun and not returned; while there is none, Hydra is at work."""


class StopRequest:
    """Turns the first Ctrl-C (or SIGTERM) into a flag; the second one interrupts as usual."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
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


def run(cfg: DictConfig, folder: Path, overrides: list[str]) -> bool:
    """One transfer, from files to files in `folder`; false when it was interrupted.

    Raises:
        InputError: settings or files that cannot work; then nothing of the run is in `folder`.
    """
    started = time.perf_counter()
    # JAX, Orbax and matplotlib take seconds to import: --help needs none of them.
    import numpy as np

    from nstaudio import audio, config, estimate, pipeline, records
    from nstaudio.checkpoint import fingerprint

    record = folder / "config.yaml"
    resuming = cfg.resume is not None
    if resuming:
        if not record.is_file():
            raise InputError(f"resume={one_line(cfg.resume)} is no run's folder: no config.yaml")
        cfg = config.resumed(cfg, config.load(record), overrides)
    elif record.exists():
        raise InputError(
            f"{one_line(folder)} already holds a run; continue it with resume=, or choose another "
            "folder with hydra.run.dir="
        )
    settings = config.build(cfg)
    transfer = settings.transfer
    content = audio.load(**vars(settings.content), role="content")
    styles = audio.load_all(**vars(settings.style), role="style")
    settings.output.check(content.sr, content.y.shape[1])
    style = pipeline.hear_style([(clip.y, clip.sr, clip.label) for clip in styles], transfer)
    job = Job(
        folder,
        settings,
        config.lasting(cfg),
        content,
        "+".join(clip.name for clip in styles),
        styles[0].label,
        style,
        transfer.windows.spans(len(content.y), content.sr),
        fingerprint(np.array([content.sr, *content.y.shape]), content.y, style),
    )
    # The sizes first: what is too long for the memory must not be analysed.
    n_window = round(len(job.window(0)) * transfer.spec.sr / content.sr)
    pipeline.check_length(n_window, transfer, name=job.label(0))
    pipeline.check_length(len(style), transfer, name=job.style_label)
    estimate.check_memory(content.y, content.sr, len(style), transfer)
    preparing = time.perf_counter()
    first = job.first_sound()
    preparing = time.perf_counter() - preparing
    # Everything has been checked; only now does the folder become a run's.
    with only_user(folder):
        if not resuming:
            try:
                config.save(cfg, record)
            except FileExistsError:
                raise InputError(f"{one_line(folder)} already holds a run") from None
        else:
            records.remove_unfinished(folder)
        # What is refused on the way must not have changed the record.
        saved = partial(config.save, cfg, record, replace=True) if resuming else None
        return perform(job, cfg, first, preparing, overrides, saved, started)


@contextlib.contextmanager
def only_user(folder: Path) -> Iterator[None]:
    """Hold a folder against other runs; the system lets go of it when the process ends.

    Raises:
        InputError: another run holds it.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"{one_line(folder)} is being used by another run") from None


def perform(
    job: "Job",
    cfg: DictConfig,
    first: tuple[int, Any],
    seconds_preparing: float,
    overrides: list[str],
    on_restored: Any,
    started: float,
) -> bool:
    """The run, once it is clear that it can be; false when it was interrupted.

    Args:
        first, on_restored: see `optimize`.
        seconds_preparing: what preparing the first window took.
        started: when the run began, by `time.perf_counter`.
    """
    from nstaudio import config, estimate, pipeline

    settings, content, transfer = job.settings, job.content, job.settings.transfer
    changed = {key.split(".")[0] for key in config.override_keys(overrides)}
    if "inversion" in changed and pipeline.needs_no_inversion(first[1]):
        log.warning(
            "inversion is not used: what parametrization=%s optimises is sound already",
            type(transfer.parametrization).__name__,
        )

    expected = estimate.measure(
        *(job.window(first[0]), content.sr, len(job.spans), first[1], seconds_preparing, transfer)
    )
    log.info(
        "%.1f s of %d channels at %d Hz, %d window%s: about %s and %.1f GB of memory",
        *(content.duration_s, content.y.shape[1], content.sr, len(job.spans)),
        "s" if len(job.spans) > 1 else "",
        spoken(expected.seconds),
        expected.bytes / 1e9,
    )
    with StopRequest() as stop:
        done = optimize(job, first, stop, on_restored=on_restored)
        summary = write(job, done, OmegaConf.to_yaml(cfg, resolve=True), started)
    log.info(
        "style loss %.4g -> %.4g (%.4g on the audio), consistency %.1f dB, %d steps in %.0f s",
        summary["initial_style_loss"],
        summary["style_loss"],
        summary["style_loss_on_audio"],
        summary["consistency_db"],
        summary["n_steps"],
        summary["seconds_total"],
    )
    if settings.reference_loss is not None:
        log.info(
            "total loss %.4g; the reference reports %.4g, which compares only where the loss is "
            "normalised alike",
            summary["total_loss"],
            settings.reference_loss,
        )
    log.info("listen: %s", job.folder / "report.html")
    if done.interrupted:
        log.info("interrupted at step %d; go on with: resume=%s", summary["n_steps"], job.folder)
    return not done.interrupted


def spoken(seconds: float) -> str:
    """A time as one says it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class Job(NamedTuple):
    """What a run works on."""

    folder: Path
    settings: Any
    lasting: dict[str, Any]
    """The settings that must stay as they are when the run goes on."""
    content: Any
    style_name: str
    style_label: str
    style: Any
    """As the method hears it, see `pipeline.hear_style`."""
    spans: list[slice]
    inputs: str
    """A fingerprint of both clips."""

    def window(self, index: int) -> Any:
        """The content's samples in a window."""
        return self.content.y[self.spans[index]]

    def label(self, index: int) -> str:
        """What to call a window in errors."""
        if len(self.spans) == 1:
            return self.content.label
        return f"window {index + 1} of {self.content.label} (see windows.length_s)"

    def prepare(self, index: int, shared: Any = None) -> Any:
        """A window ready to be optimised; `None` where it is silent."""
        from nstaudio import pipeline

        return pipeline.prepare_window(
            self.window(index),
            self.content.sr,
            self.style,
            self.settings.transfer,
            names=(self.label(index), self.style_label),
            shared=shared,
        )

    def first_sound(self) -> tuple[int, Any]:
        """The first window that is not silent, and its number.

        Raises:
            InputError: there is none, or it cannot be used.
        """
        from nstaudio import pipeline

        for index in range(len(self.spans)):
            prepared = self.prepare(index)
            if prepared is not None:
                return index, prepared
        raise pipeline.silent(self.content.label)


class Clock:
    """Steps made by this process, and the seconds spent on them and on compiling."""

    def __init__(self) -> None:
        self.seconds = self.compiling = 0.0
        self.n_steps = 0

    @property
    def steps_per_second(self) -> float | None:
        """Speed of the optimisation alone."""
        return self.n_steps / self.seconds if self.seconds else None


class Done(NamedTuple):
    """What the loop leaves behind."""

    parts: Any
    """The windows, see `parts.Parts`."""
    records: list[dict[str, Any]]
    """Of each window that was made."""
    lines: list[dict[str, float]]
    """metrics.jsonl."""
    style: Any
    """The analysed style, see `pipeline.Style`."""
    clock: Clock
    interrupted: bool


def optimize(job: Job, first: tuple[int, Any], stop: StopRequest, *, on_restored: Any) -> Done:
    """Window after window: each is optimised, rendered and saved before the next begins.

    Args:
        first: the first window that is not silent, and its number.
        on_restored: of a run that goes on, called once it is clear that it can; else `None`.
    """
    from tqdm import tqdm

    from nstaudio import pipeline, records
    from nstaudio.parts import Part, Parts

    resuming, transfer = on_restored is not None, job.settings.transfer
    shared, n_steps, clock = first[1].shared, first[1].n_steps, Clock()
    waiting = dict([first])  # prepared already
    parts, made = Parts(job.folder / "windows"), []
    key = {"inputs": job.inputs, "settings": job.lasting, "n_steps": transfer.n_steps}
    bar = tqdm(
        total=len(job.spans) * n_steps,
        desc=f"{one_line(job.content.name)} as {one_line(job.style_name)}",
        unit="step",
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        disable=n_steps == 0,
    )
    del first
    with bar, records.Metrics(job.folder / "metrics.jsonl") as metrics:
        for index in range(len(job.spans)):
            part = parts.load(index) if resuming else None
            usable = part is not None and part.record.get("key") == key and metrics.has(index)
            if part is not None and usable and not part.record["interrupted"]:
                bar.update(part.record["step"])
            else:
                prepared = waiting.pop(index, None) or job.prepare(index, shared)
                if prepared is None:
                    quiet = pipeline.silence(job.window(index), job.content.sr, transfer.spec)
                    record = {"step": 0, "interrupted": False, "power": 0.0}
                    part = Part(quiet.y, quiet.generated_db, quiet.content_db, record)
                else:
                    part = _window(job, index, prepared, key, metrics, clock, bar, stop, resuming)
                part.record["key"] = key
                parts.save(index, part)
            made.append(part.record)
            if on_restored is not None:
                on_restored()
                on_restored = None
            if stop.requested and any(record["power"] > 0 for record in made):
                break
    unfinished = any(record["interrupted"] for record in made)
    return Done(parts, made, metrics.lines, shared, clock, unfinished or len(made) < len(job.spans))


def _window(
    job: Job,
    index: int,
    prepared: Any,
    key: dict[str, Any],
    metrics: Any,
    clock: Clock,
    bar: Any,
    stop: StopRequest,
    resuming: bool,
) -> Any:
    """One window, from its last checkpoint to its sound."""
    from nstaudio.checkpoint import Checkpoints

    saving = job.settings.checkpoint
    with Checkpoints(
        job.folder / "checkpoints" / f"{index:04d}",
        keep=saving.keep,
        interval_s=saving.interval_s,
        inputs={name: key[name] for name in ("inputs", "settings")},
    ) as checkpoints:
        start = prepared.state
        if resuming:
            start = _restore(checkpoints, start, prepared.n_steps, job, index)
        bar.update(int(start.step))
        metrics.start(index, last_step=int(start.step))
        state, losses = descend(
            start, prepared, job.settings, checkpoints, metrics, clock, bar, stop
        )
    return _rendered(job, index, prepared, state, losses)


def descend(
    start: Any,
    prepared: Any,
    settings: Any,
    checkpoints: Any,
    metrics: Any,
    clock: Clock,
    bar: Any,
    stop: StopRequest,
) -> tuple[Any, Any]:
    """The loop: progress, metrics and checkpoints live between its chunks."""
    from nstaudio import descent, pipeline

    transfer, first = settings.transfer, int(start.step)
    state, losses, last, seconds = start, None, first, 0.0
    earlier, started = metrics.seconds, time.perf_counter()
    for state, losses in descent.run(
        start,
        prepared.problem,
        objective=prepared.objective,
        transformation=transfer.optimizer.transformation,
        n_steps=prepared.n_steps,
        chunk=settings.log_every,
    ):
        step = int(state.step)
        seconds = time.perf_counter() - started
        if step == first:  # the first item comes after compiling, before any step
            clock.compiling, seconds = clock.compiling + seconds, 0.0
            started = time.perf_counter()
        pipeline.check_finite(losses, step, transfer)
        metrics.write(step, losses, earlier + seconds)
        checkpoints.save_if_due(state)
        bar.set_postfix(
            total=f"{float(losses.total):.3g}",
            content=f"{float(losses.content):.3g}",
            style=f"{float(losses.style):.3g}",
            refresh=False,
        )
        bar.update(step - last)
        last = step
        if stop.requested:
            break
    checkpoints.save(state)
    clock.seconds, clock.n_steps = clock.seconds + seconds, clock.n_steps + last - first
    return state, losses


def _restore(checkpoints: Any, state: Any, n_steps: int, job: Job, index: int) -> Any:
    """The newest checkpoint's state, or `state` where a run was cut before its first."""
    from nstaudio.checkpoint import OtherInputs

    folder = job.folder
    try:
        restored = checkpoints.restore(state)
    except OtherInputs as other:
        if other.inputs["settings"] == job.lasting:
            raise InputError(
                f"the clips have changed since the run in {one_line(folder)} was started"
            ) from None
        changes = config_changes(other.inputs["settings"], job.lasting)
        raise InputError(
            f"config.yaml in {one_line(folder)} has changed since the run was started: {changes}"
        ) from None
    where = f"window {index + 1} of {len(job.spans)}: " if len(job.spans) > 1 else ""
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


def config_changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The settings that differ, one after the other."""
    return one_line(
        ", ".join(
            f"{name} was {before.get(name)} and is {now.get(name)}"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name)
        )
    )


def _rendered(job: Job, index: int, prepared: Any, state: Any, losses: Any) -> Any:
    """A window's sound, and all that is said of it."""
    import numpy as np

    from nstaudio import likeness, metrics, pipeline, samples
    from nstaudio.parts import Part

    transfer = job.settings.transfer
    content, sr, rate = job.window(index), job.content.sr, transfer.spec.sr
    made = pipeline.finish(content, sr, prepared, state, transfer)
    y, heard = (samples.mono(a, sr, rate) for a in (made.y, content))
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
            "unseen_style_share": likeness.unseen_style_share(y, heard, job.style, rate),
            **metrics.noise(y, heard, job.style)._asdict(),
        },
    }
    # A picture has no use for more columns than these, and long recordings have many windows.
    n_columns = -(-len(made.content_db) // -(-len(job.spans) * len(made.content_db) // 6000))
    generated_db, content_db = (
        np.stack([part.mean(axis=0) for part in np.array_split(level_db, n_columns)])
        for level_db in (made.generated_db, made.content_db)
    )
    return Part(made.y, generated_db, content_db, record)


def write(job: Job, done: Done, settings_yaml: str, started: float) -> dict[str, Any]:
    """Join and write everything; the summary comes last, so a folder that has one is complete."""
    import jax
    import numpy as np

    from nstaudio import audio, config, loudness, pipeline, records, report, samples, windows

    output, content, spec = job.settings.output, job.content, job.settings.transfer.spec
    n_channels, sr = output.channels or content.y.shape[1], output.sr or content.sr
    indices = range(len(done.records))
    joined = audio.spooled(
        windows.join((done.parts[i].y for i in indices), job.spans), content.y.shape[1]
    )
    original = content.y[: len(joined)]  # what an interrupted run has come to
    y = audio.spooled(samples.converted(joined, content.sr, sr, n_channels), n_channels)
    levels = [loudness.measure(a, r) for a, r in ((y, sr), (original, content.sr))]
    wanted = levels[1] if output.loudness_lufs is None else output.loudness_lufs
    gain = loudness.gain(levels[0], wanted, max_true_peak_db=output.true_peak_db)
    generated = job.folder / f"generated.{output.format}"
    audio.save(generated, y, sr, coding=output.coding, subtype=content.subtype, gain=gain.factor)
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
        "content": pipeline.join_levels(
            [done.parts[i].content_db for i in indices], powers, job.spans
        ),
        "style": np.asarray(done.style.clip.level_db),
    }
    for title, role, name, samples_, rate, level in inputs:
        factor = loudness.gain(level, made, max_true_peak_db=0.0).factor
        file = f"{role}_{config.short_name(name)}.wav"
        coded = content.subtype if role == "content" else "PCM_24"
        audio.save(job.folder / file, samples_, rate, subtype=coded, gain=factor)
        panels.append(report.Panel(title, samples_, rate, factor, level_db[role]))
    generated_db = pipeline.join_levels(
        [done.parts[i].generated_db for i in indices], powers, job.spans
    )
    panels.append(report.Panel("generated", y, sr, gain.factor, generated_db))
    pictures = {
        "spectrograms.png": report.draw_spectrograms(panels, spec),
        "losses.png": report.draw_losses(done.lines),
    }
    summary = {
        "content": content.name,
        "style": job.style_name,
        **records.mean([a["figures"] for a in done.records if a["power"] > 0]),
        "initial_style_loss": records.initial(done.lines)["style"],
        "alpha": float(done.style.weights.alpha),
        "beta": float(done.style.weights.beta),
        "loudness_lufs": made.lufs,
        "content_loudness_lufs": levels[1].lufs,
        "true_peak_db": made.true_peak_db,
        "output_gain_db": gain.gain_db,
        "loudness_limited": gain.limited,
        "duration_s": len(y) / sr,
        "n_windows": len(done.records),
        "n_steps": sum(record["step"] for record in done.records),
        "interrupted": done.interrupted,
        "seconds_compiling": done.clock.compiling,
        "seconds_optimizing": done.lines[-1]["seconds"],
        "steps_per_second": done.clock.steps_per_second,
        "device": jax.devices()[0].device_kind,
        "peak_rss_mb": records.peak_rss_mb(),
        "seconds_total": time.perf_counter() - started,
        "versions": records.versions(),
    }
    summary["style_ratio"] = summary["style_loss_on_audio"] / max(summary["style_loss"], 1e-30)
    if job.settings.reference_loss is not None:
        summary["reference_loss"] = job.settings.reference_loss
    page = report.make_page(panels, pictures=pictures, summary=summary, settings_yaml=settings_yaml)
    for file, data in {**pictures, "report.html": page}.items():
        records.write_whole(job.folder / file, data)
    records.write_summary(job.folder / "summary.json", summary)
    if not done.interrupted:
        done.parts.remove()
    return summary


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")
def job(cfg: DictConfig) -> None:
    """One Hydra job; every expected failure becomes one logged line."""
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir if cfg.resume is None else cfg.resume)
    running[:] = [folder]
    try:
        finished = run(cfg, folder, list(hydra_cfg.overrides.task))
    except (InputError, OSError) as error:
        # Raising would have Hydra print more lines, and in a sweep report the first error alone.
        log.error("error: %s", one_line(error))
        failed.append(folder)
        running.clear()
        return
    running.clear()
    if not finished and hydra_cfg.mode is RunMode.MULTIRUN:
        raise KeyboardInterrupt  # the rest of the sweep is not wanted either


def complain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback, but for one: when a checkpoint failed, it tells of nothing else.

    TensorStore goes on to speak to the event loop that Orbax has closed; nothing calls it there.
    """
    if trace is None or trace.tb_frame.f_code.co_name != "call_soon_threadsafe":
        sys.__excepthook__(kind, error, trace)


def explain(error: Exception) -> str:
    """One line for what Hydra says in several, with the nearest right name."""
    return one_line(_explanation(error)) or "these settings cannot be resolved"


def _explanation(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override} cannot be understood: {text.splitlines()[0]}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = [str(option) for option in error.options or ()]
        role = group.partition("/")[0]
        if role in ("content", "style"):
            name = str(error.missing_cfg_file).partition("/")[2]
            clips = sorted(file.stem for file in (CONFIGS / role).glob("*.yaml"))
            return (
                f"{role}={name} is none of the clips here ({', '.join(clips)}); for your own "
                f"file write {role}.path={name}"
            )
        return f"{group}={name} is not one of: {', '.join(options)}{nearest(name, options)}"
    unknown = re.search(r"Could not override '([^']*)'|Key '([^']*)' is not in struct", text)
    group = re.search(r"Could not override '([^']*)'\.\s*No match in the defaults list", text)
    if group or unknown:
        names = [n for n in (group or unknown).groups() if n]  # type: ignore[union-attr]
        name = names[0] if names else "''"
        return f"unknown option {name}{nearest(name, known_options())}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def known_options() -> list[str]:
    """Every key of the default config in dotted form, and every group."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("config")

    def keys(node: Any, prefix: str = "") -> list[str]:
        if not OmegaConf.is_dict(node):
            return [prefix]
        below = [k for key in node for k in keys(node._get_node(key), f"{prefix}.{key}".strip("."))]
        return [prefix, *below]

    return [key for key in keys(cfg) if key] + ["experiment"]


def main() -> int:
    """The command; returns the exit code: 0, 2 for bad input, 130 for a second Ctrl-C."""
    from nstaudio.config import register_resolvers

    # Hydra would print its errors over many lines and exit with 1; like this it raises them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # A log that cannot be written, as on a full disk, would be reported by a traceback a line.
    logging.raiseExceptions = False
    sys.excepthook = complain
    register_resolvers()
    failed.clear()
    running.clear()
    try:
        job()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 2
    except (AssertionError, TypeError, ValueError) as error:
        if running:
            raise
        # Hydra trips over a number or a list where a name belongs, e.g. content=5.
        print(f"error: these settings cannot be understood: {one_line(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, e.g. head
        sys.stderr.close()
        return 1
    except OSError as error:
        print(f"error: the output folder cannot be used: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
