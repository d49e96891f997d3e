"""Channels that cancel in their mean."""

import numpy as np
import pytest
import scipy.signal

from nstaudio.audio.polarity import alignment
from nstaudio.audio.silence import Sounding

from helpers import music, with_loud_ends

SR = 8000
MUSIC, OTHER = with_loud_ends(music(1, 2.0, SR)), music(2, 2.0, SR)
RNG = np.random.default_rng(0)
HISS = (1e-4 * RNG.standard_normal((2, len(MUSIC)))).astype(np.float32)  # -80 dBFS

HIGHS = scipy.signal.butter(4, 2500, "high", fs=SR, output="sos")


def signs(*channels: np.ndarray) -> list[float] | None:
    found = alignment(np.stack(channels, axis=1).astype(np.float32), SR)
    if found is None:
        return None
    (of_channels,) = found.filters
    return of_channels.tolist()


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
        (MUSIC, np.roll(MUSIC, 1)),  # an eighth of a millisecond later
        (MUSIC + OTHER, MUSIC - OTHER),  # as wide as it is deep
        (0 * MUSIC, 0 * MUSIC),
    ],
)
def test_ordinary_channels_stay(channels):
    assert signs(*channels) is None


def test_a_part_of_the_frequencies_is_turned_over_and_back():
    highs = scipy.signal.sosfiltfilt(HIGHS, MUSIC)
    y = np.stack([MUSIC, MUSIC - 2 * highs], axis=1).astype(np.float32)
    found = alignment(y, SR)
    assert found is not None
    assert found.turned == (1,)
    in_phase = np.concatenate(list(found.blocks(y)))
    assert in_phase.shape == y.shape

    def level_db(x, low_hz, high_hz):
        hz, powers = scipy.signal.welch(x, SR, nperseg=1024)
        return 10 * np.log10(powers[(hz > low_hz) & (hz < high_hz)].sum())

    for low_hz, high_hz, lost_db in ((100, 1500, 0), (3000, 3800, 15)):
        before, after, due = (
            level_db(x, low_hz, high_hz) for x in (y.mean(axis=1), in_phase.mean(axis=1), MUSIC)
        )
        assert before < due - lost_db + 0.1
        assert after == pytest.approx(due, abs=0.5)
    back = np.concatenate(list(found.blocks(in_phase, back=True)))
    assert np.linalg.norm(back - y) < 0.03 * np.linalg.norm(y)
    # what has not changed comes back as it was
    sounding = Sounding.of(y, SR, name="x")
    np.testing.assert_array_equal(np.concatenate(list(sounding.put_back([sounding.y]))), y)
    doubled = np.concatenate(list(sounding.put_back([2 * sounding.y])))
    assert np.linalg.norm(doubled - 2 * y) < 0.03 * np.linalg.norm(y)


def test_a_channel_that_is_late_does_not_cancel_a_band():
    t_s = np.arange(2 * SR) / SR
    tones = [np.sin(2 * np.pi * hz * t_s) for hz in (100, 700)]
    y = np.stack([sum(tones), np.roll(sum(tones), SR // 200)], axis=1).astype(np.float32)
    found = alignment(y, SR)
    assert found is not None
    for mixed, due in ((y, 0.0), (np.concatenate(list(found.blocks(y))), 0.5)):
        middle = mixed.mean(axis=1)[SR // 2 : 3 * SR // 2]
        # of a tone at 100 Hz, whose half period the delay is
        power = 2 * np.abs(np.mean(middle * np.exp(-2j * np.pi * 100 * t_s[:SR]))) ** 2
        assert power == pytest.approx(due, abs=0.02)


def test_a_long_recording_is_judged_by_moments_from_all_over_it():
    y = np.stack([np.tile(MUSIC, 200)] * 2, axis=1)
    y[:, 1] *= -1
    assert alignment(y, SR) is not None


def test_what_is_turned_over_is_turned_back(caplog):
    y = np.stack([MUSIC, -MUSIC], axis=1)
    sounding = Sounding.of(y, SR, name="the tape")
    assert caplog.messages == [
        "the tape: channel 2 cancels others in the mean of all: analysed turned over"
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
