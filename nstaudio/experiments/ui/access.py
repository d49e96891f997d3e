"""Who may use the page: checks of every request, before anything of it is read."""

import asyncio
import base64
import binascii
import ipaddress
import secrets
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nstaudio.experiments.ui.command import is_loopback

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

WRONG_PASSWORD_S = 0.5
"""Seconds that a wrong password costs, one after the other."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Of every answer, unless it has its own."""


class Access:
    """A middleware that lets only the page itself, from the right place, speak to the server.

    The host of a request must be this machine's, so that no other name that is made to point here
    (DNS rebinding) reads anything; what changes something must come from the page itself (CSRF);
    and where there is a password, it must be there (HTTP basic authentication, RFC 7617).

    Args:
        app: what answers.
        host: the address that is listened at.
        password: `None` asks for none.
    """

    def __init__(self, app: ASGIApp, *, host: str, password: str | None) -> None:
        self._app, self._password = app, password
        self._any_address = not is_loopback(host)
        self._names = set(LOOPBACK_NAMES) | {host.lower()}
        if self._any_address:
            name = socket.gethostname().lower()
            self._names |= {name, f"{name}.local"}
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], headers)
        if refusal is None and not await self._has_password(headers):
            refusal = JSONResponse(
                {"error": "the password is missing or wrong"},
                401,
                {"WWW-Authenticate": 'Basic realm="nstaudio", charset="UTF-8"'},
            )
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if not self._is_here(host):
            return _refused(f"{host or 'no host'} is not the address of this page")
        origin = headers.get("origin")
        reads = method in ("GET", "HEAD")
        if reads and origin == "null":  # no more than none
            origin = None
        if origin is not None and origin.lower().partition("://")[2] != host.lower():
            return _refused("another site asks")
        site = headers.get("sec-fetch-site", "none")
        navigates = reads and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("none", "same-origin") and not navigates:
            return _refused("another site asks")
        return None

    def _is_here(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address

    async def _has_password(self, headers: Headers) -> bool:
        if self._password is None:
            return True
        scheme, _, coded = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(coded, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            given = b""
        if secrets.compare_digest(given, self._password.encode()):
            return True
        async with self._one_at_a_time:
            await asyncio.sleep(WRONG_PASSWORD_S)
        return False


def _refused(why: str) -> JSONResponse:
    return JSONResponse({"error": why}, 403)
