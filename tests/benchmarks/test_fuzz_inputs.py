"""Some of the fuzzed files in this process; thousands are for the benchmark."""

import fuzz_inputs
import numpy as np
import pytest

import fuzz_cases
import fuzz_seeds
from fuzz_tally import GOOD


@pytest.mark.parametrize("first", [100, 130])
def test_files_are_read_or_refused(tmp_path, first):
    kinds = set()
    for index in range(first, first + 30):
        case = fuzz_cases.write_file(0, index, tmp_path)
        outcome = fuzz_inputs.try_file(case, ffmpeg=None)
        assert outcome.kind in GOOD, (index, case, outcome)
        kinds.add(outcome.kind)
    assert {"right", "refused"} <= kinds


def test_a_case_is_always_the_same(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for index in (200, 201, 202):
        first = fuzz_cases.write_file(3, index, tmp_path / "a")
        fuzz_seeds._seed_file.cache_clear()
        second = fuzz_cases.write_file(3, index, tmp_path / "b")
        assert first.label == second.label
        files = [fuzz_cases.Path(case.path).read_bytes() for case in (first, second)]
        assert files[0] == files[1]


def test_faults_are_found(
    tmp_path,
):
    """A length that is not what was encoded, and a whole file that is refused."""
    seeds = [fuzz_seeds.seed_file(np.random.default_rng(i)) for i in range(40)]
    good = next(s for s in seeds if s.expected == "load" and s.n and s.label.startswith("WAV"))
    file = tmp_path / f"x.{good.extension}"
    file.write_bytes(good.data)
    case = fuzz_cases.FileCase(str(file), good.label, "load", good.n)
    assert fuzz_inputs.try_file(case, None).kind == "right"
    assert fuzz_inputs.try_file(case._replace(n=good.n + 1), None).kind == "length"
    assert fuzz_inputs.try_file(case._replace(expected="refuse"), None).kind == "accepted"
    file.write_bytes(b"nothing")
    assert fuzz_inputs.try_file(case, None).kind == "rejected"
