import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.errors import InputError
from nstaudio.notes import percussion
from nstaudio.optimization import initializers

from helpers import compiled

SPEC, KEY = MelSpec(floor_db=-80.0), jax.random.key(0)


@pytest.fixture
def content():
    level_db = np.random.default_rng(0).uniform(-60, -10, (400, 128))
    return Clip(jnp.ones(400 * 256), jnp.asarray(level_db, jnp.float32))


@pytest.fixture
def style():
    return Clip(jnp.zeros(100 * 256), jnp.full((100, 128), -33.0))


def test_content_is_the_content(content, style):
    start = initializers.content(content, style, key=KEY, spec=SPEC)
    np.testing.assert_array_equal(start.level_db, content.level_db)


@pytest.mark.parametrize(
    "init", [initializers.content, initializers.noisy_content, initializers.white_noise]
)
def test_the_content_carries_what_has_no_sound_of_its_own(content, style, init):
    carrier = init(content, style, key=KEY, spec=SPEC).carrier
    np.testing.assert_array_equal(carrier.y, content.y)
    np.testing.assert_array_equal(carrier.level_db, content.level_db)


@pytest.mark.parametrize("noise_db", [0.5, 3.0])
def test_noisy_content_has_the_stated_noise(content, style, noise_db):
    got = initializers.noisy_content(content, style, key=KEY, spec=SPEC, noise_db=noise_db).level_db
    noise = np.asarray(got - content.level_db)
    assert noise.std() == pytest.approx(noise_db, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.05 * noise_db)


def test_noise_does_not_go_below_the_floor(content, style):
    got = initializers.noisy_content(content, style, key=KEY, spec=SPEC, noise_db=40.0).level_db
    assert got.min() == -80.0


def test_white_noise_has_the_contents_level_and_none_of_its_pattern(content, style):
    got = initializers.white_noise(content, style, key=KEY, spec=SPEC).level_db
    assert got.shape == content.level_db.shape
    assert got.mean() == pytest.approx(float(content.level_db.mean()), abs=0.5)
    assert got.std() == pytest.approx(float(content.level_db.std()), rel=0.05)
    assert abs(np.corrcoef(np.ravel(got), np.ravel(content.level_db))[0, 1]) < 0.02


