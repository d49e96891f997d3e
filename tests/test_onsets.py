import numpy as np
import pytest

from nstaudio.notes import Note
from nstaudio.notes.onsets import earlier

SR = 22050


def swell(rise_s, start_s=0.5, f0=440.0):
    """A tone that grows to its full level in `rise_s`, linearly."""
    t = np.arange(2 * SR) / SR
    level = np.clip((t - start_s) / rise_s, 0, 1)
    return (level * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in (1, 2, 3))).astype(np.float32)


@pytest.mark.parametrize("rise_s", [0.005, 0.05])
def test_a_late_onset_moves_to_where_the_energy_rises(rise_s):
    (found,) = earlier(swell(rise_s), SR, [Note(0.57, 1.5, 69, 0.8)])
    assert found.onset_s == pytest.approx(0.5 + 0.3 * rise_s, abs=0.02)
    assert found[1:] == (1.5, 69, 0.8)


def test_no_onset_moves_later_and_none_far():
    y = swell(0.005)
    assert earlier(y, SR, [Note(0.45, 1.5, 69, 0.8)])[0].onset_s == 0.45
    assert earlier(y, SR, [Note(0.9, 1.5, 69, 0.8)])[0].onset_s == 0.9, "it has sounded steadily"


def test_other_notes_do_not_count():
    """A note beside a steady one begins where it begins."""
    steady = swell(0.005, start_s=-1.0, f0=330.0)
    (found,) = earlier(steady + swell(0.02), SR, [Note(0.56, 1.5, 69, 0.8)])
    assert found.onset_s == pytest.approx(0.5, abs=0.025)


@pytest.mark.parametrize("note", [Note(0.0, 0.1, 40, 0.5), Note(1.99, 2.0, 100, 0.5)])
def test_at_the_edges_of_the_clip(note):
    (found,) = earlier(swell(0.05), SR, [note])
    assert 0 <= found.onset_s <= note.onset_s
