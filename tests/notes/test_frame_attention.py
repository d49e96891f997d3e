import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.notes import frame_attention
from nstaudio.notes.frame_attention import (
    FrameAttention,
    Moments,
    attend,
    pitches,
    widened,
)

SR = 22050
SEMITONES_HZ = 55.0 * 2 ** (np.arange(72) / 12)  # a band a semitone
NOTES = np.array([0, 4, 7, 12]).repeat(40)  # semitones of the tune, frame by frame


def tune(first_band: int, octave_db: float, *, floor_db: float = -60.0) -> Moments:
    """A fundamental and its octave, frame by frame, and the probabilities of those notes."""
    frames = np.arange(len(NOTES))
    level_db = np.full((len(NOTES), 72), floor_db)
    level_db[frames, first_band + NOTES] = 0.0
    level_db[frames, first_band + NOTES + 12] = octave_db
    sounding = np.zeros((len(NOTES), 88))
    sounding[frames, first_band + NOTES + 12] = 1.0
    return Moments(level_db, sounding)


INNER = np.arange(len(NOTES)) % 40 // 5 % 7 != 0  # not beside a change, where keys are blurred


def test_a_frame_gets_the_levels_of_the_style_where_it_is_alike():
    content, style = tune(12, -30.0), tune(12, -6.0, floor_db=-50.0)
    order = np.arange(len(NOTES))[::-1]  # the same notes at other times
    style = Moments(style.level_db[order], style.pitches[order])
    attention = FrameAttention(semitones=0, temperature=1e-3)
    found = attend(content, style, SEMITONES_HZ, attention)
    expected = tune(12, -6.0, floor_db=-50.0).level_db
    np.testing.assert_allclose(found[INNER], expected[INNER], atol=0.5)


def test_hot_attention_is_the_mean():
    content, style = tune(12, -30.0), tune(12, -6.0)
    hot = attend(content, style, SEMITONES_HZ, FrameAttention(semitones=0, temperature=1e6))
    np.testing.assert_allclose(hot, np.tile(style.level_db.mean(axis=0), (160, 1)), atol=1e-3)


def test_the_style_is_transposed_to_the_contents_notes():
    content, style = tune(15, -30.0), tune(12, -6.0)
    alone = attend(content, style, SEMITONES_HZ, FrameAttention(semitones=0))
    moved = attend(content, style, SEMITONES_HZ, FrameAttention(semitones=4))
    frames = np.flatnonzero(INNER)
    fundamental, octave = 15 + NOTES[INNER], 27 + NOTES[INNER]
    assert np.abs(moved[frames, fundamental]).mean() < 9
    assert np.abs(alone[frames, fundamental]).mean() > 15
    assert np.abs(moved[frames, octave] - moved[frames, fundamental] + 6).mean() < 5


def test_pitches_decide_where_levels_do_not():
    """Two notes with the same levels: which of them answers, the network says."""
    rng = np.random.default_rng(0)
    levels = rng.normal(-40, 10, 72) + rng.normal(0, 1e-3, (80, 72))
    loud = np.arange(80) >= 40
    sounding = np.zeros((80, 88))
    sounding[~loud, 40] = sounding[loud, 50] = 1.0
    style = Moments(levels + 0.01 * loud[:, None], sounding)
    content = Moments(levels, sounding[::-1].copy())
    cold = FrameAttention(semitones=0, temperature=1e-3)
    found = attend(content, style, SEMITONES_HZ, cold).mean(axis=1)
    assert found[5:35].mean() - found[45:75].mean() == pytest.approx(0.01, abs=2e-3)


def test_long_styles_are_thinned(monkeypatch):
    content, style = tune(12, -30.0), tune(12, -6.0)
    whole = attend(content, style, SEMITONES_HZ, FrameAttention(semitones=1))
    monkeypatch.setattr(frame_attention, "_MAX_KEYS", 240)
    thinned = attend(content, style, SEMITONES_HZ, FrameAttention(semitones=1))
    assert np.abs(whole - thinned)[INNER].mean() < 0.5


def test_pitches_at_other_frames():
    t = np.arange(2 * SR) / SR
    y = sum(np.sin(2 * np.pi * 440 * k * t) / k for k in range(1, 6)) * (t > 1)
    heard = pitches(y.astype(np.float32), SR, n_frames=1 + len(y) // 512, hop_length=512)
    assert heard.shape == (87, 88)
    late = heard[52:80].mean(axis=0)
    assert late.argmax() == 69 - 21
    assert late[48] > 0.5 > 0.1 > heard[:35, 48].mean()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": 0}, "init.attention.temperature=0 must be above 0"),
        ({"pitches": -1}, "init.attention.pitches=-1 must be at least 0"),
        ({"semitones": 25}, "init.attention.semitones=25 must be at most 24"),
        ({"transposing": -0.1}, "init.attention.transposing=-0.1 must be at least 0"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(InputError, match=message):
        FrameAttention(**values)


@pytest.mark.parametrize(
    ("content_spread", "style_spread", "amount", "spread"),
    [
        (5.0, 7.0, 1.0, 6.0),
        (5.0, 7.0, 0.5, 5.0),  # half way from 4 to 6
        (5.0, 7.0, 0.0, 4.0),
        (30.0, 30.0, 1.0, 8.0),  # twice at most
        (1.0, 2.0, 1.0, 4.0),  # what is wider stays
    ],
)
def test_bands_change_in_time_as_the_clips_do(content_spread, style_spread, amount, spread):
    signs = np.tile([1.0, -1.0], 20)[:, None]  # of standard deviation 1
    mean_db = np.linspace(-60, -10, 12)
    got = widened(
        mean_db + 4.0 * signs,
        content_spread * signs + np.zeros(12),
        -30 + style_spread * signs[:10] + np.zeros(12),
        amount,
    )
    np.testing.assert_allclose(got, mean_db + spread * signs, rtol=1e-4)
