import numpy as np
import pytest

from nstaudio.experiments.rendering import pieces
from nstaudio.experiments.rendering.soundfont import Note

SCALE = [(float(i), 1.0, 60 + i % 12) for i in range(40)]


def test_a_window_has_what_sounds_in_it():
    # Two notes a second: the note before beat 10 has just ended, that of beat 9.5 still sounds.
    notes = [(9.0, 1.0, 50), (9.5, 1.0, 51), (10.0, 40.0, 52), (30.0, 1.0, 53)]
    found = pieces.window(notes, 10.0, 0.5, 5.5)
    assert found == [Note(0.0, 0.25, 51, 80), Note(0.0, 5.5, 52, 80)]


def test_an_excerpt_is_transposed_as_a_whole():
    scores = {"tunes": [[SCALE, [(t, d, key - 24) for t, d, key in SCALE]]]}
    for seed in range(5):
        high, low = pieces.excerpt(scores, np.random.default_rng(seed), seconds=5.5)
        assert [n.key - m.key for n, m in zip(high, low, strict=True)] == [24] * len(high)
        assert all(0 <= n.onset < n.release <= 5.5 and 25 <= n.velocity <= 127 for n in high)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_made_by_chance_lies_in_its_limits(seed):
    rng = np.random.default_rng(seed)
    parts = pieces.improvised(rng, seconds=5.5)
    assert 1 <= len(parts) <= 4
    for part in [*parts, pieces.drum_pattern(rng, seconds=5.5)]:
        assert all(0 <= n.onset < 5.5 and 24 <= n.key <= 100 for n in part)
        assert all(25 <= n.velocity <= 127 for n in part)


def test_a_degree_is_played_near_the_middle():
    major = (0, 2, 4, 5, 7, 9, 11)
    assert pieces.near(0, major, 0, 60) == 60
    assert pieces.near(0, major, 4, 60) == 67
    assert pieces.near(2, major, 0, 74) == 74
