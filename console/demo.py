"""`qingling demo`: everything on one machine with the embedded broker, until time or input runs out, or Ctrl-C.

Order: broker, topics, seed from the lake, processing, landing, board, then the feed; flows and Prefect's server last.
"""

import fcntl
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.console import Console

from console.seed import seed
from console.summary import summary
from console.supervision import Program, Supervisor, python, supervised
from schemas.settings import Settings

talk = Console(stderr=True)
_FEED = "feed"
_PAST = "past"  # the simulated province's three years of hazards
_PREFECT_AFTER_S = 25  # the board must move first; Prefect's server takes the machine for ten seconds
_READY_PATIENCE_S = 90


@dataclass
class _Ended:
    """Set by a signal: the demo then stops everything in order."""

    now: bool = False


def demo(
    minutes: Annotated[float, typer.Option(help="end after so many minutes (0: until Ctrl-C)")] = 0,
    once: Annotated[bool, typer.Option("--once", help="with --data: end when all of it has landed")] = False,
    port: Annotated[int, typer.Option(help="of the board")] = 8080,
    data: Annotated[Path | None, typer.Option(help="a folder of MT/T 1201 files instead of the simulator")] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="do not open a browser")] = False,
    sites: Annotated[int, typer.Option(help="how many sites the simulated province has")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="the summary as one JSON object on the last line")] = False,
) -> None:
    """Run the whole of Qingling on this machine and open the board."""
    if once and data is None:
        talk.print("[red]--once needs --data DIR[/red]: the simulator never runs out")
        raise typer.Exit(2)
    if data is not None and not data.is_dir():
        talk.print(f"[red]{data} is no folder[/red]")
        raise typer.Exit(2)
    settings = Settings()
    began = time.monotonic()
    with _alone(settings.run), _signals() as ended:
        found = _run(settings, began, ended, minutes, once, port, data, no_open, sites)
    found["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        print(orjson.dumps(found).decode(), flush=True)
    else:
        talk.print(" · ".join(f"{name} {value}" for name, value in found.items()))


def _run(
    settings: Settings, began: float, ended: _Ended, minutes: float, once: bool, port: int, data: Path | None,
    no_open: bool, sites: int,
) -> dict[str, Any]:  # fmt: skip
    from streams.broker import embedded, free_port
    from streams.connect import ensure_topics
    from streams.publishing import publish_built_in

    port = port if _free(port) else free_port()
    url = f"http://127.0.0.1:{port}/"
    with embedded(settings.run) as broker:
        ensure_topics(broker.servers)
        restored = seed(broker.servers, settings.data)
        if restored:
            talk.print(f"back from the lake: {sum(restored.values())} records in {len(restored)} topics")
        environment = _environment(settings, broker.servers, replayed=data is not None)
        programs = _programs(port, data, once, sites)
        with supervised(settings.run, programs, environment) as supervisor:
            _start(settings, supervisor, simulated=data is None)
            publish_built_in(broker.servers)
            _await_board(url, supervisor, ended)
            talk.print(f"[bold]board[/bold] {url}   [dim]logs in {settings.run}, Ctrl-C ends[/dim]")
            if not no_open and sys.stdout.isatty():
                webbrowser.open(url)
            _live(settings, broker.servers, supervisor, began, ended, minutes, once)
            supervisor.stop(_FEED)
            _drain(settings, broker.servers, supervisor)
            _last_flows(settings, environment, supervisor)
            _drain(settings, broker.servers, supervisor)
            found = summary(settings.data, broker.servers)
    found["board_url"] = url
    return found


def _start(settings: Settings, supervisor: Supervisor, *, simulated: bool) -> None:
    """Processing reads the hazards that stand open when it begins: it waits until the simulated past is told.

    Landing comes last: it can catch up, and on two cores whatever starts beside processing delays the first alarm.
    """
    settings.seeding.unlink(missing_ok=True)
    if simulated:
        settings.seeding.touch()
        supervisor.start(_PAST)
    for name in ("processing", _FEED, "board"):
        supervisor.start(name)
    deadline = time.monotonic() + _READY_PATIENCE_S
    while simulated and supervisor.state(_PAST) in ("STARTING", "RUNNING") and time.monotonic() < deadline:
        time.sleep(0.1)
    settings.seeding.unlink(missing_ok=True)
    supervisor.start("landing")


def _environment(settings: Settings, servers: str, *, replayed: bool) -> dict[str, str]:
    return {
        "QINGLING_DATA": str(settings.data.resolve()),
        "QINGLING_KAFKA": servers,
        "QINGLING_CLOCK": "data" if replayed else "wall",
        "PYTHONUNBUFFERED": "1",
    }


def _programs(port: int, data: Path | None, once: bool, sites: int) -> list[Program]:
    from console import flows

    if data is None:
        simulate = python("-m", "pipelines.simulate", "--sites", str(sites))
        feed = Program(_FEED, [*simulate, "--no-history"])
        past = [Program(_PAST, [*simulate, "--no-live"], restart=False)]
    else:
        command = python("-m", "console.cli", "ingest", "mtt1201", str(data.resolve()), "--json")
        feed = Program(_FEED, [*command, "--once"] if once else command, restart=not once)
        past = []
    return [
        Program("processing", python("-m", "streams", "processing")),
        Program("landing", python("-m", "streams", "landing"), stop_s=20),
        Program("board", python("-m", "console.board", "--port", str(port))),
        *past,
        feed,
        *flows.programs(),
    ]


def _await_board(url: str, supervisor: Supervisor, ended: _Ended) -> None:
    deadline = time.monotonic() + _READY_PATIENCE_S
    while not ended.now:
        try:
            if httpx.get(f"{url}livez", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if supervisor.failed() or time.monotonic() > deadline:
            raise RuntimeError(f"not up: {', '.join(supervisor.failed()) or 'board'}; see its log in the run folder")
        time.sleep(0.1)


def _live(
    settings: Settings,
    servers: str,
    supervisor: Supervisor,
    began: float,
    ended: _Ended,
    minutes: float,
    once: bool,
) -> None:
    """Until time or input runs out, or a signal: start the flows, watch the processes, say what goes on."""
    from console import flows

    started_flows = False
    with talk.status("running") as status:
        while not ended.now:
            elapsed = time.monotonic() - began
            if minutes and elapsed >= minutes * 60:
                return
            if once and supervisor.state(_FEED) in ("EXITED", "FATAL"):
                return
            if not once and not started_flows and elapsed > _PREFECT_AFTER_S:
                flows.start(supervisor)
                started_flows = True
            gave_up = supervisor.failed()
            if gave_up:
                raise RuntimeError(f"{', '.join(gave_up)} would not run; see the log in {settings.run}")
            status.update(f"{elapsed:.0f} s · {servers} · data in {settings.data}")
            time.sleep(0.25)


def _drain(settings: Settings, servers: str, supervisor: Supervisor, patience_s: float = 300) -> None:
    """Wait until processing has absorbed and landing has landed everything that stands in the log."""
    from console.summary import Landed
    from streams.lag import processing_lag

    deadline = time.monotonic() + patience_s
    landed = Landed(settings.data, servers)
    while time.monotonic() < deadline and not supervisor.failed():
        if processing_lag(servers) == 0 and landed.lag() == 0:
            return
        time.sleep(0.5)
    talk.print("[yellow]not everything had landed when the demo ended[/yellow]; it will at the next start")


def _last_flows(settings: Settings, environment: dict[str, str], supervisor: Supervisor) -> None:
    from console import flows

    flows.stop(supervisor)
    flows.run_once(settings, environment)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One demo per data folder; the lock falls with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            talk.print(f"[red]a demo runs already on {folder.parent}[/red]; end it, or choose another QINGLING_DATA")
            raise typer.Exit(1) from None
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _signals() -> Iterator[_Ended]:
    ended = _Ended()

    def end(*_: object) -> None:
        ended.now = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _free(port: int) -> bool:
    import socket
    from contextlib import closing

    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0
