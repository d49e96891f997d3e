"""Who may use the page."""

import socket

import pytest
from starlette.testclient import TestClient

from nstaudio.experiments.ui import access
from nstaudio.experiments.ui.clips import Limits
from nstaudio.experiments.ui.server import make_app

PASSWORD = "ein längeres Passwort"


def code(client, method="GET", path="/api/setup", **headers) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, path, headers=named).status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:8642", "[::1]:8642"])
def test_this_machine_by_its_own_names(client, host):
    assert code(client, host=host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8642", "localhost.evil.example", "192.168.1.5:8642", "[", ""],
)
def test_another_name_for_this_machine_is_refused(client, host):
    assert code(client, host=host) == 403
    assert code(client, path="/", host=host) == 403


def test_another_site_changes_nothing(client):
    own = "http://localhost:8642"
    for method, path in (("POST", "/api/queue"), ("POST", "/api/queue/1/cancel"),
                         ("PUT", "/api/clips"), ("DELETE", "/api/queue/1")):  # fmt: skip
        for origin in ("http://evil.example", "null", "http://localhost:1", "http://[", ""):
            assert code(client, method, path, origin=origin) == 403, (method, origin)
        assert code(client, method, path, sec_fetch_site="cross-site") == 403
        assert code(client, method, path, sec_fetch_site="same-site") == 403
        assert code(client, method, path, origin=own, sec_fetch_site="same-origin") == 400


def test_another_site_reads_nothing_but_may_link_here(client):
    assert code(client, sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert code(client, path="/", **link) == 200


def test_answers_forbid_frames_foreign_scripts_and_keeping(client):
    headers = client.get("/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.fixture
def open_client(tmp_path, monkeypatch):
    monkeypatch.setattr(access, "WRONG_PASSWORD_S", 0.01)
    app = make_app(tmp_path, limits=Limits(1000, 1.0), host="0.0.0.0", password=PASSWORD)
    with TestClient(app, base_url="http://192.168.1.5:8642") as made:
        yield made


def test_a_password_is_asked_of_everything(open_client):
    for path in ("/", "/page/app.js", "/api/setup", "/api/runs", "/api/queue", "/nothing"):
        answer = open_client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
    for wrong in ("", "ein", PASSWORD + " ", PASSWORD.upper()):
        assert open_client.get("/api/setup", auth=("me", wrong)).status_code == 401
    for header in ("Basic", "Basic ?", "Basic bWU=", "Bearer x", "Basic " + "A" * 5000):
        assert code(open_client, authorization=header) == 401
    for user in ("me", "", "you"):
        answer = open_client.get("/api/setup", auth=(user.encode(), PASSWORD.encode()))
        assert answer.status_code == 200


def test_an_open_page_has_addresses_and_this_machines_name_but_no_other(open_client):
    password = (b"", PASSWORD.encode())
    for host in ("192.168.1.5:8642", "[fe80::1]:8642", socket.gethostname(), "localhost"):
        answer = open_client.get("/api/setup", auth=password, headers={"host": host})
        assert answer.status_code == 200, host
    answer = open_client.get("/api/setup", auth=password, headers={"host": "evil.example"})
    assert answer.status_code == 403
