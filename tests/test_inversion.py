import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from librosa.feature.inverse import mel_to_stft

from nstaudio.errors import InputError
from nstaudio.inversion import griffin_lim, mel_to_power, phase_retrieval
from nstaudio.spectrogram import MelSpec, log_mel, mel_power, stft, window_power

SPEC = MelSpec()


def convergence_db(y: np.ndarray, magnitude: np.ndarray) -> float:
    """Spectral convergence: how far |STFT(y)| is from the magnitude asked for."""
    difference = np.abs(np.asarray(stft(jnp.asarray(y), SPEC))) - magnitude
    return 20 * np.log10(np.linalg.norm(difference) / np.linalg.norm(magnitude))


@pytest.mark.parametrize("momentum", [0.0, 0.99])
@pytest.mark.parametrize("n_iter", [1, 6])
def test_phase_retrieval_is_librosas(content, momentum, n_iter):
    magnitude = np.abs(librosa.stft(content))
    expected = librosa.griffinlim(
        magnitude, n_iter=n_iter, momentum=momentum, init=None, length=content.size
    )
    got = phase_retrieval(
        jnp.asarray(magnitude.T),
        jnp.zeros(magnitude.T.shape),
        jnp.asarray(window_power(magnitude.shape[1], SPEC)),
        spec=SPEC,
        length=content.size,
        n_iter=n_iter,
        momentum=momentum,
    )
    # Where a bin is all but empty its phase is rounding, and every iteration spreads that.
    assert np.linalg.norm(got - expected) < 2e-3 * np.linalg.norm(expected)


def test_phase_retrieval_is_as_good_as_librosas(content):
    magnitude = np.abs(librosa.stft(content))
    theirs = librosa.griffinlim(magnitude, n_iter=32, init=None, length=content.size)
    phase = jax.random.uniform(jax.random.key(0), magnitude.T.shape, maxval=2 * jnp.pi)
    weight = jnp.asarray(window_power(magnitude.shape[1], SPEC))
    ours = phase_retrieval(
        jnp.asarray(magnitude.T), phase, weight, spec=SPEC, length=content.size, n_iter=32
    )
    assert convergence_db(ours, magnitude.T) < convergence_db(theirs, magnitude.T) + 1.0


def test_mel_to_power_solves_librosas_problem(content):
    mel = np.asarray(mel_power(jnp.asarray(content), SPEC))
    filters = SPEC.filters

    def residual(power: np.ndarray) -> float:
        return float(np.linalg.norm(power @ filters - mel) / np.linalg.norm(mel))

    theirs = mel_to_stft(mel.T, sr=SPEC.sr, n_fft=SPEC.n_fft, power=1.0).T
    ours = np.asarray(mel_to_power(jnp.asarray(mel), SPEC))
    assert ours.shape == (mel.shape[0], SPEC.n_bins)
    assert ours.min() >= 0
    assert residual(ours) < 1e-3
    assert residual(ours) < residual(theirs) + 1e-4


def test_round_trip_of_a_clip(content):
    level_db = log_mel(jnp.asarray(content), SPEC)
    y = griffin_lim(level_db, spec=SPEC, length=content.size, key=jax.random.key(0))
    assert y.shape == content.shape
    back_db = np.asarray(log_mel(y, SPEC))
    assert np.sqrt(np.mean((back_db - level_db) ** 2)) < 4.0
    theirs = librosa.feature.inverse.mel_to_audio(
        librosa.feature.melspectrogram(y=content), length=content.size, n_iter=32
    )
    theirs_db = np.asarray(log_mel(jnp.asarray(theirs), SPEC))
    error, their_error = (np.mean((db - level_db) ** 2) ** 0.5 for db in (back_db, theirs_db))
    assert error < their_error * 1.1


def test_any_hop_and_length(content):
    spec = MelSpec(n_fft=1024, hop_length=300, n_mels=80)
    for n in (1024, 5000, 5001):
        level_db = log_mel(jnp.asarray(content[:n]), spec)
        y = griffin_lim(level_db, spec=spec, length=n, key=jax.random.key(0), n_iter=4)
        assert y.shape == (n,)
        assert np.isfinite(y).all()


def test_silence_stays_silent():
    level_db = jnp.full((20, SPEC.n_mels), SPEC.floor_db)
    y = griffin_lim(level_db, spec=SPEC, length=19 * 512, key=jax.random.key(0), n_iter=4)
    np.testing.assert_array_equal(y, 0.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_iter": 0}, "inversion.n_iter=0 must be at least 1"),
        ({"n_iter_mel": -1}, "inversion.n_iter_mel=-1 must be at least 1"),
        ({"momentum": 1.5}, "inversion.momentum=1.5 must be at most 1"),
    ],
)
def test_bad_inversions(values, message):
    level_db = jnp.full((20, SPEC.n_mels), -20.0)
    with pytest.raises(InputError, match=message):
        griffin_lim(level_db, spec=SPEC, length=9728, key=jax.random.key(0), **values)
