"""DuckDB views over the current versions of the lake tables: `raw.<table>` as landed, `main.<view>` as meant.

Every file below sql/staging, dimensions, facts and marts is one SELECT and makes one view of its name; what it reads
is found in its text, so files need no numbers. What they mean stands beside them in YAML (warehouse.model).
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import pyarrow as pa

from schemas.settings import Settings
from schemas.tables import PARTITION_BY, TABLES
from schemas.terms import SHANGHAI
from schemas.workdays import load_holidays
from warehouse.lake import LakeTable, Location
from warehouse.remote import DuckFiles, duck_name, storage

SQL = Path(__file__).parent / "sql"
LAYERS = ("staging", "dimensions", "facts", "marts")

_TYPES: dict[pa.DataType, str] = {
    pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.int16(): "SMALLINT", pa.int8(): "TINYINT",
    pa.uint8(): "UTINYINT", pa.uint16(): "USMALLINT", pa.uint32(): "UINTEGER", pa.bool_(): "BOOLEAN",
    pa.float64(): "DOUBLE", pa.date32(): "DATE", pa.binary(): "BLOB", pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}  # fmt: skip
_READ = re.compile(r"(?:\bfrom|\bjoin)\s+((?:raw\.)?\w+)((?:\s*,\s*\w+(?!\s*\())*)", re.IGNORECASE)
_ASIDE = re.compile(r"--[^\n]*|'(?:[^']|'')*'")


@dataclass(frozen=True)
class Source:
    """One version of a lake table: `version` is None and `files` empty while nothing has ever landed."""

    table: str
    version: int | None
    files: tuple[str, ...]


def current(lake: Location) -> dict[str, Source]:
    """The current version of every table of schemas.tables."""
    return {name: _source(lake, name) for name in TABLES}


def _source(lake: Location, name: str) -> Source:
    found = LakeTable.peek(lake, name)
    return Source(name, None, ()) if found is None else Source(name, found[0], tuple(found[1]))


def connect(data: Path | None = None, views: Iterable[str] | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with `views` (default: all) over the lake as it is now. Needs no extension and no network."""
    settings = Settings() if data is None else Settings(data=data)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    build_views(con, current(settings.lake_location), views)
    return con


def build_views(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], views: Iterable[str] | None = None,
    as_of: dt.datetime | None = None,
) -> None:  # fmt: skip
    """Make the raw views over `sources`, the macros, and `views` (default: all) with what they read, in `con`.

    `as_of` is the instant that "overdue" and the like are of, default now.
    """
    con.execute("CREATE SCHEMA IF NOT EXISTS raw")
    reach(con, sources)
    for source in sources.values():
        con.execute(raw_view(source))
    define_reference(con)
    define_macros(con)
    define_as_of(con, as_of or dt.datetime.now(SHANGHAI))
    wanted = None if views is None else needed(views)
    for name in view_names():
        if wanted is None or name in wanted:
            con.execute(f"CREATE OR REPLACE VIEW {name} AS {query_of(name)}")
            if name == "hazard_events":
                define_facts(con)


def reach(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> bool:
    """Let `con` read files on S3, if any source lies there; whether one does."""
    remote = any(file.startswith("s3://") for source in sources.values() for file in source.files)
    if remote:
        con.register_filesystem(DuckFiles(storage()))
    return remote


def define_macros(con: duckdb.DuckDBPyConnection) -> None:
    """The macros for times and for histories of registry records, of sql/macros.sql."""
    con.execute((SQL / "macros.sql").read_text("utf-8"))


def define_facts(con: duckdb.DuckDBPyConnection) -> None:
    """The table macro `hazards_as_of(as_of, known_as_of)`; `hazard_events` must be there."""
    con.execute((SQL / "kpis" / "_facts.sql").read_text("utf-8"))


def define_as_of(con: duckdb.DuckDBPyConnection, as_of: dt.datetime) -> None:
    """The relation `raw.as_of` of one row: the instant the current states are of."""
    con.execute(f"CREATE OR REPLACE VIEW raw.as_of AS SELECT TIMESTAMPTZ {quoted(as_of.isoformat())} AS as_of")


def define_reference(con: duckdb.DuckDBPyConnection) -> None:
    """`raw.region_names`, names by code (GB/T 2260), and `raw.holidays`, days that are not what their weekday says."""
    file = quoted(str(SQL / "reference" / "region_names.csv"))
    con.execute(f"CREATE OR REPLACE VIEW raw.region_names AS FROM read_csv({file}, header = true, all_varchar = true)")
    days = ", ".join(
        f"(DATE '{day}', {said.workday}, {quoted(said.name)}, {quoted(said.name_en)})"
        for day, said in load_holidays().items()
    )
    con.execute(
        f"CREATE OR REPLACE VIEW raw.holidays AS SELECT * FROM (VALUES {days}) AS v(day, workday, name, name_en)"  # noqa: S608
    )


REFERENCE = frozenset({"region_names", "holidays"})


def raw_view(source: Source) -> str:
    """The statement that makes `raw.<table>`: columns by the schema of the code; what the files lack is null.

    Events say when they were recorded; any other record was when the log took it, so its `recorded_at` is `kafka_at`.
    """
    fields = {field.name: _TYPES[field.type] for field in TABLES[source.table]}
    columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in fields.items())
    blank = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in fields.items())
    if "kafka_at" in fields and "recorded_at" not in fields:
        columns += ', "kafka_at"::TIMESTAMPTZ AS "recorded_at"'
        blank += ', NULL::TIMESTAMPTZ AS "recorded_at"'
    empty = f"SELECT {blank} WHERE false"
    if not source.files:
        return f"CREATE OR REPLACE VIEW raw.{source.table} AS {empty}"
    files = ", ".join(quoted(duck_name(file)) for file in source.files)
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
def view_files() -> dict[str, Path]:
    """Name → file of every view; a name stands once in all layers."""
    found: dict[str, Path] = {}
    for layer in LAYERS:
        for file in sorted((SQL / layer).glob("*.sql")):
            if file.stem in found:
                raise ValueError(f"{file} and {found[file.stem]} make the same view")
            found[file.stem] = file
    return found


@cache
def view_names() -> tuple[str, ...]:
    """All views, each after those it reads."""
    return tuple(TopologicalSorter({name: sorted(reads(name)) for name in sorted(view_files())}).static_order())


@cache
def reads(name: str) -> frozenset[str]:
    """The views that the query of `name` reads itself."""
    return frozenset(_relations(name) & set(view_files()))


@cache
def raw_reads(name: str) -> frozenset[str]:
    """The lake tables (and `as_of`) that the query of `name` reads itself."""
    return frozenset(word.removeprefix("raw.") for word in _relations(name) if word.startswith("raw."))


def needed(names: Iterable[str]) -> frozenset[str]:
    """`names` and all views they read, directly or not."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += reads(name)
    return frozenset(found)


@cache
def query_of(name: str) -> str:
    """The SELECT of a view."""
    return view_files()[name].read_text("utf-8")


def _relations(name: str) -> set[str]:
    text = _ASIDE.sub(lambda aside: aside[0] if aside[0].startswith("'raw.") else "", query_of(name))
    found = {word for first, more in _READ.findall(text) for word in (first, *re.findall(r"\w+", more))}
    found |= set(re.findall(r"registry_versions\('(raw\.\w+)'\)", text))
    return found | ({"hazard_events"} if "hazards_as_of(" in text else set())
