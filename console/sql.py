"""`qingling sql`: read-only SQL on the published warehouse."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"


_BINARY = (Format.PARQUET, Format.XLSX)
# what went wrong → what to say before DuckDB's own words, and the exit code
_SAID = {
    "published": ("尚未发布数据仓库", 1),
    "question": ("不是只读查询", 2),
    "query": ("查询有误", 2),
    "time": ("查询超时，已停止（--timeout）", 1),
    "memory": ("内存不足（--memory）", 1),
    "other": ("查询失败", 1),
}


def sql(
    query: Annotated[str, typer.Argument(help="one query; `-` reads it from standard input")],
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="how the rows are written; default: by --out, or a table")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="file to write; standard output if absent")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="same as --format json: one array of objects")] = False,
    timeout: Annotated[float, typer.Option(help="seconds after which the query is stopped")] = 60.0,
    memory: Annotated[str, typer.Option(help="memory the query may use")] = "2GB",
) -> None:
    """对已发布的数据仓库做只读查询 Read-only SQL on the published warehouse.

    qingling sql "SELECT county, overdue FROM overdue_by_county WHERE overdue > 0 ORDER BY overdue DESC"

    `SHOW TABLES` lists what there is; `DESCRIBE hazards` its columns. Exit 1: no warehouse, or stopped; 2: the query.
    """
    from console.sql_formats import WRITERS, TooLarge, opened, show
    from warehouse.questions import Failed, ask

    talk = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    shape = _shape(Format.JSON if as_json else format, out)
    if shape in _BINARY and out is None and sys.stdout.isatty():
        talk.print(f"{shape} 是二进制，请用 --out FILE {shape} is binary: give --out FILE")
        raise typer.Exit(2)
    text = sys.stdin.read() if query == "-" else query
    try:
        with ask(text, memory=memory, seconds=timeout) as answer:
            if shape is Format.TABLE:
                show(answer)
                return
            with opened(out) as file:
                rows = WRITERS[shape](answer, file)
    except Failed as failed:
        said, code = _SAID[failed.kind]
        talk.print(f"{said} {failed}")
        raise typer.Exit(code) from None
    except TooLarge as error:
        talk.print(f"行数过多 {error}")
        raise typer.Exit(1) from None
    except OSError as error:
        talk.print(f"无法写入 cannot write {out}: {error.strerror}")
        raise typer.Exit(1) from None
    if out is not None:
        talk.print(f"{rows} 行 rows → {out}")


def _shape(asked: Format | None, out: Path | None) -> Format:
    """What was asked for; else what the file's name says; a file of another name gets CSV."""
    if asked is not None and not (asked is Format.TABLE and out is not None):
        return asked
    if out is None:
        return Format.TABLE
    suffix = out.suffix.removeprefix(".").lower()
    return Format(suffix) if suffix in (*_BINARY, "json") else Format.CSV
