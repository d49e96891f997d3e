"""Transfers towards other aims than the style clip."""

from functools import partial

import numpy as np
import pytest

import nstaudio
from nstaudio.analysis.representations import RealImaginary
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.audio.segments import Segmentation
from nstaudio.encoders import IdentityEncoder
from nstaudio.errors import InputError
from nstaudio.losses import FeatureReconstruction, Gram
from nstaudio.optimization.aims import Start, StyleClip
from nstaudio.optimization.initializers import Initialization
from nstaudio.optimization.parametrizations import FreeMel
from nstaudio.transfer.settings import Settings

from helpers import SR, music

QUIETER_DB, FLOOR_DB = 20.0, -80.0


def quieter(content, style, *, key, spec):
    """A start with the content's levels, less the same number everywhere."""
    del style, key, spec
    return Initialization(content, content.level_db - QUIETER_DB)


SMALL = {
    "spec": MelSpec(n_fft=512, n_mels=16, floor_db=FLOOR_DB),
    "parametrization": FreeMel(),
    "encoder": IdentityEncoder(),
    "style_loss": FeatureReconstruction(),
    "aim": Start(quieter),
    "n_steps": 40,
}


@pytest.fixture(scope="module")
def content():
    return music(1, 2.0)


@pytest.fixture(scope="module")
def style():
    return music(2, 2.5)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_strength_is_the_share_of_the_way_to_the_aim(content, style, share):
    """Both losses are squares of distances here, so a share of the way is that of the change.

    The two are compared at a probe half way, within a step of 0.5 dB.
    """
    result = nstaudio.transfer(content, style, SR, strength=share, **SMALL)
    above_floor = result.content_db > FLOOR_DB + QUIETER_DB
    change_db = np.asarray(result.state.variable - result.content_db)[above_floor]
    np.testing.assert_allclose(change_db, -share * QUIETER_DB, atol=1.0)


def test_each_segment_has_its_own_aim(content, style):
    """One that has no notion of the segments reaches its aim in each."""
    settings = SMALL | {"segments": Segmentation(length_s=0.9, overlap_s=0.2), "alpha": 0.0}
    result = nstaudio.transfer(content, style, SR, **settings)
    assert result.figures.style_share < 0.02


def test_frame_by_frame_needs_an_aim_that_follows_the_content(content, style):
    with pytest.raises(InputError, match="choose an aim that follows the content"):
        nstaudio.transfer(content, style, SR, **SMALL | {"aim": StyleClip()})


def test_samples_have_no_aim_but_the_style():
    with pytest.raises(InputError, match="has none: choose a statistic of the style"):
        Settings(representation=RealImaginary(), aim=Start(partial(quieter)))
    Settings(representation=RealImaginary(), style_loss=Gram())
