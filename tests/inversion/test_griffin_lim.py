from functools import partial

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from librosa.feature.inverse import mel_to_stft

from nstaudio.analysis.spectrogram import MelSpec, log_mel, mel_power, stft, window_power
from nstaudio.errors import InputError
from nstaudio.evaluation.noise import spectral_convergence_db
from nstaudio.inversion import griffin_lim, mel_to_linear

from helpers import SR, compiled, music

LIBROSA = MelSpec(n_fft=2048, hop_length=512, n_mels=128)
FINE = MelSpec()
INVERSIONS = {
    "nnls": partial(griffin_lim.nnls_griffin_lim),
    "kl": partial(griffin_lim.kl_griffin_lim),
    "kl from content": partial(griffin_lim.kl_griffin_lim, start="content"),
    "mel": partial(griffin_lim.mel_griffin_lim),
    "mel from content": partial(griffin_lim.mel_griffin_lim, start="content"),
    "mel refined": partial(griffin_lim.mel_griffin_lim, n_refine=5),
}


@pytest.fixture(scope="module")
def content(content):
    return content[:SR]


def invert(y, spec=FINE, make=griffin_lim.mel_griffin_lim, **options):
    y = jnp.asarray(y)
    level_db = compiled(log_mel)(y, spec)
    out = make(level_db, content=y, spec=spec, length=y.size, key=jax.random.key(0), **options)
    error = np.sqrt(np.mean((np.asarray(compiled(log_mel)(out, spec)) - np.asarray(level_db)) ** 2))
    return np.asarray(out), float(error)


@pytest.mark.parametrize("momentum", [0.0, 0.99])
@pytest.mark.parametrize("n_iter", [1, 6])
def test_phase_retrieval_is_librosas(content, momentum, n_iter):
    """Blocks and waveforms instead of whole spectra: the same iterates."""
    magnitude = np.abs(librosa.stft(content))
    expected = librosa.griffinlim(
        magnitude, n_iter=n_iter, momentum=momentum, init=None, length=content.size
    )
    # librosa starts from a spectrum of zero phase; its inverse is the start here, one step later
    first = librosa.istft(magnitude.astype(np.complex64), length=content.size)
    got = griffin_lim.phase_retrieval(
        jnp.asarray(magnitude.T),
        griffin_lim._pad(jnp.asarray(first), magnitude.shape[1], LIBROSA),
        jnp.asarray(window_power(magnitude.shape[1], LIBROSA)),
        spec=LIBROSA,
        length=content.size,
        n_iter=n_iter,
        momentum=momentum,
    )
    # Where a bin is all but empty its phase is rounding, and every iteration spreads that.
    assert np.linalg.norm(got - expected) < 5e-3 * np.linalg.norm(expected)


def test_the_size_of_the_blocks_makes_no_difference(content, monkeypatch):
    whole, _ = invert(content, start="content", n_iter=3)
    for block in (7, 1000):
        monkeypatch.setattr(griffin_lim, "BLOCK", block)
        jax.clear_caches()
        cut, _ = invert(content, start="content", n_iter=3)
        np.testing.assert_allclose(cut, whole, atol=2e-4 * np.abs(whole).max())
    jax.clear_caches()


def test_nnls_solves_librosas_problem(content):
    spec = MelSpec(n_fft=1024, hop_length=512, n_mels=64)
    mel = np.asarray(compiled(mel_power)(jnp.asarray(content), spec))

    def residual(power: np.ndarray) -> float:
        return float(np.linalg.norm(power @ spec.filters - mel) / np.linalg.norm(mel))

    theirs = mel_to_stft(mel.T, sr=SR, n_fft=1024, power=1.0).T
    ours = np.asarray(mel_to_linear.nnls_power(jnp.asarray(mel), spec))
    assert ours.shape == (mel.shape[0], spec.n_bins)
    assert ours.min() >= 0
    assert residual(ours) < 1e-3
    assert residual(ours) < residual(theirs) + 1e-4


def test_a_kl_step_by_hand():
    spec = MelSpec(sr=8000, n_fft=64, hop_length=32, n_mels=6)
    rng = np.random.default_rng(0)
    power, mel = rng.uniform(0.1, 1, (3, 33)), rng.uniform(0.1, 1, (3, 6))
    w = spec.filters.astype(np.float64)
    expected = np.zeros_like(power)
    for t in range(3):
        for k in range(33):
            up = sum(w[k, b] * mel[t, b] / (power[t] @ w[:, b]) for b in range(6))
            expected[t, k] = power[t, k] * up / max(w[k].sum(), 1e-8)
    got = compiled(mel_to_linear.kl_step)(
        jnp.asarray(power, jnp.float32), jnp.asarray(mel, jnp.float32), spec
    )
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9)


