"""Strength where no step is made: the share of the way to a start that is the result."""

from dataclasses import replace

import numpy as np
import pytest

from nstaudio.encoders import IdentityEncoder
from nstaudio.experiments import config, config_files
from nstaudio.optimization import initializers
from nstaudio.optimization.content_gain import ContentGain
from nstaudio.optimization.initializers import Initialization
from nstaudio.optimization.multiscale import MultiScale
from nstaudio.transfer.prepare import prepare
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE

GAIN_DB = 8.0


def louder(content, style, *, key, spec):
    """A result that filters the content."""
    del style, key, spec
    return Initialization(content, content.level_db + GAIN_DB)


def the_style(content, style, *, key, spec):
    """A result with a sound of its own, as long as the content."""
    del key, spec
    y, level_db = style.y[: len(content.y)], style.level_db[: len(content.level_db)]
    return Initialization(style._replace(y=y, level_db=level_db), level_db)


SMALL = Settings(
    **GRAM_OF_STYLE,
    encoder=IdentityEncoder(),
    init=louder,
    parametrization=ContentGain(),
    n_steps=0,
)
CORRECTED = ContentGain(n_corrections=1)


def gains_db(settings: Settings, content, style) -> np.ndarray:
    return np.asarray(prepare(content, style, settings).state.variable)


@pytest.mark.parametrize(("strength", "db"), [(None, 8.0), (1.0, 8.0), (0.25, 2.0), (0.0, 0.0)])
def test_of_a_filter_it_is_the_share_of_the_gain(content, style, strength, db):
    found = gains_db(replace(SMALL, strength=strength), content, style)
    np.testing.assert_allclose(found, db, atol=1e-5)


def test_of_a_sound_it_is_the_share_of_the_power(content, style):
    prepared = prepare(content, style, replace(SMALL, init=the_style, strength=0.36))
    a, b = (
        np.asarray(clip.y, np.float64)[: len(content)]
        for clip in (prepared.content, prepared.style)
    )
    b *= np.sqrt(np.mean(a**2) / np.mean(b**2))
    np.testing.assert_allclose(prepared.carrier.y, 0.8 * a + 0.6 * b, atol=1e-5)
    np.testing.assert_allclose(prepared.state.variable, 0.0, atol=1e-4)


@pytest.mark.parametrize("parametrization", [ContentGain(), CORRECTED])
def test_the_content_is_the_content_at_any_strength(content, style, parametrization):
    settings = replace(
        SMALL, init=initializers.content, strength=0.5, parametrization=parametrization
    )
    np.testing.assert_array_equal(gains_db(settings, content, style), 0.0)


@pytest.mark.parametrize(
    "descent", [{"n_steps": 3}, {"n_steps": None}, {"multiscale": MultiScale((2,), n_steps=1)}]
)
def test_a_descent_begins_at_the_start_and_weighs_its_losses(content, style, descent):
    settings = replace(SMALL, strength=0.5, **descent)
    prepared = prepare(content, style, settings)
    assert prepared.problem.weights.alpha != settings.weights.alpha
    if "multiscale" not in descent:
        np.testing.assert_allclose(prepared.state.variable, GAIN_DB, atol=1e-5)


def test_a_segment_that_needs_steps_weighs_its_losses_after_one_that_needs_none(content, style):
    def without_a_result(content, style, *, key, spec):
        return louder(content, style, key=key, spec=spec)._replace(n_steps=2)

    settings = replace(SMALL, strength=0.5)
    shared = prepare(content, style, settings).shared
    later = prepare(content, style, replace(settings, init=without_a_result), shared=shared)
    alone = prepare(content, style, replace(settings, init=without_a_result))
    assert later.n_steps == 2
    assert later.problem.weights == alone.problem.weights
    assert later.problem.weights.alpha != settings.weights.alpha


@pytest.mark.parametrize("preset", ["mix", "learned", "timbre", "musaicing"])
def test_presets_whose_start_is_the_result_have_it(preset):
    built = config.build(config_files.compose([f"experiment={preset}", "strength=0.5"])).transfer
    assert (built.n_steps, built.strength) == (0, 0.5)
    assert not built.scales
