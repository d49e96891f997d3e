import struct
from itertools import takewhile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis.spectrogram import MelSpec, mel_power
from nstaudio.encoders import MusicnnEncoder
from nstaudio.encoders.musicnn import N_FEATURES
from nstaudio.errors import InputError
from nstaudio.losses import Gram, LossPair, SquaredError
from nstaudio.transfer import api

import convert_musicnn
from helpers import ROOT, compiled, music

N_BANDS = 96
SPEC = MelSpec(sr=16000, n_fft=512, hop_length=256, n_mels=N_BANDS)
ENCODER = MusicnnEncoder()


def activations(x, encoder=ENCODER):
    variables = jax.jit(encoder.init)(jax.random.key(0), x)
    found = jax.jit(encoder.apply)(variables, x)
    return {name: np.asarray(layer) for name, layer in found.items()}


def by_numpy(x: np.ndarray, weights: dict[str, np.ndarray], peak_db: float) -> dict:
    """The layers by sums over taps, normalisation unfolded."""

    def normalised(y, i):
        kinds = (weights[f"norm{i}/{kind}"] for kind in ("mean", "var", "scale", "bias"))
        mean, variance, scale, bias = (kind.astype(np.float64) for kind in kinds)
        return (y - mean) / np.sqrt(variance + 0.001) * scale + bias

    power = 10 ** (((x.astype(np.float64) - 1) * 80 + peak_db) / 10)
    y = normalised(np.log10(1 + 10000 * power)[:, :, None], 0)
    found = {}
    for i, (frames, bands) in enumerate([(4, 1), (2, 2), (2, 2)], start=1):
        around = np.pad(y, ((0, 0), (1, 1), (0, 0)))
        n = len(y) - 2
        taps = [
            around[t : t + n, b : b + y.shape[1]] @ weights[f"conv{i}/kernel"][t, b]
            for t in range(3)
            for b in range(3)
        ]
        y = normalised(np.maximum(sum(taps) + weights[f"conv{i}/bias"], 0), i)
        n_frames, n_bands = (len(y) - frames) // 2 + 1, (y.shape[1] - bands) // 2 + 1
        y = np.array(
            [
                [
                    y[2 * t : 2 * t + frames, 2 * b : 2 * b + bands].max(axis=(0, 1))
                    for b in range(n_bands)
                ]
                for t in range(n_frames)
            ]
        )
        found[f"pool{i}"] = y
    return found


def test_activations_equal_the_published_software():
    """Theirs pads with zeros, so ours begins seven frames earlier, where their alignment agrees."""
    power = jax.jit(mel_power, static_argnames="spec")(music(3, 1.2, 16000), spec=SPEC)[:48]
    level_db = 10 * np.log10(np.maximum(np.asarray(power), 1e-12))
    x = np.concatenate([np.zeros((7, N_BANDS)), 1 + (level_db - ENCODER.peak_db) / 80])
    got = activations(jnp.asarray(x, jnp.float32))
    with np.load(ROOT / "tests" / "encoders" / "musicnn_data" / "reference.npz") as theirs:
        ours = {"pool1": got["pool1"][8, ::4], "pool2": got["pool2"][4, ::2]}
        ours["pool3"] = got["pool3"][1:4, ::2]
        for name, layer in ours.items():
            largest = np.abs(theirs[name]).max()
            assert largest > 5, "music was heard"
            np.testing.assert_allclose(layer / largest, theirs[name] / largest, atol=1e-5)


@pytest.mark.parametrize("peak_db", [18.0, 3.0])
def test_activations_equal_sums_by_numpy(peak_db):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.3, 1, (33, N_BANDS)).astype(np.float32)
    with np.load(convert_musicnn.OUT) as arrays:
        expected = by_numpy(x, dict(arrays), peak_db)
    got = activations(jnp.asarray(x), MusicnnEncoder(peak_db=peak_db))
    assert list(got) == list(ENCODER.layer_names) == ["pool1", "pool2", "pool3"]
    for name, layer in expected.items():
        assert got[name].shape == layer.shape
        assert layer.shape[2] == N_FEATURES
        np.testing.assert_allclose(got[name], layer, atol=1e-4 * np.abs(layer).max())


def test_the_shortest_input_has_one_activation():
    x = jnp.zeros((ENCODER.receptive_field, N_BANDS))
    assert activations(x)["pool3"].shape == (1, 12, N_FEATURES)
    assert activations(x[1:])["pool3"].shape[0] == 0


