"""How far a run is, by its files."""

import json

import pytest

from nstaudio.experiments.storage import preview_files
from nstaudio.experiments.ui.progress import read_progress


def test_phases_by_the_files_that_appear(tmp_path):
    assert read_progress(tmp_path / "none")["phase"] == "starting"
    (tmp_path / ".hydra").mkdir()
    assert read_progress(tmp_path)["phase"] == "preparing"
    (tmp_path / "config.yaml").write_text("n_steps: null\n")
    assert read_progress(tmp_path)["phase"] == "preparing"
    line = "90.0 s of 2 channels at 44100 Hz, 2 segments: about 12 min and 1.0 GB of memory"
    (tmp_path / "run.log").write_text(f"[2026-01-31 12:00:00,000][INFO] {line}\n")
    assert read_progress(tmp_path)["estimate"] == "12 min"


@pytest.mark.parametrize(
    ("place", "lines", "step", "phase"),
    [
        (0, [], 0, "optimising"),
        (0, [(2, 0), (2, 10)], 10, "optimising"),
        (1, [(2, 0), (2, 50)], 50, "optimising"),
        (1, [(2, 50), (3, 0), (3, 10)], 60, "optimising"),
        (1, [(2, 50), (3, 50)], 100, "finishing"),
    ],
)
def test_steps_are_counted_in_the_segments_that_change(tmp_path, place, lines, step, phase):
    """Segments 2 and 3 of a longer recording, of 50 steps each."""
    (tmp_path / "config.yaml").touch()
    steps = {"segment": 2 + place, "place": place, "n_segments": 2, "n_steps": 50}
    preview_files.write_steps(tmp_path, steps)
    text = "".join(json.dumps({"segment": s, "step": n}) + "\n" for s, n in lines)
    (tmp_path / "metrics.jsonl").write_text(text + '{"segm')
    found = read_progress(tmp_path)
    assert (found["phase"], found["step"], found["n_steps"]) == (phase, step, 100)
    assert found["fraction"] == step / 100


def test_a_run_without_steps(tmp_path):
    (tmp_path / "config.yaml").touch()
    steps = {"segment": 0, "place": 0, "n_segments": 1, "n_steps": 0}
    preview_files.write_steps(tmp_path, steps)
    found = read_progress(tmp_path)
    assert (found["phase"], found["fraction"]) == ("finishing", 1.0)


def test_a_preview_has_another_mark_each_time(tmp_path):
    (tmp_path / "config.yaml").touch()
    assert read_progress(tmp_path)["preview"] is None
    marks = set()
    for step in (1, 2):
        (tmp_path / preview_files.ABOUT).write_text(json.dumps({"step": step}))
        found = read_progress(tmp_path)["preview"]
        assert found["step"] == step
        marks.add(found["mark"])
    assert len(marks) == 2
    (tmp_path / preview_files.ABOUT).write_text("[1]")
    assert read_progress(tmp_path)["preview"] is None
