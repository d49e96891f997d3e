"""Stand-ins for the packages, which the tests do not have: what they are given."""

import sys
import types

import numpy as np
import pytest

from nstaudio.evaluation import perceptual

from helpers import music


@pytest.fixture
def packages(monkeypatch):
    """Both packages, returning the mean ratio of what they are given, and what that was."""
    given = []

    def score(reference, y):
        given.append((reference, y))
        return float(np.linalg.norm(y - reference) / np.linalg.norm(reference))

    class VisqolApi:
        def create(self, mode):
            assert mode == "audio"

        def measure_from_arrays(self, reference, y, sr):
            assert sr == 48000
            assert reference.dtype == y.dtype == np.float64
            return types.SimpleNamespace(moslqo=score(reference, y))

    for name, parts in (
        ("zimtohrli", {"mos_from_signals": score}),
        ("visqol", {"VisqolApi": VisqolApi}),
    ):
        module = types.ModuleType(name)
        module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
        vars(module).update(parts)
        monkeypatch.setitem(sys.modules, name, module)
    return given


@pytest.mark.parametrize("score", [perceptual.zimtohrli, perceptual.visqol])
def test_they_listen_at_48_khz_to_equal_power_and_length(packages, score):
    y = music(0, 0.5, 16000)
    assert score(3 * y, np.append(y, y[:100]), 16000) == pytest.approx(0, abs=1e-4)
    for sound in packages[0]:
        assert len(sound) == 3 * len(y)
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("score", [perceptual.zimtohrli, perceptual.visqol])
def test_without_the_package_there_is_no_score(monkeypatch, score):
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    y = music(0, 0.5, 16000)
    assert score(y, y, 16000) is None
