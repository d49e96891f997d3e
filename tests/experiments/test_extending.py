"""The recipes of docs/extending.md, taken out of the page and followed in a copy of the project."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from helpers import ROOT, SR, music

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {
    section.partition("\n")[0]: re.findall(
        r"^(?:`([^`\n]+)`\n\n)?```\w+\n(.*?)^```$", section, re.M | re.S
    )
    for section in PAGE.split("\n## ")[1:]
}
SHORT = (
    "content.duration_s=1",
    "style.duration_s=1",
    "spectrogram.n_mels=40",
)

# All commands in one process, which compiles and imports once.
DRIVER = """
import json, runpy, sys
from hydra.core.global_hydra import GlobalHydra
for argv in json.loads(sys.argv[1]):
    sys.argv = argv
    GlobalHydra.instance().clear()
    try:
        runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as end:
        print("exit", end.code, flush=True)
"""


def follow(folder: Path, recipes: list[str], more: list[list[str]] | None = None) -> list[str]:
    """Write the files of some sections, each below its name, run their commands and `more` of them.

    Returns:
        What each run said at its end: its exit code.
    """
    commands = []
    for recipe in recipes:
        for name, text in SECTIONS[recipe]:
            if not name:
                commands += [shlex.split(line) for line in text.splitlines()]
                continue
            file = folder / name
            assert not file.exists()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    runs = []
    for command in [*commands, *(more or [])]:
        if command[0] == "cp":
            shutil.copy(*(folder / name for name in command[1:]))
            continue
        resumed = any(argument.startswith("resume=") for argument in command)
        short = [] if resumed else [*SHORT, "n_steps=2", "++encoder.features=[8]"]
        if any(a.startswith(("encoder=dense", "experiment=")) for a in command):
            short.pop()
        runs.append([*command[1:], *short])
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(runs)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        text=True,
    )
    codes = [line for line in done.stdout.splitlines() if line.startswith("exit")]
    assert len(codes) == len(runs), done.stderr
    return [*codes, done.stderr]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("nstaudio", "configs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    soundfile.write(tmp_path / "rain.flac", music(3), SR)
    return tmp_path


def saved(folder: Path) -> list[str]:
    records = folder.glob("outputs/*/*/config.yaml")
    return [record.read_text() for record in sorted(records, key=lambda r: r.stat().st_mtime_ns)]


@pytest.mark.slow
def test_a_part_is_one_file_and_one_yaml(copy):
    recipes = ["An encoder", "A style loss", "An inversion", "A preset", "A clip"]
    *codes, err = follow(copy, recipes)
    assert codes == ["exit 0"] * 6, err
    dense, spread, one_pass, bright, content, style = saved(copy)
    assert "nstaudio.encoders.DenseEncoder" in dense
    assert "dense1: 0.5" in dense
    assert "nstaudio.losses.Spread" in spread
    assert "nstaudio.inversion.one_pass.one_pass" in one_pass
    assert "width2: 0.5" in bright
    assert "path: ${clip:rain.flac}" in content.partition("style:")[0]
    assert "path: ${clip:rain.flac}" in style
    for run in copy.glob("outputs/*/*"):
        assert (run / "generated.wav").stat().st_size > SR


@pytest.mark.slow
def test_a_part_outside_the_package(copy):
    run = ["python", "scripts/run.py"]
    *codes, err = follow(
        copy,
        ["A part outside the package"],
        more=[
            [*run, "resume=outputs/peaks", "n_steps=4"],
            [*run, "--config-path", str(copy / "outputs/peaks"), "hydra.run.dir=other"],
            [*run, "style_loss._target_=my_parts.Peak"],
            [*run, "style_loss._target_=no_parts.Peaks"],
            [*run, "encoder._target_=my_parts.Peaks", "encoder={_target_:my_parts.Peaks}"],
        ],
    )
    assert codes == ["exit 0"] * 3 + ["exit 2"] * 5, err
    summary = json.loads((copy / "outputs/peaks/summary.json").read_text())
    assert summary["n_steps"] == 3
    foreign = "calls my_parts.Peaks, which is no part of this package; if you trust it, type it as"
    assert f"the run in outputs/peaks {foreign}" in err
    assert f"the config in {copy}/outputs/peaks {foreign}" in err
    assert "style_loss._target_=my_parts.Peaks" in err
    assert "style_loss: my_parts has no Peak (did you mean Peaks?)" in err
    assert f"style_loss: there is no module no_parts, installed or in {copy}" in err
    assert "Traceback" not in err


def test_sections_are_tested():
    assert list(SECTIONS) == [
        "An encoder",
        "A style loss",
        "An inversion",
        "A preset",
        "A clip",
        "A part outside the package",
    ]
