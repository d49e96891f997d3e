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
from types import FrameType, TracebackType
from typing import Any

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


def drive(run: Any) -> dict[str, Any]:
    """Make the steps that a run asks for, and show how far it has come; returns its summary.

    Args:
        run: see `nstaudio.runs`.

    Raises:
        InputError, OSError: see `nstaudio.runs.run`.
    """
    # JAX takes seconds to import: --help needs none of it.
    from nstaudio import descent
    from nstaudio.runs import Answer

    try:
        request = next(run)
        with StopRequest() as stop, progress_bar(request) as bar:
            while True:
                started = time.perf_counter()
                state, losses = descent.make(request.steps)
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
                request = run.send(Answer(state, losses, seconds, stop.requested))
    except StopIteration as finished:
        return finished.value


def progress_bar(request: Any) -> Any:
    """A bar for the run that has made this request."""
    from tqdm import tqdm

    return tqdm(
        total=request.total,
        desc=one_line(request.name),
        unit="step",
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
        dynamic_ncols=True,
        disable=request.total == 0,
    )


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")
def job(cfg: DictConfig) -> None:
    """One Hydra job; every expected failure becomes one logged line."""
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir if cfg.resume is None else cfg.resume)
    running[:] = [folder]
    try:
        from nstaudio import runs

        summary = drive(runs.run(cfg, folder, list(hydra_cfg.overrides.task)))
    except (InputError, OSError) as error:
        # Raising would have Hydra print more lines, and in a sweep report the first error alone.
        log.error("error: %s", one_line(error))
        failed.append(folder)
        running.clear()
        return
    running.clear()
    if summary["interrupted"] and hydra_cfg.mode is RunMode.MULTIRUN:
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
