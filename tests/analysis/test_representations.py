import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from nstaudio.analysis.representations import (
    ConstantQ,
    Levels,
    Log1p,
    RealImaginary,
    Representation,
)
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.encoders import (
    Conv1dEncoder,
    Conv2dEncoder,
    Encoder,
    IdentityEncoder,
    InfiniteEncoder,
    ParallelEncoder,
)
from nstaudio.errors import InputError
from nstaudio.losses import Gram, LossPair, SquaredError
from nstaudio.optimization.content_gain import ContentGain
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.optimization.parametrizations import FreeMel, SmoothMel
from nstaudio.optimization.waveform import Waveform
from nstaudio.transfer import api
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE, Compiled, compiled

SPEC = MelSpec(n_fft=512, hop_length=128, n_mels=32)
LOSSES = LossPair(SquaredError(), Gram())
SOUND = RealImaginary(magnitude=True)


@compiled
def encoder_input(y, representation, spec=SPEC):
    return representation(y, log_mel(y, spec), spec)


def test_all_are_representations(content):
    for representation in (Levels(), Log1p(), RealImaginary(), SOUND, ConstantQ(1000.0)):
        assert isinstance(representation, Representation)
        assert hash(representation) == hash(representation)
        gradient = jax.jit(jax.grad(lambda y, r=representation: jnp.sum(encoder_input(y, r) ** 2)))
        assert np.isfinite(gradient(jnp.asarray(content[:4000]))).all()
        assert np.isfinite(gradient(jnp.zeros(4000))).all()


def test_levels_are_shares_of_the_range():
    level_db = jnp.array([[-80.0, -20.0, 0.0]])
    np.testing.assert_allclose(Levels()(None, level_db, SPEC), [[0, 0.75, 1]])


def test_log1p_is_the_logarithm_of_magnitudes():
    level_db = jnp.array([[-80.0, -20.0, 0.0]])
    expected = np.log1p(50 * 10 ** (np.asarray(level_db) / 20)) / np.log(51)
    np.testing.assert_allclose(Log1p(scale=50.0)(None, level_db, SPEC), expected, rtol=1e-5)


def test_real_and_imaginary_parts_are_librosas(content):
    y = content[:4000]
    x = librosa.stft(y, n_fft=512, hop_length=128, pad_mode="constant").T
    x = x * np.sqrt(librosa.filters.mel(sr=SPEC.sr, n_fft=512, n_mels=32).max())
    plain = np.asarray(encoder_input(y, RealImaginary(scale=None)))
    np.testing.assert_allclose(plain[..., 0] + 1j * plain[..., 1], x, atol=1e-4)
    size = np.log1p(20 * np.abs(x)) / np.log(21)
    parts = np.asarray(encoder_input(y, RealImaginary(scale=20.0, magnitude=True)))
    clear = np.abs(x) > 1e-3
    got = parts[..., 0] + 1j * parts[..., 1]
    np.testing.assert_allclose(got[clear], (x / np.abs(x) * size)[clear], atol=1e-4)
    np.testing.assert_allclose(parts[..., 2], size, atol=1e-4)


@pytest.mark.parametrize("mel_norm", ["slaney", None])
def test_noise_is_as_loud_in_constant_q_bands_as_in_the_loudest_mel_band(mel_norm):
    spec = MelSpec(n_fft=512, hop_length=128, n_mels=32, mel_norm=mel_norm)
    y = 0.01 * np.random.default_rng(0).standard_normal(2 * spec.sr)
    mel = librosa.feature.melspectrogram(
        y=y, sr=spec.sr, n_fft=512, hop_length=128, n_mels=32, norm=mel_norm
    )
    expected_db = 10 * np.log10(mel.mean(axis=1).max())
    y = jnp.asarray(y, jnp.float32)
    found = np.asarray(encoder_input(y, ConstantQ(f_min_hz=500.0), spec))
    power = 10 ** ((found - 1) * 8)  # 0 is -80 dB
    found_db = 10 * np.log10(power[20:-20].mean(axis=0))
    np.testing.assert_allclose(found_db, expected_db, atol=1.5)


@pytest.mark.parametrize("kind", [Log1p, RealImaginary])
@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_bad_scales(kind, scale):
    with pytest.raises(InputError, match="representation.scale"):
        kind(scale=scale)


ENCODERS: list[Encoder] = [
    Conv1dEncoder((6, 5), 3),
    Conv2dEncoder((4, 3), (3, 3)),
    ParallelEncoder((2, (3, 5)), features=4),
    IdentityEncoder(),
    InfiniteEncoder((3,)),
]


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda e: type(e).__name__)
def test_every_encoder_sees_several_parts(encoder, content, style):
    """0 from itself, above 0 from another, and not blind to the phase."""
    a, b = (encoder_input(y[:4000], RealImaginary()) for y in (content, style))
    encoder = Compiled(encoder)
    variables = jax.jit(encoder.init)(jax.random.key(0), a)
    targets = encoder.targets(variables, a, b, LOSSES)
    own = encoder.distances(variables, a, targets, LOSSES)
    assert all(float(d) == pytest.approx(0, abs=1e-6) for d in own.content.values())
    assert all(float(d) > 0 for d in own.style.values())
    turned = a[..., ::-1]  # every phase mirrored
    other = encoder.distances(variables, turned, targets, LOSSES)
    assert all(float(d) > 1e-6 for d in other.content.values())


@pytest.mark.parametrize("parametrization", [FreeMel(), SmoothMel()])
def test_samples_are_needed(parametrization):
    with pytest.raises(InputError, match="has none before the inversion"):
        Settings(representation=RealImaginary(), parametrization=parametrization)


def small(**changes) -> Settings:
    settings = {
        "spec": SPEC,
        "parametrization": Waveform(),
        "representation": SOUND,
        "encoder": Conv1dEncoder((16,), 1),
        "n_steps": 20,
        **GRAM_OF_STYLE,
    }
    return Settings(**{**settings, **changes})


@pytest.mark.slow
def test_a_transfer_in_constant_q_bands(content, style):
    """From the default parametrization, with a coarser scale before it."""
    changes = {
        "parametrization": ContentGain(),
        "representation": ConstantQ(f_min_hz=1000.0, bins_per_octave=12),  # few of its rates
        "multiscale": MultiScale((2,), 10),
    }
    y = content[:12000], style[:12000]
    result = api.transfer(*y, SPEC.sr, small(**changes), log_every=20)
    last = result.history[-1][1]
    assert result.figures.style_share < 0.7
    assert result.figures.style_loss_on_audio == pytest.approx(last.style, rel=0.2)


def test_a_transfer_of_phases(content, style):
    """The loss that is descended on is that of the sound that comes out."""
    y = content[:12000], style[:12000]
    result = api.transfer(*y, SPEC.sr, small(strength=0.5), log_every=20)
    first, last = result.history[0][1], result.history[-1][1]
    assert last.total < first.total
    assert last.style < 0.9 * first.style
    assert result.figures.style_loss_on_audio == pytest.approx(last.style, rel=0.2)
