from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, log_mel, stft
from nstaudio.errors import InputError
from nstaudio.optimization.content_gain import ContentGain, prominence_db
from nstaudio.optimization.parametrizations import (
    FreeMel,
    Parametrization,
    SmoothMel,
    gaussian_blur,
)
from nstaudio.optimization.waveform import Waveform

from helpers import Compiled, compiled

SPEC = MelSpec(n_fft=512, hop_length=128, n_mels=32)
ALL = {
    "free": FreeMel(),
    "smooth": SmoothMel(),
    "gain": ContentGain(),
    "plain gain": ContentGain(noise_boost=1.0),
    "corrected gain": ContentGain(n_corrections=2),
    "waveform": Waveform(),
}


@pytest.fixture(scope="module")
def clips(content, style):
    """Half a second of two clips, loudest band at 0 dB."""
    return scaled(content[:11000]), scaled(style[:9000])


def scaled(y: np.ndarray) -> Clip:
    spec = replace(SPEC, floor_db=-140)
    level = float(compiled(log_mel)(jnp.asarray(y), spec).max())
    y = jnp.asarray(y * 10 ** (-level / 20), jnp.float32)
    return Clip(y, compiled(log_mel)(y, SPEC))


def peak(clips) -> float:
    return float(jnp.abs(clips[0].y).max())


def unlimited(constants):
    """Without the limit that the clips' own levels are."""
    return constants._replace(
        lowest_db=constants.lowest_db - 200, highest_db=constants.highest_db + 200
    )


def prepare(name, clips):
    parametrization = ALL[name]
    assert isinstance(parametrization, Parametrization)
    parametrization = Compiled(parametrization)
    return parametrization, parametrization.constants(*clips, SPEC)


@pytest.mark.parametrize("name", ALL)
def test_it_starts_where_it_is_told(name, clips):
    parametrization, constants = prepare(name, clips)
    variable = parametrization.init(clips[0].level_db, constants, SPEC)
    level_db = parametrization.log_mel(variable, constants, SPEC)
    np.testing.assert_allclose(level_db, clips[0].level_db, atol=0.02)


@pytest.mark.parametrize("name", ["gain", "plain gain", "waveform"])
def test_samples_are_the_content_at_the_start(name, clips):
    parametrization, constants = prepare(name, clips)
    y = parametrization.samples(
        parametrization.init(clips[0].level_db, constants, SPEC), constants, SPEC
    )
    assert y is not None
    np.testing.assert_allclose(y, clips[0].y, atol=1e-3 * peak(clips))


@pytest.mark.parametrize("name", ["gain", "plain gain", "waveform"])
def test_the_spectrogram_is_that_of_the_samples(name, clips):
    """What is optimised is what is heard, wherever the variable is."""
    parametrization, constants = prepare(name, clips)
    start = parametrization.init(clips[0].level_db, constants, SPEC)
    variable = start + 5.0 * jax.random.normal(jax.random.key(0), start.shape)
    y = parametrization.samples(variable, constants, SPEC)
    assert y is not None
    np.testing.assert_allclose(
        parametrization.log_mel(variable, constants, SPEC), compiled(log_mel)(y, SPEC), atol=1e-3
    )


@pytest.mark.parametrize("name", ["free", "smooth"])
def test_only_an_inversion_can_tell(name, clips):
    parametrization, constants = prepare(name, clips)
    variable = parametrization.init(clips[0].level_db, constants, SPEC)
    assert parametrization.samples(variable, constants, SPEC) is None


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_finite_differences(name, clips):
    with jax.enable_x64(True):
        parametrization = Compiled(ALL[name])
        double = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), clips)
        constants = parametrization.constants(*double, SPEC)
        start = parametrization.init(double[0].level_db, constants, SPEC)
        rng = np.random.default_rng(0)
        variable = start + jnp.asarray(rng.standard_normal(start.shape))
        direction = jnp.asarray(rng.standard_normal(start.shape))
        loss = jax.jit(lambda v: jnp.mean(jnp.sin(ALL[name].log_mel(v, constants, SPEC) / 7)))
        gradient = jax.jit(jax.grad(loss))
        step = 1e-6
        expected = (loss(variable + step * direction) - loss(variable - step * direction)) / (
            2 * step
        )
        got = jnp.vdot(gradient(variable), direction)
        assert got == pytest.approx(float(expected), rel=1e-3, abs=1e-9)
        assert np.isfinite(gradient(start)).all()


