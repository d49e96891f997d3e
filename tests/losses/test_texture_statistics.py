from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import hilbert

from nstaudio.analysis.spectrogram import MelSpec, log_mel, unit
from nstaudio.errors import InputError
from nstaudio.losses import TextureStatistics, texture_statistics

SR = 8000
N_BANDS = 10
statistics = jax.jit(partial(texture_statistics.statistics, sr=SR, n_bands=N_BANDS))
distance = jax.jit(texture_statistics.distance)


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(int(seconds * SR)).astype(np.float32)


def tones(seconds: float = 2.0) -> np.ndarray:
    t = np.arange(int(seconds * SR)) / SR
    return sum(np.sin(2 * np.pi * 220 * k * t + k**2) / k for k in range(1, 15)).astype(np.float32)


def beats(rate: float, seconds: float = 2.0) -> np.ndarray:
    t = np.arange(int(seconds * SR)) / SR
    return noise(5, seconds) * (1 + np.sin(2 * np.pi * rate * t)).astype(np.float32)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).mean() / np.sqrt((a**2).mean() * (b**2).mean()))


def filtered(x: np.ndarray, response: np.ndarray) -> np.ndarray:
    return np.fft.irfft(np.fft.rfft(x) * response, len(x))


def envelopes_by_hand(y: np.ndarray) -> list[np.ndarray]:
    """Every signal written out in time, in double precision."""
    y = y.astype(float) / np.sqrt(np.mean(y.astype(float) ** 2))
    erb = lambda f: 9.265 * np.log(1 + f / (24.7 * 9.265))  # noqa: E731
    edges = np.linspace(erb(20.0), erb(SR / 2), N_BANDS + 2)
    at = erb(np.fft.rfftfreq(len(y), 1 / SR))
    responses = []
    for k in range(N_BANDS):
        inside = (at > edges[k]) & (at < edges[k + 2])
        half_cosine = np.cos(np.pi * (at - edges[k + 1]) / (edges[k + 2] - edges[k]))
        responses.append(np.where(inside, half_cosine, 0))
    low = np.where(at < edges[1], np.sqrt(np.maximum(0, 1 - responses[0] ** 2)), 0)
    high = np.where(at > edges[-2], np.sqrt(np.maximum(0, 1 - responses[-1] ** 2)), 0)
    envelopes = []
    for response in (low, *responses, high):
        full = np.abs(hilbert(filtered(y, response))) ** 0.3
        n = len(y) * 400 // SR
        envelopes.append(np.fft.irfft(np.fft.rfft(full)[: n // 2 + 1], n) * n / len(y))
    return envelopes


def by_hand(envelopes: list[np.ndarray], rate: float = 400.0) -> dict[str, np.ndarray]:
    n_bands = len(envelopes)
    moving = [e - e.mean() for e in envelopes]
    found: dict[str, list] = {
        "mean": [e.mean() for e in envelopes],
        "variation": [e.var() / e.mean() ** 2 for e in envelopes],
        "skewness": [(m**3).mean() / m.std() ** 3 for m in moving],
        "kurtosis": [(m**4).mean() / m.std() ** 4 for m in moving],
        "correlations": [
            correlation(envelopes[j], envelopes[j + d])
            for d in (1, 2, 3, 5, 8, 11, 16, 21)
            for j in range(n_bands - d)
        ],
    }
    hz = np.fft.rfftfreq(len(moving[0]), 1 / rate)
    centres = 0.5 * (200 / 0.5) ** (np.arange(20) / 19)
    bank = []
    for c in centres:
        inside = (hz > c / 2) & (hz < 3 * c / 2)
        bank.append(np.where(inside, np.cos(np.pi * (hz - c) / c), 0))
    flat = np.mean(np.sum(np.square(bank), axis=0)[(hz > centres[3]) & (hz < centres[-4])])
    bank = [b / np.sqrt(flat) for b in bank]
    found["modulation_power"] = [
        [(filtered(m, b) ** 2).mean() / m.var() for b in bank] for m in moving
    ]
    octaves = []
    for c in (1.5625, 3.125, 6.25, 12.5, 25.0, 50.0, 100.0):
        inside = (hz > c / 2) & (hz < 2 * c)
        octave = np.log2(np.where(inside, hz, c) / c)
        octaves.append(np.where(inside, np.cos(np.pi / 2 * octave), 0))
    found["c1"] = [
        [
            correlation(filtered(moving[j], b), filtered(moving[j + d], b))
            for d in (1, 2)
            for j in range(n_bands - d)
        ]
        for b in octaves[1:]
    ]
    c2 = []
    for m in moving:
        analytic = [hilbert(filtered(m, b)) for b in octaves]
        of_band = []
        for slow, fast in pairwise(analytic):
            doubled = slow**2 / np.abs(slow)
            sizes = np.sqrt((np.abs(slow) ** 2).mean() * (np.abs(fast) ** 2).mean())
            value = (np.conj(doubled) * fast).mean() / sizes
            of_band.append([value.real, value.imag])
        c2.append(of_band)
    return {**found, "c2": c2}  # type: ignore[return-value]


def test_every_statistic_by_hand():
    y = beats(5.0) + 0.2 * tones()
    got, expected = statistics(jnp.asarray(y)), by_hand(envelopes_by_hand(y))
    for name, value in got._asdict().items():
        np.testing.assert_allclose(value, expected[name], rtol=2e-3, atol=2e-3, err_msg=name)


def test_the_statistics_of_a_spectrogram_by_hand():
    """As a style loss: bands for cochlear ones, at whatever rate its frames have."""
    rng = np.random.default_rng(3)
    smooth = np.exp(-np.arange(351) / 60)
    levels = np.stack([filtered(x, smooth) for x in rng.standard_normal((12, 700))])
    level_db = -40 + 10 * (levels + levels[:1])  # bands have something in common
    loss = TextureStatistics(sr=8000, hop_length=32, floor_db=-80.0)
    got = jax.jit(loss.statistic)(jnp.asarray(1 + level_db.T / 80, jnp.float32))
    power = 10 ** (level_db / 10)
    envelopes = (power * 2 / power.sum(axis=0).mean()) ** 0.15
    for name, value in got._asdict().items():
        expected = by_hand(list(envelopes), rate=250.0)[name]
        np.testing.assert_allclose(value, expected, rtol=2e-3, atol=2e-3, err_msg=name)


def test_a_texture_on_the_spectrogram_is_a_distance_at_any_level():
    spec = MelSpec(sr=SR, n_fft=256, hop_length=32, n_mels=12, mel_norm=None)
    loss = TextureStatistics(sr=SR, hop_length=32)

    @jax.jit
    def distance(a, b):
        a, b = (unit(log_mel(0.01 * y, spec), spec) for y in (a, b))
        return loss.distance(a, loss.statistic(b))

    first, second, other = noise(0), noise(1, 3.0), beats(4.0)
    value_and_gradient = jax.jit(jax.value_and_grad(distance))
    to_itself, softer, to_other, of_silence = (
        value_and_gradient(y, first) for y in (first, 0.1 * first, other, 0 * first)
    )
    assert to_itself[0] < 1e-9
    assert softer[0] < 1e-3
    assert distance(second, first) < 0.2 * to_other[0]
    assert np.isfinite([to_other[1], of_silence[1]]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sr": 10}, "style_loss.sr=10 must be at least 1000"),
        ({"hop_length": 0}, "style_loss.hop_length=0 must be at least 1"),
        ({"floor_db": 0.0}, "style_loss.floor_db=0 must be at most -20"),
        ({}, "1.80 s are too short for the statistics of a texture"),
    ],
)
def test_bad_values_of_the_loss(change, message):
    with pytest.raises(InputError, match=message):
        TextureStatistics(**{"sr": 1000, "hop_length": 10, **change}).statistic(jnp.ones((180, 4)))


@pytest.mark.parametrize("n_bands", [5, 30])
def test_cochlear_bands_miss_nothing(n_bands):
    squares = (texture_statistics.erb_filters(22050, 22050, n_bands) ** 2).sum(axis=0)
    np.testing.assert_allclose(squares, 1, atol=1e-9)


def test_distance():
    """0 to itself at any level, symmetric, small between parts of one noise, large to tones."""
    first, second, other = (
        statistics(jnp.asarray(y)) for y in (noise(0, 4), noise(1, 4), tones(4))
    )
    assert distance(first, first) == 0
    assert distance(first, statistics(jnp.asarray(0.01 * noise(0, 4)))) < 1e-6
    assert distance(first, other) == pytest.approx(float(distance(other, first)), rel=1e-5)
    assert distance(first, second) < 0.2 * distance(first, other)


def test_rhythm_is_heard():
    """Noises that beat equally fast are nearer than those that do not, and shifts are nothing."""
    slow, slow_later, fast = (
        statistics(jnp.asarray(y))
        for y in (beats(4.0), np.roll(noise(7) * beats(4.0) / noise(5), 800), beats(16.0))
    )
    assert distance(slow, slow_later) < 0.5 * distance(slow, fast)
    power = np.asarray(fast.modulation_power).mean(axis=0)
    assert texture_statistics.MODULATION_HZ[power.argmax()] == pytest.approx(16.0, rel=0.25)


def test_a_sound_played_backwards_is_another_in_c2_alone():
    """Attacks become ends: the imaginary part changes sign, what has no direction stays."""
    t = np.arange(2 * SR) / SR
    decays = (np.exp(-12 * (t % 0.25)) * noise(3)).astype(np.float32)
    there, back = (statistics(jnp.asarray(y)) for y in (decays, decays[::-1].copy()))
    for name in ("mean", "variation", "skewness", "kurtosis", "correlations", "modulation_power"):
        np.testing.assert_allclose(
            getattr(there, name), getattr(back, name), rtol=2e-2, atol=1e-2, err_msg=name
        )
    imaginary = np.asarray(there.c2[..., 1]), np.asarray(back.c2[..., 1])
    np.testing.assert_allclose(imaginary[0], -imaginary[1], atol=1e-2)
    assert np.abs(imaginary[0]).mean() > 0.1


def test_gradients_are_finite_and_descend():
    target = statistics(jnp.asarray(beats(4.0)))

    @jax.jit
    def value_and_gradient(y):
        return jax.value_and_grad(
            lambda y: texture_statistics.distance(
                texture_statistics.statistics(y, SR, n_bands=N_BANDS), target
            )
        )(y)

    y = jnp.asarray(noise(1))
    value, gradient = value_and_gradient(y)
    assert np.isfinite(gradient).all()
    step = 0.1 * value / jnp.sum(gradient**2)
    assert value_and_gradient(y - step * gradient)[0] < value
    for still in (jnp.zeros_like(y), jnp.asarray(beats(4.0))):
        assert np.isfinite(value_and_gradient(still)[1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": jnp.ones(15_999)}, "2.00 s are too short for the statistics of a texture"),
        ({"sr": 10}, "sr=10 must be at least 1000"),
        ({"n_bands": 0}, "n_bands=0 must be at least 1"),
    ],
)
def test_bad_values(change, message):
    with pytest.raises(InputError, match=message):
        texture_statistics.statistics(**{"y": jnp.ones(16_000), "sr": SR, **change})
