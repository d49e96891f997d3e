"""The benchmarks still run; how fast is not for tests to say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_length_prints_a_row():
    command = [sys.executable, ROOT / "benchmarks" / "length.py", "--seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    header, row = done.stdout.splitlines()
    columns = dict(zip(header.split(), map(float, row.split()), strict=True))
    assert columns["seconds"] == 1
    assert columns["frames"] == 1 + 22050 // 512
    assert 0 < columns["step_s"] < columns["compile_s"]
    assert 0 < columns["base_mb"] <= columns["peak_mb"]
