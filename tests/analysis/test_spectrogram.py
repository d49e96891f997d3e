import contextlib
import warnings

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nstaudio.analysis import spectrogram
from nstaudio.analysis.spectrogram import (
    MelSpec,
    db_to_power,
    hann,
    hz_to_mel,
    istft,
    log_mel,
    mel_to_hz,
    power_to_db,
    stft,
    unit,
)
from nstaudio.errors import InputError

from helpers import SR, Compiled

programs = Compiled(spectrogram)
LIBROSA = MelSpec(n_fft=2048, hop_length=512, n_mels=128)
SPECS = [
    MelSpec(),
    LIBROSA,
    MelSpec(sr=16000, n_fft=1024, hop_length=256, n_mels=64, mel_scale="htk", mel_norm=None),
    MelSpec(sr=44100, n_fft=4096, hop_length=1000, n_mels=100, f_min_hz=50.0, f_max_hz=12000.0),
]


def librosa_filters(spec: MelSpec) -> np.ndarray:
    return librosa.filters.mel(
        sr=spec.sr,
        n_fft=spec.n_fft,
        n_mels=spec.n_mels,
        fmin=spec.f_min_hz,
        fmax=spec.f_max_hz,
        htk=spec.mel_scale == "htk",
        norm=spec.mel_norm,
        dtype=np.float64,
    ).T


def librosa_mel(y: np.ndarray, spec: MelSpec) -> np.ndarray:
    return librosa.feature.melspectrogram(
        y=y,
        sr=spec.sr,
        n_fft=spec.n_fft,
        hop_length=spec.hop_length,
        n_mels=spec.n_mels,
        fmin=spec.f_min_hz,
        fmax=spec.f_max_hz,
        htk=spec.mel_scale == "htk",
        norm=spec.mel_norm,
    ).T


def test_hann_is_the_periodic_window_of_librosa():
    np.testing.assert_allclose(hann(64), librosa.filters.get_window("hann", 64), atol=1e-7)


def test_paper_scale_by_hand():
    # m(f) = 2595 log10(1 + f / 500)
    assert hz_to_mel(500.0, mel_scale="paper") == pytest.approx(2595 * np.log10(2))
    assert hz_to_mel(4500.0, mel_scale="paper") == pytest.approx(2595.0)
    assert mel_to_hz(2595.0, mel_scale="paper") == pytest.approx(4500.0)


def test_htk_and_slaney_scales_by_hand():
    hz = np.array([0.0, 60.0, 440.0, 999.0, 1000.0, 1001.0, 4000.0, 20000.0])
    np.testing.assert_allclose(hz_to_mel(hz, mel_scale="htk"), 2595 * np.log10(1 + hz / 700))
    # Slaney's Auditory Toolbox: 200 / 3 Hz a mel up to 1 kHz, from there 27 mels a factor of 6.4.
    above = 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4)
    np.testing.assert_allclose(hz_to_mel(hz), np.where(hz < 1000, hz * 3 / 200, above))


def test_log_scale_is_in_octaves():
    assert hz_to_mel(880.0, mel_scale="log") - hz_to_mel(110.0, mel_scale="log") == 3
    assert mel_to_hz(hz_to_mel(441.3, mel_scale="log"), mel_scale="log") == pytest.approx(441.3)
    spec = MelSpec(
        n_fft=4096, hop_length=512, n_mels=84, f_min_hz=55.0, f_max_hz=7458.6, mel_scale="log"
    )
    centres_hz = librosa.cqt_frequencies(84, fmin=librosa.note_to_hz("A#1"))
    np.testing.assert_allclose(spec.edges_hz[1:-1], centres_hz, rtol=1e-3)
    with pytest.raises(InputError, match="f_min_hz on the log scale=0 must be above 0"):
        MelSpec(mel_scale="log")


