import numpy as np
import pytest

from nstaudio.audio.segments import Segmentation
from nstaudio.audio.style_clips import prepare_style_audio
from nstaudio.errors import InputError

from helpers import SR

CUT = Segmentation(length_s=1.5, overlap_s=0.5, style_max_s=2.0, excerpt_s=0.5)


def test_of_a_long_style_passages_are_heard():
    tones = [np.full((SR, 1), float(i), np.float32) for i in range(1, 11)]
    heard = prepare_style_audio([(np.concatenate(tones), SR, "style")], CUT, SR).y
    assert len(heard) == 2 * SR
    middles = heard[SR // 4 :: SR // 2]
    np.testing.assert_allclose(middles, [1, 4, 7, 10], atol=1e-3)
    # of two recordings half as much each, equally loud
    both = prepare_style_audio(
        [(np.concatenate(tones), SR, "a"), (3 * tones[0], SR, "b")], CUT, SR
    ).y
    assert len(both) == 2 * SR
    with pytest.raises(InputError, match="b is silent in all that is heard of it"):
        prepare_style_audio([(tones[0], SR, "a"), (0 * tones[0], SR, "b")], CUT, SR)


@pytest.mark.parametrize(
    ("weights", "seconds"),
    [
        ([1, 1], (1.0, 1.0)),  # the second is a second long
        ([3, 1], (1.5, 0.5)),  # within the two seconds that are heard of a style
        ([1, 3], (1 / 3, 1.0)),
        ([1, 0], (2.0, 0.0)),
        ([1e308, 1e308], (1.0, 1.0)),
    ],
)
def test_a_clips_weight_is_its_share_of_the_time(weights, seconds):
    rng = np.random.default_rng(0)
    rising = np.arange(10 * SR) / SR + 1  # tells where in the clip it is
    noise = rng.standard_normal((SR, 1))
    noise[0] = 1.0  # no soft beginning to leave out
    clips = [(rising[:, None].astype(np.float32), SR, "a"), (noise, SR, "b")]
    heard = prepare_style_audio(clips, CUT, SR, weights=weights).y
    assert len(heard) == pytest.approx(sum(seconds) * SR, abs=10)
    n = round(seconds[0] * SR)
    power = np.mean(heard[:n] ** 2)
    if seconds[1]:
        assert np.mean(heard[n:] ** 2) == pytest.approx(power, rel=0.05), "equally loud"
    if seconds[0] > 0.5:  # excerpts from all over
        assert heard[SR // 10] == pytest.approx(1.1, abs=0.05)
        assert heard[n - SR // 10] == pytest.approx(10.9, abs=0.05)
    whole = prepare_style_audio(clips, Segmentation(style_max_s=None), SR, weights=weights).y
    if not seconds[1]:
        assert len(whole) == 10 * SR
    else:
        assert len(whole) == pytest.approx(SR * (1 + min(weights[0] / weights[1], 9)), abs=10)


@pytest.mark.parametrize(
    ("weights", "n_clips", "message"),
    [
        ([1], 2, "style.weights has 1 numbers and style.path 2 files; give each file one"),
        ([1, -1], 2, "a number in style.weights=-1 must be at least 0"),
        ([0, 0], 2, "style.weights are all 0"),
        ([1], 1, "style.weights needs several files in style.path, not one"),
        ([1, 1e-3], 2, "style.weights leave 0.002 s of b; at least 0.05 s"),
    ],
)
def test_weights_of_clips_that_cannot_be(weights, n_clips, message):
    clips = [(np.ones((4 * SR, 1), np.float32), SR, name) for name in "ab"[:n_clips]]
    with pytest.raises(InputError, match=message):
        prepare_style_audio(clips, CUT, SR, weights=weights)
