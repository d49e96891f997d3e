"""Run a transfer, or a sweep of them, as configs/ and the command line say.

python scripts/run.py style=classical content=jazz
python scripts/run.py content.path=my.mp3 style.path=other.flac
python scripts/run.py -m alpha=0.01,0.03,0.1 seed=0,1
python scripts/run.py resume=outputs/2026-01-31/12-00-00_jazz_as_classical
"""

import logging
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

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
    from nstaudio import audio, config, pipeline

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
    sr = settings.transfer.spec.sr
    content = audio.load_all(**vars(settings.content), sr=sr, role="content")
    style = audio.load_all(**vars(settings.style), sr=sr, role="style")
    prepared = pipeline.prepare(
        content.y,
        style.y,
        settings.transfer,
        names=(f"content file {one_line(content.path)}", f"style file {one_line(style.path)}"),
    )
    from nstaudio.checkpoint import Checkpoints, fingerprint

    # Everything has been checked; only now does the folder become a run's.
    if not resuming:
        try:
            config.save(cfg, record)
        except FileExistsError:
            raise InputError(f"{one_line(folder)} is being used by another run") from None

    changed = {key.split(".")[0] for key in config.override_keys(overrides)}
    if "inversion" in changed and pipeline.needs_no_inversion(prepared):
        log.warning(
            "inversion is not used: what parametrization=%s optimises is sound already",
            type(settings.transfer.parametrization).__name__,
        )

    with StopRequest() as stop:
        with Checkpoints(
            folder / "checkpoints",
            keep=settings.checkpoint.keep,
            interval_s=settings.checkpoint.interval_s,
            inputs=fingerprint(content.y, style.y),
        ) as checkpoints:
            start = prepared.state
            if resuming:
                start = _restore(checkpoints, start, prepared.n_steps, folder)
                config.save(cfg, record, replace=True)
            title = f"{one_line(content.name)} as {one_line(style.name)}"
            done = _optimize(start, prepared, settings, checkpoints, folder, title, stop)
        interrupted = done.step < prepared.n_steps
        summary = _write(folder, settings, cfg, prepared, content, style, done, started)
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
    log.info("listen: %s", folder / "report.html")
    if interrupted:
        log.info("interrupted at step %d; go on with: resume=%s", done.step, folder)
    return not interrupted


class Optimized(NamedTuple):
    """What the loop leaves behind."""

    state: Any
    losses: Any
    lines: list[dict[str, float]]
    """metrics.jsonl."""
    seconds_compiling: float
    steps_per_second: float | None

    @property
    def step(self) -> int:
        """Steps made."""
        return int(self.state.step)


def _optimize(
    start: Any,
    prepared: Any,
    settings: Any,
    checkpoints: Any,
    folder: Path,
    title: str,
    stop: StopRequest,
) -> Optimized:
    """The loop: progress, metrics and checkpoints live between its chunks."""
    from tqdm import tqdm

    from nstaudio import descent, pipeline, records

    transfer, first = settings.transfer, int(start.step)
    bar = tqdm(
        total=prepared.n_steps,
        initial=first,
        desc=title,
        unit="step",
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        disable=prepared.n_steps == first,
    )
    with bar, records.Metrics(folder / "metrics.jsonl", last_step=first) as metrics:
        earlier = metrics.seconds
        state, losses, compiling, seconds = start, None, 0.0, 0.0
        clock = time.perf_counter()
        for state, losses in descent.run(
            start,
            prepared.problem,
            objective=prepared.objective,
            transformation=transfer.optimizer.transformation,
            n_steps=prepared.n_steps,
            chunk=settings.log_every,
        ):
            step = int(state.step)
            seconds = time.perf_counter() - clock
            if step == first:  # the first item comes after compiling, before any step
                compiling, seconds, clock = seconds, 0.0, time.perf_counter()
            pipeline.check_finite(losses, step, transfer)
            metrics.write(step, losses, earlier + seconds)
            checkpoints.save_if_due(state)
            bar.set_postfix(
                total=f"{float(losses.total):.3g}",
                content=f"{float(losses.content):.3g}",
                style=f"{float(losses.style):.3g}",
                refresh=False,
            )
            bar.update(step - bar.n)
            if stop.requested:
                break
        checkpoints.save(state)
    speed = (int(state.step) - first) / seconds if seconds else None
    return Optimized(state, losses, metrics.lines, compiling, speed)


def _restore(checkpoints: Any, state: Any, n_steps: int, folder: Path) -> Any:
    """The newest checkpoint's state, or `state` where a run was cut before its first."""
    restored = checkpoints.restore(state)
    if restored is None:
        log.warning("no checkpoint can be read in %s: starting from the beginning", folder)
        return state
    state, inputs = restored
    if inputs != checkpoints.inputs:
        raise InputError(f"the clips have changed since the run in {one_line(folder)} was started")
    if int(state.step) > n_steps:
        raise InputError(
            f"n_steps={n_steps} is below the {int(state.step)} steps already made in "
            f"{one_line(folder)}"
        )
    log.info("resuming at step %d of %d", int(state.step), n_steps)
    return state


