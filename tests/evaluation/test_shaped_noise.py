import librosa
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.evaluation import shaped_noise, tonality

from helpers import music

SR = 16000
Y = music(4, 2.5, SR)
NOISE = shaped_noise.match(Y, SR)


def test_its_mel_levels_are_the_sounds():
    levels = [
        librosa.power_to_db(
            librosa.feature.melspectrogram(y=y / np.sqrt(np.mean(y**2)), sr=SR, n_mels=40)
        )
        for y in (Y, NOISE)
    ]
    white = np.random.default_rng(1).standard_normal(len(Y))
    levels.append(librosa.power_to_db(librosa.feature.melspectrogram(y=white, sr=SR, n_mels=40)))
    off, off_white = (np.abs(level - levels[0]).mean() for level in levels[1:])
    assert off < 3
    assert off < off_white / 3


def test_it_has_no_tune():
    a, b = (tonality.analyse(y, SR) for y in (Y, NOISE))
    duller = np.convolve(Y, np.ones(4) / 4, mode="same").astype(np.float32)
    kept = tonality.compare(a, tonality.analyse(duller, SR))
    assert tonality.compare(a, b).chroma > 2 * kept.chroma


def test_it_is_as_long_and_the_same_again():
    for n in (len(Y), 700):
        y = Y[:n]
        noise = shaped_noise.match(y, SR)
        assert noise.shape == y.shape
        assert np.mean(noise**2) == pytest.approx(1, rel=1e-4)
    np.testing.assert_array_equal(NOISE, shaped_noise.match(Y, SR))
    assert np.abs(NOISE - shaped_noise.match(Y, SR, seed=1)).mean() > 0.1


def test_silence_is_refused():
    with pytest.raises(InputError, match="must not be silent"):
        shaped_noise.match(np.zeros(SR, np.float32), SR)
