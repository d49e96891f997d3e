"""`nstaudio ui` on the command line."""

import importlib.util
import socket
import subprocess
import sys

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
