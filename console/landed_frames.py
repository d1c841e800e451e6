"""Landed readings as the frames they came in, in the order of the log: what the criteria are asked about again."""

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from schemas.frames import FRAME_SCHEMA, FrameHeader
from schemas.registry import Sensor
from schemas.vocabulary import vocabulary
from streams.decode import Frame, Record

if TYPE_CHECKING:
    import duckdb

_READINGS = """
SELECT log_id, "partition", "offset", "row", frame_id, sensor_id, occurred_at, value, quality
FROM readings
WHERE site_id = ? AND occurred_at >= ? AND occurred_at < ? AND sensor_id IN (SELECT unnest(?::VARCHAR[]))
ORDER BY kafka_at, "partition", "offset", "row"
"""
_KEYS = ("log_id", "partition", "offset")
BATCH = 1_000_000  # rows held at a time


class LandedFrames:
    """The frames of one site from `first` up to `beyond`; may be gone through more than once.

    Only readings of sensors that stand for a signal are fetched: no rule can ask for the others.
    """

    def __init__(
        self, lake: "duckdb.DuckDBPyConnection", site_id: str, sensors: Mapping[str, Sensor],
        first: dt.datetime, beyond: dt.datetime, batch: int = BATCH,
    ) -> None:  # fmt: skip
        self._lake, self._site_id, self._batch = lake, site_id, batch
        signals = vocabulary().signals
        telling = [name for name, sensor in sensors.items() if sensor.signal in signals]
        self._asked = [site_id, first, beyond, telling]

    def __iter__(self) -> Iterator[Frame]:
        held: pa.Table | None = None  # rows of a frame that may go on in the next batch
        reader: pa.RecordBatchReader = self._lake.sql(_READINGS, params=self._asked).to_arrow_reader(self._batch)
        for batch in reader:
            table = pa.Table.from_batches([batch])
            table = (table if held is None else pa.concat_tables([held, table])).combine_chunks()
            starts = _starts(table)
            for start, end in itertools.pairwise(starts):
                yield self._frame(table.slice(start, end - start))
            held = table.slice(starts[-1]) if starts else None
        if held is not None and held.num_rows:
            yield self._frame(held)

    def _frame(self, rows: pa.Table) -> Frame:
        rows = rows.combine_chunks()
        columns = [
            rows["sensor_id"].combine_chunks().dictionary_encode(),
            rows["occurred_at"].cast(pa.timestamp("us", tz="UTC")).combine_chunks(),
            rows["value"].combine_chunks(), rows["quality"].combine_chunks(),
        ]  # fmt: skip
        columns = [column.cast(field.type) for column, field in zip(columns, FRAME_SCHEMA, strict=True)]
        log_id, partition, offset = (rows[name][0].as_py() for name in _KEYS)
        record = Record(log_id, "telemetry.frames", partition, offset, None, None)
        header = FrameHeader(self._site_id, rows["frame_id"][0].as_py(), "lake", 0)
        return Frame(record, header, pa.record_batch(columns, schema=FRAME_SCHEMA), rows["row"].to_numpy())


def _starts(table: pa.Table) -> list[int]:
    """The rows where a new frame begins."""
    if not table.num_rows:
        return []
    changed = np.zeros(table.num_rows, bool)
    changed[0] = True
    for name in _KEYS:
        column = table[name].combine_chunks()
        if not pa.types.is_integer(column.type):
            column = column.dictionary_encode().indices
        values = column.to_numpy(zero_copy_only=False)
        changed[1:] |= values[1:] != values[:-1]
    return [int(row) for row in np.flatnonzero(changed)]
