import numpy as np
import pytest

from nstaudio.notes.kind import Density, Kind, kind


def test_density_counts_frames_and_notes():
    probability = np.zeros((10, 88), np.float32)
    probability[:4, 40] = 0.9
    probability[2:4, [44, 47]] = 0.51
    probability[5, 50] = 0.5  # not above one half
    assert Density.of(probability) == Density(0.4, pytest.approx((1 + 1 + 3 + 3) / 4))
    assert Density.of(np.zeros((3, 88))) == Density(0.0, 0.0)


@pytest.mark.parametrize(
    ("content", "style", "expected"),
    [
        ((0.0, 0.0), (0.9, 3.0), Kind.UNPITCHED),
        ((0.3, 1.0), (0.9, 1.0), Kind.UNPITCHED),
        ((0.9, 1.1), (0.9, 1.3), Kind.ONE_VOICE),
        ((0.9, 1.1), (0.0, 0.0), Kind.MIX),  # a style without notes has none to play with
        ((0.9, 1.1), (0.9, 2.6), Kind.MIX),
        ((0.9, 2.6), (0.9, 1.1), Kind.MIX),
        ((0.55, 1.1), (0.9, 1.1), Kind.MIX),  # a voice and something without pitch
    ],
)
def test_kinds(content, style, expected):
    assert kind(Density(*content), Density(*style)) is expected
