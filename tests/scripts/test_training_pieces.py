import numpy as np
import pytest

import training_pieces
import training_scores
from soundfont import Note

SCALE = [(float(i), 1.0, 60 + i % 12) for i in range(40)]


def test_a_window_has_what_sounds_in_it():
    # Two notes a second: the note before beat 10 has just ended, that of beat 9.5 still sounds.
    notes = [(9.0, 1.0, 50), (9.5, 1.0, 51), (10.0, 40.0, 52), (30.0, 1.0, 53)]
    found = training_pieces.window(notes, 10.0, 0.5, 5.5)
    assert found == [Note(0.0, 0.25, 51, 80), Note(0.0, 5.5, 52, 80)]


def test_an_excerpt_is_transposed_as_a_whole():
    scores = {"tunes": [[SCALE, [(t, d, key - 24) for t, d, key in SCALE]]]}
    for seed in range(5):
        high, low = training_pieces.excerpt(scores, np.random.default_rng(seed), seconds=5.5)
        assert [n.key - m.key for n, m in zip(high, low, strict=True)] == [24] * len(high)
        assert all(0 <= n.onset < n.release <= 5.5 and 25 <= n.velocity <= 127 for n in high)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_made_by_chance_lies_in_its_limits(seed):
    rng = np.random.default_rng(seed)
    parts = training_pieces.improvised(rng, seconds=5.5)
    assert 1 <= len(parts) <= 4
    for part in [*parts, training_pieces.drum_pattern(rng, seconds=5.5)]:
        assert all(0 <= n.onset < 5.5 and 24 <= n.key <= 100 for n in part)
        assert all(25 <= n.velocity <= 127 for n in part)


def test_a_degree_is_played_near_the_middle():
    major = (0, 2, 4, 5, 7, 9, 11)
    assert training_pieces.near(0, major, 0, 60) == 60
    assert training_pieces.near(0, major, 4, 60) == 67
    assert training_pieces.near(2, major, 0, 74) == 74


def test_scores_of_evaluations_are_left_out(tmp_path):
    for name in ("opus18no1/a.mxl", "opus18no3/a.mxl", "opus18no4/b.rntxt", "opus74.krn"):
        (tmp_path / "beethoven" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "beethoven" / name).touch()
    found = training_scores.works(("beethoven", "nobody"), tmp_path)
    assert found == ["beethoven/opus18no1/a.mxl", "beethoven/opus74.krn"]


def test_training_and_evaluation_share_no_composer():
    import render_triplets

    folders = [f for families in (training_scores.TRAINING, training_scores.VALIDATION)
               for each in families.values() for f in each]  # fmt: skip
    assert len(set(folders)) == len(folders)
    assert not set(folders) & set(render_triplets.COMPOSERS)


def test_the_highest_parts_come_first(monkeypatch):
    low, high = [(0.0, 1.0, 40)] * 12, [(0.0, 1.0, 70)] * 12
    monkeypatch.setattr(training_scores.render_triplets, "parts", lambda _: [low, [], high])
    assert training_scores.voices("x") == [high, low]


def test_a_score_with_an_error_has_no_parts(monkeypatch):
    def fail(_):
        raise KeyError("measure")

    monkeypatch.setattr(training_scores.render_triplets, "parts", fail)
    assert training_scores.voices("x") == []
