"""Doors of the web app: which hosts may be asked for, who may POST, and the headers of every answer."""

import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.identity import Identity

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_BODY = 64 << 10
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def host_name(netloc: str) -> str:
    """The host of `host[:port]`, brackets of an IPv6 address removed; empty if it is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


class Doors:
    """ASGI middleware. `hosts` are the names the board answers to: another name is a rebound DNS entry.

    `writable` False refuses every POST: without a sign-in, a board on the network is for reading.
    """

    def __init__(self, app: ASGIApp, *, identity: Identity, hosts: Collection[str], writable: bool) -> None:
        self._app, self._identity = app, identity
        self._hosts, self._writable = frozenset(hosts), writable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(6)
        scope.setdefault("state", {})["request_id"] = request_id

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = request_id
            await send(message)

        refusal = self._refuse(scope)
        if refusal is not None:
            status, guard, reason = refusal
            answer = JSONResponse({"guard": guard, "reason": reason, "request_id": request_id}, status)
            await answer(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)

    def _refuse(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host_name(host) not in self._hosts:
            return 421, "host", f"this board does not answer to {host!r}"
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        if not self._writable:
            return 403, "read_only", "without a sign-in, actions are taken on a board that listens on loopback only"
        if not same_origin(headers, host):
            return 403, "origin", "the request does not come from a page of this board"
        if not headers.get("content-length", "").isdigit() or int(headers["content-length"]) > MAX_BODY:
            return 413, "body", f"a body of a stated length up to {MAX_BODY} bytes is wanted"
        return None


def same_origin(headers: Headers, host: str) -> bool:
    """Whether Origin names this host and Sec-Fetch-Site, where the browser sends it, agrees. No Origin is a no."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == host


def check_token(identity: Identity, connection: HTTPConnection, token: str | None) -> tuple[str, str] | None:
    """The refusal (guard, reason) of a request whose CSRF token is not that of its session."""
    if identity.holds(connection, token):
        return None
    return "csrf", "the page is too old or not ours: load it again"
