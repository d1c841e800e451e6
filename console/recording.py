"""A recorded series in a Parquet or CSV file, as columns; rows that say nothing sensible are named and left out."""

import csv
import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from console.refused_rows import FileError, RefusedRow
from schemas.terms import SHANGHAI
from schemas.times import to_us
from streams.decode import EARLIEST_US
from streams.replay import Readings

PARQUET = b"PAR1"
_NO_DATE_US = -1
Problems = dict[int, tuple[str, str]]  # position in the file -> field and reason


@dataclass
class Columns:
    """A table as it stands in a file, with the line of each row and the rows that could not be split into cells."""

    table: pa.Table
    lines: npt.NDArray[np.int64]
    refused: list[RefusedRow] = field(default_factory=list)


def read_readings(path: Path) -> tuple[Readings, list[RefusedRow]]:
    """Parquet or CSV with sensor_id, occurred_at, value and perhaps quality. Raises FileError.

    Times without an offset are Asia/Shanghai. An empty value is a reading without a value, not an error.
    """
    raw = path.read_bytes()
    columns = parquet_columns(path) if raw[:4] == PARQUET else _csv(path, raw)
    for name in ("sensor_id", "occurred_at", "value"):
        if name not in columns.table.column_names:
            found = ", ".join(columns.table.column_names)
            raise FileError(path, 0, name, f"缺少此列 no such column; there are: {found}")
    table, n = columns.table, columns.table.num_rows
    problems: Problems = {}
    ids = _texts(table["sensor_id"])
    for i in np.flatnonzero(pc.equal(ids, "").to_numpy(zero_copy_only=False)).tolist():
        problems[i] = ("sensor_id", "missing")
    times = _times(path, table["occurred_at"], problems)
    values = _numbers("value", table["value"], problems, np.nan)
    quality = np.zeros(n) if "quality" not in table.column_names else _numbers("quality", table["quality"], problems, 0)
    for i in np.flatnonzero(~((quality >= 0) & (quality <= 255) & (quality == np.floor(quality)))).tolist():
        problems.setdefault(i, ("quality", f"{quality[i]:g} is not a whole number from 0 to 255"))
    good = np.ones(n, bool)
    good[list(problems)] = False
    refused = columns.refused + [RefusedRow(path, int(columns.lines[i]), *why) for i, why in problems.items()]
    kept = np.flatnonzero(good)
    readings = Readings(
        path.name, hashlib.sha256(raw).hexdigest(), ids.take(pa.array(kept)).dictionary_encode(), times[kept],
        values[kept], quality[kept].astype("uint8"), columns.lines[kept],
    )  # fmt: skip
    return readings, sorted(refused, key=lambda row: row.line)


def parquet_columns(path: Path) -> Columns:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise FileError(path, 0, "", f"读不出 cannot be read as Parquet: {error}") from None
    return Columns(table, np.arange(1, table.num_rows + 1))


def _csv(path: Path, raw: bytes) -> Columns:
    refused: list[RefusedRow] = []

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} cells instead of {row.expected_columns}"
        refused.append(RefusedRow(path, row.number, "row", reason))
        return "skip"

    header = raw.partition(b"\n")[0].decode("utf-8-sig", "replace")
    names = next(csv.reader([header.rstrip("\r")]), [])
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(raw),
            pyarrow.csv.ReadOptions(use_threads=False, column_names=[name.strip() for name in names], skip_rows=1),
            pyarrow.csv.ParseOptions(invalid_row_handler=refuse, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(column_types={name.strip(): pa.string() for name in names}),
        )
    except pa.ArrowException as error:
        raise FileError(path, 0, "", f"读不出 cannot be read as CSV: {error}") from None
    lines = np.setdiff1d(np.arange(2, table.num_rows + len(refused) + 2), [row.line for row in refused])
    return Columns(table, lines, refused)


def _texts(column: pa.ChunkedArray) -> pa.Array:
    """Cells as text without surrounding blanks; null becomes empty."""
    return pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), "")).combine_chunks()


def _times(path: Path, column: pa.ChunkedArray, problems: Problems) -> npt.NDArray[np.int64]:
    """UTC microseconds; rows without a time are put into `problems`."""
    times: npt.NDArray[np.int64]
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        if pa.types.is_date(column.type) or column.type.tz is None:
            column = pc.assume_timezone(column.cast(pa.timestamp("us")), "Asia/Shanghai")
        whole = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
        times = pc.fill_null(whole, _NO_DATE_US).combine_chunks().to_numpy(zero_copy_only=False)
        says: Callable[[int], str] = lambda i: str(column[i].as_py() or "missing")  # noqa: E731
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = _texts(column).to_pylist()
        times = np.fromiter(map(_instant_us, texts), "int64", len(texts))
        says = lambda i: repr(texts[i]) if texts[i] else "missing"  # noqa: E731
    else:
        raise FileError(path, 0, "occurred_at", f"{column.type} is neither a timestamp nor RFC 3339 text")
    for i in np.flatnonzero(times < EARLIEST_US).tolist():
        problems.setdefault(i, ("occurred_at", f"{says(i)} is no time since 2000 (RFC 3339)"))
    return times


def _instant_us(text: str) -> int:
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        return _NO_DATE_US
    return to_us(when if when.tzinfo else when.replace(tzinfo=SHANGHAI))


def _numbers(name: str, column: pa.ChunkedArray, problems: Problems, empty: float) -> npt.NDArray[np.float64]:
    """Numbers, `empty` where there is none; what is no number is put into `problems`."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = _texts(column)
        column = pc.replace_with_mask(texts, pc.equal(texts, ""), pa.scalar(None, pa.string()))
    numbers: npt.NDArray[np.float64]
    try:
        numbers = pc.fill_null(column.cast(pa.float64()), empty).to_numpy(zero_copy_only=False).copy()
    except pa.ArrowException:
        numbers = np.full(len(column), empty)
        for i, cell in enumerate(column.to_pylist()):
            try:
                numbers[i] = empty if cell is None else float(cell)
            except (TypeError, ValueError):
                problems.setdefault(i, (name, f"{cell!r} is not a number"))
    return numbers
