"""Frames → rows of the readings table. Pure; columns are built per batch of frames, never per reading."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.model import Refused
from schemas.tables import READINGS, STAMP
from streams.admission import Refusals, letter, split_absurd, times_us
from streams.decode import Frame, Record, decode

_SHANGHAI_US = 8 * 3_600_000_000  # Asia/Shanghai has had no daylight saving time since 1991
_DAY_US = 86_400_000_000


@dataclass
class Sorted:
    """What a batch of frame records came to: frames to land, refusals, and records that were sent twice."""

    frames: list[Frame] = field(default_factory=list)
    refusals: Refusals = field(default_factory=list)
    doubles: list[Record] = field(default_factory=list)


def sort_frames(records: Iterable[Record], landed: Container[str] = ()) -> Sorted:
    """Decode `records`; a frame_id in `landed`, or met twice here, is a double and lands no second time.

    Readings dated absurdly are refused, the rest of their frame lands and keeps its row numbers.
    """
    result, here = Sorted(), set[str]()
    for record in records:
        try:
            frame = _frame(record)
        except Refused as refused:
            result.refusals.append((letter(record, refused, record.timestamp_us), record))
            continue
        if frame.header.frame_id in here or frame.header.frame_id in landed:
            result.doubles.append(record)
            continue
        here.add(frame.header.frame_id)
        kept, refusals = split_absurd(frame, record.timestamp_us)
        result.refusals += refusals
        result.frames.append(kept)  # even if empty: its frame_id is landed
    return result


def _frame(record: Record) -> Frame:
    frame = decode(record)
    if not isinstance(frame, Frame):
        raise Refused("topic", f"{record.topic} carries no frames")
    return frame


def frame_rows(frames: Sequence[Frame]) -> pa.Table:
    """The readings of `frames` with the columns of READINGS; texts are dictionary-encoded."""
    frames = [frame for frame in frames if frame.batch.num_rows]
    if not frames:
        return READINGS.empty_table()
    lengths = np.array([frame.batch.num_rows for frame in frames])
    which = pa.array(np.repeat(np.arange(len(frames), dtype="int32"), lengths))

    def text(values: Sequence[str | None]) -> pa.DictionaryArray:
        distinct = list(dict.fromkeys(value for value in values if value is not None))
        place: dict[str | None, int] = {value: i for i, value in enumerate(distinct)}
        codes = np.repeat(np.array([place.get(value, -1) for value in values], "int32"), lengths)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(distinct, pa.string()))

    def each(values: list[int], kind: pa.DataType) -> pa.Array:
        return pa.array(np.array(values, "int64")).cast(kind).take(which)

    records = [frame.record for frame in frames]
    headers = [frame.header for frame in frames]
    batches = [frame.batch for frame in frames]
    times = np.concatenate([times_us(batch) for batch in batches])
    columns = {
        "log_id": text([record.log_id for record in records]),
        "topic": text([record.topic for record in records]),
        "partition": each([record.partition for record in records], pa.int32()),
        "offset": each([record.offset for record in records], pa.int64()),
        "kafka_at": each([record.timestamp_us for record in records], STAMP),
        "row": pa.array(np.concatenate([frame.row_numbers() for frame in frames]).astype("int32")),
        "frame_id": text([header.frame_id for header in headers]),
        "site_id": text([header.site_id for header in headers]),
        "sensor_id": pa.chunked_array([batch.column(0) for batch in batches]),
        "occurred_at": pa.array(times).cast(STAMP),
        "value": pa.chunked_array([batch.column(2) for batch in batches]),
        "quality": pa.chunked_array([batch.column(3) for batch in batches]),
        "source": text([header.source for header in headers]),
        "received_at": each([header.received_at_us for header in headers], STAMP),
        "raw_file": text([header.raw_file or None for header in headers]),
        "raw_sha256": text([header.raw_sha256 or None for header in headers]),
        "day": shanghai_days(times),
    }
    return pa.table(columns).unify_dictionaries().combine_chunks()


def shanghai_days(times: npt.NDArray[np.int64]) -> pa.Array:
    """The Asia/Shanghai calendar days (date32) of UTC microseconds."""
    return pa.array(((times + _SHANGHAI_US) // _DAY_US).astype("int32")).view(pa.date32())
