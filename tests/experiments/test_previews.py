"""Previews of a run under way."""

import json

import numpy as np
import pytest
import soundfile

from nstaudio.experiments.previews import Previews
from nstaudio.experiments.storage import preview_files

from helpers import SR
from small_runs import only_run, summary


@pytest.fixture
def written(monkeypatch):
    """What is written as previews: steps and samples."""
    found = []
    write = Previews._write

    def watched(self, index, step, y):
        write(self, index, step, y)
        sound, sr = soundfile.read(
            self._folder / preview_files.SOUND, dtype="float32", always_2d=True
        )
        assert sr == SR
        about = json.loads((self._folder / preview_files.ABOUT).read_text())
        assert about == {"segment": index, "n_segments": 1, "step": step, "begins_s": 0.0}
        steps = preview_files.read_steps(self._folder)
        assert steps is not None
        assert (steps["segment"], steps["place"], steps["n_segments"]) == (index, 0, 1)
        found.append((step, steps["n_steps"], sound))

    monkeypatch.setattr(Previews, "_write", watched)
    return found


def test_previews_change_no_bit_of_the_result(command, tmp_path, written):
    sounds = {}
    for name, asked in (("without", []), ("with", ["checkpoint.preview_s=0"])):
        folder = tmp_path / name
        code, err = command(*asked, f"hydra.run.dir={folder}")
        assert code == 0, err
        sounds[name] = (folder / "generated.wav").read_bytes()
        left = {file.name for file in folder.iterdir()}
        assert left.isdisjoint({"preview.wav", "preview.json", "steps.json"}), "the result is there"
    assert sounds["with"] == sounds["without"]
    steps = [step for step, *_ in written]
    assert {n_steps for _, n_steps, _ in written} == {12}
    assert steps in ([5, 10, 12], [5, 12]), "the first steps, what is due, the last"
    result, _ = soundfile.read(tmp_path / "with/generated.wav", dtype="float32", always_2d=True)
    last = written[-1][-1]
    assert len(last) == len(result)
    gain = float(np.vdot(last, result) / np.vdot(last, last))
    np.testing.assert_allclose(gain * last, result, atol=3e-4)
    assert not np.allclose(written[0][-1], last, atol=1e-3), "the first is of another state"


def test_a_start_that_is_the_result_is_heard_before_its_figures(command, tmp_path, written):
    code, err = command("n_steps=0", "init=noisy_content", "checkpoint.preview_s=1")
    assert code == 0, err
    assert [(step, n_steps) for step, n_steps, _ in written] == [(0, 0), (0, 0)]
    np.testing.assert_array_equal(written[0][-1], written[1][-1])
    assert summary(only_run(tmp_path))["n_steps"] == 0


def test_no_previews_unless_asked_for(command, written):
    code, err = command()
    assert code == 0, err
    assert written == []


def test_an_interval_below_zero_is_a_line(command):
    code, err = command("checkpoint.preview_s=-1")
    assert code == 2
    assert "checkpoint.preview_s=-1 must be at least 0" in err
