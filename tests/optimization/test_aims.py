import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nstaudio.analysis.clip import Clip
from nstaudio.analysis.spectrogram import MelSpec
from nstaudio.errors import InputError
from nstaudio.losses import FeatureReconstruction, GaussianOT, Gram, StyleSum, Term
from nstaudio.optimization import initializers
from nstaudio.optimization.aims import Aim, Fitting, Start, StyleClip

SPEC, KEY = MelSpec(), jax.random.key(0)
CONTENT = Clip(jnp.arange(800.0), jnp.full((4, 144), -20.0))
STYLE = Clip(jnp.zeros(400), jnp.full((2, 144), -10.0))


def test_the_literature_aims_at_the_style():
    aim = StyleClip()(CONTENT, STYLE, key=KEY, spec=SPEC)
    assert aim is STYLE
    assert not StyleClip.follows_content


def test_a_start_is_an_aim():
    aim = Start(initializers.white_noise)
    expected = initializers.white_noise(CONTENT, STYLE, key=KEY, spec=SPEC).level_db
    got = aim(CONTENT, STYLE, key=KEY, spec=SPEC)
    np.testing.assert_array_equal(got.level_db, expected)
    assert got.level_db.shape == CONTENT.level_db.shape
    assert aim.follows_content
    assert isinstance(aim, Aim)


def test_no_start():
    with pytest.raises(InputError, match="aim.init=3 is no start"):
        Start(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("style_loss", "by_frame"),
    [
        (FeatureReconstruction(), True),
        (Gram(), False),
        (GaussianOT(), False),
        (StyleSum({"a": Term(Gram()), "b": Term(FeatureReconstruction())}), True),
        (StyleSum({"a": Term(Gram()), "b": Term(FeatureReconstruction(), weight=0.0)}), False),
    ],
)
def test_the_aim_fits_the_style_loss(style_loss, by_frame):
    start = Start(initializers.content)
    aim = Fitting(start).for_loss(style_loss)
    assert aim == (start if by_frame else StyleClip())


def test_no_aims_to_fit():
    with pytest.raises(InputError, match="aim.by_frame=3 is no aim"):
        Fitting(3)  # type: ignore[arg-type]
