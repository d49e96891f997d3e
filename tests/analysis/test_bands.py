import numpy as np
import pytest

from nstaudio.analysis.bands import interpolation, mel_to_bins
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
