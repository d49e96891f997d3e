from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.encoders import Conv1dEncoder
from nstaudio.errors import InputError
from nstaudio.optimization.multiscale import MultiScale, in_time
from nstaudio.optimization.parametrizations import FreeMel, SmoothMel
from nstaudio.optimization.waveform import Waveform
from nstaudio.transfer import api, prepare
from nstaudio.transfer.settings import Settings

from helpers import GRAM_OF_STYLE, compiled

SPEC = MelSpec(n_fft=512, hop_length=128, n_mels=32)
# A filter of one frame makes the smallest programs.
SETTINGS = Settings(spec=SPEC, encoder=Conv1dEncoder((16,), 1), n_steps=0, **GRAM_OF_STYLE)


def test_specs_are_so_many_times_as_long():
    specs = MultiScale((4, 2)).specs(SPEC)
    assert [(s.n_fft, s.hop_length, s.n_mels) for s in specs] == [(2048, 512, 32), (1024, 256, 32)]
    assert MultiScale().specs(SPEC) == []


def test_in_time_is_linear_interpolation():
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    got = compiled(in_time)(jnp.asarray(x), 512, 128, 19)
    for band in range(3):
        expected = np.interp(np.arange(19) * 128, np.arange(5) * 512, x[:, band])
        np.testing.assert_allclose(got[:, band], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factors": (1,)}, "multiscale.factors=1 must be at least 2"),
        ({"factors": (2, 4)}, r"multiscale.factors=\[2, 4\] must fall"),
        ({"factors": (2.5,)}, "multiscale.factors"),
        ({"n_steps": 0}, "multiscale.n_steps=0 must be at least 1"),
    ],
)
def test_bad_values(changes, message):
    with pytest.raises(InputError, match=message):
        MultiScale(**changes)


def test_a_clip_too_short_for_the_coarsest_scale():
    settings = replace(SETTINGS, encoder=Conv1dEncoder((16,), 5))
    coarse = replace(settings, multiscale=MultiScale((16,)))
    with pytest.raises(InputError, match=r"4 frames at multiscale.factors=16\); the encoder's"):
        prepare.check_length(7000, coarse, name="content")
    prepare.check_length(7000, settings, name="content")


@pytest.mark.parametrize(
    ("parametrization", "factors"),
    [(SETTINGS.parametrization, (4,)), (SmoothMel(), (4, 2)), (Waveform(), (4,))],
)
def test_the_coarse_result_is_the_start(content, style, parametrization, factors):
    """With no step at the finest scale the style is nearer than the content is, and there is less
    of it still to find."""
    changes = {"parametrization": parametrization, "multiscale": MultiScale(factors, n_steps=30)}
    plain, coarse = (
        api.transfer(content[:16000], style[:16000], SPEC.sr, replace(SETTINGS, **one))
        for one in ({"parametrization": parametrization}, changes)
    )
    assert coarse.history[0][1].style < 0.7 * plain.history[0][1].style
    assert np.isfinite(coarse.y).all()
    again = api.transfer(content[:16000], style[:16000], SPEC.sr, replace(SETTINGS, **changes))
    np.testing.assert_array_equal(coarse.y, again.y)


def test_segments_share_the_style_of_every_scale(content, style):
    changes = {"parametrization": FreeMel(), "multiscale": MultiScale((4, 2), n_steps=5)}
    settings = replace(SETTINGS, strength=0.7, **changes)
    first = prepare.prepare(content, style, settings)
    assert len(first.coarse) == 2
    alone = prepare.prepare(content, style, settings, shared=first.shared)
    np.testing.assert_array_equal(alone.state.variable, first.state.variable)
    backwards = content[::-1].copy()
    other = prepare.prepare(backwards, style, settings, shared=first.shared)
    for one, of_first in zip(other.coarse, first.coarse, strict=True):
        assert one.clip is of_first.clip, "analysed once"
        assert float(one.weights.alpha) == float(of_first.weights.alpha), "and balanced once"
    by_itself = prepare.prepare(backwards, style, settings)
    assert float(by_itself.coarse[0].weights.alpha) != float(first.coarse[0].weights.alpha)
