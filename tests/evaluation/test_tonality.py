import librosa
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.evaluation import tonality

from helpers import music

SR = 16000


def tone(hz: float, seconds: float = 2.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * SR)) / SR).astype(np.float32)


def distances(a: np.ndarray, b: np.ndarray) -> tonality.Tonality:
    return tonality.compare(tonality.analyse(a, SR), tonality.analyse(b, SR))


def test_a_sound_is_like_itself_at_any_level_and_rate():
    y = music(1, 2.5, SR)
    assert distances(y, y) == pytest.approx((0, 0, 0), abs=1e-6)
    assert distances(y, 0.01 * y) == pytest.approx((0, 0, 0), abs=1e-3)
    up = librosa.resample(y, orig_sr=SR, target_sr=44100, res_type="soxr_vhq")
    assert tonality.compare(tonality.analyse(y, SR), tonality.analyse(up, 44100)).chroma < 1e-3


def test_fine_levels_by_numpy():
    a, b = music(1, 2.5, SR), music(2, 3.0, SR)
    levels = []
    for y in (a, b):
        y = y / np.sqrt(np.mean(np.square(y, dtype=float)))
        padded = np.pad(y, 2048)
        frames = np.stack([padded[i : i + 4096] for i in range(0, len(y) + 1, 1024)])
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(4096) / 4096)
        level = 20 * np.log10(np.abs(np.fft.rfft(frames * window)) + 1e-12)
        levels.append(np.maximum(level, level.max() - 80))
    n = min(map(len, levels))
    expected = np.abs(levels[0][:n] - levels[1][:n]).mean()
    assert distances(a, b).fine_db == pytest.approx(expected, rel=1e-4)


def test_pitch_classes_of_tones():
    a4, a5, es5, e5 = tone(440), tone(880), tone(622.25), tone(659.26)
    assert distances(a4, a5).chroma < 0.05, "an octave is the same class"
    assert distances(a4, es5).chroma > 0.9
    # A against A and E, if no class leaked into its neighbours: 1 - cos 45 degrees, 0.29
    assert 0.15 < distances(a4, a4 + e5).chroma < 0.35


def test_levels_of_constant_q_rise_where_a_tone_is():
    levels = tonality.analyse(tone(440), SR).cqt_db
    assert levels.shape[1] == 7 * 24
    middle = levels[len(levels) // 2]
    assert middle.argmax() == 3 * 24, "A4 is three octaves above A1"
    assert middle[2 * 24] < middle.max() - 40


def test_short_and_silent_sounds():
    y = music(3, 0.3, SR)
    assert distances(y, y) == pytest.approx((0, 0, 0), abs=1e-6)
    assert len(tonality.analyse(y, SR).chroma) == 1 + len(y) // 512
    with pytest.raises(InputError, match="must not be silent"):
        tonality.analyse(np.zeros(SR, np.float32), SR)


def test_two_moments_of_silence_are_alike():
    one, none = np.eye(12)[:1], np.zeros((1, 12))
    level = np.zeros((1, 1))
    a = tonality.Tones(level, level, np.concatenate([one, none, one]))
    b = tonality.Tones(level, level, np.concatenate([one, none, none, one]))
    assert tonality.compare(a, b).chroma == pytest.approx(1 / 3)
