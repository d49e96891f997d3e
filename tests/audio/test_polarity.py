"""Channels that cancel in their mean."""

import numpy as np
import pytest
import scipy.signal

from nstaudio.audio.polarity import signs_in_phase
from nstaudio.audio.silence import Sounding

from helpers import music

SR = 8000
MUSIC, OTHER = music(1, 2.0, SR), music(2, 2.0, SR)
RNG = np.random.default_rng(0)
HISS = (1e-4 * RNG.standard_normal((2, len(MUSIC)))).astype(np.float32)  # -80 dBFS

HIGHS = scipy.signal.butter(4, 2500, "high", fs=SR, output="sos")


def signs(*channels: np.ndarray) -> list[float] | None:
    found = signs_in_phase(np.stack(channels, axis=1).astype(np.float32), SR)
    return None if found is None else found.tolist()


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((MUSIC, -MUSIC), [1, -1]),
        ((MUSIC + HISS[0], -MUSIC + HISS[1]), [1, -1]),  # tape, 16 bits, a lossy coding
        ((1e-3 * MUSIC, -1e-3 * MUSIC), [1, -1]),  # the test is relative
        ((MUSIC + 0.1 * OTHER, 0.1 * OTHER - 0.9 * MUSIC), [1, -1]),
        ((MUSIC, MUSIC, -MUSIC, -MUSIC), [1, 1, -1, -1]),
        ((MUSIC, MUSIC, -MUSIC), [1, 1, -1]),
        ((0 * MUSIC, -MUSIC, MUSIC), [1, 1, -1]),
    ],
)
def test_a_channel_that_cancels_the_others_is_turned_over(channels, expected):
    found = signs(*channels)
    assert found == expected
    # and nothing of it is lost
    mean = np.mean(np.array(found)[:, None] * np.array(channels), axis=0)
    assert np.mean(mean**2) > 0.4 * np.mean(np.square(channels))


@pytest.mark.parametrize(
    "channels",
    [
        (MUSIC,),
        (MUSIC, MUSIC),
        (MUSIC, OTHER),
        (MUSIC, 0 * MUSIC),
        (MUSIC, -0.1 * MUSIC),  # nothing to speak of is lost
        (MUSIC, np.roll(MUSIC, 40)),  # 5 ms later
        (MUSIC + OTHER, MUSIC - OTHER),  # as wide as it is deep
        (0 * MUSIC, 0 * MUSIC),
        # the highs of one are not all of it
        (MUSIC, MUSIC - 2 * scipy.signal.sosfilt(HIGHS, MUSIC)),
    ],
)
def test_ordinary_channels_stay(channels):
    assert signs(*channels) is None


def test_a_long_recording_is_judged_by_moments_from_all_over_it():
    y = np.stack([np.tile(MUSIC, 200)] * 2, axis=1)
    y[:, 1] *= -1
    assert signs_in_phase(y, SR) is not None


def test_what_is_turned_over_is_turned_back(caplog):
    y = np.stack([MUSIC, -MUSIC], axis=1)
    sounding = Sounding.of(y, SR, name="the tape")
    assert caplog.messages == [
        "the tape: channel 2 cancels the others in the mean of all: analysed turned over"
    ]
    assert sounding.is_whole
    np.testing.assert_array_equal(sounding.y, np.stack([MUSIC, MUSIC], axis=1))
    (back,) = sounding.put_back([2 * sounding.y])
    np.testing.assert_array_equal(back, 2 * y)

    silence = np.zeros((SR, 2), np.float32)
    caplog.clear()
    padded = Sounding.of(np.concatenate([silence, y, silence]), SR, name="x")
    assert padded.left_out_s == pytest.approx(2, abs=0.02)
    whole = np.concatenate(list(padded.put_back([padded.y])))
    np.testing.assert_allclose(whole[SR:-SR], y, atol=1e-6)
    assert not whole[:SR].any()
