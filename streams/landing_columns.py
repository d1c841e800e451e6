"""Columns that frames bring beyond those every frame has: they land in columns of their own. Pure.

A nullable column of a plain type arrives without a restart; another type under a known name is a breaking change and
refuses the frame (docs/decisions/0024).
"""

import re
from collections.abc import Sequence

import pyarrow as pa

from schemas.frames import FRAME_SCHEMA
from schemas.model import Refused
from schemas.tables import READINGS, STAMP

_OWN = len(FRAME_SCHEMA)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# as the lake stores them
_PLAIN: dict[pa.DataType, pa.DataType] = {
    pa.string(): pa.string(), pa.float64(): pa.float64(), pa.float32(): pa.float64(), pa.int64(): pa.int64(),
    pa.int32(): pa.int32(), pa.int16(): pa.int16(), pa.int8(): pa.int16(), pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.bool_(): pa.bool_(), STAMP: STAMP,
}  # fmt: skip


def unfit(batch: pa.RecordBatch, known: dict[str, pa.DataType]) -> None:
    """Raises Refused if a later column of `batch` cannot stand beside the columns `known`; else adds it to them."""
    if batch.num_columns == _OWN:
        return
    fresh: dict[str, pa.DataType] = {}
    for column in batch.schema.names[_OWN:]:
        kind = batch.schema.field(column).type if batch.schema.names.count(column) == 1 else pa.null()
        stored = _stored(kind)
        if stored is None or column in READINGS.names or not _NAME.fullmatch(column):
            raise Refused(column, f"no frame can bring a column {column} of type {kind}")
        if known.get(column, stored) != stored:
            raise Refused(column, f"breaking change: {kind} here, {known[column]} in the lake")
        fresh[column] = stored
    known |= fresh


def later_columns(batches: Sequence[pa.RecordBatch]) -> dict[str, pa.ChunkedArray]:
    """The later columns of `batches` (which `unfit` has let through), null where a batch has none."""
    kinds = {
        name: _stored(batch.schema.field(name).type) for batch in batches for name in batch.schema.names[_OWN:]
    }  # fmt: skip
    return {
        name: pa.chunked_array([
            batch.column(name).cast(kind) if name in batch.schema.names else pa.nulls(batch.num_rows, kind)
            for batch in batches
        ])
        for name, kind in kinds.items()
    }  # fmt: skip


def _stored(kind: pa.DataType) -> pa.DataType | None:
    return _PLAIN.get(kind.value_type if pa.types.is_dictionary(kind) else kind)
