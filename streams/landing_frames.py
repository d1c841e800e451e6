"""Frames → rows of the readings table. Pure; columns are built per batch of frames, never per reading."""

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.frame_runs import decode_frames
from schemas.frames import FRAME_SCHEMA, FrameHeader
from schemas.model import Refused
from schemas.tables import READINGS, STAMP
from streams.admission import Refusals, letter, split_absurd
from streams.decode import AHEAD_US, EARLIEST_US, Frame, Record, decode
from streams.landing_columns import later_columns, unfit

_REPEATS = 4  # readings per sensor in a batch from which on a dictionary of the sensors is worth its making
_SHANGHAI_US = 8 * 3_600_000_000  # Asia/Shanghai has had no daylight saving time since 1991
_DAY_US = 86_400_000_000


@dataclass
class Sorted:
    """What a batch of frame records came to: frames to land, refusals, and records that were sent twice."""

    frames: list[Frame] = field(default_factory=list)
    refusals: Refusals = field(default_factory=list)
    doubles: list[Record] = field(default_factory=list)


def sort_frames(
    records: Sequence[Record], landed: Container[str] = (), columns: Mapping[str, pa.DataType] | None = None
) -> Sorted:
    """Decode `records`; a frame_id in `landed`, or met twice here, is a double and lands no second time.

    Readings dated absurdly are refused, the rest of their frame lands and keeps its row numbers. `columns` are those
    of the lake's table: a frame with a column of another type is refused.
    """
    result, here, known = Sorted(), set[str](), dict(columns or {})
    for record, batch in zip(records, decode_frames([record.value or b"" for record in records]), strict=True):
        try:
            header = _header(record)
            if isinstance(batch, Refused):
                decode(record)  # refuses with the words that processing uses
                raise batch
            unfit(batch, known)
        except Refused as refused:
            result.refusals.append((letter(record, refused, record.timestamp_us), record))
            continue
        if header.frame_id in here or header.frame_id in landed:
            result.doubles.append(record)
            continue
        here.add(header.frame_id)
        result.frames.append(Frame(record, header, batch))
    for index in _absurd(result.frames):
        frame, refusals = split_absurd(result.frames[index], result.frames[index].record.timestamp_us)
        result.refusals += refusals
        result.frames[index] = frame  # even if nothing is left: its frame_id is landed
    return result


def _header(record: Record) -> FrameHeader:
    header, stamp = FrameHeader.decode(record.headers), record.timestamp_us
    if header.received_at_us < EARLIEST_US or (stamp and header.received_at_us > stamp + AHEAD_US):
        decode(record)
        raise Refused("header received_at", f"{header.received_at_us} µs is absurd")
    return header


def _absurd(frames: Sequence[Frame]) -> list[int]:
    """Which frames have a reading dated before 2000 or more than ten minutes after it was received."""
    filled = [index for index, frame in enumerate(frames) if frame.batch.num_rows]
    if not filled:
        return []
    joined = _times([frames[index].batch for index in filled])
    starts = np.cumsum([0, *(frames[index].batch.num_rows for index in filled[:-1])])
    latest = np.array([frames[index].header.received_at_us + AHEAD_US for index in filled])
    bad = (np.minimum.reduceat(joined, starts) < EARLIEST_US) | (np.maximum.reduceat(joined, starts) > latest)
    return [filled[place] for place in np.flatnonzero(bad)]


def frame_rows(frames: Sequence[Frame]) -> pa.Table:
    """The readings of `frames`: the columns of READINGS and later ones.

    The day and texts are dictionary-encoded; sensor_id only if the batch has several readings of a sensor.
    """
    frames = [frame for frame in frames if frame.batch.num_rows]
    if not frames:
        return READINGS.empty_table()
    lengths = np.array([frame.batch.num_rows for frame in frames])
    count = int(lengths.sum())

    def text(values: Sequence[str | None]) -> pa.DictionaryArray:
        distinct = list(dict.fromkeys(values))
        if distinct == [None]:
            return pa.nulls(count, pa.dictionary(pa.int32(), pa.string()))
        if len(distinct) == 1:
            return _same(distinct, count, pa.string())
        named = [value for value in distinct if value is not None]
        place: dict[str | None, int] = {value: i for i, value in enumerate(named)}
        codes = _spread(np.array([place.get(value, -1) for value in values], "int32"), lengths)
        if len(named) < len(distinct):
            numbers = codes.to_numpy()
            codes = pa.array(numbers, mask=numbers < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(named, pa.string()), safe=False)

    def each(values: list[int], kind: str = "int64") -> pa.Array:
        return _spread(np.array(values, kind), lengths)

    records = [frame.record for frame in frames]
    headers = [frame.header for frame in frames]
    batches = [frame.batch for frame in frames]
    own = _own_columns(batches)
    times = _times(batches)
    columns = {
        "log_id": text([record.log_id for record in records]),
        "topic": text([record.topic for record in records]),
        "partition": each([record.partition for record in records], "int32"),
        "offset": each([record.offset for record in records]),
        "kafka_at": each([record.timestamp_us for record in records]).view(STAMP),
        "row": _row_numbers(frames, lengths),
        "frame_id": text([header.frame_id for header in headers]),
        "site_id": text([header.site_id for header in headers]),
        "sensor_id": own.column(0) if _repeat(frames) else own.column(0).cast(pa.string()),
        "occurred_at": pa.array(times).view(STAMP),
        "value": own.column(2),
        "quality": own.column(3),
        "source": text([header.source for header in headers]),
        "received_at": each([header.received_at_us for header in headers]).view(STAMP),
        "raw_file": text([header.raw_file or None for header in headers]),
        "raw_sha256": text([header.raw_sha256 or None for header in headers]),
        "day": shanghai_days(times),
    }
    if any(batch.num_columns > len(FRAME_SCHEMA) for batch in batches):
        columns |= later_columns(batches)
    return pa.table(columns).unify_dictionaries().combine_chunks()


