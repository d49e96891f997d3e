import sys

import pytest

from nstaudio.experiments.rendering import scores
from nstaudio.experiments.rendering.soundfont import RenderError

import render_triplets


def test_scores_of_evaluations_are_left_out(tmp_path):
    for name in ("opus18no1/a.mxl", "opus18no3/a.mxl", "opus18no4/b.rntxt", "opus74.krn"):
        (tmp_path / "beethoven" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "beethoven" / name).touch()
    found = scores.works(("beethoven", "nobody"), tmp_path)
    assert found == ["beethoven/opus18no1/a.mxl", "beethoven/opus74.krn"]


def test_training_and_evaluation_share_no_composer():
    folders = [f for families in (scores.TRAINING, scores.VALIDATION)
               for each in families.values() for f in each]  # fmt: skip
    assert len(set(folders)) == len(folders)
    assert not set(folders) & set(render_triplets.COMPOSERS)


def test_the_highest_parts_come_first(monkeypatch):
    low, high = [(0.0, 1.0, 40)] * 12, [(0.0, 1.0, 70)] * 12
    monkeypatch.setattr(scores, "parts", lambda _: [low, [], high])
    assert scores.voices("x") == [high, low]


def test_a_score_with_an_error_has_no_parts(monkeypatch):
    def fail(_):
        raise KeyError("measure")

    monkeypatch.setattr(scores, "parts", fail)
    assert scores.voices("x") == []


def test_without_music21_a_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(RenderError, match=r"music21 is not installed: uv run"):
        scores.read(scores.TRAINING, tmp_path / "scores.json", processes=1)
    assert not list(tmp_path.iterdir())
