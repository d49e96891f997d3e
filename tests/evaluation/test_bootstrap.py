import numpy as np
import pytest
import scipy.stats

from nstaudio.evaluation import bootstrap


def test_equal_values_leave_no_doubt():
    assert bootstrap.mean([3.0] * 7) == (3.0, 3.0, 3.0)
    assert bootstrap.mean([3.0]) == (3.0, 3.0, 3.0)


def test_of_two_items_means_are_three():
    """Resamples of 0 and 1 are 00, 01, 10 and 11: a quarter of the means is 0, a quarter 1."""
    assert bootstrap.mean([0.0, 1.0]) == (0.5, 0.0, 1.0)
    assert bootstrap.mean([0.0, 1.0], confidence=0.4) == (0.5, 0.5, 0.5)


def test_many_items_have_the_normal_interval():
    values = np.random.default_rng(1).normal(5, 2, 400)
    got = bootstrap.mean(values.tolist())
    assert got.mean == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(400)
    assert got.high - got.mean == pytest.approx(half, rel=0.05)
    assert got.mean - got.low == pytest.approx(half, rel=0.05)


def test_it_is_scipys_percentile_interval():
    values = np.random.default_rng(2).gamma(2.0, 1.0, 30)
    got = bootstrap.mean(values.tolist(), confidence=0.9)
    expected = scipy.stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, method="percentile", rng=3
    ).confidence_interval
    np.testing.assert_allclose(got[1:], expected, rtol=0.02)
