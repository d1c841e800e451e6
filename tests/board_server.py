"""The board as it runs, in a thread of the test: uvicorn on a free loopback port, and a client with its cookies."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import uvicorn

from console.board import create_app
from schemas.settings import Settings


class Visitor:
    """A browser without a screen: keeps cookies, sends the page's CSRF token and origin with every POST."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=30)
        self.csrf = ""

    def open(self, path: str = "/") -> str:
        page = self.http.get(path)
        page.raise_for_status()
        found = re.search(r'name="csrf" content="([0-9a-f]+)"', page.text)
        self.csrf = found[1] if found else self.csrf
        return page.text

    def act_as(self, actor: str, role: str) -> None:
        self.open()
        form = {"csrf": self.csrf, "actor": actor, "role": role, "back": "/"}
        answer = self.http.post("/identity", data=form, headers={"origin": self.url})
        assert answer.status_code == 303, answer.text

    def ask(self, kind: str, target: str, version: int | None, data: dict[str, Any] | None = None, **more: Any) -> Any:
        body = {"kind": kind, "target_id": target, "seen_version": version, "data": data or {}, **more}
        return self.http.post(
            "/api/commands", json=body, headers={"origin": self.url, "x-csrf-token": self.csrf}
        )  # fmt: skip

    def json(self, path: str) -> Any:
        return self.http.get(path).json()


def until(what: Callable[[], Any], patience_s: float = 30) -> Any:
    """The first true answer of `what`."""
    deadline = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < deadline, f"waited {patience_s} s in vain"
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def serve(servers: str, **options: Any) -> Iterator[Visitor]:
    """A board over `servers` and the data folder of QINGLING_DATA; ready when the block begins."""
    app = create_app(Settings(), servers, **options)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        visitor = Visitor(f"http://127.0.0.1:{port}")
        try:
            until(lambda: server.started)
            until(lambda: visitor.http.get("/readyz").status_code == 200)
            yield visitor
        finally:
            visitor.http.close()
            server.should_exit = True
            thread.join(10)
