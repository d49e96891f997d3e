"""The weights of the package, in a forward pass of the network written anew in numpy."""

from importlib import resources

import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.special

from nstaudio.learned import prediction, weights
from nstaudio.learned.training import whole_sound

from helpers import compiled

MAX_BYTES = 4_000_000
HZ = librosa.mel_frequencies(n_mels=130, fmin=0, fmax=8000)[1:-1]


def levels(seed, frames):
    """Harmonic stripes that move, on a floor: something like music, without a synthesiser."""
    rng = np.random.default_rng(seed)
    t, band = np.arange(frames)[:, None], np.arange(128)[None]
    level_db = np.full((frames, 128), -30.0)
    for _ in range(6):
        centre, width = rng.uniform(5, 120), rng.uniform(0.5, 2)
        sounding = np.sin(2 * np.pi * t / rng.uniform(10, 40) + rng.uniform(0, 6)) > 0
        bump = 60 * np.exp(-0.5 * ((band - centre) / width) ** 2) * sounding
        level_db = np.maximum(level_db, bump - 30 + rng.uniform(0, 10))
    return (level_db + rng.normal(0, 1, level_db.shape)).astype(np.float32)


class Numpy:
    """The network by its description, in float64."""

    def __init__(self, params):
        self.params = params

    def dense(self, x, *path):
        p = self.params
        for name in path:
            p = p[name]
        return x @ p["kernel"].astype(float) + p["bias"]

    def norm(self, x, *path):
        p = self.params
        for name in path:
            p = p[name]
        x = x - x.mean(axis=-1, keepdims=True)
        return x / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6) * p["scale"] + p["bias"]

    def block(self, x, dilation, *path, code=None):
        hidden = self.norm(x, *path, "norm")
        if code is not None:
            scale, shift = np.split(self.dense(code, *path, "film"), 2)
            hidden = hidden * (1 + scale) + shift
        zeros = np.zeros((dilation, hidden.shape[1]))
        padded = np.concatenate([zeros, hidden, zeros])
        n = len(x)
        taps = [padded[i * dilation : i * dilation + n] for i in range(3)]
        hidden = gelu(self.dense(np.concatenate(taps, axis=1), *path, "convolution"))
        return x + self.dense(hidden, *path, "out")

    def encoded(self, x, mean, spread):
        inputs = np.concatenate([x / 20, (x - mean) / (spread + 3)], axis=1)
        hidden = self.dense(inputs, "encoder", "project")
        for i, dilation in enumerate((1, 2, 4)):
            hidden = self.block(hidden, dilation, "encoder", f"block{i}")
        return self.norm(hidden, "encoder", "norm")

    def transposed_keys(self, x, mean, spread):
        inputs = np.concatenate([(x - mean) / (spread + 3), x / 20], axis=1)
        return self.dense(gelu(self.dense(inputs, "transposed", "hidden")), "transposed", "out")

    def __call__(self, content, style):
        c, s = content.astype(float), style.astype(float)
        (mc, sc), (ms, ss) = moments(c), moments(s)
        ec, es = self.encoded(c, mc, sc), self.encoded(s, ms, ss)
        balanced = c - mc + ms
        adain = (c - mc) * (ss + 2) / (sc + 2) + ms
        weight = attention(self.dense(ec, "frames", "query"), self.dense(es, "frames", "key"))
        attended = looked_up(weight, s)
        learned = looked_up(weight, self.dense(es, "frames", "value"))
        keys, values, distances = [], [], []
        for semitones in range(-6, 7):
            move = np.stack([np.interp(HZ / 2 ** (semitones / 12), HZ, row) for row in np.eye(128)])
            moved = s[::4] @ move
            keys.append(self.transposed_keys(moved, ms @ move, ss @ move))
            values.append(moved)
            distances += [abs(semitones) / 6] * len(moved)
        query = self.transposed_keys(c, mc, sc) + self.dense(ec, "transposed", "context")
        cost = np.log1p(np.exp(self.params["transposed"]["cost"].astype(float)))
        bias = -cost[:, None, None] * np.array(distances)
        weight = attention(query, np.concatenate(keys), bias)
        found = looked_up(weight, np.concatenate(values))
        parts = [*moments(es), ms / 20, ss / 10, mc / 20, sc / 10]
        code = gelu(self.dense(np.concatenate(parts), "style_code", "dense"))
        inputs = [c / 20, adain / 20, attended / 20, found / 20]
        inputs += [(attended - adain) / 20, (found - adain) / 20, (c - mc) / (sc + 3), ec, learned]
        hidden = self.dense(np.concatenate(inputs, axis=1), "join")
        for i, dilation in enumerate((1, 2, 4, 1)):
            hidden = self.block(hidden, dilation, f"decoder{i}", code=code)
        hidden = self.norm(hidden, "decoded")
        gates = scipy.special.softmax(self.dense(hidden, "gates").reshape(len(c), 128, 4), axis=2)
        candidates = np.stack([balanced, adain, attended, found], axis=2)
        return (gates * candidates).sum(axis=2) + 10 * self.dense(hidden, "correction")


