"""`qingling sql`: read-only SQL on the published warehouse."""

import csv
import io
import sys
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_SHOWN = 1_000


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def sql(
    query: Annotated[str, typer.Argument(help="one query; `-` reads it from standard input")],
    format: Annotated[Format, typer.Option("--format", "-f", help="how the rows are written")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="file to write; standard output if absent")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="same as --format json: one array of objects")] = False,
    timeout: Annotated[float, typer.Option(help="seconds after which the query is stopped")] = 60.0,
    memory: Annotated[str, typer.Option(help="memory the query may use")] = "2GB",
) -> None:
    """对已发布的数据仓库做只读查询 Read-only SQL on the published warehouse.

    qingling sql "SELECT region, count(*) FROM hazards WHERE is_open GROUP BY region"

    `SHOW TABLES` lists what there is; `DESCRIBE hazards` its columns. Exit 1: no warehouse, or stopped; 2: the query.
    """
    import duckdb

    from warehouse.guard import NotAQuestion, check_question, guarded, interrupted_after
    from warehouse.publish import NotPublished

    talk = Console(stderr=True, highlight=False, soft_wrap=True)
    shape = Format.JSON if as_json else format
    if shape is Format.PARQUET and out is None and sys.stdout.isatty():
        talk.print("Parquet 是二进制，请用 --out FILE Parquet is binary: give --out FILE", markup=False)
        raise typer.Exit(2)
    text = sys.stdin.read() if query == "-" else query
    try:
        con = guarded(memory=memory)
    except NotPublished as error:
        talk.print(f"尚未发布数据仓库 {error}", markup=False)
        raise typer.Exit(1) from None
    except duckdb.Error as error:
        talk.print(f"无法打开数据仓库 cannot open the warehouse: {error}", markup=False)
        raise typer.Exit(1) from None
    try:
        check_question(con, text)
        with interrupted_after(con, timeout):
            rows = con.sql(text).to_arrow_table()
    except NotAQuestion as error:
        talk.print(f"不是只读查询 {error}", markup=False)
        raise typer.Exit(2) from None
    except duckdb.InterruptException:
        talk.print(f"查询超过 {timeout:g} 秒，已停止 stopped after {timeout:g} s (--timeout)", markup=False)
        raise typer.Exit(1) from None
    except duckdb.OutOfMemoryException as error:
        talk.print(f"内存不足 {error}", markup=False)
        raise typer.Exit(1) from None
    except duckdb.Error as error:
        talk.print(f"查询有误 {error}", markup=False)
        raise typer.Exit(2) from None
    try:
        _write(rows, shape, out)
    except OSError as error:
        talk.print(f"无法写入 cannot write {out}: {error.strerror}", markup=False)
        raise typer.Exit(1) from None


def _write(rows: "pa.Table", shape: Format, out: Path | None) -> None:
    if shape is Format.TABLE and out is None:
        return _show(rows)
    content = {Format.JSON: _json, Format.CSV: _csv, Format.PARQUET: _parquet, Format.TABLE: _csv}[shape](rows)
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return None
    out.write_bytes(content)
    Console(stderr=True).print(f"{rows.num_rows} 行 rows → {out}", markup=False, highlight=False)
    return None


def _show(rows: "pa.Table") -> None:
    table = Table(*(str(name) for name in rows.column_names))
    for row in zip(*(column.to_pylist() for column in rows.slice(0, _ROWS_SHOWN).columns), strict=True):
        table.add_row(*(_cell(value) for value in row))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=10_000)
    console.print(table)
    if rows.num_rows > _ROWS_SHOWN:
        Console(stderr=True).print(f"显示 {_ROWS_SHOWN} / {rows.num_rows} 行 rows shown; --format csv 全部 for all")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return orjson.dumps(value, default=_other).decode()
    return value.isoformat(" ") if hasattr(value, "tzinfo") and hasattr(value, "date") else str(_other(value))


def _other(value: Any) -> Any:
    """What JSON has no word for: whole decimals (sums of integers) become integers, bytes become hexadecimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _json(rows: "pa.Table") -> bytes:
    lines = [orjson.dumps(row, default=_other) for row in rows.to_pylist()]
    return b"[" + b",\n ".join(lines) + b"]\n"


def _csv(rows: "pa.Table") -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows.column_names)
    writer.writerows([_cell(value) for value in row.values()] for row in rows.to_pylist())
    return out.getvalue().encode()


def _parquet(rows: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(rows, out, compression="zstd")
    return out.getvalue()
