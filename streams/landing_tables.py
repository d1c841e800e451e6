"""What landing needs of a lake table, and how records of any topic become its rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

from schemas.tables import GAPS
from schemas.topics import Topic
from streams.admission import Refusals
from streams.decode import Record
from streams.frame_ids import FrameIds
from streams.landing_frames import frame_rows, sort_frames
from streams.landing_rows import rows_of

FRAMES = "telemetry.frames"

Place = tuple[str, int]  # topic, partition


@dataclass(frozen=True)
class Lost:
    """Offsets `first` to `last` that the log no longer has and the lake never got."""

    place: Place
    first: int
    last: int


class Table(Protocol):
    """What landing needs of warehouse.lake.LakeTable."""

    @property
    def columns(self) -> Mapping[str, pa.DataType]: ...
    def landed(self, log_id: str, topic: str) -> dict[int, int]: ...
    def append(self, rows: pa.Table, ends: Mapping[str, int], expected: Mapping[str, int | None]) -> int: ...
    def widen(self, fields: Iterable[pa.Field]) -> None: ...
    def recent(self, columns: list[str], stamp: str, span_us: int, now_us: int) -> Iterator[pa.Table]: ...


OpenTable = Callable[[str], Table]


class Gaps(Protocol):
    def fill(
        self, ranges: Mapping[Place, tuple[int, int]], log_ids: Mapping[str, str]
    ) -> Iterator[Lost | list[Record]]: ...


@dataclass
class Made:
    """Rows to land, with what was refused, how many frames were doubles, and columns the table has not got yet."""

    rows: pa.Table
    refusals: Refusals
    frame_ids: list[tuple[str, int]] = field(default_factory=list)
    doubles: int = 0
    later: list[pa.Field] = field(default_factory=list)


def rows_for(
    topic: Topic, records: Sequence[Record], landed: FrameIds, columns: Mapping[str, pa.DataType]
) -> Made:  # fmt: skip
    """The rows of `records` (of one topic) for a table that has `columns` now."""
    if topic.name != FRAMES:
        rows, refusals = rows_of(topic, records, columns)
        return Made(rows, refusals)
    found = sort_frames(records, landed, columns)
    rows = frame_rows(found.frames)
    ids = [(frame.header.frame_id, frame.record.timestamp_us) for frame in found.frames]
    later = [rows.schema.field(name) for name in rows.column_names if name not in columns]
    return Made(rows, found.refusals, ids, len(found.doubles), later)


def recall(landed: Iterable[pa.Table], now_us: int) -> FrameIds:
    """The frames in `landed` (frame_id as dictionary, kafka_at) as far as they are recent; none is later than now."""
    known = FrameIds()
    for rows in landed:
        ids = rows["frame_id"].chunk(0) if rows.num_rows else None
        if ids is None:
            continue
        used, firsts = np.unique(ids.indices.to_numpy(), return_index=True)
        times = rows["kafka_at"].cast(pa.int64()).to_numpy()[firsts]
        for frame_id, kafka_us in zip(ids.dictionary.take(pa.array(used)).to_pylist(), times.tolist(), strict=True):
            known.add(frame_id, min(kafka_us, now_us))
    return known


def gap_row(log_id: str, lost: Lost, found_at_us: int) -> pa.Table:
    """The row of `gaps` for what is lost."""
    values = [log_id, *lost.place, lost.first, found_at_us, lost.last, found_at_us]
    return pa.table(
        [pa.array([value]).cast(column.type) for value, column in zip(values, GAPS, strict=True)], schema=GAPS
    )
