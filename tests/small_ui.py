"""A pretended command for the page's queue, and what its tests ask of it."""

import json
import time
from pathlib import Path

from starlette.testclient import TestClient

from helpers import ROOT

PRETENDED = (ROOT / "tests/pretended_run.py").read_text(encoding="utf-8")
"""Stands in for the command, see there."""

ESTIMATED = """print('{"seconds": 2.0, "bytes": 1000000000}')"""
"""Stands in for an estimate."""


def wait(found, seconds: float = 60.0):
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def states(client: TestClient) -> list[str]:
    return [job["state"] for job in client.get("/api/queue").json()["jobs"]]


def make_run(folder: Path, *typed: str, config: dict | None = None, **summary) -> Path:
    """A run's folder, as far as the history reads it."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra/overrides.yaml").write_text(json.dumps(typed))
    paths = {"content": {"path": "/x/song.wav"}, "style": {"path": ["/x/a.wav", "/x/b.wav"]}}
    (folder / "config.yaml").write_text(json.dumps({**paths, **(config or {})}))
    if summary:
        whole = {"inputs": "", "interrupted": False, **summary}
        (folder / "summary.json").write_text(json.dumps(whole))
    return folder
