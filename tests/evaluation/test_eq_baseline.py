import librosa
import numpy as np
import pytest
import scipy.signal

from nstaudio.errors import InputError
from nstaudio.evaluation import eq_baseline

from helpers import music

SR = 16000


def bands_db(y: np.ndarray) -> np.ndarray:
    power = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=2048, n_mels=20).mean(axis=1)
    return 10 * np.log10(power / power.sum())


def test_the_content_gets_the_balance_of_the_style():
    rng = np.random.default_rng(0)
    content = rng.standard_normal(3 * SR).astype(np.float32)
    tilt = scipy.signal.butter(1, 500, fs=SR, output="sos")
    style = scipy.signal.sosfilt(tilt, rng.standard_normal(2 * SR)).astype(np.float32)
    y = eq_baseline.match(content, style, SR)
    assert y.shape == content.shape
    assert np.abs(bands_db(content) - bands_db(style)).max() > 10
    assert np.abs(bands_db(y) - bands_db(style)).max() < 1.5
    assert np.mean(y**2) == pytest.approx(1, rel=1e-3)


def test_a_clip_through_its_own_balance_is_itself():
    y = music(1, 2.0, SR)
    y /= np.sqrt(np.mean(y**2))
    np.testing.assert_allclose(eq_baseline.match(y, 0.2 * y, SR), y, atol=1e-4)


def test_silence_is_refused():
    y = music(1, 1.0, SR)
    with pytest.raises(InputError, match="style has 16000 samples of power 0"):
        eq_baseline.match(y, np.zeros_like(y), SR)
