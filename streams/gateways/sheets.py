"""Tables as people send them: XLSX, XLS and ODS through calamine, CSV in UTF-8 or GB 18030. Bytes in, cells out; pure.

A merged range counts as its value in every cell of it: a merged header covers its columns, a company name merged down
covers its rows.
"""

import csv
import datetime as dt
import io
from dataclasses import dataclass

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from schemas.model import Refused

Cell = str | float | bool | dt.date | dt.datetime | dt.time | dt.timedelta
ROWS_AT_MOST = 200_000
COLUMNS_AT_MOST = 256
BYTES_AT_MOST = 64 << 20


@dataclass(frozen=True)
class Sheet:
    """`rows[i]` is row `i + 1` as the program that wrote it counts; all rows have equal length, "" is an empty cell."""

    name: str
    rows: list[list[Cell]]


def sheets_of(raw: bytes, file: str) -> list[Sheet]:
    """The visible sheets of a table file, those without any cell left out.

    Raises Refused: too large, locked by a password, or neither a workbook nor text.
    """
    if len(raw) > BYTES_AT_MOST:
        raise Refused("", f"{len(raw) >> 20} MB, at most {BYTES_AT_MOST >> 20} MB are read")
    found = [_csv(raw)] if file.lower().endswith((".csv", ".tsv", ".txt")) else _workbook(raw)
    if not found:
        raise Refused("", "no sheet holds anything")
    for sheet in found:
        if len(sheet.rows) > ROWS_AT_MOST:
            raise Refused("", f"sheet {sheet.name}: {len(sheet.rows)} rows, at most {ROWS_AT_MOST} are read")
    return found


def _workbook(raw: bytes) -> list[Sheet]:
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        named = [each.name for each in book.sheets_metadata if str(each.visible).endswith("Visible")]
        found = []
        for name in named:
            sheet = book.get_sheet_by_name(name)
            rows: list[list[Cell]] = [row[:COLUMNS_AT_MOST] for row in sheet.to_python(skip_empty_area=False)]
            for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
                _spread(rows, top, left, bottom, right)
            if any(cell != "" for row in rows for cell in row):
                found.append(Sheet(name, rows))
    except PasswordError:
        raise Refused("", "the workbook is locked by a password") from None
    except CalamineError as error:
        raise Refused("", f"not a workbook that can be read: {error}") from None
    return found


def _spread(rows: list[list[Cell]], top: int, left: int, bottom: int, right: int) -> None:
    if top >= len(rows) or left >= len(rows[top]):
        return
    value = rows[top][left]
    for row in rows[top : bottom + 1]:
        row[left : right + 1] = [value] * len(row[left : right + 1])


def _csv(raw: bytes) -> Sheet:
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        if encoding == "utf-16" and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        raise Refused("", "neither UTF-8 nor GB 18030")
    if "\0" in text:
        raise Refused("", "holds null bytes: not a table in text form")
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",\t;，", key=first.count)
    rows: list[list[Cell]] = [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    width = max(map(len, rows), default=0)
    return Sheet("", [[*row, *[""] * (width - len(row))] for row in rows])
