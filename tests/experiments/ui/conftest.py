"""The page's server in this process, with clips in a folder of its own."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nstaudio.experiments.ui import run_queue
from nstaudio.experiments.ui.clips import Limits
from nstaudio.experiments.ui.server import make_app

from small_runs import SMALL
from small_ui import FAKE


@pytest.fixture
def outputs(tmp_path) -> Path:
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


@pytest.fixture
def limits() -> Limits:
    return Limits(400_000, 4.0)


@pytest.fixture
def fake(monkeypatch, outputs):
    """Runs are pretended; returns a function that lets them finish."""
    monkeypatch.setattr(run_queue, "_RUN", FAKE)
    return (outputs / "go").touch


@pytest.fixture
def client(outputs, limits):
    app = make_app(outputs, limits=limits, extra=tuple(SMALL))
    with TestClient(app, base_url="http://localhost:8642") as made:
        yield made


@pytest.fixture
def upload(client, clips):
    """Upload a clip; returns its id."""

    def send(role: str = "content", name: str | None = None) -> str:
        file = clips[role]
        answer = client.put(
            "/api/clips", params={"name": name or file.name}, content=file.read_bytes()
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    return send


@pytest.fixture
def asked(upload) -> dict:
    """A whole request."""
    return {"content": [upload("content")], "style": [upload("style")]}
