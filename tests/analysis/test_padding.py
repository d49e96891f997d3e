import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis import padding
from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec

SPEC = MelSpec(sr=8000, n_fft=128, hop_length=32, n_mels=12)


@pytest.mark.parametrize(
    ("n_frames", "coarse", "expected"),
    [
        (1, False, 256),
        (257, False, 320),
        (512, False, 512),
        (862, False, 896),
        (1025, False, 1280),
        (862, True, 1536),
        (1537, True, 2048),
        (2049, True, 3072),
        (5169, True, 6144),
    ],
)
def test_sizes(n_frames, coarse, expected):
    assert padding.size(n_frames, SPEC, coarse=coarse) == expected


def test_long_frames_are_fewer():
    spec = MelSpec(n_fft=8192, hop_length=2048)
    assert padding.size(10, spec, coarse=True) == 384


@pytest.mark.parametrize("n_samples", [1, 32, 1000])
def test_a_padded_clip(n_samples):
    y = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    clip = Clip.of(y, SPEC)
    padded = padding.pad(clip, 40, SPEC)
    n_frames = 1 + n_samples // 32
    assert padding.frames_of(clip, SPEC) is None
    assert int(padding.frames_of(padded, SPEC)) == n_frames
    np.testing.assert_array_equal(padded.y, np.pad(y, (0, 40 * 32 - 1 - n_samples)))
    assert SPEC.n_frames(len(padded.y)) == 40
    expected = np.concatenate([clip.level_db, [clip.level_db[-1]] * (40 - n_frames)])
    np.testing.assert_array_equal(padded.level_db, expected)


def test_what_padding_becomes():
    x = jnp.arange(1.0, 9).reshape(4, 2)
    n = jnp.int32(3)
    np.testing.assert_array_equal(padding.cleared(x, n), [[1, 2], [3, 4], [5, 6], [0, 0]])
    np.testing.assert_array_equal(padding.held(x, n), [[1, 2], [3, 4], [5, 6], [5, 6]])
    assert padding.cleared(x, None) is padding.held(x, None) is x


def test_means_of_products_are_those_of_the_own_frames():
    """Of a layer whose filters span three frames."""
    x = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)
    counted = padding.counted({"layer": jnp.asarray(x)}, 8, jnp.int32(5))["layer"]
    np.testing.assert_allclose(counted.T @ counted / 6, x[:3].T @ x[:3] / 3, rtol=1e-5)
