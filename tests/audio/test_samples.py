from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter, welch
from scipy.stats import kurtosis

from nstaudio.audio.samples import as_floats, check, join, noise_like, prepare, unit_power
from nstaudio.errors import InputError

TONE = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)


def test_mono_at_the_target_rate_passes_unchanged():
    np.testing.assert_array_equal(prepare(TONE, 8000, target_sr=8000, name="x"), TONE)


def test_channels_are_averaged():
    y = np.stack([TONE, 0.5 * TONE], axis=1)
    np.testing.assert_allclose(prepare(y, 8000, target_sr=8000, name="x"), 0.75 * TONE, atol=1e-7)


def test_a_channel_turned_over_does_not_cancel():
    np.testing.assert_allclose(
        prepare(np.stack([TONE, -TONE], 1), 8000, target_sr=8000, name="x"), TONE, atol=1e-6
    )


@pytest.mark.parametrize("target_sr", [4000, 11025, 16000, 22050])
def test_resampling_keeps_the_tone(target_sr):
    y = prepare(TONE, 8000, target_sr=target_sr, name="x")
    assert y.dtype == np.float32
    assert abs(y.size - target_sr) <= 1
    expected = np.sin(2 * np.pi * 440 * np.arange(y.size) / target_sr)
    middle = slice(y.size // 4, -y.size // 4)
    np.testing.assert_allclose(y[middle], expected[middle], atol=1e-4)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(100), "x is silent: all 100 samples are zero"),
        (np.array([0.1]), "x has 1 samples; at least 2 are needed"),
        (np.array([]), "x has 0 samples"),
        (np.where(np.arange(8000) == 4000, np.nan, TONE), "not a finite number, the first at 0.5"),
        (np.where(np.arange(8000) == 0, np.inf, TONE), "not a finite number, the first at 0.000"),
        (np.ones((4, 4, 4)), r"not the shape \(4, 4, 4\)"),
        (np.ones((2, 8000)), r"the shape \(2, 8000\), but the axes are .* transpose it, x.T"),
        (np.ones((80, 8000)), "x has 8000 channels; at least 1 and at most 64"),
        (np.array(0.5), r"not the shape \(\)"),
        (np.zeros((8, 0)), "x has 0 channels"),
        (3e6 * TONE, r"x has a sample of 3e\+06; full scale is 1, and 1e\+06 the limit"),
        (np.ones(8, np.int16), "must be floats with full scale 1, not int16"),
        (np.ones(8, complex), "must be real numbers, not complex"),
        (np.array(["a", "b"]), "must be real numbers"),
    ],
)
def test_bad_samples(y, message):
    with pytest.raises(InputError, match=message):
        prepare(y, 8000, target_sr=8000, name="x")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ((TONE, 8000), r"x is a pair of samples and their rate \(8000\): give the first as x"),
        ([TONE, np.int64(8000)], "x is a pair of samples and their rate"),
        ([[1.0, 2.0], [3.0]], "x: samples must be an array of numbers"),
        (None, "x: samples must be real numbers, not object"),
    ],
)
def test_what_is_no_array(y, message):
    with pytest.raises(InputError, match=message):
        check(y, 8000, name="x")


@pytest.mark.parametrize("dtype", ["<f2", ">f2", ">f4", ">f8", "f8", "g", ml_dtypes.bfloat16])
def test_floats_of_any_kind_and_order_are_samples(dtype):
    y = prepare(TONE.astype(dtype), 8000, target_sr=22050, name="x")
    expected = prepare(TONE, 8000, target_sr=22050, name="x")
    np.testing.assert_allclose(y, expected, atol=5e-3)  # bfloat16 has 8 bits


@pytest.mark.parametrize(
    "laid",
    [
        lambda y: np.asfortranarray(y),
        lambda y: y[::-1].copy()[::-1],
        lambda y: y[:, ::-1].copy()[:, ::-1],
        lambda y: np.repeat(y, 2, axis=0)[::2],
        lambda y: np.frombuffer(y.tobytes(), y.dtype).reshape(y.shape),  # read-only
        lambda y: y.tolist(),
    ],
)
def test_strides_are_of_no_matter(laid):
    y = np.stack([TONE, 0.3 * TONE[::-1]], axis=1)
    checked = check(laid(y), 8000, name="x")
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, y)


