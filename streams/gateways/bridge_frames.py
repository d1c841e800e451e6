"""Readings of many sites as frames of one site each, with ids that another run of the same range gives again. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from schemas.frames import FRAME_SCHEMA, UNIT, FrameHeader, encode_frame
from schemas.ids import frame_id

FRAME_ROWS = 5_000  # part of the recipe of frame ids: a new number means new ids for a range sent again
_STAMP = pa.timestamp("us", tz="UTC")
_UNIT = pa.field(UNIT, pa.dictionary(pa.int32(), pa.string()))
_PLAIN = pa.schema(list(FRAME_SCHEMA))
_WITH_UNIT = pa.schema([*FRAME_SCHEMA, _UNIT])


@dataclass(frozen=True)
class Range:
    """Offsets [first, beyond) of one partition of the party's topic; `log_id` is the topic's."""

    log_id: str
    topic: str
    partition: int
    first: int
    beyond: int

    @property
    def name(self) -> str:
        """Stands for the bytes of the range where a frame id wants their digest: a log does not change."""
        return f"{self.log_id}/{self.topic}/{self.partition}/{self.first}-{self.beyond - 1}"


@dataclass(frozen=True)
class Plan:
    """What the group's committed offset says of a partition: all before `done` is sent; [done, upto) is to be sent as
    one range, and may have been. `upto` == `done`: nothing is under way."""

    log_id: str
    done: int
    upto: int

    def metadata(self) -> str:
        """What is committed beside the offset `done`."""
        return orjson.dumps({"log_id": self.log_id, "upto": self.upto}).decode()

    @classmethod
    def of(cls, log_id: str, offset: int, metadata: str) -> "Plan":
        """The plan that a committed `offset` and its metadata mean. Another log's says nothing: begin with 0."""
        try:
            said = orjson.loads(metadata)
            upto, of_log = int(said["upto"]), said["log_id"]
        except (ValueError, KeyError, TypeError):
            return cls(log_id, max(0, offset), max(0, offset))  # set by hand with Kafka's own tools, or never
        return cls(log_id, offset, max(offset, upto)) if of_log == log_id else cls(log_id, 0, 0)


def frames(
    readings: pa.RecordBatch, span: Range, source: str, received_us: int, *, unit: bool
) -> Iterator[tuple[FrameHeader, bytes]]:
    """`readings` (bridge_readings.READINGS) by site, each site's in their order, FRAME_ROWS in a frame at most.

    `unit`: the unit that the party wrote travels along in the column `reported_unit`.
    """
    sites = readings.column("site_id").dictionary_encode()
    codes = sites.indices.to_numpy()
    names = sites.dictionary.to_pylist()
    if len(names) > 1:
        readings = readings.take(pa.array(np.argsort(codes, kind="stable")))
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    sensors, times = readings.column("sensor_id"), readings.column("occurred_at").view(_STAMP)
    rest = [times, readings.column("value"), readings.column("quality")]
    units = readings.column("reported_unit")
    start = 0
    for site_id, end in zip(names, ends.tolist(), strict=True):
        for n, at in enumerate(range(start, end, FRAME_ROWS)):
            rows = slice(at, min(at + FRAME_ROWS, end))
            columns = [sensors[rows].dictionary_encode(), *(column[rows] for column in rest)]
            if unit:
                columns.append(units[rows].dictionary_encode())
            header = FrameHeader(site_id, frame_id(site_id, span.name, n), source, received_us)
            yield header, encode_frame(pa.record_batch(columns, schema=_WITH_UNIT if unit else _PLAIN))
        start = end
