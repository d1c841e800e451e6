"""`qingling doctor`: what is wrong on this machine, and how to mend it."""

import importlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from schemas.settings import Settings

_NEEDED_GB = 2


@dataclass(frozen=True)
class Check:
    """One finding. `needed`: without it nothing works; otherwise only what `remedy` names is missing."""

    name: str
    ok: bool
    needed: bool
    found: str
    remedy: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="one JSON object per check")] = False) -> None:
    """Look for what would stop Qingling here. Exit 4 if something needed is missing."""
    checks = [check(Settings()) for check in CHECKS]
    if as_json:
        for check in checks:
            print(orjson.dumps(asdict(check)).decode())
    else:
        table = Table(title="清零 doctor 检查")
        for title in ("", "检查 check", "结果 found", "处理 remedy"):
            table.add_column(title)
        for check in checks:
            mark = "[green]✔" if check.ok else ("[red]✘" if check.needed else "[yellow]–")
            table.add_row(mark, check.name, check.found, "" if check.ok else check.remedy)
        Console().print(table)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(4)


def _python(_: Settings) -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", sys.version_info[:2] == (3, 11), True, version, "make setup with Python 3.11")


def _packages(_: Settings) -> Check:
    """Prefect's server is imported too: `import prefect` alone hides a FastAPI that is too new."""
    missing = []
    for name in ("faust", "kafka", "deltalake", "duckdb", "pyarrow", "rjieba", "prefect.server.api.server"):
        try:
            importlib.import_module(name)
        except Exception as error:
            missing.append(f"{name} ({error})")
    return Check("packages", not missing, True, "; ".join(missing) or "all import", "make setup")


def _folder(settings: Settings) -> Check:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        writable = os.access(settings.data, os.W_OK)
        free = shutil.disk_usage(settings.data).free / 1e9
    except OSError as error:
        return Check("data folder", False, True, str(error), "set QINGLING_DATA to a folder you may write")
    found = f"{settings.data}, {free:.1f} GB free" + ("" if writable else ", not writable")
    remedy = f"free {_NEEDED_GB} GB or set QINGLING_DATA"
    return Check("data folder", writable and free > _NEEDED_GB, True, found, remedy)


def _broker(settings: Settings) -> Check:
    from streams.connect import NotConnected, bootstrap_servers, ensure_topics

    if settings.kafka == "embedded":
        from streams.broker import BrokerError, binary, running

        try:
            program = binary(settings.run)
        except BrokerError as error:
            return Check("broker", False, True, str(error), "set QINGLING_KAFKA to bootstrap servers")
        now = running(settings.run)
        where = f"runs on {now.servers}" if now else "not running"
        return Check("broker", True, True, f"embedded: {program.name}, {where}")
    try:
        ensure_topics(bootstrap_servers(settings), patience_s=5)
    except NotConnected as error:
        return Check("broker", False, True, str(error), "start Kafka or correct QINGLING_KAFKA")
    return Check("broker", True, True, f"{settings.kafka}, all topics there")


def _landing(settings: Settings) -> Check:
    """Topics that a landing worker of this data folder holds back because their table takes no rows."""
    waits: dict[str, str] = {}
    for told in settings.run.glob("landing-waits-*.json"):
        if Path(f"/proc/{told.stem.rpartition('-')[2]}").exists():
            waits |= orjson.loads(told.read_bytes())
    found = "; ".join(f"{topic} waits: {reason}" for topic, reason in sorted(waits.items()))
    return Check("landing", not waits, False, found or "no topic waits", "free space, or mend what is named")


def _catalogue(_: Settings) -> Check:
    from schemas.criteria import load_catalogue

    try:
        catalogue = load_catalogue()
    except ValueError as error:
        return Check("criteria catalogue", False, True, str(error).splitlines()[0], "qingling criteria check")
    return Check("criteria catalogue", True, True, f"version {catalogue.version}, {len(catalogue.clauses)} clauses")


def _lake(settings: Settings) -> Check:
    from warehouse import connect

    if not settings.lake_url and not settings.lake.is_dir():
        return Check("lake", True, False, "nothing has landed yet")
    try:
        with connect(settings.data) as lake:
            rows = lake.execute("select count(*) from readings").fetchall()[0][0]
    except Exception as error:
        return Check("lake", False, True, f"{type(error).__name__}: {error}", "landing repairs a torn log at its start")
    return Check("lake", True, True, f"{rows} readings")


def _warehouse(settings: Settings) -> Check:
    from warehouse.quality import state

    last = state(settings.warehouse)
    if last is None:
        return Check("warehouse", True, False, "nothing has been published yet")
    if not last["published"]:
        stops = "; ".join(f"{each['check_id']} ({each['bad']} rows: {each['found']})" for each in last["stopped_by"])
        remedy = "mend the input, or python -m pipelines.publish --accept CHECK; the last good file stays till then"
        return Check("warehouse", False, False, f"not published: {stops}", remedy)
    warned = ", ".join(each["check_id"] for each in last["warnings"])
    return Check("warehouse", True, False, f"build {last['build']}" + (f", warnings: {warned}" if warned else ""))


def _java(_: Settings) -> Check:
    java = shutil.which("java")
    return Check("Java (for Apache Kafka in tests)", bool(java), False, java or "none", "install a Java 17 runtime")


def _chromium(_: Settings) -> Check:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    return Check("Chromium (for browser tests)", bool(found), False, found or "none", "scripts/install_parts.sh")


CHECKS: tuple[Callable[[Settings], Check], ...] = (
    _python, _packages, _folder, _broker, _catalogue, _lake, _landing, _warehouse, _java, _chromium,
)  # fmt: skip