def test_samples_in_order_are_not_copied():
    assert np.shares_memory(check(TONE, 8000, name="x"), TONE)


@pytest.mark.parametrize("sr", [0, -8000, 999, 10**6])
def test_bad_rates(sr):
    with pytest.raises(InputError, match=f"sample rate of x={sr} must be at"):
        prepare(TONE, sr, target_sr=8000, name="x")


@given(
    st.integers(1, 3000),
    st.integers(1, 4),
    st.integers(1000, 96000),
    st.floats(-300, 300),
    st.integers(0, 99),
)
def test_anything_is_refused_or_usable(n, channels, sr, level_db, seed):
    """Any length, level and rate: InputError, or finite mono samples of the right length."""
    y = 10 ** (level_db / 20) * np.random.default_rng(seed).standard_normal((n, channels))
    try:
        mono = prepare(y, sr, target_sr=22050, name="x")
    except InputError:
        return
    assert mono.ndim == 1
    assert np.isfinite(mono).all()
    assert abs(mono.size - n * 22050 / sr) <= 1


def test_unit_power():
    np.testing.assert_allclose(np.mean(unit_power(0.3 * TONE, name="x") ** 2), 1, rtol=1e-5)
    for bad in (np.zeros(4, np.float32), np.zeros(0, np.float32), np.full(3, np.nan, np.float32)):
        with pytest.raises(InputError, match=f"x has {bad.size} samples of power"):
            unit_power(bad, name="x")


def test_joined_clips_are_as_loud_as_the_first_and_faded():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(n).astype(np.float32) for n in (4000, 6000))
    joined = join([0.1 * a, b], 8000)
    assert (joined.shape, joined.dtype) == ((10000,), np.float32)
    np.testing.assert_allclose(joined[40:3960], 0.1 * a[40:3960], rtol=1e-6)
    scale = 0.1 * np.sqrt(np.mean(a**2) / np.mean(b**2))
    np.testing.assert_allclose(joined[4040:9960], scale * b[40:5960], rtol=1e-5)
    assert joined[0] == joined[3999] == joined[4000] == joined[-1] == 0


def test_one_clip_is_left_alone():
    np.testing.assert_array_equal(join([TONE], 8000), TONE)


def test_no_clips_are_refused():
    with pytest.raises(InputError, match="a style of no clips"):
        join([], 8000)


def test_noise_has_the_spectrum_and_the_power_of_a_sound():
    """By scipy's Welch estimate; and no other sound's phases."""
    rng = np.random.default_rng(0)
    y = lfilter([0.3], [1, -1.2, 0.8], rng.standard_normal(40_000)).astype(np.float32)
    noise = noise_like(y, 80_001, seed=1)
    assert noise.dtype == np.float32
    assert noise.shape == (80_001,)
    assert np.mean(noise**2) == pytest.approx(np.mean(y**2), rel=1e-5)
    of_y, of_noise = (welch(sound, nperseg=256)[1] for sound in (y, noise))
    db = 10 * np.log10(of_noise / of_y)[2:-2]
    assert np.abs(db).max() < 2
    assert kurtosis(noise) == pytest.approx(0, abs=0.1)
    assert np.abs(np.corrcoef(noise[:40_000], y)[0, 1]) < 0.05
    np.testing.assert_array_equal(noise, noise_like(y, 80_001, seed=1))
    assert not np.array_equal(noise, noise_like(y, 80_001, seed=2))


def test_noise_like_very_little():
    for n in (1, 2, 100):
        noise = noise_like(np.array([0.1, -0.2, 0.1], np.float32), n, seed=0)
        assert noise.shape == (n,)
        assert np.isfinite(noise).all()


@pytest.mark.parametrize("name", ["song.wav", b"song.wav", Path("song.wav")])
def test_a_file_name_is_no_samples(name):
    with pytest.raises(InputError, match="content must be samples, not the name of a file, .*song"):
        as_floats(name, name="content")
