"""The page's server in this process, with clips in a folder of its own, and a browser at it."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nstaudio.experiments.ui import estimate, run_queue
from nstaudio.experiments.ui.clips import Limits
from nstaudio.experiments.ui.server import make_app

from browser import opened
from small_runs import SMALL
from small_ui import ESTIMATED, PRETENDED
from ui_page import Page, serving


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
    monkeypatch.setattr(run_queue, "_RUN", PRETENDED)
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


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    with opened(profile, "use-fake-device-for-media-stream", "use-fake-ui-for-media-stream") as it:
        yield it


@pytest.fixture
def page_of_the_command(driver, outputs, clips):
    """The page; its runs and estimates are the command's, of small settings."""
    app = make_app(outputs, limits=Limits(600_000, 5.0), extra=tuple(SMALL))
    with serving(app) as address:
        page = Page(driver, address, clips)
        page.open()
        page.log()
        yield page
        assert page.log() == []
        driver.get("about:blank")


@pytest.fixture
def page(fake, monkeypatch, page_of_the_command):
    """The page, with pretended runs and estimates."""
    del fake
    monkeypatch.setattr(estimate, "_PROGRAM", ("-c", ESTIMATED))
    return page_of_the_command
