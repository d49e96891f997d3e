"""The command `nstaudio ui`: serves the page, on this machine alone unless told otherwise."""

import argparse
import contextlib
import importlib.util
import os
import secrets
import socket
import sys
import threading
import webbrowser
from pathlib import Path

from nstaudio.errors import InputError, integer, number, one_line
from nstaudio.experiments.commands import help_pages

EXTRA = "nstaudio ui needs its extra: uv sync --extra ui, or pip install 'nstaudio[ui]'"

MIN_PASSWORD = 8
"""Characters of a password that is given; one that is made has 22."""

PASSWORD_VARIABLE = "NSTAUDIO_UI_PASSWORD"


def main(argv: list[str]) -> int:
    """Serve the page until Ctrl-C.

    Args:
        argv: the arguments after `nstaudio ui`.

    Returns:
        The exit code: 0, 2 for bad input or where the extra is not installed.
    """
    options = parser().parse_args(argv)
    if not all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn")):
        return _refuse(EXTRA)
    try:
        return _serve(options)
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"the page cannot be served: {one_line(error)}")


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = help_pages.parser(
        "ui",
        "Serve a page, on this machine alone, to upload or record clips, run, hear and compare.",
        ["", "--port 0 --no-browser", "--host 0.0.0.0 --outputs ~/transfers"],
    )
    add = made.add_argument
    add("--port", type=int, default=8642, metavar="N", help="default 8642; 0 takes a free one")
    add("--host", default="127.0.0.1", help="listen there: opens the page to a network")
    add("--password", help=f"at least {MIN_PASSWORD} characters; made for you with such a --host")
    add("--outputs", type=Path, default=Path("outputs"), metavar="FOLDER", help="of runs, uploads")
    add("--max-mb", type=int, default=200, metavar="N", help="of a file, default 200")
    add("--max-minutes", type=float, default=10.0, metavar="N", help="of a clip, default 10")
    add("--no-browser", action="store_true", help="open no browser")
    return made


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    return host in ("localhost", "::1") or host.startswith("127.")


def chosen_password(host: str, given: str | None) -> str | None:
    """The password of the page: that given, or one made where the page is open to others.

    Raises:
        InputError: it is too short.
    """
    given = os.environ.get(PASSWORD_VARIABLE) if given is None else given
    if given is not None:
        if len(given) < MIN_PASSWORD:
            raise InputError(
                f"--password has {len(given)} characters; it must have at least {MIN_PASSWORD}"
            )
        return given
    return None if is_loopback(host) else secrets.token_urlsafe(16)


def _refuse(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 2


def _serve(options: argparse.Namespace) -> int:
    import uvicorn

    from nstaudio.experiments.ui.clips import Limits
    from nstaudio.experiments.ui.server import make_app

    integer("--port", options.port, at_least=0, at_most=65535)
    integer("--max-mb", options.max_mb, at_least=1)
    number("--max-minutes", options.max_minutes, above=0)
    password = chosen_password(options.host, options.password)
    options.outputs = options.outputs.expanduser()
    options.outputs.mkdir(parents=True, exist_ok=True)
    listening = _listen(options.host, options.port)
    port = listening.getsockname()[1]
    app = make_app(
        options.outputs,
        limits=Limits(options.max_mb * 10**6, options.max_minutes * 60),
        host=options.host,
        password=password,
    )
    url = f"http://{_in_url(options.host)}:{port}/"
    _say(options, url, port, password)
    if not options.no_browser:
        opening = threading.Timer(0.5, webbrowser.open, [url])
        opening.daemon = True
        opening.start()
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    with contextlib.suppress(KeyboardInterrupt):  # raised again, once the page is closed
        uvicorn.Server(config).run(sockets=[listening])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that its port is known and taken.

    Raises:
        OSError: the port is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere it would share the port with another program
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(f"{host}:{port}: {error.strerror or error}") from error
    listening.listen()
    return listening


def _in_url(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def _say(options: argparse.Namespace, url: str, port: int, password: str | None) -> None:
    lines = [f"nstaudio is at {url} (Ctrl-C ends it)"]
    if not is_loopback(options.host):
        lines.append(
            f"--host {options.host} opens port {port} to every machine that reaches this one: who "
            "has the password can upload files, start runs and hear what lies below "
            f"{options.outputs}; nothing is encrypted"
        )
    if password is not None and not (options.password or os.environ.get(PASSWORD_VARIABLE)):
        lines.append(f"user name: any; password: {password}")
    print("\n".join(lines), file=sys.stderr, flush=True)
