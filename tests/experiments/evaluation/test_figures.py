"""Figures on two mixes whose style transfer is known."""

import numpy as np
import pytest

from nstaudio.evaluation import eq_baseline, shaped_noise
from nstaudio.evaluation.similarity import SR
from nstaudio.experiments.evaluation import items
from nstaudio.experiments.evaluation.figures import COLUMNS, DISTANCES, TO_TARGET, measure
from nstaudio.experiments.evaluation.methods import Result

from helpers import ROOT

ITEMS = items.find(ROOT / "tests" / "evaluation" / "ensembles")


@pytest.fixture(scope="module", params=list(ITEMS))
def figures(request):
    """Figures of the clips, an equaliser, the target itself and noise with its levels."""
    clips = {role: items.load(ITEMS[request.param], role, SR) for role in items.ROLES}
    sounds = {
        **clips,
        "eq": eq_baseline.match(clips["content"], clips["style"], SR),
        "noise": shaped_noise.match(clips["target"], SR),
    }
    return measure([Result(name, y, 0.0) for name, y in sounds.items()], clips["target"])


def test_the_target_is_perfect_and_nothing_else_is(figures):
    assert all(list(of) == list(COLUMNS) for of in figures.values())
    for column in DISTANCES:
        assert figures["target"][column] == pytest.approx(0, abs=1e-6)
        assert min(figures[name][column] for name in ("content", "style", "eq", "noise")) > 1e-3
    assert figures["target"]["onset_f1"] == 1


def test_another_piece_is_farther_than_the_same_one(figures):
    """The style plays something else: its timbre is right, its notes are not."""
    for column in ("pitch", "chroma", "fine_db", "cqt_db"):
        assert figures["style"][column] > figures["content"][column]
    assert figures["style"]["onset_f1"] < figures["content"]["onset_f1"]


def test_noise_of_the_right_levels_is_told_from_the_target(figures):
    """Mel levels are fooled, narrow bins are not."""
    shares = {c: figures["noise"][c] / figures["content"][c] for c in ("lsd_db", "fine_db")}
    assert shares["lsd_db"] < 0.6 < 0.8 < shares["fine_db"]


def test_without_a_target_there_are_no_figures_of_it():
    y = np.random.default_rng(0).standard_normal(SR).astype(np.float32)
    found = measure([Result("content", y, 1.0), Result("style", y[::-1].copy(), 0.0)], None)
    assert {found["content"][column] for column in TO_TARGET} == {None}
    assert found["content"]["unpitched_db"] == pytest.approx(0, abs=1e-9)
    assert found["content"]["seconds"] == 1.0