def _write(
    folder: Path,
    settings: Any,
    cfg: DictConfig,
    prepared: Any,
    content: Any,
    style: Any,
    done: Optimized,
    started: float,
) -> dict[str, Any]:
    """Render and write everything; the summary comes last, so a folder that has one is complete."""
    import jax
    import numpy as np

    from nstaudio import audio, config, likeness, metrics, pipeline, records, report

    transfer, sr = settings.transfer, settings.transfer.spec.sr
    y = pipeline.render(prepared, done.state, transfer)
    # A fair comparison: the three at equal level, turned down together where one would clip.
    matched = style.y * np.float32(np.sqrt(prepared.content_power / prepared.style_power))
    gain = min(1.0, 0.99 / max(float(np.abs(a).max()) for a in (content.y, matched, y)))
    played = [a * np.float32(gain) for a in (content.y, matched, y)]
    files = (
        f"content_{config.short_name(content.name)}.wav",
        f"style_{config.short_name(style.name)}.wav",
        "generated.wav",
    )
    for file, samples in zip(files, played, strict=True):
        audio.save(folder / file, samples, sr)
    written = audio.load(folder / "generated.wav", sr=sr, role="generated")
    figures, audio_db = pipeline.measure(written.y / gain, prepared, done.state, transfer)
    titles = (f"content: {content.name}", f"style: {style.name}", "generated")
    levels = (prepared.content.level_db, prepared.style.level_db, audio_db)
    panels = [
        report.Panel(title, samples, np.asarray(level))
        for title, samples, level in zip(titles, played, levels, strict=True)
    ]
    pictures = {
        "spectrograms.png": report.draw_spectrograms(panels, transfer.spec),
        "losses.png": report.draw_losses(done.lines),
    }
    summary = {
        "content": content.name,
        "style": style.name,
        "total_loss": float(done.losses.total),
        "content_loss": float(done.losses.content),
        "style_loss": float(done.losses.style),
        "style_loss_by_layer": {k: float(v) for k, v in done.losses.style_layers.items()},
        "initial_style_loss": done.lines[0]["style"],
        **figures._asdict(),
        "style_ratio": figures.style_loss_on_audio / max(float(done.losses.style), 1e-30),
        "unseen_style_share": likeness.unseen_style_share(written.y, content.y, style.y, sr),
        **metrics.noise(written.y, content.y, style.y)._asdict(),
        "output_gain_db": 20 * float(np.log10(gain)),
        "n_steps": done.step,
        "interrupted": done.step < prepared.n_steps,
        "seconds_compiling": done.seconds_compiling,
        "seconds_optimizing": done.lines[-1]["seconds"],
        "steps_per_second": done.steps_per_second,
        "device": jax.devices()[0].device_kind,
        "peak_rss_mb": records.peak_rss_mb(),
        "seconds_total": time.perf_counter() - started,
        "versions": records.versions(),
    }
    if settings.reference_loss is not None:
        summary["reference_loss"] = settings.reference_loss
    page = report.make_page(
        panels,
        sr=sr,
        pictures=pictures,
        summary=summary,
        settings_yaml=OmegaConf.to_yaml(cfg, resolve=True),
    )
    for file, data in {**pictures, "report.html": page}.items():
        records.write_whole(folder / file, data)
    records.write_summary(folder / "summary.json", summary)
    return summary


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")
def job(cfg: DictConfig) -> None:
    """One Hydra job; every expected failure becomes one logged line."""
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir if cfg.resume is None else cfg.resume)
    try:
        finished = run(cfg, folder, list(hydra_cfg.overrides.task))
    except (InputError, OSError) as error:
        # Raising would have Hydra print more lines, and in a sweep report the first error alone.
        log.error("error: %s", one_line(error))
        failed.append(folder)
        return
    if not finished and hydra_cfg.mode is RunMode.MULTIRUN:
        raise KeyboardInterrupt  # the rest of the sweep is not wanted either


def explain(error: Exception) -> str:
    """One line for what Hydra says in several, with the nearest right name."""
    text = str(error)
    if isinstance(error, OverrideParseException):
        return f"{one_line(error.override)} cannot be understood: {text.splitlines()[0]}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        options = [str(option) for option in error.options or ()]
        role = group.partition("/")[0]
        if role in ("content", "style"):
            name = one_line(str(error.missing_cfg_file).partition("/")[2])
            clips = sorted(file.stem for file in (CONFIGS / role).glob("*.yaml"))
            return (
                f"{role}={name} is none of the clips here ({', '.join(clips)}); for your own "
                f"file write {role}.path={name}"
            )
        return f"{group}={name} is not one of: {', '.join(options)}{nearest(name, options)}"
    unknown = re.search(r"Could not override '([^']*)'|Key '([^']*)' is not in struct", text)
    group = re.search(r"Could not override '([^']*)'\.\s*No match in the defaults list", text)
    if group or unknown:
        name = next(n for n in (group or unknown).groups() if n)  # type: ignore[union-attr]
        return f"unknown option {one_line(name)}{nearest(name, known_options())}"
    return one_line(" ".join(line.strip() for line in text.splitlines() if line.strip()))


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
    register_resolvers()
    failed.clear()
    try:
        job()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error)}", file=sys.stderr)
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