def test_a_constant_gain_is_a_gain(clips):
    parametrization, constants = prepare("plain gain", clips)
    constants = unlimited(constants)
    for gain_db in (-6.0, 12.0):
        variable = jnp.full(clips[0].level_db.shape, gain_db)
        y = parametrization.samples(variable, constants, SPEC)
        factor = 10 ** (gain_db / 20)
        np.testing.assert_allclose(y, factor * clips[0].y, atol=1e-3 * factor * peak(clips))


@pytest.mark.parametrize("name", ["gain", "plain gain"])
def test_no_band_leaves_the_levels_of_the_two_clips(name, clips):
    parametrization, constants = prepare(name, clips)
    both = np.concatenate([clip.level_db for clip in clips])
    loudest = parametrization.log_mel(jnp.full(clips[0].level_db.shape, 1e4), constants, SPEC)
    # Bands overlap, and a gain acts on bins: some dB are theirs, of the infinitely many asked for.
    assert (np.asarray(loudest) <= both.max(axis=0) + 16).all()


def test_a_correction_adds_what_the_sound_lacks(clips):
    """A boost of 20 dB of which 0.4 and more reach a bin, and a second time of what is left."""
    level_db = clips[0].level_db.at[20:60, 10:20].add(20.0)

    def lacking_db(n_corrections):
        gain = Compiled(ContentGain(sigma_s=0.0, sigma_mels=0.0, n_corrections=n_corrections))
        constants = unlimited(gain.constants(*clips, SPEC))
        variable = gain.init(level_db, constants, SPEC)
        y = gain.samples(variable, constants, SPEC)
        return float((level_db - compiled(log_mel)(y, SPEC))[22:58, 12:18].mean())

    first, second = lacking_db(0), lacking_db(1)
    assert 1 < first < 12
    assert abs(second) < 0.7 * first


