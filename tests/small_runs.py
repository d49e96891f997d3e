"""Runs of the main job in a small form: what they are given, and what they have written."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from helpers import ROOT

# The literature's loss: it draws, unlike the default's, on no trained network.
SMALL = [
    "style_loss=gram",
    "aim=style",
    "encoder.input_layer=false",
    "encoder.features=[16,8]",
    "spectrogram.n_mels=40",
    "n_steps=12",
    "log_every=5",
]
# For what does not depend on the sound: the least to compile and to render.
CHEAP = ["parametrization=free_mel", "inversion.n_iter=2"]


def only_run(folder: Path) -> Path:
    (config,) = folder.glob("outputs/*/*/config.yaml")
    return config.parent


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def assert_refused(code: int, err: str, message: str, folder: Path) -> None:
    assert code == 2
    assert message in err
    printed = err.strip().splitlines()
    assert len(printed) == 1, err
    assert printed[0].startswith("error: ")
    left = [p for p in folder.glob("outputs/**/*") if p.is_file()]
    assert all(p.parent.name == ".hydra" or p.name == "run.log" for p in left), left


def start(
    folder: Path, clips: dict[str, Path], *arguments: str, within: tuple[str, ...] = ()
) -> subprocess.Popen:
    """The main job in a process; `within` is what Python is given before the script."""
    files = [f"content.path='{clips['content']}'", f"style.path='{clips['style']}'"]
    return subprocess.Popen(
        [sys.executable, *within, ROOT / "scripts" / "run.py", *files, *SMALL, *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def wait_for(found, process: subprocess.Popen, seconds: float = 900.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
