import numpy as np
import pytest

from nstaudio import metrics

from conftest import SR, music


def tones(seconds: float = 4.0) -> np.ndarray:
    t = np.arange(int(seconds * SR)) / SR
    return sum(np.sin(2 * np.pi * f * t) for f in (300, 600, 905, 1500, 2210)).astype(np.float32)


def noise(y: np.ndarray, level_db: float, seed: int = 0) -> np.ndarray:
    n = np.random.default_rng(seed).standard_normal(y.size)
    return (n * np.sqrt(np.mean(y**2) / np.mean(n**2)) * 10 ** (level_db / 20)).astype(np.float32)


@pytest.mark.parametrize("level_db", [-40.0, -30.0, -20.0, -10.0])
def test_added_noise_reads_the_level_of_added_white_noise(level_db):
    y = tones()
    got = metrics.added_noise_db(y + noise(y, level_db), y, y)
    assert got == pytest.approx(level_db, abs=2.0)


def test_a_source_adds_nothing_to_itself():
    y = music(1, 4.0)
    assert metrics.added_noise_db(y, y, y) == metrics.LOWEST_DB
    assert metrics.added_noise_db(0.1 * y, y, 7 * y) < -50, "levels do not matter"


def test_noise_that_a_source_has_is_not_added():
    y = tones()
    noisy = y + noise(y, -10.0, 1)
    result = y + noise(y, -10.0, 2)
    alone = metrics.added_noise_db(result, y, y)
    assert metrics.added_noise_db(result, noisy, y) < alone - 6
    assert metrics.added_noise_db(result, y, noisy) < alone - 6


def test_residual_of_tones_clicks_and_noise():
    y = tones()
    clicks = np.zeros(4 * SR, np.float32)
    clicks[:: SR // 4] = 1.0
    rng = np.random.default_rng(0)
    assert metrics.residual_db(y) < -20
    assert metrics.residual_db(clicks) < -10
    assert metrics.residual_db(rng.standard_normal(4 * SR).astype(np.float32)) > -5
    assert metrics.added_residual_db(y + noise(y, 0.0), y, y) > 10
    assert metrics.added_residual_db(y, y, y) == 0


def test_spectral_convergence_by_definition():
    y = music(1, 2.0)
    assert metrics.spectral_convergence_db(y, y) == metrics.LOWEST_DB
    assert metrics.spectral_convergence_db(0.9 * y, y) == pytest.approx(-20.0, abs=0.01)
    assert metrics.spectral_convergence_db(np.zeros_like(y), y) == pytest.approx(0.0, abs=1e-3)


def test_silence_is_a_number():
    silence = np.zeros(SR, np.float32)
    assert metrics.added_noise_db(silence, silence, silence) == metrics.LOWEST_DB
    assert metrics.residual_db(silence) == metrics.LOWEST_DB
