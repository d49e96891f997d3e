"""How far a run is, by its files."""

import json

from nstaudio.experiments.storage import preview_files
from nstaudio.experiments.ui.progress import read_progress


def test_phases_by_the_files_that_appear(tmp_path):
    assert read_progress(tmp_path / "none")["phase"] == "starting"
    (tmp_path / ".hydra").mkdir()
    assert read_progress(tmp_path)["phase"] == "preparing"
    (tmp_path / "config.yaml").write_text("seed: 0\nn_steps: 50\nlog_every: 10\n")
    assert read_progress(tmp_path)["phase"] == "preparing"
    line = "90.0 s of 2 channels at 44100 Hz, 2 segments: about 12 min and 1.0 GB of memory"
    (tmp_path / "run.log").write_text(f"[2026-01-31 12:00:00,000][INFO] {line}\n")
    assert read_progress(tmp_path)["estimate"] == "12 min"
    lines = [{"segment": s, "step": n} for s in (0, 1) for n in (0, 10)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(a) + "\n" for a in lines) + '{"segm')
    found = read_progress(tmp_path)
    assert (found["phase"], found["step"], found["n_steps"]) == ("optimising", 60, 100)
    assert found["fraction"] == 0.6
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('\n{"segment": 1, "step": 50}\n')
    assert read_progress(tmp_path)["phase"] == "finishing"


def test_a_run_without_steps(tmp_path):
    (tmp_path / "config.yaml").write_text("n_steps: 0\n")
    (tmp_path / "metrics.jsonl").write_text('{"segment": 0, "step": 0}\n')
    found = read_progress(tmp_path)
    assert (found["phase"], found["fraction"]) == ("finishing", 1.0)


def test_a_preview_has_another_mark_each_time(tmp_path):
    (tmp_path / "config.yaml").write_text("n_steps: 5\n")
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
