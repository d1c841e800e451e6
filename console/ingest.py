"""`qingling ingest …`: files into the topics, by the gateways of streams/gateways."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True, help="数据接入 bring files in: uplink files, inspection findings, the registry")
talk = Console(stderr=True)

FAILED, WRONG_USE, REFUSED = 1, 2, 5
_SEND_AT_ONCE = 2_000  # lines of a file sent between two waits

AsJson = Annotated[bool, typer.Option("--json", help="the summary as one JSON object 以 JSON 输出汇总")]


@app.command("mtt1201")
def mtt1201(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="where the mine's system drops its files 上传文件夹")],
    once: Annotated[bool, typer.Option("--once", help="end when nothing more lies ready 处理完即结束")] = False,
    wait_minutes: Annotated[float, typer.Option(help="give up a half-written file after 等待分钟数")] = 10,
    as_json: AsJson = False,
) -> None:
    """MT/T 1201 files: definitions, values, abnormal records. Exit 5 if anything was refused."""
    from streams.connect import log_ids
    from streams.gateways import mtt1201_folder
    from streams.gateways.tray import FolderBusyError

    log_to_stderr()
    with connected() as (servers, producer), _until_signal() as stop, _progress(once and not as_json) as progress:
        try:
            tally = mtt1201_folder.run(
                folder, producer, log_ids(servers)["registry.sensors"], once=once, stop=stop,
                wait_for_end_s=wait_minutes * 60, progress=progress,
            )  # fmt: skip
        except (NotADirectoryError, FolderBusyError) as error:
            talk.print(f"[red]{error}[/red]")
            raise typer.Exit(WRONG_USE if isinstance(error, NotADirectoryError) else FAILED) from None
    finish(tally.as_dict(), as_json, refused=tally.refused_files + tally.dead_letters)


@app.command("findings")
def findings(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="one finding per line 每行一条检查发现")],
    as_json: AsJson = False,
) -> None:
    """Inspection findings, one JSON object per line. Exit 5 if a line was refused."""
    from streams.gateways.findings import records_of

    send_file(file, records_of, "findings", as_json)


@app.command("registry")
def registry(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; XLSX or CSV tables; a CSV of sensors 台账")],
    as_json: AsJson = False,
) -> None:
    """Sites, places, sensors, departments, matters, controls, alarm rules. Exit 5 if a line was refused."""
    send_file(file, _registry_records, "records", as_json)


def _registry_records(raw: bytes, file: str, now_us: int) -> Iterator[Any]:
    from streams.gateways import registry as registry_lines
    from streams.gateways import registry_table, sensor_table

    if not file.lower().endswith((".csv", ".xlsx", ".xls", ".ods")):
        return registry_lines.records_of(raw, file, now_us)
    if file.lower().endswith(".csv") and not registry_table.fits(raw, file):
        return sensor_table.records_of(raw, file, now_us)
    return registry_table.records_of(raw, file, now_us)


def send_file(file: Path, records_of: Callable[[bytes, str, int], Iterator[Any]], what: str, as_json: bool) -> None:
    """Send every record of `file`, wait for all acknowledgements, name every refused line on stderr."""
    from schemas.model import Refused
    from streams.gateways.outbox import Outbox

    try:
        raw = file.read_bytes()
    except OSError as error:
        talk.print(f"[red]{file}: {error.strerror}[/red]")
        raise typer.Exit(WRONG_USE) from None
    sent = {what: 0, "dead_letters": 0}
    with connected() as (_, producer):
        outbox = Outbox(producer)
        try:
            for n, (record, refused) in enumerate(records_of(raw, file.name, time.time_ns() // 1000), 1):
                outbox.put(record)
                sent["dead_letters" if refused else what] += 1
                if refused:
                    line = dict(record.headers)["line"].decode()
                    talk.print(f"[yellow]{file.name}:{line}[/yellow] 拒收 refused · {refused}", highlight=False)
                if n % _SEND_AT_ONCE == 0:
                    outbox.settle()
        except Refused as error:
            talk.print(f"[red]{file.name}: {error}[/red]")
            raise typer.Exit(REFUSED) from None
        finally:
            outbox.settle()
    finish(sent, as_json, refused=sent["dead_letters"])


def finish(summary: dict[str, int], as_json: bool, *, refused: int) -> None:
    if as_json:
        print(orjson.dumps(summary).decode(), flush=True)
    else:
        talk.print(" · ".join(f"{name} {count}" for name, count in summary.items()), highlight=False)
    if refused:
        raise typer.Exit(REFUSED)


@contextmanager
def connected() -> Iterator[tuple[str, Any]]:
    """The broker's address and a producer; a broker that is not there or stops answering ends with exit 1."""
    from kafka.errors import KafkaError

    from streams.connect import NotConnected, bootstrap_servers, ensure_topics, producer

    try:
        servers = bootstrap_servers(Settings())
        ensure_topics(servers)
        sender = producer(servers)
        try:
            yield servers, sender
        finally:
            sender.close(timeout=5)
    except (NotConnected, KafkaError) as error:
        talk.print(f"[red]消息代理不可用 broker[/red]: {error}")
        raise typer.Exit(FAILED) from None


@contextmanager
def _until_signal() -> Iterator[threading.Event]:
    """Set by SIGTERM or Ctrl-C: what is under way is finished first."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(wanted: bool) -> Iterator[Callable[[int, int], None]]:
    if not (wanted and talk.is_terminal):
        yield lambda _done, _total: None
        return
    columns = (TextColumn("文件 files"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk, transient=True) as progress:
        task = progress.add_task("files", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def log_to_stderr() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(colors=talk.is_terminal),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
