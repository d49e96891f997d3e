import numpy as np
import pytest

from nstaudio.evaluation import noise as noise_figures

from helpers import SR, music


def tones(seconds: float = 4.0) -> np.ndarray:
    t = np.arange(int(seconds * SR)) / SR
    return sum(np.sin(2 * np.pi * f * t) for f in (300, 600, 905, 1500, 2210)).astype(np.float32)


def noise(y: np.ndarray, level_db: float, seed: int = 0) -> np.ndarray:
    n = np.random.default_rng(seed).standard_normal(y.size)
    return (n * np.sqrt(np.mean(y**2) / np.mean(n**2)) * 10 ** (level_db / 20)).astype(np.float32)


BOTH = pytest.mark.parametrize(
    "measure", [noise_figures.added_noise_db, noise_figures.added_floor_db]
)


@BOTH
@pytest.mark.parametrize("level_db", [-40.0, -30.0, -20.0, -10.0])
def test_they_read_the_level_of_added_white_noise(measure, level_db):
    y = tones()
    assert measure(y + noise(y, level_db), y, y) == pytest.approx(level_db, abs=2.0)


@BOTH
def test_a_source_adds_nothing_to_itself(measure):
    y = music(1, 4.0)
    assert measure(y, y, y) == noise_figures.MIN_DB
    assert measure(0.1 * y, y, 7 * y) < -50, "levels do not matter"


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_nor_does_one_with_strokes_and_gaps(measure, seed):
    """Frames unlike those beside them, where a valley is hard to tell."""
    rng = np.random.default_rng(seed)
    gates = np.repeat(rng.random((2, 60)) < 0.4, SR // 15, axis=1)
    clean = tones()
    y = (clean * gates[0] + noise(clean, 0.0, seed) * gates[1]).astype(np.float32)
    assert measure(y, y, clean) == noise_figures.MIN_DB


@BOTH
def test_noise_that_a_source_has_is_not_added(measure):
    y = tones()
    noisy = y + noise(y, -10.0, 1)
    result = y + noise(y, -10.0, 2)
    alone = measure(result, y, y)
    assert measure(result, noisy, y) < alone - 6
    assert measure(result, y, noisy) < alone - 6


def test_only_one_of_them_hears_scattered_tones():
    """Short tones at random between the partials: what a free spectrogram makes of a valley."""
    y = tones()
    rng = np.random.default_rng(0)
    tinkling = np.zeros_like(y)
    t = np.arange(2048) / SR
    for start in rng.integers(0, y.size - 2048, 300):
        f = rng.uniform(1000, 9000)
        tinkling[start : start + 2048] += (np.hanning(2048) * np.sin(2 * np.pi * f * t)).astype(
            np.float32
        )
    tinkling *= np.sqrt(np.mean(y**2) / np.mean(tinkling**2)) * 10 ** (-10 / 20)
    heard = noise_figures.noise(y + tinkling, y, y)
    assert heard.added_noise_db == pytest.approx(-10, abs=3.0)
    assert heard.added_floor_db < heard.added_noise_db - 3
    assert heard.added_residual_db > 5


def test_a_filter_of_the_content_adds_no_noise():
    y = tones()
    filtered = np.convolve(y, [1.0, 0.9, 0.5, -0.2], "same").astype(np.float32)
    assert noise_figures.added_noise_db(filtered, y, y) < -60


def test_a_clip_shorter_than_a_frame_is_measured():
    y = tones(0.1)
    assert noise_figures.noise(y, y, y) == (noise_figures.MIN_DB, noise_figures.MIN_DB, 0.0)


def test_residual_of_tones_clicks_and_noise():
    y = tones()
    clicks = np.zeros(4 * SR, np.float32)
    clicks[:: SR // 4] = 1.0
    rng = np.random.default_rng(0)
    assert noise_figures.residual_db(y) < -20
    assert noise_figures.residual_db(clicks) < -10
    assert noise_figures.residual_db(rng.standard_normal(4 * SR).astype(np.float32)) > -5
    assert noise_figures.added_residual_db(y + noise(y, 0.0), y, y) > 10
    assert noise_figures.added_residual_db(y, y, y) == 0


def test_spectral_convergence_by_definition():
    y = music(1, 2.0)
    assert noise_figures.spectral_convergence_db(y, y) == noise_figures.MIN_DB
    assert noise_figures.spectral_convergence_db(0.9 * y, y) == pytest.approx(-20.0, abs=0.01)
    assert noise_figures.spectral_convergence_db(np.zeros_like(y), y) == pytest.approx(
        0.0, abs=1e-3
    )


def test_silence_is_a_number():
    silence = np.zeros(SR, np.float32)
    assert noise_figures.noise(silence, silence, silence)[:2] == (noise_figures.MIN_DB,) * 2
    assert noise_figures.residual_db(silence) == noise_figures.MIN_DB
