"""Ratios of losses."""

from nstaudio.losses.ratio import loss_ratio


def test_nothing_is_divided_by_almost_nothing():
    assert loss_ratio(3.0, 6.0, scale=100.0) == 0.5
    assert loss_ratio(3.0, 6.0, scale=5e6) == 0.5
    for whole in (0.0, 1e-16, 9e-7):
        assert loss_ratio(3e-16, whole, scale=1.0) is None
    assert loss_ratio(0.0, 0.0, scale=0.0) is None