def test_no_seed_changes_the_weights():
    x = jnp.zeros((ENCODER.receptive_field, N_BANDS))
    a, b = (jax.jit(ENCODER.init)(jax.random.key(seed), x) for seed in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_the_gradient_is_that_of_the_distances():
    rng = np.random.default_rng(1)
    x, style = (jnp.asarray(rng.uniform(0.5, 1, (n, N_BANDS)), jnp.float32) for n in (24, 28))
    losses = LossPair(SquaredError(), Gram())
    variables = jax.jit(ENCODER.init)(jax.random.key(0), x)
    targets = ENCODER.targets(variables, x, style, losses)

    def loss(x):
        return ENCODER.distances(variables, x, targets, losses).style["pool2"]

    both = compiled(jax.value_and_grad(loss))
    value, gradient = both(x)
    direction = gradient / jnp.linalg.norm(gradient)
    ahead, behind = (both(x + step * direction)[0] for step in (0.01, -0.01))
    assert value > 0
    assert (ahead - behind) / 0.02 == pytest.approx(float(jnp.linalg.norm(gradient)), rel=0.05)


@pytest.mark.slow
def test_a_transfer_of_two_steps():
    result = api.transfer(
        music(1, 1.0, 16000),
        music(2, 1.0, 16000),
        16000,
        encoder=MusicnnEncoder(input_layer=True),
        spec=SPEC,
        n_steps=2,
    )
    assert len(result.y) == 16000
    assert np.isfinite(result.y).all()


@pytest.mark.parametrize("shape", [(40, 144), (40, 96, 2)])
def test_other_bands_are_refused(shape):
    with pytest.raises(InputError, match="use spectrogram=musicnn"):
        ENCODER.init(jax.random.key(0), jnp.zeros(shape))


@pytest.mark.parametrize("options", [{"peak_db": 100}, {"floor_db": 0}])
def test_levels_outside_their_limits(options):
    with pytest.raises(InputError, match=f"encoder.{next(iter(options))}"):
        MusicnnEncoder(**options)


def packed(value: int) -> bytes:
    """A number as protocol buffers write it."""
    out = bytearray()
    while value > 127:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def block(entries: dict[bytes, bytes]) -> bytes:
    """A block of a table whose keys share what they begin with, and its trailer."""
    out, last = b"", b""
    for key, value in entries.items():
        n = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(key, last, strict=False))))
        out += packed(n) + packed(len(key) - n) + packed(len(value)) + key[n:] + value
        last = key
    return out + struct.pack("<II", 0, 1) + bytes(5)


def checkpoint(arrays: dict[str, np.ndarray], folder) -> None:
    """The two files of a checkpoint, as TensorFlow lays them out."""
    data, entries = b"", {b"": b"\x08\x01"}
    for name in sorted(arrays):
        axes = b"".join(b"\x12\x02\x08" + packed(size) for size in arrays[name].shape)
        entry = b"\x08\x01\x12" + packed(len(axes)) + axes
        entry += b"\x20" + packed(len(data)) + b"\x28" + packed(arrays[name].nbytes)
        entries[name.encode()] = entry + b"\x35" + bytes(4)
        data += arrays[name].tobytes()
    first = block(entries)
    index = block({b"z": packed(0) + packed(len(first) - 5)})
    handles = packed(0) + packed(0) + packed(len(first)) + packed(len(index) - 5)
    (folder / ".index").write_bytes(first + index + handles.ljust(48, b"\0"))
    (folder / ".data-00000-of-00001").write_bytes(data)


def test_a_checkpoint_is_read(tmp_path, capsys):
    rng, arrays = np.random.default_rng(0), {}
    for i in range(4):
        theirs = f"batch_normalization_{i}" if i else "batch_normalization"
        for kind in ("gamma", "beta", "moving_mean", "moving_variance"):
            arrays[f"{theirs}/{kind}"] = rng.normal(size=5).astype(np.float32)
        if i:
            arrays[f"{i}CNN/kernel"] = rng.normal(size=(3, 3, 4, 5)).astype(np.float32)
            arrays[f"{i}CNN/bias"] = rng.normal(size=5).astype(np.float32)
    checkpoint(arrays, tmp_path)
    out = tmp_path / "weights.npz"
    assert convert_musicnn.main([str(tmp_path), "--out", str(out)]) == 0
    assert f"{4 * 20 + 3 * 185} numbers" in capsys.readouterr().out
    with np.load(out) as made:
        np.testing.assert_array_equal(made["conv2/kernel"], arrays["2CNN/kernel"])
        np.testing.assert_array_equal(
            made["norm0/var"], arrays["batch_normalization/moving_variance"]
        )
        np.testing.assert_array_equal(made["norm3/scale"], arrays["batch_normalization_3/gamma"])


@pytest.mark.parametrize("index", [None, b"nothing", bytes(60)])
def test_what_is_no_checkpoint_is_one_line(index, tmp_path, capsys):
    if index is not None:
        (tmp_path / ".index").write_bytes(index)
        (tmp_path / ".data-00000-of-00001").write_bytes(b"")
    assert convert_musicnn.main([str(tmp_path), "--out", str(tmp_path / "x.npz")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
