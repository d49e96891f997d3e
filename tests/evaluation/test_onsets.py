import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.evaluation import onsets

SR = 16000


def clicks(times_s, seconds=2.0):
    rng = np.random.default_rng(0)
    y = 1e-4 * rng.standard_normal(int(seconds * SR))
    for time in times_s:
        at = int(time * SR)
        y[at : at + 800] += rng.standard_normal(800) * np.exp(-np.arange(800) / 150)
    return y.astype(np.float32)


def test_strokes_are_found_where_they_are():
    times_s = [0.3, 0.7, 0.9, 1.5]
    found = onsets.onsets_s(clicks(times_s), SR)
    np.testing.assert_allclose(found, times_s, atol=0.03)


@pytest.mark.parametrize(
    ("times_s", "reference_s", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 1.0),
        ([1.049, 2.0], [1.0, 2.049], 1.0),
        ([1.06], [1.0], 0.0),
        ([1.0, 2.0, 3.0], [1.0], 2 * 1 / 4),  # precision 1/3, recall 1
        ([1.0, 1.02], [1.01], 2 * 1 / 3),  # one of the two alone matches
        ([1.0, 1.06], [0.96, 1.02], 1.0),  # not the nearest: then one would be left
        ([], [1.0], 0.0),
        ([], [], 1.0),
    ],
)
def test_f1_by_hand(times_s, reference_s, expected):
    got = onsets.f1(np.array(times_s), np.array(reference_s))
    assert got == pytest.approx(expected)
    assert onsets.f1(np.array(reference_s), np.array(times_s)) == pytest.approx(expected)


def test_short_sounds_have_onsets_inside_them():
    y = clicks([0.02], 0.1)
    found = onsets.onsets_s(y, SR)
    assert (found < 0.1).all()


def test_silence_is_refused():
    with pytest.raises(InputError, match="a sound with onsets"):
        onsets.onsets_s(np.zeros(SR, np.float32), SR)
