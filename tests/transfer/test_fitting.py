from dataclasses import replace
from functools import partial

import jax
import numpy as np
import optax
import pytest

import nstaudio
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import Conv1dEncoder, IdentityEncoder
from nstaudio.errors import InputError
from nstaudio.experiments import config, config_files
from nstaudio.losses import Gram
from nstaudio.optimization import initializers
from nstaudio.optimization.aims import StyleClip
from nstaudio.optimization.fitting_start import FittingStart
from nstaudio.optimization.optimizers import from_optax
from nstaudio.transfer.fitting import fitted, makes_steps
from nstaudio.transfer.settings import N_STEPS, Settings

from helpers import SR, music

SETTINGS = Settings()


def noise(seconds: float = 2.0) -> np.ndarray:
    return (0.1 * np.random.default_rng(5).standard_normal(int(seconds * SR))).astype(np.float32)


def tune(seconds: float = 2.0, *, voices: int = 1) -> np.ndarray:
    """Lasting notes one after another, in so many parts at once."""
    t = np.arange(int(seconds * SR)) / SR
    y = np.zeros_like(t)
    for voice in range(voices):
        for i, start in enumerate(np.arange(0, seconds, 0.5)):
            f0 = 220 * 2 ** ((7 * voice + (0, 2, 4, 5)[i % 4]) / 12)
            sounds = (t >= start) & (t < start + 0.5)
            y += sounds * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 6))
    return (0.3 * y / np.abs(y).max()).astype(np.float32)


def choose(content: np.ndarray, style: np.ndarray, settings: Settings = SETTINGS) -> Settings:
    return fitted(settings, content[:, None], SR, style)


def test_clips_choose_their_start():
    start = SETTINGS.init
    assert isinstance(start, FittingStart)
    unpitched = choose(noise(), tune())
    assert (unpitched.init, unpitched.n_steps) == (start.unpitched, 0)
    one_voice = choose(tune(), tune(3.0))
    assert (one_voice.init, one_voice.n_steps) == (start.one_voice, 0)
    mix = choose(tune(voices=3), tune())
    assert (mix.init, mix.n_steps) == (start.mix, 0)
    assert replace(mix, init=start, n_steps=None) == SETTINGS


def test_steps_that_are_asked_for_go_on_from_the_result():
    settings = choose(noise(), tune(), replace(SETTINGS, n_steps=7))
    assert (settings.init, settings.n_steps) == (initializers.musaicing, 7)


def test_a_line_says_what_was_chosen(caplog):
    with caplog.at_level("INFO"):
        choose(noise(), tune())
    (line,) = caplog.messages
    assert line.startswith("hardly any notes are heard in the content")
    assert line.endswith("experiment=musaicing")


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha": 0.1},
        {"style_loss": Gram()},
        {"style_weights": {"conv1": 0.0}},
        {"encoder": IdentityEncoder()},
        {"optimizer": from_optax(partial(optax.adam, learning_rate=1.0))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_descent_that_is_asked_for_begins_at_the_content(changes):
    settings = replace(SETTINGS, **changes)
    assert choose(noise(), tune(), settings).init is initializers.content
    assert choose(noise(), tune(), settings).steps == N_STEPS


def test_a_start_that_is_given_stays():
    settings = replace(SETTINGS, init=initializers.content)
    assert choose(noise(), tune(), settings) is settings


def test_silence_has_no_notes():
    assert choose(np.zeros(2 * SR, np.float32), tune()).init is initializers.musaicing


def test_what_is_no_start_is_refused():
    with pytest.raises(InputError, match="init.unpitched=3 is no start"):
        FittingStart(mix=print, one_voice=print, unpitched=3, descent=print)  # type: ignore[arg-type]


def test_noise_takes_the_style_s_frames_and_no_step():
    result = nstaudio.transfer(noise(), tune(), SR)
    assert result.n_steps == 0
    musaicing = nstaudio.transfer(noise(), tune(), SR, init=initializers.musaicing, n_steps=0)
    np.testing.assert_array_equal(result.y, musaicing.y)


def test_the_configs_leave_it_to_the_clips():
    """None of their values asks for a descent."""
    settings = config.build(config_files.compose([])).transfer
    assert choose(noise(), tune(), settings).n_steps == 0


def test_other_lengths_compile_nothing():
    """After one of a size, of a result put together in numpy."""
    changes = {
        "spec": MelSpec(n_fft=512, n_mels=24),
        "encoder": Conv1dEncoder(features=(8,), kernel_size=3),
        "style_loss": Gram(),
        "aim": StyleClip(),
        "init": initializers.musaicing,
        "n_steps": 0,
    }
    compiled = []

    def listen(event, seconds, **about):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(about.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for seconds in ((0.8, 1.0), (0.9, 1.3), (1.1, 0.7)):
            compiled.clear()
            nstaudio.transfer(music(1, seconds[0]), music(2, seconds[1]), SR, **changes)
            assert seconds == (0.8, 1.0) or compiled == []
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_steps_are_foreseen():
    """As many as `prepare` then finds, of whatever clips."""
    gram = replace(SETTINGS, style_loss=Gram())
    given = [SETTINGS, gram, replace(SETTINGS, n_steps=7), replace(gram, n_steps=0)]
    given.append(replace(SETTINGS, init=initializers.content))
    given.append(replace(given[-1], n_steps=0))
    assert [makes_steps(one) for one in given] == [False, True, True, False, True, False]
    for content in (noise(), tune(), tune(voices=3)):
        for one in given:
            assert makes_steps(one) == bool(choose(content, tune(), one).steps)