def moments(x):
    return x.mean(axis=0), np.sqrt(x.var(axis=0) + 1e-3)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def attention(query, key, bias=0.0):
    """Weights `heads frames others`."""
    query, key = (x.reshape(len(x), 16, 16).transpose(1, 0, 2) for x in (query, key))
    return scipy.special.softmax(query @ key.transpose(0, 2, 1) / 4 + bias, axis=2)


def looked_up(weight, values):
    values = values.reshape(len(values), 16, 8).transpose(1, 0, 2)
    return (weight @ values).transpose(1, 0, 2).reshape(weight.shape[1], 128)


def test_the_network_does_what_numpy_does(monkeypatch):
    monkeypatch.setattr(prediction, "_loudest_lifted", lambda level_db, _: level_db)
    _, params = weights.shipped()
    content_db, style_db = levels(0, 45), levels(1, 70)
    expected_db = Numpy(params["params"])(content_db, style_db)
    predicted_db = prediction.predict(content_db, style_db)
    heard = predicted_db > predicted_db.min() + 1  # what lies above the floor
    difference_db = (predicted_db - expected_db)[heard]
    np.testing.assert_allclose(difference_db, difference_db.mean(), atol=2e-2)
    assert heard.mean() > 0.5


# Levels at every eleventh frame and every 24th band, dB, as `Numpy` gave them of the weights whose
# figures are in docs/evaluation.md.
MEASURED_DB = [
    [-22.37, 7.32, -0.67, -20.50, -21.48, -30.41],
    [-19.97, -21.30, -11.19, -17.37, -17.52, -26.92],
    [-23.33, 7.06, 5.67, -19.76, -19.81, -29.12],
    [-23.40, -12.27, 18.46, -23.93, -17.68, -28.01],
    [-23.57, -23.46, -19.12, -18.73, -21.57, -27.32],
]


def test_the_weights_are_those_that_were_measured():
    net, params = weights.shipped()
    content, style = (whole_sound(jnp.asarray(levels(*args)[None])) for args in ((0, 45), (1, 70)))
    predicted_db = compiled(net.apply)(params, content, style)[0, ::11, ::24]
    np.testing.assert_allclose(predicted_db, MEASURED_DB, atol=2e-2)


def test_no_band_takes_the_power_of_all():
    """Several bands share the power, also after the loudest have been lifted."""
    levels_db = [prediction.predict(levels(seed, 90), levels(seed + 50, 90)) for seed in range(4)]
    power = np.mean([np.mean(10 ** (x / 10), axis=0) for x in levels_db], axis=0)
    assert power.max() < 0.25 * power.sum()


def test_the_weights_are_small_and_half_precision():
    file = resources.files("nstaudio.learned").joinpath(weights.FILE)
    assert len(file.read_bytes()) <= MAX_BYTES
    with file.open("rb") as opened, np.load(opened) as arrays:
        assert {arrays[name].dtype for name in arrays.files} == {np.dtype("float16")}


def test_weights_are_written_and_read(tmp_path):
    params = {"params": {"a": {"kernel": np.arange(6.0).reshape(2, 3)}, "b": np.ones(2)}}
    weights.save(tmp_path / "w.npz", params)
    read = weights.load(tmp_path / "w.npz")
    np.testing.assert_array_equal(read["params"]["a"]["kernel"], params["params"]["a"]["kernel"])
    assert read["params"]["b"].dtype == np.float32


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_clips_have_an_answer(frames):
    predicted_db = prediction.predict(levels(0, frames), levels(1, frames))
    assert predicted_db.shape == (frames, 128)
    assert np.isfinite(predicted_db).all()
