import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nstaudio.evaluation import multipitch

SR = multipitch.SR


def tone(midi: float, seconds: float = 1.0, n_harmonics: int = 8) -> np.ndarray:
    t = np.arange(int(seconds * SR)) / SR
    f0 = 440 * 2 ** ((midi - 69) / 12)
    partials = [np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, n_harmonics + 1)]
    return sum(p for k, p in enumerate(partials, 1) if k * f0 < 0.45 * SR).astype(np.float32)


def heard(y: np.ndarray) -> set[int]:
    """The pitches that sound for most of a clip."""
    share = multipitch.pitches(y).mean(axis=0)
    return {multipitch.MIN_MIDI + int(k) for k in np.flatnonzero(share > 0.5)}


@given(st.integers(40, 90), st.integers(1, 12))
@settings(max_examples=25)
def test_one_tone_of_any_pitch_and_brightness(midi, n_harmonics):
    assert heard(tone(midi, n_harmonics=n_harmonics)) == {midi}


def test_a_missing_fundamental_is_heard():
    t = np.arange(SR) / SR
    y = sum(np.sin(2 * np.pi * 220 * k * t) for k in (2, 3, 4, 5))
    assert heard(y.astype(np.float32)) == {57}


def test_two_tones_at_once():
    assert heard(tone(57) + tone(64)) >= {57, 64}


def test_tones_one_after_the_other():
    y = np.concatenate([tone(60), np.zeros(SR // 2, np.float32), tone(67)])
    found = multipitch.pitches(y)
    t = np.arange(len(found)) * multipitch.HOP_LENGTH / SR
    for midi, start, stop in ((60, 0.1, 0.9), (67, 1.6, 2.4)):
        inside = (t > start) & (t < stop)
        assert found[inside, midi - multipitch.MIN_MIDI].mean() > 0.95
    assert not found[(t > 1.15) & (t < 1.35)].any(), "silence has no pitch"


def test_the_level_does_not_matter_and_nothing_is_random():
    y = tone(60) + 0.3 * tone(67)
    np.testing.assert_array_equal(multipitch.pitches(y), multipitch.pitches(y))
    np.testing.assert_array_equal(multipitch.pitches(y), multipitch.pitches(0.01 * y))


def test_salience_of_a_sine_by_the_formula():
    # One peak: it is its own fundamental with weight 1, the second harmonic of the octave below
    # with 0.8, the third of the twelfth below with 0.64.
    row = multipitch.salience(tone(81, n_harmonics=1))[30]
    at = [10 * (midi - multipitch.MIN_MIDI) for midi in (81, 69)]
    third = round(10 * (81 - 12 * np.log2(3) - multipitch.MIN_MIDI))
    np.testing.assert_allclose(row[[*at, third]] / row[at[0]], [1, 0.8, 0.64], rtol=0.02)
    assert row[at[0] + 5] / row[at[0]] == pytest.approx(np.cos(np.pi / 4) ** 2, abs=0.02)
    assert row[at[0] + 15] == 0


@pytest.mark.parametrize("n", [0, 1, 100, 5000])
def test_silence_and_short_clips_have_no_pitch(n):
    found = multipitch.pitches(np.zeros(n, np.float32))
    assert found.shape == (1 + n // 128, multipitch.N_PITCHES)
    assert not found.any()
