"""The main job in this process, in a small form."""

import base64
import logging
import shutil
import sys
from pathlib import Path

import absl.logging
import pytest
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra

from nstaudio.experiments import cli, results

from small_runs import SMALL

ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """One pixel for each picture, which else takes as long as a small run."""
    for name in ("draw_spectrograms", "draw_losses"):
        patch.setattr(results, name, lambda *_, **__: ONE_PIXEL)


@pytest.fixture(autouse=True)
def _pictures(request, monkeypatch):
    """Draw nothing but for the tests that look at it."""
    if "pictures" not in request.keywords and "report" not in request.path.parts:
        draw_nothing(monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def _composed_once():
    """Compose a command's config once: Hydra does it twice, to look for a `hydra.mode` first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hydra, "get_mode", lambda *_, **__: None)
        yield


def arguments(clips: dict[str, Path]) -> list[str]:
    return [f"{role}.path='{clips[role]}'" for role in ("content", "style")] + SMALL


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory, clips) -> Path:
    """A run of twelve steps with a checkpoint at each logged one: to be copied."""
    folder = tmp_path_factory.mktemp("finished") / "r"
    place = [f"hydra.run.dir={folder}", "checkpoint.interval_s=0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.parent)
        draw_nothing(patch)
        patch.setattr(sys, "stderr", sys.__stderr__)
        absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__
        patch.setattr(sys, "argv", ["run.py", *arguments(clips), *place])
        GlobalHydra.instance().clear()
        assert cli.main() == 0
    return folder


@pytest.fixture
def finished(finished_run, tmp_path) -> Path:
    """A copy of the finished run, in `r`."""
    return shutil.copytree(finished_run, tmp_path / "r")


@pytest.fixture
def command(tmp_path, monkeypatch, clips, capfd):
    """Run scripts/run.py in this process, in an empty folder; returns exit code and stderr."""
    monkeypatch.chdir(tmp_path)
    # Log handlers outlive a test, so they must not hold pytest's own stream: Hydra has logging
    # close them all when it configures the next run.
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

    def call(*given: str, defaults: bool = True) -> tuple[int, str]:
        multirun = [a for a in given if a == "-m"]
        others = [a for a in given if a != "-m"]
        argv = ["run.py", *multirun, *(arguments(clips) if defaults else []), *others]
        monkeypatch.setattr(sys, "argv", argv)
        GlobalHydra.instance().clear()
        capfd.readouterr()
        code = cli.main()
        return code, capfd.readouterr().err

    yield call
    # What another test logs must not open the last run's log again.
    for logger in (logging.getLogger(), logging.getLogger("nstaudio")):
        for handler in logger.handlers[:]:
            if isinstance(handler, logging.FileHandler):
                logger.removeHandler(handler)
                handler.close()
