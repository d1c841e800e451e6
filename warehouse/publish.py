"""The published warehouse: one DuckDB file built beside the last one and put in its place by an atomic symlink swap.

A reader keeps the file it opened; nothing it does blocks the next build, and a build never touches a file that somebody
reads. The manifest beside each file names the lake files it rests on, so that a vacuum leaves them alone.
"""

import datetime as dt
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson

from schemas.settings import Settings
from schemas.terms import SHANGHAI
from warehouse.build import Built, Last, build_file
from warehouse.checks import Result
from warehouse.quality import keep_results, last_results
from warehouse.views import Source, current

LINK = "warehouse.duckdb"
KEEP = 3

_BUILD = re.compile(r"warehouse-(\d+)\.duckdb")


class Stopped(RuntimeError):
    """A critical check failed: nothing was published, the last good file stays. `results` are those that stopped it."""

    def __init__(self, results: list[Result]) -> None:
        told = "; ".join(f"{each.check.check_id}: {each.bad} ({each.check.zh} {each.check.en})" for each in results)
        super().__init__(f"not published, {len(results)} critical checks failed: {told}")
        self.results = results


class NotPublished(RuntimeError):
    """No warehouse has been published on this data folder; the message says how to."""


@dataclass(frozen=True)
class Build:
    """One published warehouse. `rows` by table or view; `versions` of the lake tables it shows (None: never landed).

    `carried` are the tables taken over from the build before, `results` what the checks said.
    """

    number: int
    path: Path
    built_at: dt.datetime
    versions: dict[str, int | None]
    rows: dict[str, int]
    carried: frozenset[str] = frozenset()
    results: tuple[Result, ...] = ()


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


def publish(
    data: Path | None = None, keep: int = KEEP, clock: str | None = None, accept: Iterable[str] = ()
) -> Build:  # fmt: skip
    """Build a warehouse from the lake as it is now, check it, swap it in, delete builds older than the last `keep`.

    One build at a time: a second caller waits. A build that fails, or breaks a critical check, leaves the last one in
    place; the latter raises Stopped. `accept` names checks that may fail this once. `clock` (wall or data, default
    QINGLING_CLOCK) says which day the KPIs are of.
    """
    settings = _settings(data)
    folder = settings.warehouse.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        number = max(_numbers(folder), default=0) + 1
        building = folder / f".building-{number}.duckdb"
        building.unlink(missing_ok=True)
        sources = current(settings.lake_location)
        built_at = dt.datetime.now(SHANGHAI)
        built = build_file(
            building, sources, built_at, clock or settings.clock, _last(folder), frozenset(accept), last_results(folder)
        )
        stopped = [result for result in built.results if result.stops]
        keep_results(folder, number, built_at, built.results, published=not stopped)
        if stopped:
            building.unlink()
            raise Stopped(stopped)
        path = folder / f"warehouse-{number}.duckdb"
        _write_manifest(path.with_suffix(".json"), number, built_at, sources, built)
        _sync(building)
        building.rename(path)
        _swap(folder, path.name)
        _prune(folder, keep)
    versions = {name: source.version for name, source in sources.items()}
    return Build(number, path, built_at, versions, built.rows, frozenset(built.carried), tuple(built.results))


def manifest(data: Path | None = None) -> dict[str, Any]:
    """Of the published build: `build, built_at, as_of, rows, fingerprints, tables`. Raises NotPublished."""
    found: dict[str, Any] = orjson.loads(published_path(data).with_suffix(".json").read_bytes())
    return found


def kept_files(data: Path | None = None) -> set[str]:
    """The lake files that the manifests of the kept builds name: what a vacuum must leave alone."""
    folder = _settings(data).warehouse
    manifests = [orjson.loads(path.read_bytes()) for path in folder.glob("warehouse-*.json")]
    return {file for manifest in manifests for table in manifest["tables"].values() for file in table["files"]}


def _last(folder: Path) -> Last | None:
    """The published build, for what can be taken over from it; None if there is none, or an older Qingling wrote it."""
    link = folder / LINK
    if not link.exists():
        return None
    path = link.resolve()
    try:
        told = orjson.loads(path.with_suffix(".json").read_bytes())
        return Last(path, told["fingerprints"], told["rows"])
    except (OSError, ValueError, KeyError):
        return None


def _write_manifest(
    path: Path, number: int, built_at: dt.datetime, sources: dict[str, Source], built: Built
) -> None:  # fmt: skip
    tables = {name: {"version": source.version, "files": source.files} for name, source in sources.items()}
    told = {
        "build": number, "built_at": built_at, "as_of": built.as_of, "rows": built.rows, "tables": tables,
        "fingerprints": built.fingerprints,
    }  # fmt: skip
    path.write_bytes(orjson.dumps(told))
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
