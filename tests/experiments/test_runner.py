"""Runs that are no more than their steps, driven one by one and together."""

import contextlib

import numpy as np
import pytest

from nstaudio.errors import InputError
from nstaudio.experiments import cost_estimate, runner
from nstaudio.optimization import loop
from nstaudio.optimization.content_gain import ContentGain
from nstaudio.transfer.segment_loop import StepRequest

from small_updates import small_updates


@pytest.fixture(scope="module")
def first(content, style):
    return small_updates(content, style, 0)


def counting(first, total: int, seen: list, fails_at: int | None = None):
    """A run of `total` steps, three at a time; returns its last step and losses."""
    state, done = first.state, 0
    answer = yield StepRequest("counting", first, 0, total)
    while done < total and not answer.stop:
        if done == fails_at:
            raise InputError("it shall fail")
        answer = yield StepRequest("counting", first._replace(state=state, n_steps=3), done, total)
        state, done = answer.state, done + 3
        seen.append((answer.n_concurrent, answer.seconds))
    return {"step": int(state.step), "total": float(answer.losses.total)}


def together(runs, within=lambda _: contextlib.nullcontext()):
    return runner.run_concurrently(runs, within=within)


def test_a_run_by_itself(first, capfd):
    seen = []
    made = runner.run_one(counting(first, 6, seen))
    _, losses = loop.run_updates(first._replace(n_steps=6))
    assert made == {"step": 6, "total": float(losses.total)}
    assert [n for n, _ in seen] == [1, 1]
    assert all(seconds > 0 for _, seconds in seen)
    assert "6/6" in capfd.readouterr().err


def test_a_run_that_has_nothing_to_do():
    def nothing():
        return {"interrupted": False}
        yield

    assert runner.run_one(nothing()) == {"interrupted": False}
    assert together([nothing(), nothing()]) == [{"interrupted": False}] * 2


@pytest.mark.parametrize(("n_fit", "beside"), [(9, [5]), (2, [2, 2, 1]), (1, [1] * 5)])
def test_as_many_at_a_time_as_fit(first, monkeypatch, n_fit, beside):
    monkeypatch.setattr(cost_estimate, "n_fitting", lambda _: n_fit)
    seen = [[] for _ in range(5)]
    places = []
    made = together(
        [counting(first, 3 * (1 + i % 2), seen[i]) for i in range(5)],
        within=lambda i: contextlib.nullcontext(places.append(i)),
    )
    for i, one in enumerate(made):
        state, losses = loop.run_updates(first._replace(n_steps=3 * (1 + i % 2)))
        assert one["step"] == int(state.step)
        assert one["total"] == pytest.approx(float(losses.total), rel=1e-5)
    expected = [n for n in beside for _ in range(n)]
    assert [run[0][0] for run in seen] == expected
    assert set(places) == set(range(5))


def test_a_run_that_fails_is_no_matter_to_the_others(first):
    made = together([counting(first, 6, [], 3), counting(first, 6, []), counting(first, 6, [], 0)])
    assert isinstance(made[0], InputError)
    assert isinstance(made[2], InputError)
    assert made[1]["step"] == 6


def test_n_fitting(content, style, monkeypatch):
    first = small_updates(content, style, 0, parametrization=ContentGain())
    size = sum(np.asarray(a).nbytes for a in (first.state.variable, first.problem.constants[0]))
    monkeypatch.setattr(cost_estimate, "available_bytes", lambda: 2000 * size)
    assert 10 < cost_estimate.n_fitting(first) < 1000
    monkeypatch.setattr(cost_estimate, "available_bytes", lambda: size)
    assert cost_estimate.n_fitting(first) == 1