@given(st.floats(0, 24000), st.sampled_from(["paper", "htk", "slaney", "linear"]))
def test_mel_scales_invert(hz, scale):
    assert mel_to_hz(hz_to_mel(hz, mel_scale=scale), mel_scale=scale) == pytest.approx(
        hz, rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("spec", SPECS)
def test_filters_are_librosas(spec):
    assert spec.filters.dtype == np.float32
    assert spec.filters.flags.c_contiguous
    np.testing.assert_allclose(spec.filters, librosa_filters(spec), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Empty filters detected")
@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
def test_bands_without_a_bin_are_refused(mel_scale):
    refused = []
    for n_mels in range(1, 65):
        filters = librosa.filters.mel(sr=SR, n_fft=128, n_mels=n_mels, htk=mel_scale == "htk")
        empty = np.flatnonzero(filters.max(axis=1) == 0)
        refused.append(empty.size > 0)
        band = f"band {empty[0]} holds no FFT bin" if empty.size else None
        with pytest.raises(InputError, match=band) if band else contextlib.nullcontext():
            MelSpec(sr=SR, n_fft=128, hop_length=32, n_mels=n_mels, mel_scale=mel_scale)
    assert 0 < sum(refused) < 64


def test_paper_filters_by_definition():
    spec = MelSpec(sr=8000, n_fft=512, hop_length=128, n_mels=10, mel_scale="paper", mel_norm=None)
    top = 2595 * np.log10(1 + 4000 / 500)
    edges = 500 * (10 ** (np.arange(12) * top / 11 / 2595) - 1)
    for band, (low, mid, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for k in range(257):
            f = k * 8000 / 512
            expected = 0.0
            if low < f <= mid:
                expected = (f - low) / (mid - low)
            elif mid < f < high:
                expected = (high - f) / (high - mid)
            assert spec.filters[k, band] == pytest.approx(expected, abs=1e-6)


def test_linear_bands_are_the_bins(content):
    spec = MelSpec(n_fft=512, n_mels=255, mel_scale="linear", mel_norm=None)
    np.testing.assert_allclose(spec.filters, np.eye(257)[:, 1:-1], atol=1e-6)
    power = np.abs(librosa.stft(content, n_fft=512, hop_length=256)).T ** 2
    got = programs.mel_power(jnp.asarray(content), spec)
    np.testing.assert_allclose(got, power[:, 1:-1], rtol=1e-3, atol=1e-5 * power.max())


@pytest.mark.parametrize("spec", SPECS)
def test_stft_is_librosas(spec, content):
    expected = librosa.stft(content, n_fft=spec.n_fft, hop_length=spec.hop_length).T
    got = np.asarray(programs.stft(jnp.asarray(content), spec))
    assert got.shape == (spec.n_frames(content.size), spec.n_bins) == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("spec", SPECS)
def test_log_mel_is_librosas_to_1e_5(spec, content):
    """In double precision, where rounding hides nothing, every pixel agrees to 1e-5."""
    y = content.astype(np.float64)
    expected = librosa_mel(y, spec)
    with jax.enable_x64(True):
        got = np.asarray(programs.mel_power(jnp.asarray(y), spec))
        got_db = np.asarray(programs.log_mel(jnp.asarray(y), spec))
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    expected_db = librosa.power_to_db(expected, ref=1.0, amin=spec.amin, top_db=None)
    np.testing.assert_allclose(got_db, expected_db, rtol=1e-5, atol=1e-5)


def test_float32_mel_is_librosas_to_1e_5(content):
    spec = LIBROSA
    expected = librosa_mel(content, spec)
    got = np.asarray(programs.mel_power(jnp.asarray(content), spec))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6 * expected.max())


@pytest.mark.parametrize("n_samples", [2, 511, 512, 513, 2047, 2048, 5000])
def test_any_length_has_librosas_frames(n_samples):
    y = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa finds a signal below n_fft worth a warning
        expected = librosa.stft(y).T
    got = programs.stft(jnp.asarray(y), LIBROSA)
    assert got.shape == expected.shape == (1 + n_samples // 512, 1025)
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


@settings(max_examples=8)
@given(
    n_samples=st.integers(2, 6000),
    hop=st.sampled_from([100, 128]),
    seed=st.integers(0, 2**31 - 1),
)
def test_istft_inverts_stft(n_samples, hop, seed):
    spec = MelSpec(n_fft=512, hop_length=hop, n_mels=20)
    y = np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)
    there_and_back = jax.jit(lambda y: istft(stft(y, spec), spec, length=n_samples))
    back = np.asarray(there_and_back(y))
    # samples after the last frame's end are in no frame
    covered = min(n_samples, (spec.n_frames(n_samples) - 1) * hop + 256 - hop)
    np.testing.assert_allclose(back[:covered], y[:covered], atol=2e-5)


def test_istft_is_librosas(content):
    spec = LIBROSA
    spectrum = librosa.stft(content)
    # not the transform of any sound
    spectrum *= np.exp(1j * np.random.default_rng(0).uniform(0, 6, spectrum.shape))
    expected = librosa.istft(spectrum, length=content.size)
    got = programs.istft(jnp.asarray(spectrum.T), spec, length=content.size)
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())


def test_power_to_db_is_librosas():
    power = np.array([0.0, 1e-12, 1e-10, 1e-4, 1.0, 30.0])
    for ref in (1.0, 0.5):
        np.testing.assert_allclose(
            power_to_db(jnp.asarray(power), ref=ref, amin=1e-9),
            librosa.power_to_db(power, ref=ref, amin=1e-9, top_db=None),
            rtol=1e-5,
        )


def test_db_to_power_inverts():
    level = jnp.array([-80.0, -3.0, 0.0, 6.0])
    np.testing.assert_allclose(power_to_db(db_to_power(level)), level, atol=1e-4)
    assert db_to_power(jnp.array(-30.0)) == pytest.approx(1e-3, rel=1e-5)


def test_unit_runs_from_silence_to_the_loudest():
    np.testing.assert_allclose(
        unit(jnp.array([-60.0, -30.0, 0.0]), MelSpec(floor_db=-60.0)), [0.0, 0.5, 1.0]
    )


def test_gradient_is_finite_at_digital_silence():
    spec = LIBROSA
    loss = lambda y: jnp.sum((log_mel(y, spec) + 40.0) ** 2)  # noqa: E731
    assert np.isfinite(jax.jit(jax.grad(loss))(jnp.zeros(4096))).all()
    half = jnp.concatenate([jnp.zeros(6000), jnp.asarray(np.sin(np.arange(4000) / 9), jnp.float32)])
    gradient = jax.jit(jax.grad(loss))(half)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_gradient_is_that_of_finite_differences():
    spec = MelSpec(sr=8000, n_fft=256, hop_length=64, n_mels=12)
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        y, direction = jnp.asarray(rng.standard_normal(700)), jnp.asarray(rng.standard_normal(700))
        loss = jax.jit(lambda y: jnp.sum(jnp.sin(log_mel(y, spec))))
        step = 1e-6
        difference = (loss(y + step * direction) - loss(y - step * direction)) / (2 * step)
        assert jnp.vdot(jax.jit(jax.grad(loss))(y), direction) == pytest.approx(
            float(difference), rel=1e-5
        )


def test_jit_and_dtype(content):
    spec = LIBROSA
    got = jax.jit(log_mel, static_argnames="spec")(jnp.asarray(content), spec=spec)
    assert got.dtype == jnp.float32
    assert got.shape == (1 + content.size // 512, 128)
    assert got.min() >= -80.0


def test_seconds_and_frames():
    spec = LIBROSA
    assert spec.n_frames(SR) == 44
    assert spec.seconds(SR) == 512.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sr": 100}, "spectrogram.sr=100 must be at least 1000"),
        ({"n_fft": 2}, "spectrogram.n_fft=2 must be at least 16"),
        ({"hop_length": 2000}, "spectrogram.hop_length=2000 must be at most 512"),
        ({"n_mels": 0}, "spectrogram.n_mels=0 must be at least 1"),
        ({"n_mels": 500}, "spectrogram.n_mels=500 is too many for n_fft=1024"),
        ({"f_max_hz": 12000.0}, "spectrogram.f_max_hz=12000 must be at most 11025"),
        ({"f_max_hz": 5e-324}, "spectrogram.f_max_hz=4.94066e-324 must be at least"),
        ({"f_min_hz": 500.0, "f_max_hz": 400.0}, "spectrogram.f_max_hz=400 must be above 500"),
        ({"mel_scale": "papr"}, r"spectrogram.mel_scale=papr is not one of.*mean paper\?"),
        ({"mel_norm": "area"}, "spectrogram.mel_norm=area is not one of"),
        ({"floor_db": 10.0}, "spectrogram.floor_db=10 must be at most -20"),
    ],
)
def test_bad_specs(values, message):
    with pytest.raises(InputError, match=message):
        MelSpec(**values)