def test_the_key_decides_the_noise(content, style):
    a, b, c = (
        initializers.white_noise(content, style, key=jax.random.key(seed), spec=SPEC).level_db
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


def test_negative_noise_is_refused(content, style):
    with pytest.raises(InputError, match=r"init.noise_db=-1 must be at least 0"):
        initializers.noisy_content(content, style, key=KEY, spec=SPEC, noise_db=-1.0)


SR = 22050


def as_clip(y):
    level_db = compiled(log_mel)(jnp.asarray(y), MelSpec(floor_db=-140.0))
    y = jnp.asarray(y * 10 ** (-float(level_db.max()) / 20), jnp.float32)
    return Clip(y, compiled(log_mel)(y, SPEC))


def reed(midi, seconds=1.5, harmonics=(0.1, 0.01, 0.08, 0.01, 0.06)):
    t = np.arange(int(seconds * SR)) / SR
    f0 = 440 * 2 ** ((midi - 69) / 12)
    y = sum(a * np.sin(2 * np.pi * k * f0 * t) for k, a in enumerate(harmonics, 1))
    y = y * np.clip(np.minimum(t, seconds - t) / 0.02, 0, 1)
    return np.pad(y, (SR // 4, SR // 4)).astype(np.float32)


def test_note_attention_is_the_contents_pitch_in_the_styles_sound():
    content, style = as_clip(reed(64, harmonics=(0.3, 0.01))), as_clip(reed(60))
    start = initializers.note_attention(content, style, key=KEY, spec=SPEC)
    assert start.n_steps == 0
    assert start.carrier.y.shape == content.y.shape
    expected = compiled(log_mel)(start.carrier.y, SPEC)
    np.testing.assert_allclose(start.level_db, expected, atol=1e-2)
    power = np.abs(np.fft.rfft(np.asarray(start.carrier.y))) ** 2
    hz = np.fft.rfftfreq(content.y.shape[0], 1 / SR)

    def near(f):
        return power[np.abs(hz - f) < 8].sum()

    f0 = 440 * 2 ** ((64 - 69) / 12)
    assert near(3 * f0) > 0.1 * near(f0), "odd harmonics, as the reed has and the content has not"
    assert near(2 * f0) < 0.1 * near(f0)
    assert near(440 * 2 ** ((60 - 69) / 12)) < 0.01 * near(f0)
    energies = [float(jnp.sum(clip.y**2)) for clip in (content, start.carrier)]
    assert energies[1] == pytest.approx(energies[0], rel=0.3)


def test_strokes_between_the_notes_stay(caplog):
    """A drum that no note explains is in the result at about the energy it had."""
    rng = np.random.default_rng(0)
    y, times = reed(64), np.arange(0.3, 1.9, 0.2)
    strokes = np.zeros_like(y)
    for time in times:
        at = int(time * SR)
        strokes[at : at + 2000] += 0.3 * rng.standard_normal(2000) * np.exp(-np.arange(2000) / 300)
    content, style = as_clip(y + strokes), as_clip(reed(60))
    start = initializers.note_attention(content, style, key=KEY, spec=SPEC)
    energies = [
        float(np.sum(percussion.split(np.asarray(c.y), SR) ** 2)) for c in (content, start[0])
    ]
    assert abs(10 * np.log10(energies[1] / energies[0])) < 6
    assert not caplog.records


@pytest.mark.parametrize(("role", "silent"), [("content", 0), ("style", 1)])
def test_without_notes_it_is_the_content_and_says_so(caplog, role, silent):
    rng = np.random.default_rng(0)
    clips = [as_clip(reed(60)), as_clip(reed(64))]
    clips[silent] = as_clip(0.1 * rng.standard_normal(SR).astype(np.float32))
    start = initializers.note_attention(*clips, key=KEY, spec=SPEC, n_steps_without_notes=7)
    assert start.n_steps == 7
    np.testing.assert_array_equal(start.carrier.y, clips[0].y)
    np.testing.assert_array_equal(start.level_db, clips[0].level_db)
    (record,) = caplog.records
    assert f"no notes were found in the {role}" in record.getMessage()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"transcriber": "basicpitch"}, "method=basicpitch is not one of"),
        ({"n_steps_without_notes": -1}, "init.n_steps_without_notes=-1 must be at least 0"),
    ],
)
def test_bad_values_of_note_attention(content, style, values, message):
    with pytest.raises(InputError, match=message):
        initializers.note_attention(content, style, key=KEY, spec=SPEC, **values)


def test_frame_attention_filters_the_content_to_the_styles_levels():
    content, style = as_clip(reed(64, harmonics=(0.3, 0.03, 0.01))), as_clip(reed(60))
    start = initializers.frame_attention(content, style, key=KEY, spec=SPEC, balance=0)
    assert start.n_steps == 0
    assert start.carrier is content, "so that all channels can be filtered"
    f0 = 440 * 2 ** ((64 - 69) / 12)
    first, third = (int(np.abs(SPEC.edges_hz[1:-1] - k * f0).argmin()) for k in (1, 3))
    middle = slice(40, 120)

    def step_db(level_db):
        return float(np.mean(level_db[middle, third - 1 : third + 2].max(axis=1))) - float(
            np.mean(level_db[middle, first - 1 : first + 2].max(axis=1))
        )

    assert step_db(np.asarray(content.level_db)) < -25
    assert step_db(np.asarray(start.level_db)) > -12, "the reed's third harmonic is 2 dB softer"


def test_balance_alone_is_an_equaliser():
    """What is left is one gain a band, but where the loudest is lifted."""
    rng = np.random.default_rng(0)
    content_db, style_db = (rng.normal(mean, 2, (80, 128)) for mean in (-20, -30))
    content_db[:, 64:] -= 20
    content, style = (Clip(jnp.ones(80 * 256), jnp.asarray(x)) for x in (content_db, style_db))
    only = {"frames": 0, "notes": 0, "balance": 1, "spread": 0}
    start = initializers.frame_attention(content, style, key=KEY, spec=SPEC, **only)
    change_db = np.asarray(start.level_db - content.level_db)
    power = [np.mean(10 ** (np.asarray(x) / 10), axis=0) for x in (content_db, style_db)]
    np.testing.assert_allclose(change_db[0], 10 * np.log10(power[1] / power[0]), atol=0.1)
    assert change_db.std(axis=0).max() < 0.1


