"""One DuckDB file made from the lake, layer by layer: tables for all that is asked often, views over named Parquet
files for what is too big to be copied.

What rests on nothing that has changed since the last build is taken over from it; readings per sensor and day are
counted again only for the days whose files have changed.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from schemas.kpis import KpiRow
from schemas.times import MICROSECOND, day_end, shanghai_day
from schemas.workdays import load_holidays
from warehouse.checks import Result, check_build
from warehouse.model import comments, relation
from warehouse.snapshot import daily, today
from warehouse.views import (
    REFERENCE,
    SQL,
    Source,
    define_as_of,
    define_facts,
    define_macros,
    define_reference,
    needed,
    query_of,
    quoted,
    raw_reads,
    raw_view,
    reach,
    reads,
    view_names,
)

# too big to be copied with every build; the files named in the raw views carry them
VIEWS = frozenset({"readings", "readings_1m", "readings_1h", "processing_steps", "hazard_days", "evidence_sources"})
DAILY = "sensor_days"  # counted day by day
_DAY = re.compile(r"/day=(\d{4}-\d{2}-\d{2})/")


@dataclass(frozen=True)
class Last:
    """The build before: its file, what each table of it rested on, and the rows that the checks compare with."""

    path: Path
    fingerprints: Mapping[str, str]
    rows: Mapping[str, int]


@dataclass
class Built:
    """`rows` by table or view, `fingerprints` of what they rest on, `carried` = taken over from the last build."""

    as_of: dt.datetime
    rows: dict[str, int] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)
    results: list[Result] = field(default_factory=list)


def build_file(
    path: Path, sources: Mapping[str, Source], built_at: dt.datetime, clock: str = "wall", last: Last | None = None,
    accepted: frozenset[str] = frozenset(), history: pa.Table | None = None,
) -> Built:  # fmt: skip
    """Write the DuckDB file `path` over `sources`. It is checked, checkpointed and closed, not yet fsynced.

    `accepted` names checks that may fail this time; `history` is what earlier checks said. After an error nothing is
    left of it.
    """
    con = duckdb.connect()
    try:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        con.execute(f"ATTACH {quoted(str(path))} AS build")
        if last is not None:
            con.execute(f"ATTACH {quoted(str(last.path))} AS last (READ_ONLY)")
        con.execute("USE build")
        remote = reach(con, sources)
        built = _layers(con, sources, built_at, clock, last)
        _own_tables(con, built, history)
        built.results = check_build(con, built.rows, last.rows if last else {}, built.as_of, accepted)
        _fill(con, "quality_checks", [result.row() for result in built.results])
        built.rows["quality_checks"] = len(built.results)
        _fill(con, "build_manifest", _manifest(sources, built, built_at))
        if remote:
            _without_remote(con)
        _explain(con)
        con.execute("CHECKPOINT build")
        con.execute("USE memory")
        con.execute("DETACH build")
    except BaseException:
        con.close()
        path.unlink(missing_ok=True)
        raise
    con.close()
    return built


def _layers(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], built_at: dt.datetime, clock: str, last: Last | None
) -> Built:
    define_macros(con)
    con.execute("CREATE SCHEMA raw")
    for source in sources.values():
        con.execute(raw_view(source))
    define_reference(con)
    day = today(con, clock)
    built = Built(built_at if clock == "wall" else day_end(day) - MICROSECOND)
    define_as_of(con, built.as_of)
    for name in view_names():
        mark = built.fingerprints[name] = _fingerprint(name, built, sources)
        if name in VIEWS:
            con.execute(f"CREATE VIEW {name} AS {query_of(name)}")
        elif last is not None and last.fingerprints.get(name) == mark:
            con.execute(f"CREATE TABLE {name} AS FROM last.main.{name}")
            built.carried.add(name)
        elif name == DAILY:
            _daily_table(con, sources, built, last)
        else:
            con.execute(f"CREATE TABLE {name} AS {query_of(name)}")
        if name == "hazard_events":
            define_facts(con)
        if name not in VIEWS:
            built.rows[name] = _count(con, name)
    built.rows["readings"] = _count(con, "readings")
    used = {table for name in VIEWS for table in raw_reads(name)}
    for table in sorted({*sources, *REFERENCE} - used):
        con.execute(f"DROP VIEW raw.{table}")
    return built


def _fingerprint(name: str, built: Built, sources: Mapping[str, Source]) -> str:
    """What the rows of a view rest on: its query, the files it reads, and the same of the views it reads."""
    parts = [query_of(name), _shared_sql()]
    parts += [built.fingerprints[other] for other in sorted(reads(name))]
    for table in sorted(raw_reads(name)):
        source = sources.get(table)
        if source is not None:
            parts += [table, *source.files]
        elif table == "as_of":
            parts.append(shanghai_day(built.as_of).isoformat())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _shared_sql() -> str:
    files = (SQL / "macros.sql", SQL / "kpis" / "_facts.sql", SQL / "reference" / "region_names.csv")
    return "\0".join([*(file.read_text("utf-8") for file in files), str(load_holidays())])


def _daily_table(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], built: Built, last: Last | None
) -> None:  # fmt: skip
    """Readings per sensor and day, of the days whose files have changed; the others are those of the last build."""
    source = sources["readings"]
    days: dict[str, list[str]] = {}
    for file in source.files:
        match = _DAY.search(file)
        days.setdefault(match[1] if match else "", []).append(file)
    periods = con.execute("SELECT coalesce(bit_xor(hash(sensor_id, period_s)), 0) FROM sensors").fetchall()[0][0]
    salt = f"{query_of(DAILY)}{_shared_sql()}{periods}"
    marks = {day: hashlib.sha256("\0".join([salt, *sorted(files)]).encode()).hexdigest() for day, files in days.items()}
    built.fingerprints |= {f"{DAILY}/{day}": mark for day, mark in marks.items()}
    kept = sorted(
        day for day, mark in marks.items() if day and last and last.fingerprints.get(f"{DAILY}/{day}") == mark
    )
    changed = tuple(file for day, files in days.items() if day not in kept for file in files)
    con.execute(raw_view(Source("readings", source.version, changed)))
    con.execute(f"CREATE TABLE {DAILY} AS {query_of(DAILY)}")
    con.execute(raw_view(source))
    if last is not None:
        # days whose readings are past their retention (readings_1m has them) keep the figures of the last build
        expired = "day NOT IN (SELECT unnest($days)::DATE) AND day IN (SELECT DISTINCT day FROM raw.readings_1m)"
        con.execute(
            f"INSERT INTO {DAILY} BY NAME FROM last.main.{DAILY} "
            f"WHERE day IN (SELECT unnest($kept)::DATE) OR ({expired})",
            {"kept": kept, "days": sorted(day for day in days if day)},
        )


def _own_tables(con: duckdb.DuckDBPyConnection, built: Built, history: pa.Table | None) -> None:
    """The tables of sql/build; those filled here are the KPIs of the day, computed over this very build."""
    for file in sorted((SQL / "build").glob("*.sql")):
        con.execute(file.read_text("utf-8"))
    day = shanghai_day(built.as_of)
    rows, members = daily(con, day)
    _fill(con, "kpi_snapshot", [_kpi(row) for row in rows])
    _fill(con, "kpi_members", [_member(row) for row in members])
    if history is not None and history.num_rows:
        con.register("history", history)
        con.execute("INSERT INTO quality_history BY NAME FROM history")
        con.unregister("history")
    for name in ("kpi_snapshot", "kpi_members", "quality_history"):
        built.rows[name] = _count(con, name)


def _kpi(row: KpiRow) -> dict[str, Any]:
    start, end = row.window
    return {
        "kpi_id": row.kpi_id, "group": orjson.dumps(row.group).decode(), "as_of": row.as_of, "window_from": start,
        "window_to": end, "num": row.num, "den": row.den, "value": row.value, "excluded": row.excluded,
        "data_as_of": row.data_as_of, "detail": orjson.dumps(row.detail).decode(),
    }  # fmt: skip


def _member(row: KpiRow) -> dict[str, Any]:
    ((kind, member),) = row.group.items()
    return {
        "kpi_id": row.kpi_id, "as_of": row.as_of, "member_kind": kind, "member_id": member, "num": row.num,
        "den": row.den, "excluded": row.excluded,
    }  # fmt: skip


def _manifest(sources: Mapping[str, Source], built: Built, built_at: dt.datetime) -> list[dict[str, Any]]:
    """One row per name: a lake table and the view of its name share theirs."""
    return [
        {
            "name": name, "layer": relation(name).layer if name in built.rows else "lake",
            "lake_version": sources[name].version if name in sources else None,
            "files": len(sources[name].files) if name in sources else None, "rows": built.rows.get(name),
            "carried_over": name in built.carried, "built_at": built_at,
        }
        for name in sorted({*sources, *built.rows})
    ]  # fmt: skip


def _fill(con: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    """`rows` into a table by name; through Arrow, as one statement per row would take a hundred times as long."""
    if rows:
        con.register("incoming", pa.Table.from_pylist(rows))
        con.execute(f"INSERT INTO {table} BY NAME FROM incoming")
        con.unregister("incoming")


def _count(con: duckdb.DuckDBPyConnection, name: str) -> int:
    counted = con.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - a name of our own views
    return int(counted[0]) if counted else 0


def _without_remote(con: duckdb.DuckDBPyConnection) -> None:
    """Who opens the file cannot read S3 by it: views over files there are for `warehouse.connect()`."""
    for name in reversed([name for name in view_names() if name in VIEWS]):
        if any(raw_reads(other) - {"as_of"} for other in needed([name]) & VIEWS):
            con.execute(f"DROP VIEW {name}")
    for (table,) in con.execute(
        "SELECT view_name FROM duckdb_views() "
        "WHERE database_name = 'build' AND schema_name = 'raw' AND view_name <> 'as_of'"
    ).fetchall():
        con.execute(f"DROP VIEW raw.{table}")


def _explain(con: duckdb.DuckDBPyConnection) -> None:
    """Comments on every table, view and column of the build."""
    columns: dict[str, list[str]] = {}
    for name, column in con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE database_name = 'build' AND schema_name = 'main' ORDER BY table_name, column_index"
    ).fetchall():
        columns.setdefault(name, []).append(column)
    statements = [line for name, names in columns.items()
                  for line in comments(name, names, "VIEW" if name in VIEWS else "TABLE")]  # fmt: skip
    con.execute("BEGIN;" + ";".join(statements) + ";COMMIT")
