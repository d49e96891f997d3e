"""`nstaudio ui` on the command line."""

import importlib.util
import socket
import subprocess
import sys
import threading
import webbrowser

import pytest

from nstaudio.errors import InputError
from nstaudio.experiments.ui import command

LIGHT = """
import sys
from nstaudio.experiments import commands
import nstaudio.experiments.ui
sys.exit(",".join(m for m in ("starlette", "uvicorn", "jax", "hydra") if m in sys.modules) or 0)
"""


def test_the_command_needs_none_of_it_until_it_serves():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_a_line_says_what_to_install(monkeypatch, capsys, missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    assert command.main([]) == 2
    assert capsys.readouterr().err == f"error: {command.EXTRA}\n"
    assert "nstaudio[ui]" in command.EXTRA


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--port", "70000"], "--port=70000 must be at most 65535"),
        (["--max-mb", "0"], "--max-mb=0 must be at least 1"),
        (["--max-minutes", "nan"], "--max-minutes=nan must be finite"),
        (["--password", "short"], "--password has 5 characters; it must have at least 8"),
        (["--host", "203.0.113.9"], "the page cannot be served: 203.0.113.9:"),
    ],
)
def test_bad_options_are_a_line(argv, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command.main(["--no-browser", *argv]) == 2
    assert line in capsys.readouterr().err


def test_a_port_in_use_is_a_line(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code = command.main(["--no-browser", "--port", port, "--outputs", str(tmp_path)])
    assert code == 2
    assert f"127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_passwords(monkeypatch):
    monkeypatch.delenv(command.PASSWORD_VARIABLE, raising=False)
    for host in ("127.0.0.1", "localhost", "::1"):
        assert command.chosen_password(host, None) is None
    made = {command.chosen_password("0.0.0.0", None) for _ in range(5)}
    assert len(made) == 5
    assert all(one is not None and len(one) >= 20 for one in made)
    assert command.chosen_password("127.0.0.1", "long enough") == "long enough"
    monkeypatch.setenv(command.PASSWORD_VARIABLE, "from outside")
    assert command.chosen_password("0.0.0.0", None) == "from outside"
    with pytest.raises(InputError):
        command.chosen_password("0.0.0.0", "")


@pytest.fixture
def served(monkeypatch) -> dict:
    """The sockets and browsers of a server that ends at once, as by Ctrl-C."""
    uvicorn = pytest.importorskip("uvicorn")
    found: dict = {"opened": []}

    def run(self, sockets):
        found["sockets"] = [one.getsockname() for one in sockets]
        for one in sockets:
            one.close()
        raise KeyboardInterrupt

    class Timer(threading.Timer):
        def start(self):
            found["opened"].append((self.interval, self.function, self.args))

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(uvicorn.Config, "configure_logging", lambda _: None)  # it would outlive us
    monkeypatch.setattr(command.threading, "Timer", Timer)
    monkeypatch.delenv(command.PASSWORD_VARIABLE, raising=False)
    return found


def test_it_listens_on_this_machine_and_opens_a_browser(served, tmp_path, capsys):
    outputs = tmp_path / "new" / "outputs"
    assert command.main(["--port", "0", "--outputs", str(outputs)]) == 0
    (host, port), *others = served["sockets"]
    assert (host, others) == ("127.0.0.1", [])
    assert outputs.is_dir()
    url = f"http://127.0.0.1:{port}/"
    assert capsys.readouterr().err == f"nstaudio is at {url} (Ctrl-C ends it)\n"
    assert served["opened"] == [(0.5, webbrowser.open, [url])]


@pytest.mark.parametrize("given", [None, "long enough"])
def test_open_to_a_network_it_says_so_and_has_a_password(served, given, tmp_path, capsys):
    argv = ["--port", "0", "--host", "0.0.0.0", "--no-browser", "--outputs", str(tmp_path)]
    assert command.main([*argv, *(["--password", given] if given else [])]) == 0
    ((_, port),) = served["sockets"]
    first, second, *third = capsys.readouterr().err.splitlines()
    assert first == f"nstaudio is at http://127.0.0.1:{port}/ (Ctrl-C ends it)"
    assert second.startswith(f"--host 0.0.0.0 opens port {port} to every machine")
    assert second.endswith("nothing is encrypted")
    assert [line.partition(";")[0] for line in third] == ([] if given else ["user name: any"])
    assert served["opened"] == []


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_an_address_of_the_sixth_version_is_bracketed(served, tmp_path, capsys):
    code = command.main(
        ["--port", "0", "--host", "::1", "--no-browser", "--outputs", str(tmp_path)]
    )
    said = capsys.readouterr().err
    if code == 2:
        pytest.skip(said)
    assert said.startswith("nstaudio is at http://[::1]:")
