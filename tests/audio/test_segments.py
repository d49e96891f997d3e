"""Where segments lie, and the sound of several as one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstaudio.audio.segments import Segmentation, crossfade_join, makeup_gain
from nstaudio.errors import InputError


@given(
    n_samples=st.integers(1, 2_000_000),
    sr=st.integers(1000, 48000),
    length_s=st.floats(0.5, 60.0),
    overlap=st.floats(0.05, 0.33),
)
def test_windows_cover_a_content(n_samples, sr, length_s, overlap):
    segments = Segmentation(length_s=length_s, overlap_s=max(0.01, overlap * length_s))
    spans = segments.spans(n_samples, sr)
    assert (spans[0].start, spans[-1].stop) == (0, n_samples)
    lengths = {span.stop - span.start for span in spans}
    assert len(lengths) == 1
    assert lengths.pop() <= length_s * sr + 1
    for one, two in itertools.pairwise(spans):
        assert one.start < two.start
        assert one.stop - two.start >= int(segments.overlap_s * sr) - 1
        assert two.start > 0
    for one, three in zip(spans, spans[2:], strict=False):
        assert three.start >= one.stop - 2, "no more than two sound at a time"


def test_a_short_content_or_no_length_is_one_window():
    assert Segmentation().spans(60 * 8000, 8000) == [slice(0, 480000)]
    assert Segmentation(length_s=None).spans(10**9, 8000) == [slice(0, 10**9)]
    # 61 s are not a minute and a second: two segments of 32.5 s
    assert Segmentation().spans(61000, 1000) == [slice(0, 32500), slice(28500, 61000)]


@given(n_samples=st.integers(1, 10**7), share=st.floats(0.01, 1.0))
def test_passages_are_spread_over_a_style(n_samples, share):
    excerpts = Segmentation().excerpts(n_samples, 1000, share=share)
    if n_samples <= share * 120_000:
        assert excerpts == [slice(0, n_samples)]
        return
    lengths = {p.stop - p.start for p in excerpts}
    assert len(lengths) == 1
    assert sum(p.stop - p.start for p in excerpts) <= share * 120_000
    assert excerpts[0].start == 0
    assert excerpts[-1].stop <= n_samples
    if len(excerpts) > 1:
        assert excerpts[-1].stop == n_samples
        gaps = np.diff([p.start for p in excerpts])
        assert gaps.max() - gaps.min() <= 1
        assert gaps.min() >= lengths.pop() - 1


SPANS = [slice(0, 1000), slice(800, 1800), slice(1600, 2600)]


def joined(parts):
    return np.concatenate(list(crossfade_join(parts, SPANS[: len(SPANS)])))


def test_windows_of_one_sound_join_to_it():
    y = np.random.default_rng(0).standard_normal((2600, 2)).astype(np.float32)
    np.testing.assert_allclose(joined([y[span] for span in SPANS]), y, atol=1e-6)
    y[:, 1] = 0
    np.testing.assert_allclose(joined([y[span] for span in SPANS]), y, atol=1e-6)
    silence = np.zeros((2600, 1), np.float32)
    np.testing.assert_array_equal(joined([silence[span] for span in SPANS]), silence)


def test_different_sounds_keep_their_power_where_they_meet():
    rng = np.random.default_rng(0)
    spans = [slice(0, 60000), slice(20000, 80000)]
    parts = [rng.standard_normal((60000, 1)).astype(np.float32) for _ in spans]
    y = np.concatenate(list(crossfade_join(parts, spans)))
    np.testing.assert_array_equal(y[:20000], parts[0][:20000])
    np.testing.assert_array_equal(y[60000:], parts[1][40000:])
    blocks = (y[20000:60000].reshape(20, -1) ** 2).mean(axis=1)
    np.testing.assert_allclose(10 * np.log10(blocks), 0, atol=0.5)


def test_what_makes_up_for_a_mix_depends_on_what_two_sounds_have_in_common():
    rng = np.random.default_rng(0)
    one, new = rng.standard_normal((2, 20000, 1)).astype(np.float32)
    share = np.linspace(0, 1, 20000)
    for common in (1.0, 0.5, 0.0):
        other = common * one + np.float32(np.sqrt(1 - common**2)) * new
        expected = share**2 + (1 - share) ** 2 + 2 * common * share * (1 - share)
        found = makeup_gain(one, other, share)[:, 0]
        np.testing.assert_allclose(found, 1 / np.sqrt(expected), atol=0.02)
        assert found[0] == found[-1] == 1
    opposite = makeup_gain(one, -one, share)
    assert opposite.max() == pytest.approx(np.sqrt(2), abs=1e-3), "no more than 3 dB"
    # what sounds by itself has no say
    np.testing.assert_array_equal(makeup_gain(one, new, np.zeros(20000)), 1)


def test_a_stretch_that_is_asked_for_is_heard_in_passages():
    spans = Segmentation().excerpts(100_000, 1000, total_s=25.0)
    assert spans == [slice(0, 12500), slice(87500, 100_000)]
    assert Segmentation(style_max_s=None).excerpts(100_000, 1000, total_s=5.0) == [slice(0, 5000)]
    assert Segmentation().excerpts(4000, 1000, total_s=5.0) == [slice(0, 4000)]


def test_a_part_of_the_windows_is_the_beginning():
    y = np.random.default_rng(0).standard_normal((2600, 1)).astype(np.float32)
    np.testing.assert_allclose(joined([y[SPANS[0]]]), y[:1000], atol=1e-6)
    np.testing.assert_allclose(joined([y[span] for span in SPANS[:2]]), y[:1800], atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length_s": 0}, "segments.length_s=0 must be above 0"),
        (
            {"length_s": 5, "overlap_s": 3},
            "length_s=5 must be at least three times",
        ),
        ({"overlap_s": 0}, "segments.overlap_s=0 must be at least 0.01"),
        ({"style_max_s": 5}, "segments.style_max_s=5 must be at least 10"),
        ({"excerpt_s": float("nan")}, "segments.excerpt_s=nan must be finite"),
        ({"length_s": "long"}, "segments.length_s must be a number, not 'long'"),
    ],
)
def test_windows_that_cannot_be(values, message):
    with pytest.raises(InputError, match=message):
        Segmentation(**values)