def tone_in_noise(level_db: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two seconds of a tone at 1 kHz, and of white noise `level_db` above its power."""
    t = np.arange(2 * SPEC.sr) / SPEC.sr
    noise = np.random.default_rng(seed).standard_normal(t.size)
    return np.sin(2 * np.pi * 1000 * t), noise * np.sqrt(0.5) * 10 ** (level_db / 20)


def test_a_boost_lifts_the_tone_and_leaves_the_noise():
    """+20 dB everywhere: what comes out is the loud tone with the noise as it was."""
    tone, noise = tone_in_noise(-30.0)
    content, style = scaled(tone + noise), scaled(tone)
    gain = Compiled(ContentGain(noise_boost=0.0))
    constants = unlimited(gain.constants(content, style, SPEC))
    variable = jnp.full(content.level_db.shape, 20.0)
    y = np.asarray(gain.samples(variable, constants, SPEC))[4096:-4096]
    scale = float(content.y @ (tone + noise) / np.sum((tone + noise) ** 2))
    tone, noise = scale * tone[4096:-4096], scale * noise[4096:-4096]
    tone_db = 20 * np.log10(y @ tone / (tone @ tone))
    assert tone_db == pytest.approx(20, abs=0.2)
    rest = y - (y @ tone / (tone @ tone)) * tone
    # Noise beside the tone goes with it; a plain filter would have lifted all of it by 20 dB.
    assert 10 * np.log10((rest @ rest) / (noise @ noise)) < 12
    plain = Compiled(ContentGain(noise_boost=1.0))
    z = plain.samples(variable, unlimited(plain.constants(content, style, SPEC)), SPEC)
    np.testing.assert_allclose(z, 10 * content.y, atol=1e-3 * 10 * float(content.y.max()))


def test_where_the_style_is_noise_noise_is_boosted():
    tone, noise = tone_in_noise(-30.0)
    content, hiss = scaled(tone + noise), scaled(tone_in_noise(0.0, 1)[1])
    gain = Compiled(ContentGain(noise_boost=0.0))
    boost = {
        name: np.asarray(gain.constants(content, style, SPEC).boost)
        for name, style in {"tone": scaled(tone), "hiss": hiss}.items()
    }
    beside = slice(60, 200)  # bins from 2.5 kHz up: the content's noise alone
    assert boost["tone"][:, beside].mean() < 0.4
    assert boost["hiss"][:, beside].mean() > 0.75
    least = Compiled(ContentGain(noise_boost=0.4)).constants(content, scaled(tone), SPEC).boost
    assert float(least.min()) == pytest.approx(0.4, abs=1e-6)


def test_a_cut_takes_everything(clips):
    parametrization, constants = prepare("gain", clips)
    variable = jnp.full(clips[0].level_db.shape, -40.0)
    y = parametrization.samples(variable, unlimited(constants), SPEC)
    np.testing.assert_allclose(y, 0.01 * clips[0].y, atol=1e-4 * peak(clips))


def test_prominence_by_its_definition():
    power = np.abs(np.asarray(compiled(stft)(scaled(sum(tone_in_noise(-20.0))).y, SPEC))) ** 2
    raised = power + 1e-8 * power.max()

    def blur(x, seconds, hz):
        sigmas = (seconds * SPEC.sr / SPEC.hop_length, hz * SPEC.n_fft / SPEC.sr)
        for axis, sigma in enumerate(sigmas):
            radius = int(3 * sigma + 0.5)
            if radius:
                x = scipy.ndimage.gaussian_filter1d(
                    x, sigma, axis=axis, mode="nearest", radius=radius
                )
        return x

    expected = 10 * np.log10(blur(raised, 0.035, 0.0)) - blur(10 * np.log10(raised), 0.15, 215.0)
    got = compiled(prominence_db)(jnp.asarray(power), SPEC)
    np.testing.assert_allclose(got, expected, atol=0.02)
    # (the mean of exponentially distributed powers over their geometric mean is e^0.577)
    assert np.median(np.asarray(got)[50:-50, 100:]) == pytest.approx(2.5, abs=0.5)


def test_smooth_mel_stays_inside_the_two_clips(clips):
    parametrization, constants = prepare("smooth", clips)
    noise = 50 * jax.random.normal(jax.random.key(0), clips[0].level_db.shape)
    level_db = parametrization.log_mel(noise, constants, SPEC)
    both = np.concatenate([clip.level_db for clip in clips])
    assert (np.asarray(level_db) <= both.max(axis=0) + 1e-4).all()
    assert (np.asarray(level_db) >= both.min(axis=0) - 1e-4).all()


@settings(max_examples=8)
@given(st.floats(0, 4), st.floats(0, 3), st.integers(1, 30), st.integers(1, 12))
def test_blur_is_scipys(sigma_frames, sigma_bands, n_frames, n_mels):
    x = np.random.default_rng(0).standard_normal((n_frames, n_mels)).astype(np.float32)
    expected = x
    for axis, sigma in ((0, sigma_frames), (1, sigma_bands)):
        radius = int(3 * sigma + 0.5)
        if radius:
            expected = scipy.ndimage.gaussian_filter1d(
                expected, sigma, axis=axis, mode="nearest", radius=radius
            )
    got = compiled(gaussian_blur)(
        jnp.asarray(x), sigma_frames=sigma_frames, sigma_bands=sigma_bands
    )
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SmoothMel(sigma_s=-1.0), "parametrization.sigma_s=-1 must be at least 0"),
        (lambda: ContentGain(sigma_mels=-1.0), "parametrization.sigma_mels=-1 must be at least"),
        (lambda: ContentGain(boost_to_db=2.0), "parametrization.boost_to_db=2 must be above 2"),
        (lambda: ContentGain(noise_boost=1.5), "parametrization.noise_boost=1.5 must be at most 1"),
        (lambda: ContentGain(n_corrections=-1), "parametrization.n_corrections=-1 must be at"),
        (lambda: Waveform(scale=0.0), "parametrization.scale=0 must be above 0"),
    ],
)
def test_bad_parametrizations(make, message):
    with pytest.raises(InputError, match=message):
        make()
