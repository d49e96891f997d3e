import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.learned import gain, prediction

from helpers import music

SPEC = MelSpec(n_fft=2048)
KNOWN_HZ = librosa.mel_frequencies(n_mels=130, fmin=0, fmax=8000)[1:-1]
BANDS_HZ = librosa.mel_frequencies(n_mels=146, fmin=0, fmax=11025)[1:-1]


def clip(y):
    return Clip(jnp.asarray(y), log_mel(jnp.asarray(y), SPEC))


@pytest.fixture
def clips():
    content = music(0, 1.0)
    bright = np.diff(music(1, 1.0), prepend=np.float32(0))
    return clip(content), clip(bright)


def test_gains_are_those_of_the_prediction(clips, monkeypatch):
    """One that grows with time and falls with frequency."""

    def predict(content_db, style_db):
        del style_db
        t = np.arange(len(content_db))[:, None] * 0.032
        return (content_db + 3 * t - KNOWN_HZ / 1000).astype(np.float32)

    monkeypatch.setattr(prediction, "predict", predict)
    found = gain.gain_db(*clips, SPEC)
    assert found.shape == clips[0].level_db.shape
    t = np.arange(len(found))[:, None] * 256 / 22050
    expected = 3 * t - BANDS_HZ / 1000
    below = BANDS_HZ < 6900
    within = (t < 0.95)[:, 0]  # the network's last frame is the last that is known
    np.testing.assert_allclose(found[within][:, below], expected[within][:, below], atol=0.02)


def test_above_the_network_the_balance_goes_on(clips, monkeypatch):
    """The difference above 7 kHz is that of the clips where nothing changes below."""
    monkeypatch.setattr(prediction, "predict", lambda content_db, _: content_db + np.float32(2))
    found = gain.gain_db(*clips, SPEC)
    powers = [np.mean(10 ** (np.asarray(c.level_db) / 10), axis=0) for c in clips]
    balance_db = 10 * np.log10(powers[1] / powers[0])
    last = np.flatnonzero(BANDS_HZ <= 7000)[-1]
    expected = 2 + balance_db[last + 1 :] - balance_db[last]
    np.testing.assert_allclose(found[5, last + 1 :], expected, atol=1e-3)
    np.testing.assert_allclose(found[5, : last + 1], 2, atol=1e-3)


def test_a_grid_below_the_network_needs_no_more(clips, monkeypatch):
    del clips
    low = MelSpec(sr=8000, n_fft=1024, n_mels=60)
    y = [jnp.asarray(music(seed, 1.0, sr=8000)) for seed in (0, 1)]
    monkeypatch.setattr(prediction, "predict", lambda content_db, _: content_db - np.float32(1))
    found = gain.gain_db(*(Clip(x, log_mel(x, low)) for x in y), low)
    assert found.shape == (low.n_frames(8000), 60)
    np.testing.assert_allclose(found, -1, atol=1e-4)
