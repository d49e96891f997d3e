import zipfile

import jax
import jax.numpy as jnp
import numpy as np

from nstaudio.encoders.aisfx import Network, weights

import convert_aisfx


def by_numpy(x: np.ndarray) -> dict[str, np.ndarray]:
    """The blocks of one spectrogram: sums over taps, silence around, pooling by two."""
    y, found = x[:, :, None].astype(np.float64), {}
    for block in range(1, 5):
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