def test_frame_attention_needs_no_notes(caplog):
    rng = np.random.default_rng(0)
    noise = [0.1 * rng.standard_normal(SR).astype(np.float32) for _ in range(2)]
    dull = np.convolve(noise[1], np.ones(8) / 8, mode="same").astype(np.float32)
    content, style = as_clip(noise[0]), as_clip(dull)
    start = initializers.frame_attention(content, style, key=KEY, spec=SPEC)
    change_db = np.asarray(start.level_db - content.level_db).mean(axis=0)
    assert change_db[-30:].mean() < change_db[20:50].mean() - 6
    assert not caplog.records


@pytest.mark.parametrize(("name", "value"), [("notes", -1), ("frames", -0.5), ("spread", 1.5)])
def test_bad_values_of_frame_attention(content, style, name, value):
    with pytest.raises(InputError, match=f"init.{name}={value} must be at"):
        initializers.frame_attention(content, style, key=KEY, spec=SPEC, **{name: value})


def test_frame_attention_of_nothing(content, style):
    message = r"init.frames \+ init.balance \+ init.learned=0 must be above 0"
    with pytest.raises(InputError, match=message):
        initializers.frame_attention(content, style, key=KEY, spec=SPEC, frames=0, balance=0)


def test_musaicing_is_made_of_the_styles_sound():
    """The content's rhythm, in the style's only spectrum."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(SR).astype(np.float32)
    strokes = noise * (np.arange(SR) % (SR // 4) < SR // 16)
    dull = np.convolve(noise, np.ones(16) / 16, mode="same").astype(np.float32)
    content, style = as_clip(strokes), as_clip(dull)
    start = initializers.musaicing(content, style, key=KEY, spec=SPEC)
    assert start.n_steps == 0
    np.testing.assert_allclose(start.level_db, compiled(log_mel)(start.carrier.y, SPEC), atol=1e-3)
    envelopes = [np.convolve(np.asarray(c.y) ** 2, np.ones(512)) for c in (content, start.carrier)]
    assert np.corrcoef(*envelopes)[0, 1] > 0.9
    powers = [np.abs(np.fft.rfft(np.asarray(c.y))) ** 2 for c in (start.carrier, style, content)]
    made, styled, own = (power[: SR // 8].sum() / power.sum() for power in powers)
    assert made == pytest.approx(styled, abs=0.05)
    assert own < 0.5 * styled


def test_the_key_decides_the_first_gains():
    clips = [as_clip(reed(60, 0.3)), as_clip(reed(64, 0.3))]
    a, b, c = (
        initializers.musaicing(*clips, key=jax.random.key(seed), spec=SPEC).carrier.y
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_learned_levels_make_of_a_flute_a_reed():
    """The reed's third harmonic, which the content hardly has, is wanted of it."""
    content, style = as_clip(reed(64, harmonics=(0.3, 0.03, 0.01))), as_clip(reed(60))
    start = initializers.learned(content, style, key=KEY, spec=SPEC)
    assert start.n_steps == 0
    assert start.carrier is content, "so that all channels can be filtered"
    f0 = 440 * 2 ** ((64 - 69) / 12)
    first, third = (int(np.abs(SPEC.edges_hz[1:-1] - k * f0).argmin()) for k in (1, 3))
    change_db = np.asarray(start.level_db - content.level_db)[40:120].mean(axis=0)
    assert change_db[third] > change_db[first] + 10


def test_learned_levels_share_in_the_mean(content, style, monkeypatch):
    """Of two estimates in dB, brought to the style's power, the mean; nothing is lifted here."""
    monkeypatch.setattr(initializers, "lifted", lambda level_db, _: level_db)
    gain_db = np.linspace(-10, 5, content.level_db.shape[1], dtype=np.float32)[None]
    monkeypatch.setattr(initializers, "gain_db", lambda *_: gain_db)
    content_db, style_db = (np.asarray(c.level_db, np.float64) for c in (content, style))

    def power_db(x, axis=None):
        return 10 * np.log10(np.mean(10 ** (x / 10), axis=axis))

    learned_db = content_db + gain_db
    learned_db += power_db(style_db) - power_db(learned_db)
    balanced_db = content_db + power_db(style_db, 0) - power_db(content_db, 0)
    weights = {"frames": 0, "notes": 0, "balance": 1, "learned": 3, "spread": 0}
    start = initializers.frame_attention(content, style, key=KEY, spec=SPEC, **weights)
    np.testing.assert_allclose(start.level_db, (balanced_db + 3 * learned_db) / 4, atol=1e-3)
