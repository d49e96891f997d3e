import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis.spectrogram import mel_power
from nstaudio.encoders import AisfxEncoder
from nstaudio.encoders.aisfx import N_FEATURES, SPEC, Network, weights
from nstaudio.errors import InputError

import convert_aisfx
from helpers import music

ENCODER = AisfxEncoder()


def by_numpy(x: np.ndarray, n_blocks: int = 4) -> dict[str, np.ndarray]:
    """The blocks of one spectrogram: sums over taps, silence around, pooling by two."""
    y, found = x[:, :, None].astype(np.float64), {}
    for block in range(1, n_blocks + 1):
        for i in (1, 2):
            layer = weights()["params"][f"conv{block}_{i}"]
            around = np.pad(y, ((1, 1), (1, 1), (0, 0)))
            taps = [
                around[t : t + y.shape[0], b : b + y.shape[1]] @ layer["kernel"][t, b]
                for t in range(3)
                for b in range(3)
            ]
            y = np.maximum(sum(taps) + layer["bias"], 0)
        found[f"block{block}"] = y
        if block < 4:
            n, m = (size // 2 for size in y.shape[:2])
            y = np.max([y[i : 2 * n : 2, j : 2 * m : 2] for i in (0, 1) for j in (0, 1)], axis=0)
    return found


def test_the_network_equals_sums_by_numpy():
    x = np.random.default_rng(0).uniform(0, 1, (19, 17)).astype(np.float32)
    got = jax.jit(Network().apply)(weights(), jnp.asarray(x)[None])
    expected = by_numpy(x)
    assert list(got) == list(expected) == ["block1", "block2", "block3", "block4"]
    for name, layer in expected.items():
        np.testing.assert_allclose(got[name][0], layer, atol=1e-4)


@pytest.fixture(scope="module")
def first_block():
    """A program of the first block, which compiles sooner than all of them."""
    variables = {"params": {"network": weights()["params"]}}
    return jax.jit(lambda x: ENCODER.apply(variables, x)["block1"])


def test_levels_become_what_the_judge_hears(first_block):
    """A sound in decibels below its loudest band, which the judge hears from its samples."""
    y = jnp.asarray(music(3, 0.26, SPEC.sr))
    power = np.asarray(jax.jit(mel_power, static_argnames="spec")(y, spec=SPEC))
    power = power * (10 ** (ENCODER.peak_db / 10) / power.max())
    x = 1 - np.maximum(10 * np.log10(power) - ENCODER.peak_db, -100) / -100
    heard = np.log10(1 + 10000 * power / SPEC.filters.sum(axis=0)) / 9.457798957824707
    expected = by_numpy(heard, n_blocks=1)["block1"]
    assert expected.max() > 0.1, "music was heard"
    got = first_block(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_layers_and_the_shortest_input():
    x = jax.ShapeDtypeStruct((ENCODER.receptive_field, SPEC.n_mels), jnp.float32)
    variables = jax.eval_shape(ENCODER.init, jax.random.key(0), x)
    found = jax.eval_shape(ENCODER.activations, variables, x)
    assert tuple(found) == ENCODER.layer_names == ("block1", "block2", "block3", "block4")
    assert [found[name].shape for name in found] == [
        (8, 96, 64),
        (4, 48, 128),
        (2, 24, 256),
        (1, 12, N_FEATURES),
    ]


def test_no_seed_changes_the_weights():
    for seed in (0, 1):
        drawn = jax.jit(Network().init)(jax.random.key(seed), jnp.zeros((1, 8, 8)))
        jax.tree.map(np.testing.assert_array_equal, drawn, weights())


def test_the_gradient_is_that_of_the_activations(first_block):
    rng = np.random.default_rng(0)
    x, towards = (jnp.asarray(rng.uniform(0.4, 1, (12, SPEC.n_mels)), jnp.float32) for _ in "ab")

    def loss(x):
        return jnp.mean(first_block(x) ** 2)

    gradient = jax.jit(jax.grad(loss))(x)
    step = 0.01 * (towards - x)
    expected = float(jnp.sum(gradient * step))
    assert abs(expected) > 1e-6
    assert float(loss(x + step) - loss(x - step)) / 2 == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("shape", [(40, 144), (40, 96, 2)])
def test_other_bands_are_refused(shape):
    with pytest.raises(InputError, match="use spectrogram=aisfx"):
        ENCODER.init(jax.random.key(0), jnp.zeros(shape))


@pytest.mark.parametrize("options", [{"peak_db": 100}, {"floor_db": 0}])
def test_levels_outside_their_limits(options):
    with pytest.raises(InputError, match=f"encoder.{next(iter(options))}"):
        AisfxEncoder(**options)


def text(value: str) -> bytes:
    return b"V" + value.encode() + b"\n"


def numbers(values) -> bytes:
    return b"(" + b"".join(b"I%d\n" % value for value in values) + b"t"


def checkpoint(arrays: dict[str, np.ndarray], path) -> None:
    """A file as PyTorch saves it: (arrays, {}) in a pickle of hand-made operations."""
    entries = b""
    with zipfile.ZipFile(path, "w") as archive:
        for key, (name, array) in enumerate(arrays.items()):
            strides = [stride // 4 for stride in array.strides]
            parts = [text(name), b"ctorch._utils\n_rebuild_tensor_v2\n("]
            parts += [b"(", text("storage"), b"ctorch\nFloatStorage\n", text(str(key))]
            parts += [text("cpu"), b"I%d\ntQI0\n" % array.size, numbers(array.shape)]
            parts += [numbers(strides), b"I00\nctorch\nParts\n)RtR"]
            entries += b"".join(parts)
            archive.writestr(f"model/data/{key}", array.tobytes())
        pickled = b"((" + entries + b"d}t."
        archive.writestr("model/data.pkl", pickled)


def test_normalisation_is_folded_and_kernels_rounded(tmp_path, capsys):
    rng, arrays = np.random.default_rng(0), {}
    for block in range(1, 5):
        for i in (1, 2):
            prefix = f"embedding_net.conv_block{block}"
            arrays[f"{prefix}.conv{i}.weight"] = rng.normal(size=(2, 3, 3, 3))
            for kind in ("weight", "bias", "running_mean", "running_var"):
                arrays[f"{prefix}.bn{i}.{kind}"] = rng.uniform(0.5, 2, 2)
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    checkpoint(arrays, tmp_path / "model.pth")
    out = tmp_path / "weights.npz"
    assert convert_aisfx.main([str(tmp_path / "model.pth"), "--out", str(out)]) == 0
    assert f"{8 * (54 + 2 + 2)} numbers" in capsys.readouterr().out
    x = rng.uniform(-1, 1, (3, 3, 3))  # frames, bands, channels: as large as a kernel
    with np.load(out) as made:
        for block in range(1, 5):
            for i in (1, 2):
                prefix, ours = f"embedding_net.conv_block{block}", f"conv{block}_{i}"
                norm = {k.split(".")[-1]: v for k, v in arrays.items() if f"{prefix}.bn{i}." in k}
                conv = np.einsum("ochw,hwc->o", arrays[f"{prefix}.conv{i}.weight"], x)
                expected = (conv - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-5)
                expected = expected * norm["weight"] + norm["bias"]
                assert made[f"{ours}/kernel"].dtype == np.int8
                kernel = made[f"{ours}/kernel"] * made[f"{ours}/scale"]
                got = np.einsum("hwco,hwc->o", kernel, x) + made[f"{ours}/bias"]
                half_steps = made[f"{ours}/scale"] / 2 * np.abs(x).sum()
                assert (np.abs(got - expected) <= half_steps + 1e-5).all()


def test_a_file_that_is_no_model_is_one_line(tmp_path, capsys):
    file = tmp_path / "no.pth"
    file.write_bytes(b"nothing")
    assert convert_aisfx.main([str(file), "--out", str(tmp_path / "x.npz")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
