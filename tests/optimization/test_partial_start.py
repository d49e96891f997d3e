"""Part of the way from a content, by hand."""

import numpy as np
import pytest

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec, log_mel
from nstaudio.optimization.initializers import Initialization
from nstaudio.optimization.partial_start import part_way

from helpers import compiled, music

SPEC = MelSpec()


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [Clip(y, compiled(log_mel)(y, spec=SPEC)) for y in (music(0), 3 * music(1))]


def test_a_sound_of_its_own_is_crossfaded_with_constant_power(clips):
    content, other = clips
    start = Initialization(other, other.level_db, n_steps=0)
    a, b = (np.asarray(clip.y, np.float64) for clip in clips)
    b *= np.sqrt(np.mean(a**2) / np.mean(b**2))
    for strength, expected in ((0.0, a), (0.25, np.sqrt(0.75) * a + 0.5 * b)):
        found = part_way(start, content, strength, spec=SPEC)
        np.testing.assert_allclose(found.carrier.y, expected, atol=1e-5)
        heard = compiled(log_mel)(expected.astype(np.float32), spec=SPEC)
        np.testing.assert_allclose(found.level_db, heard, atol=0.1)


def test_of_a_filter_it_is_a_share_of_its_gain(clips):
    content = clips[0]
    start = Initialization(content, content.level_db + 8.0)
    found = part_way(start, content, 0.25, spec=SPEC)
    assert found.carrier is content
    np.testing.assert_allclose(found.level_db - content.level_db, 2.0, atol=1e-5)


def test_all_of_it_is_the_start_itself(clips):
    content, other = clips
    for carrier in clips:
        start = Initialization(carrier, other.level_db)
        assert part_way(start, content, 1.0, spec=SPEC) is start
