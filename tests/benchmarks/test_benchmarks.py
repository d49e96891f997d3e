"""The benchmarks still run; how fast is not for tests to say."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from helpers import ROOT, SR


@pytest.mark.slow
def test_length_prints_a_row():
    command = [sys.executable, ROOT / "benchmarks" / "length.py", "--seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    header, row = done.stdout.splitlines()
    columns = dict(zip(header.split(), map(float, row.split()), strict=True))
    assert columns["seconds"] == 1
    assert columns["frames"] == 1 + 22050 // 512
    assert columns["step_s"] > 0
    assert columns["compile_s"] > 0
    assert 0 < columns["base_mb"] <= columns["peak_mb"]


@pytest.fixture
def methods(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import methods

    return methods


def test_methods_prints_a_row(methods, monkeypatch, tmp_path, capsys):
    figures = dict.fromkeys(methods.FIGURES, 0.25)
    asked = []
    noise = 0.1 * np.random.default_rng(0).standard_normal(3 * SR)

    def run(folder, *settings):
        asked.append(settings)
        folder.mkdir()
        for name, y in (("generated", noise), ("style_jazz", 0.5 * noise)):  # one texture
            soundfile.write(folder / f"{name}.wav", y, SR, subtype="FLOAT")
        return {"n_steps": 40, "seconds_total": 9.6, **figures}

    monkeypatch.setattr(methods, "run", run)
    monkeypatch.setattr(sys, "argv", ["methods.py", "descent", "--", "seed=1", "style=jazz"])
    methods.main()
    assert asked == [("experiment=descent", "seed=1", "style=jazz")]
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| `descent` | 40 | 10 | 0.25 | 0.25 | 0.25 | 0.25 | 0.000 |"
    ]
