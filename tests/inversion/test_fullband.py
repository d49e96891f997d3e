import itertools

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.signal
import soxr
from hypothesis import given, settings

from nstaudio.inversion import fullband, stereo_image

SR, ANALYSIS_SR = 44100, 22050


def resampled(y, sr, target_sr):
    return soxr.resample(np.ascontiguousarray(y, dtype=np.float32), sr, target_sr, quality="VHQ")


def mono(content, sr=SR, analysis_sr=ANALYSIS_SR):
    return resampled(content.mean(axis=1), sr, analysis_sr)


def restore(content, generated, sr=SR, analysis_sr=ANALYSIS_SR):
    y = fullband.restore(
        content, mono(content, sr, analysis_sr), generated, sr=sr, analysis_sr=analysis_sr
    )
    assert y.dtype == np.float32
    assert y.shape == content.shape
    assert np.isfinite(y).all()
    return y


def noise(seconds, sr=SR, seed=0, level=0.1):
    """Steady, falling by 3 dB an octave."""
    n = int(seconds * sr)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    y = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 20), n)
    return (level * y / y.std()).astype(np.float32)


def notes(seconds, sr=SR, seed=0):
    """Plucked notes of ten partials, five a second."""
    rng, n = np.random.default_rng(seed), int(seconds * sr)
    y = np.zeros(n)
    for start in range(0, n, sr // 5):
        t = np.arange(n - start) / sr
        f0 = 110 * 2 ** (rng.integers(0, 36) / 12)
        tone = sum(np.sin(2 * np.pi * k * f0 * t + k * k) / k for k in range(1, 11))
        y[start:] += 0.05 * tone * np.exp(-6 * t)
    return y.astype(np.float32)


def room(y, seed=5, mix=0.3, pan=(1.0, 0.4), sr=SR):
    """Panned sound in a diffuse room: a channel for each of `pan`."""
    n = int(0.8 * sr)
    response = np.random.default_rng(seed).standard_normal((len(pan), n))
    response *= np.exp(-np.arange(n) / (0.15 * sr))
    response *= mix / np.linalg.norm(response, axis=1, keepdims=True)
    wet = scipy.signal.fftconvolve(y[None], response, axes=1)[:, : len(y)]
    return np.stack([p * y + w for p, w in zip(pan, wet, strict=True)], axis=1).astype(np.float32)


def low(y, below_hz=0.4 * ANALYSIS_SR, sr=SR):
    taps = scipy.signal.firwin(801, below_hz, fs=sr)
    return scipy.signal.fftconvolve(y, taps.reshape(-1, *[1] * (y.ndim - 1)), "same", axes=0)


def db(y):
    return 10 * np.log10(np.mean(np.square(y, dtype=float)) + 1e-30)


def fits(y, length):
    return np.pad(y[:length], [(0, max(0, length - len(y)))] + [(0, 0)] * (y.ndim - 1))


def image(y, sr=SR, above_hz=100, below_hz=8000):
    """Level differences in dB and correlations of two channels, bands of a third of an octave.

    Where that is less than 100 Hz, of 100 Hz.
    """
    hz, _, x = scipy.signal.stft(y.T, sr, nperseg=4096)
    edges = [above_hz]
    while edges[-1] < below_hz:
        edges.append(max(edges[-1] + 100, edges[-1] * 2 ** (1 / 3)))
    level_db, correlation = [], []
    for a, b in itertools.pairwise(edges):
        band = x[:, (hz >= a) & (hz < b)].reshape(2, -1)
        (left, both), (_, right) = np.real(band @ band.conj().T)
        level_db.append(10 * np.log10(left / right))
        correlation.append(both / np.sqrt(left * right))
    return np.array(level_db), np.array(correlation)


# Every rate with every length, and every number of channels with every other value once or more.
@pytest.mark.parametrize(
    ("sr", "length", "channels"),
    [
        (sr, length, (1, 2, 6)[(i + j) % 3])
        for i, sr in enumerate([8000, 16000, 22050, 44100, 48000, 96000])
        for j, length in enumerate([2, 3, 777, 30011])
    ],
)
def test_what_has_not_changed_is_the_content(sr, length, channels):
    content = np.random.default_rng(0).uniform(-1, 1, (length, channels)).astype(np.float32)
    y = restore(content, mono(content, sr), sr=sr)
    assert db(y - content) < -80


@pytest.mark.parametrize("extra", [-3, 2])
def test_a_few_samples_more_or_less(extra):
    content = room(noise(0.5))
    was = mono(content)
    np.testing.assert_allclose(restore(content, fits(was, len(was) + extra)), content, atol=1e-6)


def test_mono_at_the_analysis_rate_is_the_result_itself():
    content, generated = noise(1.0)[:, None], notes(1.0)[: len(noise(1.0))]
    y = restore(content, generated, sr=ANALYSIS_SR, analysis_sr=ANALYSIS_SR)
    assert db(y[:, 0] - generated) < db(generated) - 100


def sounds(content, seconds, seed=1):
    """What methods make of a content: new sound, and the content filtered, and both."""
    was = mono(content)
    new = fits(notes(seconds, ANALYSIS_SR, seed), len(was))
    filtered = scipy.signal.lfilter([1, -0.6], [1], was).astype(np.float32)
    return {"new": new, "filtered": filtered, "both": new + filtered}


@pytest.mark.parametrize("made", ["new", "filtered", "both"])
@pytest.mark.parametrize("pan", [(1.0, 0.4), (1.0, 0.0), (0.2, 1.0, 0.6, 0.0, 0.5, 0.9)])
def test_the_mean_of_the_channels_is_the_result(made, pan):
    content = room(noise(2.0), pan=pan)
    generated = sounds(content, 2.0)[made]
    wanted = low(fits(resampled(generated, ANALYSIS_SR, SR), len(content)))
    assert db(low(restore(content, generated).mean(axis=1)) - wanted) < db(wanted) - 60


def filtered_alike(y, gain_db, sr=ANALYSIS_SR):
    """Channels times a gain for each point of an STFT, `ContentGain`'s."""
    x = scipy.signal.stft(y.T, sr, nperseg=1024, noverlap=768)[2]
    gain = 10 ** (gain_db(*x.shape[1:]) / 20)
    y_new = scipy.signal.istft(x * gain, sr, nperseg=1024, noverlap=768)[1]
    return fits(y_new.T, len(y)).astype(np.float32)


def smooth_gain(bins, frames, *, spread_db=6.0, sigma=(12.0, 4.3)):
    gain = np.random.default_rng(2).standard_normal((bins, frames))
    gain = scipy.ndimage.gaussian_filter(gain, sigma)
    return spread_db * gain / gain.std()


def gain_with_partials(bins, frames):
    """More on some bins than on those beside them."""
    share = np.random.default_rng(3).uniform(0.4, 1, (bins, 1))
    gain = smooth_gain(bins, frames)
    return np.where(gain > 0, share * gain, gain)


@pytest.mark.parametrize("gain_db", [smooth_gain, gain_with_partials])
@pytest.mark.parametrize("source", [noise, notes])
def test_every_channel_is_filtered_as_the_mix_was(gain_db, source, monkeypatch):
    monkeypatch.setattr(fullband, "match_image", lambda y, *_: y)  # what comes after
    content = room(source(3.0))
    wanted = filtered_alike(resampled(content, SR, ANALYSIS_SR), gain_db)
    y = low(restore(content, wanted.mean(axis=1)))
    wanted = low(fits(resampled(wanted, ANALYSIS_SR, SR), len(content)))
    assert db(y - wanted) < db(wanted) - 25
    (level_db, correlation), (wanted_db, wanted_correlation) = image(y), image(wanted)
    np.testing.assert_allclose(level_db, wanted_db, atol=1)
    np.testing.assert_allclose(correlation, wanted_correlation, atol=0.05)


def test_the_image_stays_where_a_gain_took_one_sound_more_than_another():
    """A tone left and noise right in the same bands; a common gain lifts the tone."""
    tones, hiss = notes(3.0)[:, None], noise(3.0)[:, None]
    hiss *= np.sqrt(np.mean(tones**2) / np.mean(hiss**2))
    content = (tones * [1.0, 0.3] + hiss * [0.2, 1.0]).astype(np.float32)
    now = (2 * tones * [1.0, 0.3] + hiss * [0.2, 1.0]).astype(np.float32)
    (level_db, _), (now_db, _) = image(content), image(now)
    assert np.abs(now_db - level_db).max() > 3
    y = stereo_image.match_image(now.copy(), content, SR)
    (y_db, correlation), (_, wanted) = image(y), image(content)
    errors = [np.sqrt(np.mean((a - level_db) ** 2)) for a in (y_db, now_db)]
    assert errors[0] < min(0.6, errors[1] / 4)
    assert np.abs(y_db - level_db).max() < 1.5
    assert np.sqrt(np.mean((correlation - wanted) ** 2)) < 0.05
    np.testing.assert_allclose(y.mean(axis=1), now.mean(axis=1), atol=1e-5)


@pytest.mark.parametrize("pan", [(1.0, 0.4), (0.1, 1.0), (0.7, 0.7)])
def test_new_sound_is_where_the_content_is(pan):
    content = room(noise(6.0), pan=pan)
    y = restore(content, resampled(noise(6.0, seed=9), SR, ANALYSIS_SR))
    (level_db, correlation), (wanted_db, wanted_correlation) = image(y), image(content)
    np.testing.assert_allclose(level_db, wanted_db, atol=1)
    np.testing.assert_allclose(correlation, wanted_correlation, atol=0.1)


def test_new_sound_is_as_wide_as_the_content():
    """Channels that have nothing in common."""
    content = np.stack([noise(6.0, seed=1), noise(6.0, seed=2)], axis=1)
    y = restore(content, resampled(noise(6.0, seed=9), SR, ANALYSIS_SR))
    level_db, correlation = image(y)
    np.testing.assert_allclose(level_db, 0, atol=1)
    np.testing.assert_allclose(correlation, 0, atol=0.15)


def test_silent_channels_stay_silent():
    """Of surround sound too, where the others are wide."""
    content = np.stack([noise(2.0, seed=k) * (k != 3) for k in range(6)], axis=1)
    y = low(restore(content, resampled(noise(2.0, seed=9), SR, ANALYSIS_SR)))
    levels = [db(channel) for channel in y.T]
    assert levels.pop(3) < min(levels) - 30
    assert max(levels) - min(levels) < 3


def test_the_highs_are_the_contents_in_step_with_the_result():
    """A result that fades by 40 dB a second."""
    content = room(np.random.default_rng(0).normal(0, 0.1, 2 * SR))
    was = mono(content)
    generated = was * 10 ** (-2 * np.arange(len(was)) / ANALYSIS_SR)
    wanted = content * 10 ** (-2 * np.arange(len(content))[:, None] / SR)
    y = restore(content, generated.astype(np.float32))

    def highs_db(x):
        x = x - low(x, 10500)
        return 10 * np.log10(np.mean(np.square(x).reshape(-1, SR // 20, 2), axis=1))

    audible = slice(1, 14)  # until it is 28 dB down
    np.testing.assert_allclose(highs_db(y)[audible], highs_db(wanted)[audible], atol=1)


@pytest.mark.parametrize("way", ["filtered", "restored"])
@pytest.mark.parametrize("gain", [0.1, 3.0])
def test_no_gap_where_the_highs_begin(way, gain):
    content = noise(8)[:, None]
    below = mono(content)
    if way == "restored":
        y = restore(content, gain * below)
    else:
        changed = (below[:, None], gain * below[:, None])
        y = fullband.add_highs(content, *changed, sr=SR, analysis_sr=ANALYSIS_SR)
    hz, was = scipy.signal.welch(content[:, 0], SR, nperseg=512)
    now = scipy.signal.welch(y[:, 0], SR, nperseg=512)[1]
    around = (hz > 8000) & (hz < 14000)
    level_db = 10 * np.log10(now[around] / was[around]) - 20 * np.log10(gain)
    assert np.abs(level_db).max() < 1


def test_no_clicks_between_blocks():
    """A steady tone becomes another: where neither is, hardly anything is."""
    t = np.arange(4 * SR) / SR
    content = np.stack([np.sin(2 * np.pi * 500 * t), 0.3 * np.cos(2 * np.pi * 500 * t)], axis=1)
    t = np.arange(4 * ANALYSIS_SR) / ANALYSIS_SR
    generated = 0.5 * np.sin(2 * np.pi * 530 * t)
    y = restore((0.5 * content).astype(np.float32), generated.astype(np.float32))[
        SR // 2 : -SR // 2
    ]
    power = np.abs(np.fft.rfft(y * np.hanning(len(y))[:, None], axis=0)) ** 2
    hz = np.fft.rfftfreq(len(y), 1 / SR)
    far = (hz < 300) | (hz > 800)
    assert 10 * np.log10(power[far].sum() / power.sum()) < -60


shapes = st.tuples(st.integers(1, 5000), st.integers(1, 3))
values = st.floats(-1, 1, width=32) | st.sampled_from([0.0, 1.0, -1.0, 1e-40])


@settings(max_examples=30)
@given(
    hnp.arrays(np.float32, shapes, elements=values),
    st.integers(0, 5000),
    st.sampled_from([1000, 8000, 22050, 44100, 48000]),
    st.sampled_from(["as it is", "square", "opposite", "one silent", "constant"]),
)
def test_any_input_gives_finite_output(content, seed, sr, kind):
    if kind == "square":
        content = np.where(np.arange(len(content))[:, None] // 50 % 2, 1, -1) * np.ones_like(
            content
        )
    elif kind == "opposite":
        content = np.stack([content[:, 0], -content[:, 0]], axis=1)
    elif kind == "one silent":
        content = content * (np.arange(content.shape[1]) > 0)
    elif kind == "constant":
        content = np.ones_like(content)
    content = content.astype(np.float32)
    length = len(mono(content, sr))
    generated = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    assert np.abs(restore(content, generated, sr=sr)).max() < 1000


def test_channels_that_cancel_do_not_blow_up():
    left = noise(2.0)
    content = np.stack([left, -left], axis=1)
    generated = notes(2.0, ANALYSIS_SR)
    loudest = max(np.abs(content).max(), np.abs(generated).max())
    assert np.abs(restore(content, generated)).max() < 2 * loudest


def test_many_channels():
    content = room(noise(0.5), pan=tuple(np.linspace(0, 1, 24)))
    generated = resampled(noise(0.5, seed=9), SR, ANALYSIS_SR)
    wanted = low(fits(resampled(generated, ANALYSIS_SR, SR), len(content)))
    assert db(low(restore(content, generated).mean(axis=1)) - wanted) < db(wanted) - 50


@pytest.mark.parametrize("sr", [8000, ANALYSIS_SR, 44100])
def test_channels_that_were_all_generated_get_their_highs(sr):
    """A gain alike at all frequencies is one of the highs too; and nothing else is done."""
    rng = np.random.default_rng(0)
    content = 0.1 * rng.standard_normal((sr, 3))
    if sr < ANALYSIS_SR:  # to more than 0.46 times the rate no resampler can be asked to go
        content = scipy.signal.sosfilt(scipy.signal.butter(12, 0.8, output="sos"), content, axis=0)
    content = content.astype(np.float32)
    was = soxr.resample(content, sr, ANALYSIS_SR, quality="VHQ")
    y = fullband.add_highs(content, was, 0.5 * was, sr=sr, analysis_sr=ANALYSIS_SR)
    middle = slice(sr // 10, -sr // 10)
    error = y[middle] - 0.5 * content[middle]
    assert np.mean(error**2) < 10**-2.5 * np.mean((0.5 * content) ** 2)
    np.testing.assert_array_equal(
        fullband.add_highs(content, was, was, sr=sr, analysis_sr=ANALYSIS_SR), content
    )