def _repeat(frames: Sequence[Frame]) -> bool:
    """Whether sensors come again in `frames`, counting for each site the sensors of one of its frames."""
    one_of_each = {frame.header.site_id: frame.batch for frame in frames}
    sensors = sum(len(batch.column(0).dictionary) for batch in one_of_each.values())
    return sum(frame.batch.num_rows for frame in frames) >= _REPEATS * sensors


def _own_columns(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """The columns that every frame has, of all `batches`; without a Python call per frame where schemas agree."""
    if all(batch.num_columns == len(FRAME_SCHEMA) for batch in batches):
        return pa.Table.from_batches(batches)
    return pa.Table.from_batches([batch.select(FRAME_SCHEMA.names) for batch in batches])


def _times(batches: Sequence[pa.RecordBatch]) -> npt.NDArray[np.int64]:
    """occurred_at of all `batches` as UTC microseconds."""
    column = _own_columns(batches).column(1).combine_chunks()
    whole = column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)
    times: npt.NDArray[np.int64] = whole.view(pa.int64()).to_numpy(zero_copy_only=True)
    return times


def _spread(values: npt.NDArray[Any], lengths: npt.NDArray[np.int64]) -> pa.Array:
    """Each value as often as its frame has rows; `lengths` may all be equal, then nothing is counted.

    In Arrow's memory, which is used again for the next batch: fresh pages cost ten times what filling them does.
    """
    count = int(lengths.sum())
    buffer = pa.allocate_buffer(count * values.itemsize)
    filled = np.frombuffer(buffer, dtype=values.dtype)
    if (lengths == lengths[0]).all():
        filled.reshape(len(lengths), -1)[:] = values[:, None]
    else:
        filled[:] = np.repeat(values, lengths)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), count, [None, buffer])


def _row_numbers(frames: Sequence[Frame], lengths: npt.NDArray[np.int64]) -> pa.Array:
    if any(frame.rows is not None for frame in frames):
        return pa.array(np.concatenate([frame.row_numbers() for frame in frames]).astype("int32"))
    starts = _spread((np.cumsum(lengths) - lengths).astype("int32"), lengths)
    return pc.subtract(_counting(len(starts)), starts)


def _same(value: Sequence[object], count: int, kind: pa.DataType) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(_zeros(count), pa.array(value, kind), safe=False)


def _zeros(count: int) -> pa.Array:
    return _steps(count)[0].slice(0, count)


def _counting(count: int) -> pa.Array:
    return _steps(count)[1].slice(0, count)


def _steps(count: int) -> tuple[pa.Array, pa.Array]:
    """Zeros, and 0, 1, 2 …: the same for every batch, made once for the largest."""
    size = 1 << max(16, (count - 1).bit_length())
    return _made(size)


@cache
def _made(size: int) -> tuple[pa.Array, pa.Array]:
    return pa.array(np.zeros(size, "int32")), pa.array(np.arange(size, dtype="int32"))


def shanghai_days(times: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    """The Asia/Shanghai calendar days (dictionary of date32) of UTC microseconds."""
    first, last = ((int(moment) + _SHANGHAI_US) // _DAY_US for moment in (times.min(), times.max()))
    if first == last:
        return _same([dt.timedelta(first) + dt.date(1970, 1, 1)], times.size, pa.date32())
    days = pa.array(((times + _SHANGHAI_US) // _DAY_US).astype("int32")).view(pa.date32())
    return days.dictionary_encode()