def test_kl_updates_lower_the_divergence(content):
    mel = np.asarray(compiled(mel_power)(jnp.asarray(content), FINE), np.float64) + 1e-9

    def divergence(n_iter: int) -> float:
        power = mel_to_linear.kl_power(jnp.asarray(mel, jnp.float32), FINE, n_iter=n_iter)
        assert power.min() >= 0
        model = np.asarray(power, np.float64) @ FINE.filters + 1e-12
        return float(np.sum(mel * np.log(mel / model) - mel + model))

    values = [divergence(n) for n in (1, 3, 10, 40)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.05 * values[0]


@pytest.mark.parametrize("name", INVERSIONS)
def test_round_trip(content, name):
    y, error = invert(content, make=INVERSIONS[name])
    assert y.shape == content.shape
    assert error < 3.0
    assert spectral_convergence_db(y, content, n_fft=1024, hop_length=256) < -12


def test_the_default_is_better_than_librosa(content):
    theirs = librosa.feature.inverse.mel_to_audio(
        librosa.feature.melspectrogram(y=content), length=content.size, n_iter=32
    )
    ours, _ = invert(content)
    measure = partial(spectral_convergence_db, reference=content, n_fft=1024, hop_length=256)
    assert measure(ours) < measure(theirs) - 4.0


def test_following_the_mel_beats_fixing_the_magnitudes(content):
    _, fixed = invert(content, make=griffin_lim.kl_griffin_lim, n_iter=64)
    _, followed = invert(content, make=griffin_lim.mel_griffin_lim, n_iter=64)
    assert followed < fixed


def test_refining_lowers_the_error_in_db(content):
    _, before = invert(content, n_iter=16)
    _, after = invert(content, n_iter=16, n_refine=15)
    assert after < 0.9 * before


@pytest.mark.parametrize(
    ("name", "n"), [*((name, 5001) for name in INVERSIONS), ("nnls", 1024), ("mel", 1024)]
)
def test_any_hop_and_length(content, name, n):
    spec = MelSpec(hop_length=300, n_mels=80)
    y, _ = invert(content[:n], spec, INVERSIONS[name], n_iter=3)
    assert y.shape == (n,)
    assert np.isfinite(y).all()


def test_many_blocks_have_no_seams():
    """The error where blocks meet is that elsewhere."""
    y, spec = music(5, 3.0), MelSpec(n_fft=256, hop_length=64, n_mels=40)
    out, _ = invert(y, spec)
    transforms = [np.asarray(compiled(stft)(jnp.asarray(x), spec)) for x in (out, y)]
    error = np.abs(transforms[0]) - np.abs(transforms[1])
    per_frame = np.sqrt((error**2).mean(axis=1))
    seams = list(range(griffin_lim.BLOCK, len(per_frame) - 4, griffin_lim.BLOCK))
    assert len(seams) >= 3
    at_seams = np.mean([per_frame[f - 2 : f + 3].mean() for f in seams])
    assert at_seams < 1.5 * per_frame.mean()


@pytest.mark.parametrize("name", ["nnls", "kl", "mel"])
def test_silence_stays_silent(name):
    level_db = jnp.full((20, FINE.n_mels), FINE.floor_db)
    y = INVERSIONS[name](
        level_db,
        content=jnp.zeros(19 * 256),
        spec=FINE,
        length=19 * 256,
        key=jax.random.key(0),
        n_iter=4,
    )
    assert np.abs(y).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("mel", {"n_iter": 0}, "inversion.n_iter=0 must be at least 1"),
        ("nnls", {"n_iter_mel": -1}, "inversion.n_iter_mel=-1 must be at least 1"),
        ("kl", {"momentum": 1.5}, "inversion.momentum=1.5 must be at most 1"),
        ("mel", {"n_refine": -1}, "inversion.n_refine=-1 must be at least 0"),
    ],
)
def test_bad_inversions(content, name, values, message):
    with pytest.raises(InputError, match=message):
        invert(content, make=INVERSIONS[name], **values)
