import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from nstaudio.analysis.representations import ConstantQ, Levels
from nstaudio.analysis.spectrogram import MelSpec, mel_power
from nstaudio.audio import demo_clips, files
from nstaudio.encoders import BasicPitchEncoder
from nstaudio.encoders.basic_pitch import HEARD
from nstaudio.errors import InputError
from nstaudio.transfer import api
from nstaudio.transfer.settings import Settings

import convert_basic_pitch
from helpers import GRAM_OF_STYLE, ROOT, compiled, music

SPEC = MelSpec(floor_db=-100.0)
ENCODER = BasicPitchEncoder()
LAYERS = ("contour_1", "contour", "note_1", "note", "onset_1", "onset")
SR = 22050


def convolved(x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
    """A layer by sums over windows, zeros around; bins in strides, as TensorFlow centres them."""
    with np.load(convert_basic_pitch.OUT) as arrays:
        kernel, bias = arrays[f"{name}/kernel"].astype(np.float64), arrays[f"{name}/bias"]
    n_bins = -(-x.shape[1] // stride)
    around = max(0, (n_bins - 1) * stride + kernel.shape[1] - x.shape[1])
    frames = (kernel.shape[0] - 1) // 2
    padded = np.pad(x, ((frames, frames), (around // 2, around - around // 2), (0, 0)))
    windows = sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))[:, ::stride]
    return np.einsum("tbchw,hwco->tbo", windows, kernel) + bias


def by_numpy(level: np.ndarray) -> dict[str, np.ndarray]:
    """The layers of levels from 0 to 1, `frames 309`."""
    with np.load(convert_basic_pitch.OUT) as arrays:
        x = level * float(arrays["input/scale"]) + float(arrays["input/bias"])
    n_frames, n_bins = x.shape
    channels = np.zeros((n_frames, 264, 8))
    for channel, harmonic in enumerate((0.5, 1, 2, 3, 4, 5, 6, 7)):
        above = round(36 * np.log2(harmonic))
        for pitch in range(264):
            if 0 <= pitch + above < n_bins:
                channels[:, pitch, channel] = x[:, pitch + above]

    def probability(x, name):
        return 1 / (1 + np.exp(-convolved(x, name)))

    contour_1 = np.maximum(convolved(channels, "contour_1"), 0)
    contour = probability(contour_1, "contour_2")
    note_1 = np.maximum(convolved(contour, "note_1", 3), 0)
    note = probability(note_1, "note_2")
    onset_1 = np.maximum(convolved(channels, "onset_1", 3), 0)
    onset = probability(np.concatenate([note, onset_1], axis=2), "onset_2")
    found = (contour_1, contour[..., 0], note_1, note[..., 0], onset_1, onset[..., 0])
    return dict(zip(LAYERS, found, strict=True))


def variables() -> dict:
    return jax.jit(ENCODER.init)(jax.random.key(0), jnp.zeros((4, 309)))


def level_of(y: jax.Array) -> jax.Array:
    """The encoder's input, of samples whose loudest band has power 1."""
    return HEARD(y, jnp.zeros((1 + y.shape[0] // 256, 1)), SPEC)


def heard(y: np.ndarray) -> jax.Array:
    """Samples scaled so that the loudest mel band has power 1."""
    power = float(compiled(mel_power)(jnp.asarray(y), spec=SPEC).max())
    return jnp.asarray(y / np.sqrt(power))


def demo_window(clip: str) -> np.ndarray:
    """As many samples as the published network takes at once."""
    return files.load(demo_clips.CLIPS_DIR / f"{clip}.ogg").mono(SR)[SR : SR + 43844]


def test_activations_equal_sums_by_numpy():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 0.9, (14, 309)).astype(np.float32)
    got = jax.jit(ENCODER.apply)(variables(), jnp.asarray(x))
    expected = by_numpy(x / x.max())
    assert set(got) == set(LAYERS) == set(expected)
    for name, layer in expected.items():
        np.testing.assert_allclose(got[name], layer, atol=2e-4 * layer.max(), err_msg=name)
    assert [got[name].shape[1:] for name in LAYERS] == [
        *((264, 8), (264,)),
        *((88, 32), (88,)),
        *((88, 32), (88,)),
    ]


@pytest.mark.parametrize("clip", ["jazz", "classical"])
def test_samples_become_what_the_published_network_hears(clip):
    """Its transform is another, so probabilities agree and are not equal."""
    y = demo_window(clip)
    session = onnxruntime.InferenceSession(ROOT / "tests" / "notes" / "basic_pitch" / "nmp.onnx")
    names = [f"StatefulPartitionedCall:{i}" for i in (1, 2, 0)]
    theirs = session.run(names, {"serving_default_input_2:0": y[None, :, None]})
    x = compiled(level_of)(heard(y))
    got = jax.jit(ENCODER.apply)(variables(), x)
    inner = slice(15, -15)
    for name, layer in zip(("note", "onset", "contour"), theirs, strict=True):
        ours = np.asarray(got[name])[inner]
        assert layer.max() > 0.4, "music was heard"
        np.testing.assert_allclose(ours, layer[0, inner], atol=0.12, err_msg=name)
        assert np.corrcoef(ours.ravel(), layer[0, inner].ravel())[0, 1] > 0.99, name


def test_the_gradient_reaches_the_samples():
    y = heard(music(4, 0.5, SR))
    weights = variables()

    def loss(y):
        found = ENCODER.apply(weights, level_of(y))
        return sum(jnp.mean(found[name] ** 2) for name in ("note", "onset", "contour"))

    # Along the sound itself: noise would move quiet cells most, whose levels bend within a step.
    direction = y * jnp.linspace(0, 1, len(y))
    both = compiled(jax.value_and_grad(loss))
    value, gradient = both(y)
    ahead, behind = (both(y + step * direction)[0] for step in (0.01, -0.01))
    assert value > 0
    slope = float(gradient @ direction)
    assert float(ahead - behind) / 0.02 == pytest.approx(slope, rel=0.02)


def test_no_seed_changes_the_weights():
    drawn = jax.jit(ENCODER.init)(jax.random.key(7), jnp.zeros((4, 309)))["params"]["network"]
    with np.load(convert_basic_pitch.OUT) as arrays:
        np.testing.assert_array_equal(drawn["note_1"]["kernel"], arrays["note_1/kernel"])


@pytest.mark.slow
def test_a_transfer_that_keeps_the_notes():
    """The style's sound by the levels themselves, the content's notes by the network."""
    content = music(1, 1.0)
    result = api.transfer(
        content,
        music(2, 1.0),
        SR,
        encoder=BasicPitchEncoder(input_layer=True),
        representation=HEARD,
        spec=SPEC,
        content_weights={"input": 0.0},
        style_weights=dict.fromkeys(LAYERS, 0.0),
        n_steps=2,
        **GRAM_OF_STYLE,
    )
    assert np.isfinite(result.y).all()
    assert np.abs(result.y - content).max() > 0.01


@pytest.mark.parametrize("shape", [(40, 144), (40, 309, 2)])
def test_other_bands_are_refused(shape):
    with pytest.raises(InputError, match="use spectrogram=basic_pitch representation=basic_pitch"):
        ENCODER.init(jax.random.key(0), jnp.zeros(shape))


@pytest.mark.parametrize(
    "options",
    [
        {"representation": Levels()},
        {"representation": ConstantQ(f_min_hz=55.0, bins_per_octave=36)},
        {"representation": HEARD, "spec": MelSpec(sr=44100)},
        {"representation": HEARD, "spec": MelSpec(hop_length=128)},
    ],
)
def test_another_analysis_is_refused_before_the_run(options):
    with pytest.raises(InputError, match=r"spectrogram.sr=22050 spectrogram.hop_length=256"):
        Settings(encoder=ENCODER, **GRAM_OF_STYLE, **options)
