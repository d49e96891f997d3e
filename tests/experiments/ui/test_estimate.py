"""Estimates of a run's time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from nstaudio.experiments.ui import estimate
from nstaudio.experiments.ui.estimate import Estimates, measure
from nstaudio.experiments.ui.run_request import RunRequest

from small_runs import SMALL
from small_ui import wait


def test_an_estimate_of_a_command_line(clips):
    files = [f"{role}.path={clips[role]}" for role in ("content", "style")]
    found = measure([*files, *SMALL], 3.0)
    assert 3.0 < found["seconds"] < 600.0
    assert 1e7 < found["bytes"] < 1e11


def test_what_a_run_would_refuse(clips):
    files = [f"{role}.path={clips[role]}" for role in ("content", "style")]
    found = measure([*files, "style.start_s=100", *SMALL], 0.0)
    assert found["error"].endswith("is 2.50 s long; it cannot start at 100 s")


class Request(RunRequest):
    def __init__(self, *given: str) -> None:
        super().__init__((), ())
        object.__setattr__(self, "given", list(given))

    def arguments(self) -> list[str]:
        return self.given


@pytest.fixture
def estimates(monkeypatch, tmp_path):
    """Estimates whose process counts its calls, or waits."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, time, pathlib\n"
        "if 'wait' in sys.argv: pathlib.Path(sys.argv[-1]).touch(); time.sleep(60)\n"
        "with open(sys.argv[-1], 'a') as f: f.write('x')\n"
        'print(\'{"seconds": 2.0, "bytes": 1}\')\n'
    )
    monkeypatch.setattr(estimate, "_PROGRAM", (str(program),))
    return Estimates()


def test_the_same_question_is_answered_at_once(estimates, tmp_path):
    calls = tmp_path / "calls"
    for _ in range(2):
        assert estimates.of(Request(str(calls)))["seconds"] == 2.0
    assert calls.read_text() == "x"


def test_a_newer_question_or_a_run_ends_the_one_before(estimates, tmp_path):
    with ThreadPoolExecutor() as pool:
        begun = tmp_path / "begun"
        first = pool.submit(estimates.of, Request("wait", str(begun)))
        wait(begun.exists)
        assert estimates.of(Request(str(tmp_path / "calls")))["seconds"] == 2.0
        assert first.result(30) == {"superseded": True}
        other = tmp_path / "other"
        second = pool.submit(estimates.of, Request("wait", str(other)))
        wait(other.exists)
        estimates.end()
        assert second.result(30) == {"superseded": True}
