import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from nstaudio.errors import InputError
from nstaudio.parametrizations import (
    ContentGain,
    FreeMel,
    Parametrization,
    SmoothMel,
    Waveform,
    gaussian_blur,
)
from nstaudio.spectrogram import MelSpec, log_mel

SPEC = MelSpec(n_fft=512, hop_length=128, n_mels=32)
ALL = {"free": FreeMel(), "smooth": SmoothMel(), "gain": ContentGain(), "waveform": Waveform()}


@pytest.fixture(scope="module")
def clips(content, style):
    """Samples and spectrograms of half a second of two clips, loudest band at 0 dB."""
    out = []
    for y in (content[:11000], style[:9000]):
        level = float(log_mel(jnp.asarray(y), MelSpec(**{**vars_of(SPEC), "floor_db": -140})).max())
        out.append(jnp.asarray(y * 10 ** (-level / 20), jnp.float32))
    return out[0], log_mel(out[0], SPEC), log_mel(out[1], SPEC)


def vars_of(spec: MelSpec) -> dict:
    return {name: getattr(spec, name) for name in spec.__dataclass_fields__}


def prepare(name, clips):
    parametrization = ALL[name]
    assert isinstance(parametrization, Parametrization)
    return parametrization, parametrization.constants(*clips, SPEC)


@pytest.mark.parametrize("name", ALL)
def test_it_starts_where_it_is_told(name, clips):
    parametrization, constants = prepare(name, clips)
    variable = parametrization.init(clips[1], constants, SPEC)
    level_db = parametrization.log_mel(variable, constants, SPEC)
    np.testing.assert_allclose(level_db, clips[1], atol=0.02)


@pytest.mark.parametrize("name", ["gain", "waveform"])
def test_samples_are_the_content_at_the_start(name, clips):
    parametrization, constants = prepare(name, clips)
    y = parametrization.samples(parametrization.init(clips[1], constants, SPEC), constants, SPEC)
    assert y is not None
    np.testing.assert_allclose(y, clips[0], atol=1e-3 * float(jnp.abs(clips[0]).max()))


@pytest.mark.parametrize("name", ["gain", "waveform"])
def test_the_spectrogram_is_that_of_the_samples(name, clips):
    """What is optimised is what is heard, wherever the variable is."""
    parametrization, constants = prepare(name, clips)
    start = parametrization.init(clips[1], constants, SPEC)
    variable = start + 5.0 * jax.random.normal(jax.random.key(0), start.shape)
    y = parametrization.samples(variable, constants, SPEC)
    assert y is not None
    np.testing.assert_allclose(
        parametrization.log_mel(variable, constants, SPEC), log_mel(y, SPEC), atol=1e-3
    )


@pytest.mark.parametrize("name", ["free", "smooth"])
def test_only_an_inversion_can_tell(name, clips):
    parametrization, constants = prepare(name, clips)
    variable = parametrization.init(clips[1], constants, SPEC)
    assert parametrization.samples(variable, constants, SPEC) is None


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_finite_differences(name, clips):
    with jax.enable_x64(True):
        parametrization = ALL[name]
        double = [jnp.asarray(a, jnp.float64) for a in clips]
        constants = parametrization.constants(double[0], double[1], double[2], SPEC)
        start = parametrization.init(double[1], constants, SPEC)
        rng = np.random.default_rng(0)
        variable = start + jnp.asarray(rng.standard_normal(start.shape))
        direction = jnp.asarray(rng.standard_normal(start.shape))
        loss = lambda v: jnp.mean(jnp.sin(parametrization.log_mel(v, constants, SPEC) / 7))  # noqa: E731
        step = 1e-6
        expected = (loss(variable + step * direction) - loss(variable - step * direction)) / (
            2 * step
        )
        got = jnp.vdot(jax.grad(loss)(variable), direction)
        assert got == pytest.approx(float(expected), rel=1e-3, abs=1e-9)
        assert np.isfinite(jax.grad(loss)(start)).all()


def test_a_constant_gain_is_a_gain(clips):
    parametrization, constants = prepare("gain", clips)
    y = parametrization.samples(jnp.full(clips[1].shape, -6.0), constants, SPEC)
    # tanh bends the gain by a little: 40 tanh(6 / 40) dB
    factor = 10 ** (-40 * np.tanh(6 / 40) / 20)
    np.testing.assert_allclose(y, factor * clips[0], atol=1e-3 * float(jnp.abs(clips[0]).max()))


def test_the_gain_is_limited(clips):
    parametrization, constants = prepare("gain", clips)
    y = parametrization.samples(jnp.full(clips[1].shape, 1e4), constants, SPEC)
    assert float(jnp.abs(y).max()) <= 100.1 * float(jnp.abs(clips[0]).max())


def test_smooth_mel_stays_inside_the_two_clips(clips):
    parametrization, constants = prepare("smooth", clips)
    noise = 50 * jax.random.normal(jax.random.key(0), clips[1].shape)
    level_db = parametrization.log_mel(noise, constants, SPEC)
    both = np.concatenate([clips[1], clips[2]])
    assert (np.asarray(level_db) <= both.max(axis=0) + 1e-4).all()
    assert (np.asarray(level_db) >= both.min(axis=0) - 1e-4).all()


@settings(deadline=None, max_examples=15)
@given(st.floats(0, 4), st.floats(0, 3), st.integers(1, 30), st.integers(1, 12), st.integers(0, 99))
def test_blur_is_scipys(sigma_frames, sigma_mels, n_frames, n_mels, seed):
    x = np.random.default_rng(seed).standard_normal((n_frames, n_mels)).astype(np.float32)
    expected = x
    for axis, sigma in ((0, sigma_frames), (1, sigma_mels)):
        radius = int(3 * sigma + 0.5)
        if radius:
            expected = scipy.ndimage.gaussian_filter1d(
                expected, sigma, axis=axis, mode="nearest", radius=radius
            )
    got = gaussian_blur(jnp.asarray(x), sigma_frames=sigma_frames, sigma_mels=sigma_mels)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SmoothMel(sigma_s=-1.0), "parametrization.sigma_s=-1 must be at least 0"),
        (lambda: ContentGain(sigma_mels=-1.0), "parametrization.sigma_mels=-1 must be at least"),
        (lambda: ContentGain(limit_db=0.0), "parametrization.limit_db=0 must be above 0"),
        (lambda: Waveform(scale=0.0), "parametrization.scale=0 must be above 0"),
    ],
)
def test_bad_parametrizations(make, message):
    with pytest.raises(InputError, match=message):
        make()
