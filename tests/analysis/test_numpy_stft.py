import numpy as np
import pytest
import scipy.signal

from nstaudio.analysis.numpy_stft import Grid


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100])
def test_the_window_is_equally_long_at_any_rate(sr):
    grid = Grid.at(sr)
    assert grid.n_fft / sr == pytest.approx(0.096, rel=0.05)
    assert grid.n_fft == 8 * grid.hop == 2 * grid.lead * grid.hop


def test_transform_is_scipys():
    grid, y = Grid.at(16000), np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    window = scipy.signal.get_window("hann", grid.n_fft)
    got = grid.stft(y)
    padded = np.pad(y, (grid.n_fft, 4 * grid.n_fft))
    for frame in (0, grid.lead, 11, len(got) - 1):
        part = padded[frame * grid.hop :][: grid.n_fft]
        np.testing.assert_allclose(got[frame], np.fft.rfft(part * window), atol=1e-3)
    assert got.shape[1] == len(grid.hz)


@pytest.mark.parametrize("n", [1, 700, 16000])
def test_inverse_brings_the_samples_back(n):
    grid, y = Grid.at(22050), np.random.default_rng(0).standard_normal(n).astype(np.float32)
    back = grid.istft(grid.stft(y))
    np.testing.assert_allclose(back[grid.lead * grid.hop :][:n], y, atol=1e-4)


def test_the_first_frame_is_lead_hops_before_the_samples():
    grid = Grid.at(16000)
    y = np.zeros(8 * grid.hop, np.float32)
    y[3 * grid.hop] = 1.0
    energy = (np.abs(grid.stft(y)) ** 2).sum(axis=1)
    assert np.argmax(energy) == grid.lead + 3
