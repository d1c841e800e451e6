"""The published warehouse: one DuckDB file built beside the last one and put in its place by an atomic symlink swap.

A reader keeps the file it opened; nothing it does blocks the next build, and a build never touches a file that somebody
reads. The manifest beside each file names the lake files it rests on, so that a vacuum leaves them alone.
"""

import datetime as dt
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson

from schemas.settings import Settings
from schemas.terms import SHANGHAI
from warehouse.build import build_file
from warehouse.views import Source, current

LINK = "warehouse.duckdb"
KEEP = 3

_BUILD = re.compile(r"warehouse-(\d+)\.duckdb")


class NotPublished(RuntimeError):
    """No warehouse has been published on this data folder; the message says how to."""


@dataclass(frozen=True)
class Build:
    """One published warehouse. `rows` by table or view; `versions` of the lake tables it shows (None: never landed)."""

    number: int
    path: Path
    built_at: dt.datetime
    versions: dict[str, int | None]
    rows: dict[str, int]


def published_path(data: Path | None = None) -> Path:
    """The file the symlink names now. Open this, not the link: DuckDB caches open files by name.

    Raises NotPublished.
    """
    settings = _settings(data)
    link = settings.warehouse / LINK
    if not link.exists():
        raise NotPublished(f"no warehouse below {settings.data}: run `python -m pipelines.serve --once publish`")
    return link.resolve()


def published(data: Path | None = None) -> duckdb.DuckDBPyConnection:
    """The last published warehouse, read-only, times shown in Asia/Shanghai. Raises NotPublished."""
    con = duckdb.connect(str(published_path(data)), read_only=True)
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    return con


def publish(data: Path | None = None, keep: int = KEEP, clock: str | None = None) -> Build:
    """Build a warehouse from the lake as it is now, swap it in, delete builds older than the last `keep`.

    One build at a time: a second caller waits. A build that fails leaves the last one in place. `clock` (wall or data,
    default QINGLING_CLOCK) says which day the KPI snapshot is of.
    """
    settings = _settings(data)
    folder = settings.warehouse.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        number = max(_numbers(folder), default=0) + 1
        building = folder / f".building-{number}.duckdb"
        building.unlink(missing_ok=True)
        sources = current(settings.lake)
        built_at = dt.datetime.now(SHANGHAI)
        rows = build_file(building, sources, built_at, clock or settings.clock)
        path = folder / f"warehouse-{number}.duckdb"
        _write_manifest(path.with_suffix(".json"), number, built_at, sources, rows)
        _sync(building)
        building.rename(path)
        _swap(folder, path.name)
        _prune(folder, keep)
    return Build(number, path, built_at, {name: source.version for name, source in sources.items()}, rows)


def kept_files(data: Path | None = None) -> set[str]:
    """The lake files that the manifests of the kept builds name: what a vacuum must leave alone."""
    folder = _settings(data).warehouse
    manifests = [orjson.loads(path.read_bytes()) for path in folder.glob("warehouse-*.json")]
    return {file for manifest in manifests for table in manifest["tables"].values() for file in table["files"]}


def _write_manifest(
    path: Path, number: int, built_at: dt.datetime, sources: dict[str, Source], rows: dict[str, int]
) -> None:
    tables = {name: {"version": source.version, "files": source.files} for name, source in sources.items()}
    path.write_bytes(orjson.dumps({"build": number, "built_at": built_at, "rows": rows, "tables": tables}))
    _sync(path)


def _swap(folder: Path, target: str) -> None:
    fresh = folder / f".{LINK}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(folder / LINK)
    _sync(folder)


def _prune(folder: Path, keep: int) -> None:
    for number in sorted(_numbers(folder))[:-keep]:
        for suffix in (".duckdb", ".json"):
            (folder / f"warehouse-{number}{suffix}").unlink(missing_ok=True)
    for left in folder.glob(".building-*"):
        left.unlink(missing_ok=True)


def _numbers(folder: Path) -> list[int]:
    return [int(match[1]) for file in folder.iterdir() if (match := _BUILD.fullmatch(file.name))]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _settings(data: Path | None) -> Settings:
    return Settings() if data is None else Settings(data=data)
