import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.encoders import AisfxEncoder, MusicnnEncoder
from nstaudio.encoders.aisfx import N_FEATURES, weights
from nstaudio.errors import InputError
from nstaudio.evaluation import judge

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


def test_the_network_equals_the_published_software():
    theirs, window = reference(), first_window()
    x = np.asarray(jax.jit(judge.spectrograms)(window))
    np.testing.assert_allclose(x[0, ::10], theirs["spectrogram"], atol=1e-4)
    got = np.asarray(judge._listen(weights(), window))[0]
    assert got.max() > 1, "something was heard"
    np.testing.assert_allclose(got, theirs["rounded"], atol=1e-4)
    assert 0 < judge.distance(got, theirs["published"]) < 5e-4, "what 8 bits take away"


def test_a_sound_is_like_itself_at_any_level_and_between_silence():
    a = judge.embedding(A, SR)
    assert a.shape == (N_FEATURES,)
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
        return np.ones((1, N_FEATURES), np.float32)

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


def test_it_cannot_judge_its_own_network():
    assert judge.took_part(AisfxEncoder(input_layer=True))
    assert not judge.took_part(MusicnnEncoder())


@pytest.mark.parametrize("n", [0, 1000])
def test_silence_is_refused(n):
    with pytest.raises(InputError, match="silent"):
        judge.embedding(np.zeros(n, np.float32), SR)
