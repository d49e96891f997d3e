import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.evaluation import judge

import convert_aisfx
from helpers import ROOT, music

SR = 22050
A, B = music(1, 3.0, SR), music(2, 4.0, SR)


def reference() -> dict[str, np.ndarray]:
    with np.load(ROOT / "tests" / "evaluation" / "judge_data" / "reference.npz") as arrays:
        return dict(arrays)


def first_window() -> jax.Array:
    """The first window of the reference's sound, a frame centred on its first sample."""
    y = music(3, 2.5, judge.SR)
    return jnp.asarray(np.pad(y / np.abs(y).max(), 1024)[None, : 99 * 1024 + 2048])


def by_numpy(x: np.ndarray, weights: dict) -> np.ndarray:
    """The embedding of one spectrogram: sums over taps, silence around, pooling by two."""
    y = x[:, :, None].astype(np.float64)
    for block in range(1, 5):
        for i in (1, 2):
            layer = weights["params"][f"conv{block}_{i}"]
            around = np.pad(y, ((1, 1), (1, 1), (0, 0)))
            taps = [
                around[t : t + y.shape[0], b : b + y.shape[1]] @ layer["kernel"][t, b]
                for t in range(3)
                for b in range(3)
            ]
            y = np.maximum(sum(taps) + layer["bias"], 0)
        if block < 4:
            n, m = (size // 2 for size in y.shape[:2])
            y = np.max([y[i : 2 * n : 2, j : 2 * m : 2] for i in (0, 1) for j in (0, 1)], axis=0)
    return y.mean(axis=1).max(axis=0)


def test_the_network_equals_the_published_software():
    theirs, window = reference(), first_window()
    x = np.asarray(jax.jit(judge.spectrograms)(window))
    np.testing.assert_allclose(x[0, ::10], theirs["spectrogram"], atol=1e-4)
    got = np.asarray(judge._listen(judge.weights(), window))[0]
    assert got.max() > 1, "something was heard"
    np.testing.assert_allclose(got, theirs["rounded"], atol=1e-4)
    assert 0 < judge.distance(got, theirs["published"]) < 5e-4, "what 8 bits take away"


def test_the_network_equals_sums_by_numpy():
    x = np.random.default_rng(0).uniform(0, 1, (19, 17)).astype(np.float32)
    got = jax.jit(judge.Network().apply)(judge.weights(), jnp.asarray(x)[None])
    expected = by_numpy(x, judge.weights())
    np.testing.assert_allclose(np.asarray(got)[0], expected, atol=1e-4)


def test_a_sound_is_like_itself_at_any_level_and_between_silence():
    a = judge.embedding(A, SR)
    assert a.shape == (judge.N_FEATURES,)
    assert judge.distance(a, judge.embedding(0.01 * A, SR)) == pytest.approx(0, abs=1e-5)
    apart = np.concatenate([np.zeros(3 * SR, np.float32), A, np.zeros(SR, np.float32)])
    assert judge.distance(a, judge.embedding(apart, SR)) < 0.01
    assert judge.distance(a, judge.embedding(B, SR)) > 0.02


def test_distance_by_hand():
    a, b = np.array([3.0, 4.0], np.float32), np.array([4.0, 3.0], np.float32)
    assert judge.distance(a, b) == pytest.approx(1 - 24 / 25)
    assert judge.distance(a, 2 * a) == pytest.approx(0, abs=1e-6)


def test_windows_cover_a_clip_and_are_few_in_a_long_one(monkeypatch):
    heard = []

    def listen(_, window):
        heard.append(np.asarray(window[0]))
        return np.ones((1, judge.N_FEATURES), np.float32)

    monkeypatch.setattr(judge, "_listen", listen)
    y = np.random.default_rng(0).uniform(-1, 1, 5 * judge.SR).astype(np.float32)
    judge.embedding(y, judge.SR)
    n_frames = 1 + len(y) // 1024  # 216: three windows, the last of which ends with the clip
    around = np.pad(y / np.abs(y).max(), 1024)
    assert len(heard) == 3
    for window, start in zip(heard, (0, 58, n_frames - 100), strict=True):
        expected = around[start * 1024 :][: len(window)]
        np.testing.assert_allclose(window[: len(expected)], expected, atol=1e-6)
    heard.clear()
    judge.embedding(np.tile(y, 10), judge.SR)
    assert len(heard) == judge.MAX_WINDOWS


def test_one_program_serves_every_length():
    judge.embedding(A[:1000], SR)
    before = judge._listen._cache_size()
    judge.embedding(A, SR)
    assert judge._listen._cache_size() == before


@pytest.mark.parametrize("n", [0, 1000])
def test_silence_is_refused(n):
    with pytest.raises(InputError, match="silent"):
        judge.embedding(np.zeros(n, np.float32), SR)


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
