"""Parquet files that are on the disk before anything says they are: written, fsynced, described for the Delta log."""

import datetime as dt
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.deltalog import Action, now_ms, sync

# Statistics that readers prune files by; free text and values of no order are left out.
_STATS = frozenset(
    ("partition", "offset", "kafka_at", "sensor_id", "site_id", "occurred_at", "recorded_at", "received_at", "event_id")
)


ROW_GROUP = 122_880  # what DuckDB reads at once; smaller groups are skipped more finely


class SchemaBreak(ValueError):
    """Rows or an existing table do not fit the table's schema; names the column and both types."""


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` as Delta can hold it: it knows no unsigned integers, so they become the next wider signed type."""
    wider = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64()}
    return pa.schema([field.with_type(wider.get(field.type, field.type)) for field in schema])


def fit(rows: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """`rows` with exactly the columns of `schema`, in its order; dictionary-encoded columns stay so.

    A missing nullable column is filled with nulls. Raises SchemaBreak for an unknown or missing column, a type that
    cannot be cast without loss, or a null where none may be.
    """
    unknown = set(rows.column_names) - set(schema.names)
    if unknown:
        raise SchemaBreak(f"table {name} has no column {sorted(unknown)[0]}")
    columns, fields = [], []
    for field in schema:
        column = _column(rows, field, name)
        columns.append(column)
        fields.append(pa.field(field.name, column.type, nullable=field.nullable))
    return pa.table(columns, schema=pa.schema(fields))


def _column(rows: pa.Table, field: pa.Field, name: str) -> pa.ChunkedArray:
    if field.name not in rows.column_names:
        if not field.nullable:
            raise SchemaBreak(f"table {name} needs column {field.name}, the rows have none")
        return pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
    column = rows.column(field.name)
    held = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if held != field.type:
        try:
            column = pc.cast(column, field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaBreak(f"table {name}, column {field.name}: {held} is not {field.type} ({error})") from None
    if not field.nullable and column.null_count:
        raise SchemaBreak(f"table {name}, column {field.name}: {column.null_count} nulls where none may be")
    return column


def split(rows: pa.Table, by: list[str]) -> Iterator[tuple[dict[str, str], pa.Table]]:
    """`rows` by the values of the partition columns `by`, which are not stored in the files."""
    if not by:
        yield {}, rows
        return
    (column,) = by  # no table is partitioned by more than one
    values = rows.column(column)
    rest = rows.drop_columns([column])
    if not pa.types.is_dictionary(values.type):
        values = pc.dictionary_encode(values)
    codes = pa.chunked_array([chunk.indices for chunk in values.unify_dictionaries().chunks], values.type.index_type)
    names = values.unify_dictionaries().chunk(0).dictionary.to_pylist() if rows.num_rows else []
    for code, name in enumerate(names):
        part = rest if len(names) == 1 else rest.filter(pc.equal(codes, code))
        if part.num_rows:
            yield {column: str(name)}, part


def landing_options(rows: pa.Table) -> dict[str, Any]:
    """Parquet options for files that are written often and read until the next compaction: cheap to write.

    Statistics of texts are what costs most (half of the whole file, measured); those of dictionary-encoded ones go to
    the Delta log from the dictionary, and fresh files hold all sensors anyway. Numbers that hardly differ from row to
    row need no dictionary, nor do sensors that come as plain texts because they hardly repeat. Every page costs a
    compressor of its own, so pages are large.
    """
    sized = [field.name for field in rows.schema if not pa.types.is_dictionary(field.type)]
    plain = {"partition", "kafka_at", "received_at", "occurred_at", "quality"}
    unbounded, packed = set[str](), {}
    if "row" in sized:  # readings
        unbounded, packed = {"row", "quality", "sensor_id"}, {"row": "DELTA_BINARY_PACKED"}
        plain |= {"row"} | unbounded & set(sized)
    return {
        "use_dictionary": [name for name in rows.column_names if name not in plain],
        "write_statistics": [name for name in sized if name not in unbounded], "column_encoding": packed or None,
        "max_rows_per_page": 1 << 20, "write_batch_size": 1 << 16,
    }  # fmt: skip


def clustered_options(rows: pa.Table) -> dict[str, Any]:
    """Parquet options for files that are kept: sorted by site, sensor and time, read many times.

    Times and offsets go up by the same step within a sensor, which delta encoding keeps in a fifteenth of the bytes
    (measured). Bounds of texts that the order does not follow skip nothing and cost most.
    """
    stepped = {"offset", "row", "kafka_at", "occurred_at", "received_at"} & set(rows.column_names)
    plain = {"partition", "quality"}
    unordered = {"frame_id", "raw_file", "raw_sha256"}
    return {
        "use_dictionary": [name for name in rows.column_names if name not in stepped | plain],
        "write_statistics": [name for name in rows.column_names if name not in unordered],
        "column_encoding": dict.fromkeys(sorted(stepped), "DELTA_BINARY_PACKED"), "row_group_size": ROW_GROUP,
    }  # fmt: skip


def parquet(rows: pa.Table, **options: Any) -> pa.Buffer:
    """`rows` as the bytes of a Parquet file, zstd."""
    sink = pa.BufferOutputStream()
    # Without the Arrow schema in the footer every reader sees plain columns, dictionary-encoded input or not.
    pq.write_table(rows, sink, compression="zstd", store_schema=False, **options)
    return sink.getvalue()


def write_file(
    table: Path, rows: pa.Table, partition: dict[str, str], *, data_change: bool = True, **options: Any
) -> Action:
    """Write `rows` as one fsynced Parquet file below `table`; the Delta `add` action that names it."""
    folder = table.joinpath(*(f"{key}={value}" for key, value in partition.items()))
    fresh = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"part-{uuid.uuid4()}.zstd.parquet"
    content = parquet(rows, **options)
    try:
        with file.open("xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        sync(folder)
        if fresh:
            sync(table)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return add_action(file.relative_to(table).as_posix(), partition, content, rows, data_change=data_change)


def add_action(
    path: str, partition: dict[str, str], content: pa.Buffer, rows: pa.Table, *, data_change: bool
) -> Action:
    """The Delta `add` action of a file with `rows`, whose bytes are `content`."""
    return {
        "add": {
            "path": path, "partitionValues": partition, "size": content.size, "modificationTime": now_ms(),
            "dataChange": data_change, "stats": _stats(pq.read_metadata(pa.BufferReader(content)), rows),
        }
    }  # fmt: skip


def _stats(metadata: pq.FileMetaData, rows: pa.Table) -> str:
    """Counts and bounds for readers: from the file's own statistics, of a dictionary-encoded text from its dictionary.

    A dictionary may hold a text that no row has: bounds are then wider than they need be, never wrong.
    """
    lows: dict[str, Any] = {}
    highs: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        described = metadata.row_group(group)
        for index in range(metadata.num_columns):
            column = described.column(index)
            name, found = column.path_in_schema, column.statistics
            if name not in _STATS or found is None or not found.has_null_count:
                continue
            nulls[name] = nulls.get(name, 0) + found.null_count
            if found.has_min_max:
                lows[name] = min(lows.get(name, found.min), found.min)
                highs[name] = max(highs.get(name, found.max), found.max)
    for name in _STATS & set(rows.column_names) - set(nulls):
        column = rows.column(name)
        if pa.types.is_dictionary(column.type):
            nulls[name] = column.null_count
            bounds = [pc.min_max(chunk.dictionary).as_py() for chunk in column.chunks]
            if any(bound["min"] is not None for bound in bounds):
                lows[name] = min(bound["min"] for bound in bounds if bound["min"] is not None)
                highs[name] = max(bound["max"] for bound in bounds if bound["max"] is not None)
    return orjson.dumps({
        "numRecords": metadata.num_rows, "minValues": {name: _text(value) for name, value in lows.items()},
        "maxValues": {name: _text(value) for name, value in highs.items()}, "nullCount": nulls,
    }).decode()  # fmt: skip


def _text(value: Any) -> Any:
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, dt.datetime) else value
