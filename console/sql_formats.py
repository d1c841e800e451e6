"""Rows of a query as a table, CSV, JSON, Parquet or an Excel workbook, batch by batch: a large answer is never held."""

import csv
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from warehouse.questions import Answer

ROWS_SHOWN = 1_000
SHEET_ROWS = 1_048_575  # of a sheet, less the row of names
_EXACT = 1e15  # Excel keeps fifteen digits; a longer number, or one that is none, goes as text
_CELL = 32_767  # characters Excel takes in one cell


class TooLarge(ValueError):
    """The format cannot hold so many rows."""


def show(answer: "Answer") -> int:
    """A table on the terminal, of the first rows; returns how many there are."""
    table = Table(*(str(name) for name in answer.schema.names))
    shown = total = 0
    for batch in answer.batches:
        total += batch.num_rows
        for row in batch.slice(0, ROWS_SHOWN - shown).to_pylist() if shown < ROWS_SHOWN else ():
            table.add_row(*(cell(value) for value in row.values()))
            shown += 1
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=10_000)
    console.print(table)
    if total > ROWS_SHOWN:
        Console(stderr=True).print(f"显示 {ROWS_SHOWN} / {total} 行 rows shown; --format csv 全部 for all")
    return total


def write_json(answer: "Answer", out: IO[bytes]) -> int:
    """One array of objects, one per line."""
    total = 0
    out.write(b"[")
    for batch in answer.batches:
        for row in batch.to_pylist():
            out.write((b",\n " if total else b"") + orjson.dumps(row, default=plain))
            total += 1
    out.write(b"]\n")
    return total


def write_csv(answer: "Answer", out: IO[bytes]) -> int:
    """UTF-8 with a row of names; nested values as JSON."""
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.schema.names)
    total = 0
    for batch in answer.batches:
        writer.writerows([cell(value) for value in row.values()] for row in batch.to_pylist())
        total += batch.num_rows
    text.flush()
    text.detach()
    return total


def write_parquet(answer: "Answer", out: IO[bytes]) -> int:
    """zstd; the types of the query."""
    import pyarrow.parquet as pq

    total = 0
    with pq.ParquetWriter(out, answer.schema, compression="zstd") as writer:
        for batch in answer.batches:
            writer.write_batch(batch)
            total += batch.num_rows
    return total


def write_xlsx(answer: "Answer", out: IO[bytes]) -> int:
    """One sheet, names in bold, times of Asia/Shanghai. Text is text: a cell that begins with `=` is no formula.

    Raises TooLarge for more rows than a sheet holds.
    """
    import xlsxwriter

    book = xlsxwriter.Workbook(out, {"constant_memory": True, "remove_timezone": True, "strings_to_formulas": False})
    sheet = book.add_worksheet("qingling")
    bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for column, name in enumerate(answer.schema.names):
        sheet.write_string(0, column, name, bold)
    sheet.freeze_panes(1, 0)
    total = 0
    for batch in answer.batches:
        if total + batch.num_rows > SHEET_ROWS:
            raise TooLarge(f"more than {SHEET_ROWS} rows do not fit into a sheet: take csv or parquet")
        for row in batch.to_pylist():
            total += 1
            for column, value in enumerate(row.values()):
                _put(sheet, total, column, value, day, moment)
    book.close()
    return total


def _put(sheet: Any, row: int, column: int, value: Any, day: Any, moment: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, (int, float, Decimal)) and abs(float(value)) < _EXACT:
        sheet.write_number(row, column, float(value))
    elif hasattr(value, "hour") and hasattr(value, "date"):
        sheet.write_datetime(row, column, value.replace(tzinfo=None), moment)
    elif hasattr(value, "isoformat") and not hasattr(value, "hour"):
        sheet.write_datetime(row, column, value, day)
    else:
        sheet.write_string(row, column, cell(value)[:_CELL])


WRITERS: dict[str, Callable[["Answer", IO[bytes]], int]] = {
    "csv": write_csv, "json": write_json, "parquet": write_parquet, "xlsx": write_xlsx,
}  # fmt: skip


def cell(value: Any) -> str:
    """One value as text; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return orjson.dumps(value, default=plain).decode()
    return value.isoformat(" ") if hasattr(value, "tzinfo") and hasattr(value, "date") else str(plain(value))


def plain(value: Any) -> Any:
    """What JSON has no word for: whole decimals (sums of integers) become integers, bytes become hexadecimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.hex() if isinstance(value, bytes) else str(value)


@contextmanager
def opened(path: Path | None) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all, or standard output. Raises OSError."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as out:
            yield out
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
