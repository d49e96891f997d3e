import numpy as np
import pytest

from nstaudio.analysis.bands import interpolation, lifted, mel_to_bins
from nstaudio.analysis.spectrogram import MelSpec


def test_interpolation_is_numpys():
    rng = np.random.default_rng(0)
    centres, points = np.sort(rng.uniform(0, 10, 7)), rng.uniform(-2, 12, 50)
    values = rng.standard_normal((3, 7))
    expected = [np.interp(points, centres, row) for row in values]
    np.testing.assert_allclose(values @ interpolation(points, centres), expected, atol=1e-12)


@pytest.mark.parametrize("mel_scale", ["slaney", "paper"])
def test_a_bin_at_a_bands_centre_is_the_bands(mel_scale):
    spec = MelSpec(n_mels=20, mel_scale=mel_scale)
    weights = mel_to_bins(spec)
    hz = np.arange(spec.n_fft // 2 + 1) * spec.sr / spec.n_fft
    np.testing.assert_allclose(np.clip(hz, *spec.edges_hz[[1, -2]]), spec.edges_hz[1:-1] @ weights)


def test_the_loudest_are_lifted_to_the_styles_power():
    rng = np.random.default_rng(1)
    style_db = rng.normal(-30, 8, (200, 20))
    flat_db = 0.4 * (style_db - style_db.mean()) + style_db.mean()
    got = lifted(flat_db, style_db)
    assert np.mean(10 ** (got / 10)) == pytest.approx(np.mean(10 ** (style_db / 10)), rel=1e-3)
    flat_db[:, :5] -= 40
    lift_db = lifted(flat_db, style_db) - flat_db
    assert lift_db[:, :5].mean() < 0.3 * lift_db[:, 15:].mean(), "the louder, the more"
    assert np.abs(np.diff(lift_db[:, 15:])).max() < 1, "a neighbourhood, not single cells"
    louder_db = flat_db + 60
    np.testing.assert_allclose(lifted(louder_db, style_db), louder_db, atol=1e-6)
