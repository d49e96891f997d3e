from functools import cache
from importlib import resources

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import LearnedEncoder
from nstaudio.errors import InputError
from nstaudio.losses import GaussianOT, Gram, LossPair, SquaredError
from nstaudio.optimization.parametrizations import FreeMel
from nstaudio.transfer import api

from helpers import GRAM_OF_STYLE, compiled, music

SPEC = MelSpec(sr=16000, n_fft=2048, hop_length=512, n_mels=128)
ENCODER = LearnedEncoder()
LAYERS = ("conv1", "conv2", "conv3", "code")


@cache
def published() -> dict[str, np.ndarray]:
    with resources.files("nstaudio.learned").joinpath("weights.npz").open("rb") as file:
        arrays = np.load(file)
        found = {name: arrays[name].astype(np.float64) for name in arrays.files}
    start = "params/encoder/"
    return {name.removeprefix(start): x for name, x in found.items() if name.startswith(start)}


def dense(x: np.ndarray, name: str) -> np.ndarray:
    return x @ published()[f"{name}/kernel"] + published()[f"{name}/bias"]


def normalised(x: np.ndarray, name: str) -> np.ndarray:
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + 1e-6)
    scaled = (x - x.mean(axis=1, keepdims=True)) / deviation
    return scaled * published()[f"{name}/scale"] + published()[f"{name}/bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def by_numpy(level_db: np.ndarray) -> dict[str, np.ndarray]:
    """The layers, from levels in dB of a sound of unit power, frame by frame."""
    level_db = level_db.astype(np.float64)
    spread_db = np.sqrt(level_db.var(axis=0) + 1e-3)
    standardised = (level_db - level_db.mean(axis=0)) / (spread_db + 3)
    y = dense(np.concatenate([level_db / 20, standardised], axis=1), "project")
    found = {}
    for i, apart in enumerate((1, 2, 4)):
        heard = np.pad(normalised(y, f"block{i}/norm"), ((apart, apart), (0, 0)))
        three = [
            np.concatenate([heard[t], heard[t + apart], heard[t + 2 * apart]])
            for t in range(len(y))
        ]
        found[f"conv{i + 1}"] = gelu(dense(np.stack(three), f"block{i}/convolution"))
        y = y + dense(found[f"conv{i + 1}"], f"block{i}/out")
    return {**found, "code": normalised(y, "norm")}


def activations(x: np.ndarray, encoder: LearnedEncoder = ENCODER) -> dict[str, np.ndarray]:
    x = jnp.asarray(x, jnp.float32)
    variables = jax.jit(encoder.init)(jax.random.key(0), x)
    found = jax.jit(encoder.apply)(variables, x)
    return {name: np.asarray(layer) for name, layer in found.items()}


@cache
def mel_db() -> np.ndarray:
    """Levels of one and a half seconds of music at unit power, by librosa; no lower than 80 dB."""
    y = music(3, 1.5, SPEC.sr).astype(np.float64)
    y = y / np.sqrt(np.mean(y**2))
    options = {"n_fft": SPEC.n_fft, "hop_length": SPEC.hop_length, "n_mels": SPEC.n_mels}
    power = librosa.feature.melspectrogram(y=y, sr=SPEC.sr, **options, pad_mode="constant").T
    return librosa.power_to_db(power, top_db=80)


def units(level_db: np.ndarray, floor_db: float = -80.0) -> np.ndarray:
    """The encoder's input: 1 at the loudest band."""
    return 1 - (level_db - level_db.max()) / floor_db


def weight_of_bands() -> np.ndarray:
    """Weights with which powers of bands add up to a frame's: Parseval's, of a Hann window."""
    filters = librosa.filters.mel(sr=SPEC.sr, n_fft=SPEC.n_fft, n_mels=SPEC.n_mels)
    heights = np.linalg.lstsq(filters.T, np.ones(SPEC.n_fft // 2 + 1), rcond=None)[0].clip(0)
    return heights * 2 / (0.375 * SPEC.n_fft**2)


@pytest.mark.parametrize("floor_db", [-80.0, -100.0])
def test_activations_equal_sums_by_numpy(floor_db):
    level_db = mel_db() + 7.0
    got = activations(units(level_db, floor_db), LearnedEncoder(floor_db=floor_db))
    power = np.mean(10 ** (level_db / 10) @ weight_of_bands())
    expected = by_numpy(level_db - 10 * np.log10(power))
    assert set(got) == set(expected) == set(LAYERS)
    for name, layer in expected.items():
        assert layer.shape == (len(level_db), 192)
        np.testing.assert_allclose(got[name], layer, atol=1e-3, err_msg=name)


def test_the_power_of_the_bands_is_that_of_the_samples():
    """The network was trained on sounds of unit power, which its encoder must find in the bands."""
    got = activations(units(mel_db()))
    for name, layer in by_numpy(mel_db()).items():
        error = np.sqrt(np.mean((got[name] - layer) ** 2))
        assert error < 0.02 * np.sqrt(np.mean(layer**2)), name


def test_what_lies_far_below_the_loudest_band_is_cut():
    level_db = mel_db()
    lower_db = np.where(level_db < level_db.max() - 70, level_db - 25, level_db)
    cut_db = np.maximum(lower_db, level_db.max() - 80)
    got, expected = (
        activations(units(x, -140.0), LearnedEncoder(floor_db=-140.0)) for x in (lower_db, cut_db)
    )
    assert (lower_db < cut_db).any()
    for name in LAYERS:
        np.testing.assert_allclose(got[name], expected[name], atol=1e-3)


def test_no_seed_changes_the_weights():
    x = jnp.zeros((3, 128))
    drawn = jax.jit(ENCODER.init)(jax.random.key(5), x)["params"]["encoder"]
    np.testing.assert_array_equal(
        drawn["block1"]["convolution"]["kernel"],
        published()["block1/convolution/kernel"].astype(np.float32),
    )


def test_the_gradient_is_that_of_the_distances():
    content, style = (jnp.asarray(units(mel_db()[i : i + 24]), jnp.float32) for i in (0, 20))
    losses = LossPair(SquaredError(), Gram())
    variables = jax.jit(ENCODER.init)(jax.random.key(0), content)
    targets = ENCODER.targets(variables, content, style, losses)
    x = 0.9 * content + 0.05

    def loss(x):
        found = ENCODER.distances(variables, x, targets, losses)
        return sum(found.style.values()) + found.content["code"]

    both = compiled(jax.value_and_grad(loss))
    value, gradient = both(x)
    slope = float(jnp.linalg.norm(gradient))
    ahead, behind = (both(x + step * gradient / slope)[0] for step in (0.01, -0.01))
    assert value > 0
    assert float(ahead - behind) / 0.02 == pytest.approx(slope, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"parametrization": FreeMel(), "style_loss": GaussianOT()}]
)
def test_a_transfer_of_two_steps(options):
    result = api.transfer(
        music(1, 1.0, 16000),
        music(2, 1.0, 16000),
        16000,
        encoder=LearnedEncoder(input_layer=True),
        style_weights={"conv2": 0.5},
        spec=SPEC,
        n_steps=2,
        **{**GRAM_OF_STYLE, **options},
    )
    assert len(result.y) == 16000
    assert np.isfinite(result.y).all()


@pytest.mark.parametrize("shape", [(40, 144), (40, 128, 2)])
def test_other_bands_are_refused(shape):
    with pytest.raises(InputError, match="use spectrogram=learned"):
        ENCODER.init(jax.random.key(0), jnp.zeros(shape))


def test_a_floor_outside_its_limits():
    with pytest.raises(InputError, match=r"encoder.floor_db=0 "):
        LearnedEncoder(floor_db=0.0)
