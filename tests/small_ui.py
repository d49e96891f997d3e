"""A pretended command for the page's queue, and what its tests ask of it."""

import json
import time
from pathlib import Path

from starlette.testclient import TestClient

# Stands in for the command: writes what a run writes, and waits for a file `go` or for Ctrl-C.
FAKE = """
import json, os, pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
given = dict(one.split("=", 1) for one in sys.argv[1:] if "=" in one)
folder = pathlib.Path(given["hydra.run.dir"])
outputs = folder.parents[1]
if (outputs / "refuse").exists():
    print("error: seed=1 is refused", file=sys.stderr)
    sys.exit(2)
(folder / ".hydra").mkdir()
(folder / ".hydra/overrides.yaml").write_text(json.dumps(sys.argv[2:]))
stopped = []
signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
(folder / "config.yaml").write_text("n_steps: 4\\n")
while not stopped and not (outputs / "go").exists():
    time.sleep(0.01)
(folder / "generated.wav").write_bytes(b"RIFF")
(folder / "summary.json").write_text(json.dumps({"inputs": "", "interrupted": bool(stopped)}))
"""


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
