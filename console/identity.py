"""Who acts, in the demonstration: a name and a role the browser chose for itself, marked as such on every page.

No sign-in: the cookie proves only that this board set it. Real accounts come with their own issue; until then actions
are refused unless the board listens on loopback (security.Doors).
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.requests import HTTPConnection
from starlette.responses import Response

from schemas.events import Actor
from schemas.model import Refused
from schemas.terms import Role

ACTOR_COOKIE = "qingling_actor"
SESSION_COOKIE = "qingling_session"
MONTH_S = 30 * 86_400
ROLES = (Role.OPERATOR, Role.SUPERVISOR, Role.INSPECTOR, Role.RECTIFIER, Role.ADMIN)
_ID = re.compile(r"^[\w.@-]{1,40}$")


def read_key(path: Path) -> bytes:
    """The board's signing key, made on first use with mode 0600, so that cookies outlive a restart.

    Where the data folder cannot be written the key lives as long as the process.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    except OSError:
        return secrets.token_bytes(32)
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
    return key


def make_actor(actor_id: str, role: str) -> Actor:
    """Raises Refused for a name with other than letters, digits and . _ @ -, or for a role nobody can choose."""
    if not _ID.fullmatch(actor_id):
        raise Refused("actor", "1 to 40 letters, digits or . _ @ -")
    if role not in ROLES:
        raise Refused("role", f"{role!r} is none of {', '.join(ROLES)}")
    return Actor(id=actor_id, role=Role(role))


@dataclass(frozen=True)
class Identity:
    """Signs and reads the two cookies."""

    key: bytes

    def actor(self, connection: HTTPConnection) -> Actor | None:
        """The actor of the request's cookie; None if there is none or its signature is not ours."""
        body, _, mark = connection.cookies.get(ACTOR_COOKIE, "").rpartition(".")
        if not body or not _same(mark, self._mark("actor", body)):
            return None
        chosen = orjson.loads(base64.urlsafe_b64decode(body))
        try:
            return make_actor(chosen["id"], chosen["role"])
        except Refused:
            return None

    def set_actor(self, response: Response, actor: Actor) -> None:
        body = base64.urlsafe_b64encode(orjson.dumps({"id": actor.id, "role": actor.role.value})).decode()
        self._set(response, ACTOR_COOKIE, f"{body}.{self._mark('actor', body)}")

    def session(self, connection: HTTPConnection) -> str:
        """The request's session, or a new one to be set by `keep`."""
        return connection.cookies.get(SESSION_COOKIE) or secrets.token_urlsafe(24)

    def keep(self, response: Response, session: str) -> None:
        self._set(response, SESSION_COOKIE, session)

    def token(self, session: str) -> str:
        """The CSRF token of a session: a page of ours carries it, another origin cannot read it."""
        return self._mark("csrf", session)

    def holds(self, connection: HTTPConnection, token: str | None) -> bool:
        session = connection.cookies.get(SESSION_COOKIE)
        return bool(session and token) and _same(token or "", self.token(session or ""))

    def _mark(self, use: str, text: str) -> str:
        return hmac.new(self.key, f"{use}|{text}".encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def _set(response: Response, name: str, value: str) -> None:
        response.set_cookie(name, value, max_age=MONTH_S, httponly=True, samesite="strict", path="/")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
