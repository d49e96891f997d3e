"""Where a style is wanted: shares in time, bands, and what is left of the content."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from nstaudio.audio.guide import Guide
from nstaudio.audio.segments import crossfade_join
from nstaudio.errors import InputError

SR = 8000


def noise(seed: int, n: int = 2 * SR, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, channels)).astype(np.float32)


def test_an_open_guide_is_the_generated_sound():
    guide, content, generated = Guide(), noise(0), noise(1)
    assert guide.is_open
    assert guide.within(SR) is None
    np.testing.assert_array_equal(guide.mix(content, generated, SR), generated)


def test_a_range_in_time_fades_inside():
    share = Guide(start_s=0.5, end_s=1.25, fade_s=0.1).share(slice(0, 2 * SR), SR)
    t_s = np.arange(2 * SR) / SR
    np.testing.assert_array_equal(share[(t_s <= 0.5) | (t_s >= 1.25)], 0)
    np.testing.assert_array_equal(share[(t_s >= 0.601) & (t_s <= 1.149)], 1)
    rising = (t_s >= 0.5) & (t_s <= 0.6)
    expected = 0.5 - 0.5 * np.cos(np.pi * (t_s[rising] - 0.5) / 0.1)
    np.testing.assert_allclose(share[rising], expected, atol=1e-9)
    np.testing.assert_array_equal(Guide(end_s=1.0).share(slice(0, SR // 2), SR), 1)
    np.testing.assert_array_equal(Guide(start_s=0).share(slice(0, SR), SR), 1)
    # shorter than two fades: half up, half down
    brief = Guide(start_s=0.5, end_s=0.6, fade_s=1).share(slice(0, SR), SR)
    assert np.argmax(brief) == pytest.approx(0.55 * SR, abs=1)
    assert brief.max() == pytest.approx(1, abs=1e-3)


def test_strength_over_time_is_linear_between_breakpoints():
    guide = Guide(strength_over_time=[[0.5, 0], [1.0, 1], [1.5, 0.25]])
    share = guide.share(slice(SR // 4, 2 * SR), SR)
    at = [share[int((t - 0.25) * SR)] for t in (0.25, 0.5, 0.75, 1.0, 1.25, 1.75)]
    np.testing.assert_allclose(at, [0, 0, 0.5, 1, 0.625, 0.25], atol=1e-9)


@given(
    start=st.integers(0, 20),
    length=st.integers(1, 20),
    points=st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.0, 0.3, 1.0])), max_size=4),
    begins=st.integers(0, 30),
)
def test_reaches_where_there_is_a_share(start, length, points, begins):
    strength = sorted(dict(points).items()) or None
    guide = Guide(start_s=start, end_s=start + length, strength_over_time=strength)
    span = slice(begins * 100, begins * 100 + 700)
    assert guide.reaches(span, 100) == bool(guide.share(span, 100).any())


@given(begins=st.integers(0, 3 * SR), seed=st.integers(0, 9))
def test_outside_in_time_the_content_stays_to_the_bit(begins, seed):
    guide = Guide(start_s=1.0, end_s=2.0, high_hz=1000)
    content, generated = noise(seed), noise(seed + 10)
    y = guide.mix(content, generated, SR, begins=begins)
    t_s = (begins + np.arange(len(y))) / SR
    outside = (t_s <= 1.0) | (t_s >= 2.0)
    np.testing.assert_array_equal(y[outside], content[outside])


def test_inside_in_time_the_generated_sound_is_there_to_the_bit_and_fades_keep_the_level():
    guide = Guide(start_s=0.5, end_s=1.5, fade_s=0.4)
    content, generated = noise(0, channels=8), noise(1, channels=8)
    y = guide.mix(content, generated, SR)
    inside = slice(int(0.91 * SR), int(1.09 * SR))
    np.testing.assert_array_equal(y[inside], generated[inside])
    levels_db = 10 * np.log10((y.reshape(20, -1) ** 2).mean(axis=1))
    np.testing.assert_allclose(levels_db, 0, atol=0.5)


def test_half_of_what_they_have_in_common_is_that():
    guide, content = Guide(strength_over_time=[[0, 0.5]]), noise(0)
    np.testing.assert_allclose(guide.mix(content, content, SR), content, atol=1e-6)
    np.testing.assert_allclose(guide.mix(content, 3 * content, SR), 2 * content, atol=1e-5)


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "changed_hz", "same_hz"),
    [
        (1000, None, [1300, 3800], [20, 850]),
        (None, 1000, [0, 850], [1300, 3800]),
        (500, 1000, [600, 850], [1200, 3800]),
        (500, 1000, [600, 850], [20, 420]),
    ],
)
def test_bands_outside_stay(low_hz, high_hz, changed_hz, same_hz):
    guide, content, generated = Guide(low_hz=low_hz, high_hz=high_hz), noise(0), noise(1)
    y = guide.mix(content, generated, SR)
    assert y.shape == content.shape

    def within(limits_hz, wanted):
        hz, power = scipy.signal.welch(y - wanted, SR, nperseg=1024, axis=0)
        _, reference = scipy.signal.welch(wanted, SR, nperseg=1024, axis=0)
        some = (hz >= limits_hz[0]) & (hz <= limits_hz[1])
        return 10 * np.log10(power[some].sum() / reference[some].sum())

    assert within(same_hz, content) < -45
    assert within(changed_hz, generated) < -45
    assert within(changed_hz, content) > 0


def test_the_band_has_no_phase_and_does_not_wrap_around():
    click = np.zeros((SR, 1), np.float32)
    click[SR // 2] = 1
    y = Guide(low_hz=300, high_hz=1000).band(click, SR)[:, 0]
    assert np.argmax(y) == SR // 2
    np.testing.assert_allclose(y[1:], y[1:][::-1], atol=1e-9)
    click = np.roll(click, SR // 2 - 5, axis=0)  # close to the end
    y = Guide(low_hz=300, high_hz=1000).band(click, SR)[:, 0]
    assert np.abs(y[: SR // 2]).max() < 1e-4 * np.abs(y).max()
    # a tone in the band comes out as it is, and one outside does not come out
    t = np.arange(SR)[:, None] / SR
    for hz, gain in ((600, 1.0), (1000, 0.5), (2000, 0.0), (100, 0.0)):
        tone = np.cos(2 * np.pi * hz * t)
        middle = slice(SR // 4, -SR // 4)
        y = Guide(low_hz=300, high_hz=1000).band(tone, SR)
        np.testing.assert_allclose(y[middle], gain * tone[middle], atol=1e-3)
    assert Guide(low_hz=1, high_hz=2).band(tone[:1], SR).shape == (1, 1)


def test_where_windows_meet_the_rest_of_the_content_keeps_its_level():
    """The fade makes up for what two unlike segments lose: of the guide's range alone."""
    content = noise(0, 4 * SR)
    spans = [slice(0, 3 * SR), slice(SR, 4 * SR)]
    for guide in (
        Guide(start_s=2.0),
        Guide(high_hz=500),
        Guide(strength_over_time=[[2, 0], [3, 1]]),
    ):
        parts = [
            guide.mix(content[span], noise(i + 1, 3 * SR), SR, begins=span.start)
            for i, span in enumerate(spans)
        ]
        y = np.concatenate(list(crossfade_join(parts, spans, within=guide.within(SR))))
        if guide.high_hz is None:
            np.testing.assert_array_equal(y[: 2 * SR], content[: 2 * SR])
            continue
        low, high = (
            scipy.signal.butter(8, hz, kind, fs=SR, output="sos")
            for hz, kind in ((400, "low"), (800, "high"))
        )
        highs = [scipy.signal.sosfiltfilt(high, a, axis=0) for a in (y, content)]
        np.testing.assert_allclose(highs[0][100:-100], highs[1][100:-100], atol=0.02)
        lows = scipy.signal.sosfiltfilt(low, y, axis=0)
        seam, before = lows[int(1.8 * SR) : int(2.2 * SR)], lows[:SR]
        assert 10 * np.log10(np.mean(seam**2) / np.mean(before**2)) == pytest.approx(0, abs=1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"start_s": -1}, "guide.start_s=-1 must be at least 0"),
        ({"start_s": "x"}, "guide.start_s must be a number, not 'x'"),
        ({"end_s": 0}, "guide.end_s=0 must be above 0"),
        ({"start_s": 2, "end_s": 2}, "guide.start_s=2 must be below guide.end_s=2"),
        ({"low_hz": 900, "high_hz": 300}, "guide.low_hz=900 must be below guide.high_hz=300"),
        ({"high_hz": float("nan")}, "guide.high_hz=nan must be finite"),
        ({"fade_s": -0.1}, "guide.fade_s=-0.1 must be at least 0"),
        ({"strength_over_time": 0.5}, r"must be a list of \[seconds, share\] pairs, not 0.5"),
        ({"strength_over_time": []}, r"must be a list of \[seconds, share\] pairs, not \[\]"),
        ({"strength_over_time": [0, 1]}, r"must be a list of .* pairs, not \[0, 1\]"),
        (
            {"strength_over_time": [[0, 1.5]]},
            "share in guide.strength_over_time=1.5 must be at most 1",
        ),
        ({"strength_over_time": [[-1, 1]]}, "seconds in .*=-1 must be at least 0"),
        ({"strength_over_time": [[2, 1], [1, 0]]}, "seconds must increase, and 1 follows 2"),
        ({"strength_over_time": [[2, 1], [2, 0]]}, "seconds must increase, and 2 follows 2"),
    ],
)
def test_guides_that_cannot_be(values, message):
    with pytest.raises(InputError, match=message) as error:
        Guide(**values)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"start_s": 2}, "guide.start_s=2 must be below the 2.00 s of song"),
        ({"low_hz": 4000}, "guide.low_hz=4000 must be below 4000, half of the sample rate of song"),
        ({"strength_over_time": [[0, 0]]}, "guide.strength_over_time is 0 in all of"),
        ({"end_s": 1, "strength_over_time": [[1, 0], [2, 1]]}, "guide.strength_over_time is 0"),
    ],
)
def test_ranges_that_hold_nothing_of_a_content(values, message):
    with pytest.raises(InputError, match=message):
        Guide(**values).check(2 * SR, SR, name="song")
    Guide(start_s=1.9, low_hz=3999, strength_over_time=[[0, 0], [5, 1]]).check(2 * SR, SR, name="x")
