import numpy as np
import pytest

from nstaudio.notes import Note
from nstaudio.notes.onset_refinement import refined

SR = 22050


def swell(rise_s, start_s=0.5, f0=440.0):
    """A tone that grows to its full level in `rise_s`, linearly."""
    t = np.arange(2 * SR) / SR
    level = np.clip((t - start_s) / rise_s, 0, 1)
    return (level * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in (1, 2, 3))).astype(np.float32)


@pytest.mark.parametrize("rise_s", [0.005, 0.05])
def test_a_late_onset_moves_to_where_the_energy_rises(rise_s):
    (found,) = refined(swell(rise_s), SR, [Note(0.57, 1.5, 69, 0.8)])
    assert found.onset_s == pytest.approx(0.5 + 0.3 * rise_s, abs=0.02)
    assert found[2:] == (69, 0.8)


def test_no_onset_moves_later_and_none_far():
    y = swell(0.005)
    assert refined(y, SR, [Note(0.45, 1.5, 69, 0.8)])[0].onset_s == 0.45
    assert refined(y, SR, [Note(0.9, 1.5, 69, 0.8)])[0].onset_s == 0.9, "it has sounded steadily"


def test_other_notes_do_not_count():
    """A note beside a steady one begins where it begins."""
    steady = swell(0.005, start_s=-1.0, f0=330.0)
    (found,) = refined(steady + swell(0.02), SR, [Note(0.56, 1.5, 69, 0.8)])
    assert found.onset_s == pytest.approx(0.5, abs=0.025)


@pytest.mark.parametrize("note", [Note(0.0, 0.1, 40, 0.5), Note(1.99, 2.0, 100, 0.5)])
def test_at_the_edges_of_the_clip(note):
    (found,) = refined(swell(0.05), SR, [note])
    assert 0 <= found.onset_s <= note.onset_s
    assert note.offset_s <= found.offset_s <= 2.0


def dying(start_s, db_per_s, f0=440.0):
    """A plucked tone."""
    t = np.arange(2 * SR) / SR - start_s
    level = (t >= 0) * 10 ** (-db_per_s * np.maximum(t, 0) / 20)
    return (level * np.sin(2 * np.pi * f0 * t)).astype(np.float32)


def test_an_early_end_moves_to_where_the_note_has_died_away():
    (found,) = refined(dying(0.2, 50), SR, [Note(0.2, 0.7, 69, 0.8)])
    # 10 dB below its level 0.06 s before the end that was heard, at 50 dB/s
    assert found.offset_s == pytest.approx(0.7 - 0.06 + 0.2, abs=0.015)
    (found,) = refined(dying(0.2, 5), SR, [Note(0.2, 0.7, 69, 0.8)])
    assert found.offset_s == pytest.approx(1.0), "no further than 0.3 s"


def test_no_end_moves_into_another_note():
    y = dying(0.2, 5) + dying(0.8, 5, f0=330.0)
    follows = Note(0.8, 1.9, 64, 0.8)
    assert refined(y, SR, [Note(0.2, 0.7, 69, 0.8), follows])[0].offset_s <= 0.8
    together = Note(0.5, 1.9, 64, 0.8)
    assert refined(y, SR, [Note(0.2, 0.7, 69, 0.8), together])[0].offset_s == 0.7
