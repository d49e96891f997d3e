import librosa
import numpy as np
import pytest
import scipy.signal

from nstaudio.analysis.numpy_stft import BlockStft, Grid, log_mel, power, stft
from nstaudio.analysis.spectrogram import MelSpec


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


@pytest.mark.parametrize("hop_length", [100, 256])
def test_free_transform_and_power_are_scipys(hop_length):
    """Over more frames than are worked on at a time."""
    y = np.random.default_rng(0).standard_normal(256 * 300).astype(np.float32)
    window = scipy.signal.get_window("hann", 512)
    frames = np.stack([y[i : i + 512] for i in range(0, len(y) - 511, hop_length)])
    expected = np.fft.rfft(frames * window)
    np.testing.assert_allclose(stft(y, 512, hop_length), expected, atol=1e-3)
    np.testing.assert_allclose(power(y, 512, hop_length), np.abs(expected) ** 2, rtol=1e-3)


@pytest.mark.parametrize("length", [1024, 5000, 256 * 300])
def test_levels_are_librosas(length):
    y = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    y[1000:3000] *= 1e-5
    spec = MelSpec(sr=16000, n_mels=40, mel_scale="slaney", floor_db=-60.0)
    expected = librosa.feature.melspectrogram(
        y=y, sr=16000, n_fft=1024, hop_length=256, n_mels=40, pad_mode="constant"
    )
    np.testing.assert_allclose(
        log_mel(y, spec), 10 * np.log10(np.maximum(expected.T, 1e-6)), atol=1e-3
    )


@pytest.mark.parametrize("length", [1, 500, 30011])
def test_blocks_hold_every_sample_once(length):
    y = np.random.default_rng(0).standard_normal((length, 2)).astype(np.float32)
    blocks, sums = BlockStft.at(16000, hop_s=0.01, n_frames=8), np.zeros_like(y)
    for start in blocks.starts(length):
        x = blocks.stft(y, start)
        np.testing.assert_array_equal(blocks.stft(y, start, margin=3)[:, 3:-3], x)
        blocks.add(sums, x, start)
    np.testing.assert_allclose(sums, y, atol=1e-5)


def test_a_round_trip_keeps_the_frames_whose_neighbours_are_there():
    blocks = BlockStft.at(16000, hop_s=0.01, n_frames=16)
    y = np.random.default_rng(0).standard_normal((16000, 1)).astype(np.float32)
    x = blocks.stft(y, 20)[0]
    np.testing.assert_allclose(blocks.round_trip(x)[3:-3], x[3:-3], atol=1e-3)
