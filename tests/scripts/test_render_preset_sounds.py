import numpy as np
import pytest
import soundfile

from render_preset_sounds import LEVEL, SR, encode


def test_a_sound_is_short_and_as_strong_as_all_others(tmp_path):
    tone = 1e-3 * np.sin(2 * np.pi * 440 * np.arange(3 * SR) / SR)
    encode(tone, tmp_path / "a.mp3", seconds=2)
    y, sr = soundfile.read(tmp_path / "a.mp3")
    assert sr == SR
    assert len(y) / sr == pytest.approx(2, abs=0.1)
    assert np.sqrt(np.mean(y[SR // 2 : SR] ** 2)) == pytest.approx(LEVEL, rel=0.1)
    assert (tmp_path / "a.mp3").stat().st_size < 20_000
