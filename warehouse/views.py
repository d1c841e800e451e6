"""DuckDB views over the current versions of the lake tables: `raw.<table>` as landed, `main.<view>` as meant.

Every file of sql/views makes one view; what a view reads is found in its text, so files need no numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from schemas.settings import Settings
from schemas.tables import PARTITION_BY, TABLES
from warehouse.lake import LakeTable

SQL = Path(__file__).parent / "sql"

_TYPES: dict[pa.DataType, str] = {
    pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.uint8(): "UTINYINT", pa.bool_(): "BOOLEAN",
    pa.float64(): "DOUBLE", pa.date32(): "DATE", pa.binary(): "BLOB", pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One version of a lake table: `version` is None and `files` empty while nothing has ever landed."""

    table: str
    version: int | None
    files: tuple[str, ...]


def current(lake: Path) -> dict[str, Source]:
    """The current version of every table of schemas.tables."""
    return {name: _source(lake, name) for name in TABLES}


def _source(lake: Path, name: str) -> Source:
    if not LakeTable.exists(lake, name):
        return Source(name, None, ())
    table = DeltaTable((lake / name).absolute())
    return Source(name, table.version(), tuple(table.file_uris()))


def connect(data: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with all views over the lake as it is now. Needs no extension and no network."""
    settings = Settings() if data is None else Settings(data=data)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    build_views(con, current(settings.lake))
    return con


def build_views(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> None:
    """Make the raw views over `sources`, the macros, and every view of sql/views, in `con`."""
    con.execute("CREATE SCHEMA IF NOT EXISTS raw")
    for source in sources.values():
        con.execute(raw_view(source))
    define_macros(con)
    for name in view_names():
        con.execute(view_sql(name))
        if name == "hazard_events":
            define_facts(con)


def define_macros(con: duckdb.DuckDBPyConnection) -> None:
    """The macros for times of sql/macros.sql."""
    con.execute((SQL / "macros.sql").read_text("utf-8"))


def define_facts(con: duckdb.DuckDBPyConnection) -> None:
    """The table macro `hazards_as_of(as_of, known_as_of)`; `hazard_events` must be there."""
    con.execute((SQL / "kpis" / "_facts.sql").read_text("utf-8"))


def raw_view(source: Source) -> str:
    """The statement that makes `raw.<table>`: columns by the schema of the code; what the files lack is null."""
    columns = ", ".join(f'"{field.name}"::{_TYPES[field.type]} AS "{field.name}"' for field in TABLES[source.table])
    blank = ", ".join(f'NULL::{_TYPES[field.type]} AS "{field.name}"' for field in TABLES[source.table])
    empty = f"SELECT {blank} WHERE false"
    if not source.files:
        return f"CREATE OR REPLACE VIEW raw.{source.table} AS {empty}"
    files = ", ".join(quoted(file) for file in source.files)
    hive = ", hive_partitioning = true, hive_types_autocast = true" if PARTITION_BY.get(source.table) else ""
    # a column that came later is missing in older files: the empty part brings it, UNION ALL BY NAME fills it
    body = (
        f"SELECT {columns} FROM (FROM read_parquet([{files}], union_by_name = true{hive}) "  # noqa: S608
        f"UNION ALL BY NAME {empty})"
    )
    return f"CREATE OR REPLACE VIEW raw.{source.table} AS {body}"


def quoted(text: str) -> str:
    """`text` as an SQL string, for the few statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


@cache
def view_names() -> tuple[str, ...]:
    """The views of sql/views, each after those it reads."""
    names = {file.stem for file in (SQL / "views").glob("*.sql")}
    words = {name: set(re.findall(r"(?<![.\w'])\w+", view_sql(name))) for name in names}
    macro = {"hazard_events"}
    reads = {name: words[name] & names | (macro if "hazards_as_of" in words[name] else set()) for name in names}
    return tuple(TopologicalSorter({name: sorted(reads[name] - {name}) for name in sorted(names)}).static_order())


@cache
def view_sql(name: str) -> str:
    return (SQL / "views" / f"{name}.sql").read_text("utf-8")
