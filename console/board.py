"""The board: `python -m console.board --port P`. A Starlette app over the topics; history from the warehouse."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from console import alarm_api, api, pages
from console.audit import Audit
from console.commands import Desk
from console.identity import Identity, read_key
from console.live import Live
from console.office import ANSWER_S, Office, make_templates
from console.security import LOOPBACK, Doors
from schemas.settings import Settings
from streams.connect import NotConnected, bootstrap_servers

STATIC = Path(__file__).parent / "static"


def create_app(
    settings: Settings, servers: str, *, hosts: Sequence[str] = (), writable: bool = True, answer_s: float = ANSWER_S
) -> Starlette:
    """The app over the broker `servers`. It answers to loopback names and `hosts`; `writable` False refuses actions.

    `answer_s`: how long a command may take to be answered before the browser is told that nobody answered.
    """
    live = Live(servers, data_clock=settings.clock == "data")
    identity = Identity(read_key(settings.run / "board.key"))
    desk = Desk(servers, Audit(settings.data / "audit.jsonl"), live.answers)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(live.run())
        yield
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asyncio.to_thread(desk.close)

    app = Starlette(
        routes=[*pages.ROUTES, *api.ROUTES, *alarm_api.ROUTES, Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(Doors, identity=identity, hosts=LOOPBACK | set(hosts), writable=writable)],
        exception_handlers={HTTPException: pages.failed, Exception: pages.failed},
        lifespan=lifespan,
    )
    app.state.office = Office(settings, live, desk, identity, writable, _version(), make_templates(), answer_s)
    return app


def _version() -> str:
    try:
        return installed("qingling")
    except PackageNotFoundError:
        return "0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the board until it is told to stop. Returns 1 if there is no broker."""
    parser = argparse.ArgumentParser(prog="console.board", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; off loopback the board is read-only")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--name", action="append", default=[], help="another host name the board answers to")
    given = parser.parse_args(arguments)
    settings = Settings()
    try:
        servers = bootstrap_servers(settings)
    except NotConnected as error:
        print(error, file=sys.stderr)
        return 1
    # without a sign-in, whoever reaches the port could act in anyone's name
    app = create_app(settings, servers, hosts=given.name, writable=given.host in LOOPBACK)
    uvicorn.run(
        app, host=given.host, port=given.port, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=3,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
