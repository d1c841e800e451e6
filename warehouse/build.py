"""One DuckDB file made from the lake: dimensions and marts as tables, big facts as views over named Parquet files."""

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import orjson

from schemas.kpis import KpiRow
from warehouse.snapshot import daily_rows, today
from warehouse.views import (
    SQL,
    Source,
    build_views,
    define_facts,
    define_macros,
    quoted,
    raw_view,
    view_names,
    view_sql,
)

# too big to be copied with every build; the files named in the view carry them
BIG_FACTS = frozenset({"readings", "processing_steps"})


def build_file(path: Path, sources: Mapping[str, Source], built_at: dt.datetime, clock: str = "wall") -> dict[str, int]:
    """Write the DuckDB file `path` over `sources`; returns the rows of every table and view.

    The file is checkpointed and closed, not yet fsynced. On any error nothing is left of it.
    """
    con = duckdb.connect()
    try:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        build_views(con, sources)
        con.execute(f"ATTACH {quoted(str(path))} AS build")
        con.execute("USE build")
        define_macros(con)
        con.execute("CREATE SCHEMA raw")
        for name in view_names():
            if name in BIG_FACTS:
                con.execute(raw_view(sources[name]))
                con.execute(view_sql(name))
            else:
                con.execute(f"CREATE TABLE {name} AS FROM memory.main.{name}")
                _copy_comments(con, name)
        define_facts(con)
        rows = {name: _count(con, name) for name in view_names()}
        rows["kpi_snapshot"] = _kpi_table(con, daily_rows(con, today(con, clock)))
        _manifest_table(con, sources, rows, built_at)
        con.execute("CHECKPOINT build")
        con.execute("USE memory")
        con.execute("DETACH build")
    except BaseException:
        con.close()
        path.unlink(missing_ok=True)
        raise
    con.close()
    return rows


def _kpi_table(con: duckdb.DuckDBPyConnection, rows: Iterable[KpiRow]) -> int:
    """The day's KPI rows, computed over this very build."""
    con.execute((SQL / "snapshot.sql").read_text("utf-8"))
    values = [
        (
            row.kpi_id, orjson.dumps(row.group).decode(), row.as_of, *row.window, row.num, row.den, row.value,
            row.excluded, row.data_as_of, orjson.dumps(row.detail).decode(),
        )
        for row in rows
    ]  # fmt: skip
    if values:
        con.executemany("INSERT INTO kpi_snapshot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    return len(values)


def _count(con: duckdb.DuckDBPyConnection, name: str) -> int:
    counted = con.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - a name of our own views
    return int(counted[0]) if counted else 0


def _copy_comments(con: duckdb.DuckDBPyConnection, name: str) -> None:
    spot = "database_name = 'memory' AND schema_name = 'main' AND comment IS NOT NULL"
    whole = con.execute(f"SELECT comment FROM duckdb_views() WHERE {spot} AND view_name = ?", [name])  # noqa: S608
    comments = [(f"TABLE {name}", comment) for (comment,) in whole.fetchall()]
    columns = con.execute(
        f"SELECT column_name, comment FROM duckdb_columns() WHERE {spot} AND table_name = ?",  # noqa: S608
        [name],
    )
    comments += [(f'COLUMN {name}."{column}"', comment) for column, comment in columns.fetchall()]
    for what, comment in comments:
        con.execute(f"COMMENT ON {what} IS {quoted(comment)}")


def _manifest_table(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], rows: Mapping[str, int], built_at: dt.datetime
) -> None:
    con.execute((SQL / "manifest.sql").read_text("utf-8"))
    for name in sorted(set(sources) | set(rows)):
        source = sources.get(name)
        values = [name, source and source.version, source and len(source.files), rows.get(name), built_at]
        con.execute("INSERT INTO build_manifest VALUES (?, ?, ?, ?, ?)", values)
