"""Many JSON messages of one reading each, at once, as columns. Pure.

All messages of a batch are parsed in one pass. If one of them is out of order the pass fails as a whole; the batch is
then halved until few messages are left, and those are looked at one by one, each refusal with its field and reason.
"""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from schemas.model import Refused
from schemas.terms import UNUSABLE, Quality
from schemas.times import to_us
from streams.decode import AHEAD_US, EARLIEST_US
from streams.gateways.bridge_dialects import CLOCKS, Dialect

READINGS = pa.schema(
    [
        pa.field("site_id", pa.string()),
        pa.field("sensor_id", pa.string()),
        pa.field("occurred_at", pa.int64()),  # µs UTC
        pa.field("value", pa.float64()),
        pa.field("quality", pa.uint8()),
        pa.field("reported_unit", pa.string()),
    ]
)
_ONE_BY_ONE = 64
_OPEN, _CLOSE = ord("{"), ord("}")
_LONGEST = 1 << 30  # bytes of one pass
_STAMP, _STAMP_UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")


@dataclass
class Read:
    """`batch` (READINGS): the good messages in order. `refused`: (number of the message, why) of the others."""

    batch: pa.RecordBatch
    refused: list[tuple[int, Refused]] = field(default_factory=list)


def read(messages: Sequence[bytes | None], dialect: Dialect, received_us: int) -> Read:
    """What `messages` say; a time before 2000 or ten minutes after `received_us` is refused like any other fault."""
    refused: list[tuple[int, Refused]] = []
    parts = list(_parts(messages, 0, dialect, received_us, refused))
    if len(parts) == 1:
        return Read(parts[0], refused)
    whole = pa.Table.from_batches(parts, READINGS).combine_chunks().to_batches()
    return Read(whole[0] if whole else pa.RecordBatch.from_pylist([], READINGS), refused)


def _parts(
    messages: Sequence[bytes | None], first: int, dialect: Dialect, received_us: int, refused: list[tuple[int, Refused]]
) -> Iterator[pa.RecordBatch]:
    batch = _at_once(messages, dialect, received_us)
    if batch is not None:
        yield batch
    elif len(messages) > _ONE_BY_ONE:
        half = len(messages) // 2
        yield from _parts(messages[:half], first, dialect, received_us, refused)
        yield from _parts(messages[half:], first + half, dialect, received_us, refused)
    else:
        rows = []
        for number, message in enumerate(messages, first):
            try:
                rows.append(one(message, dialect, received_us))
            except Refused as why:
                refused.append((number, why))
        if rows:
            columns = zip(*rows, strict=True)
            arrays = [pa.array(c, f.type, from_pandas=False) for c, f in zip(columns, READINGS, strict=True)]
            yield pa.record_batch(arrays, schema=READINGS)


def _at_once(messages: Sequence[bytes | None], dialect: Dialect, received_us: int) -> pa.RecordBatch | None:
    """The messages as READINGS, or None if any of them needs a closer look."""
    text = _lines(messages)
    if text is None:
        return None
    try:
        rows = pa.json.read_json(
            pa.BufferReader(text), pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
            pa.json.ParseOptions(pa.schema(list(dialect.columns.items())), unexpected_field_behavior="ignore"),
        ).combine_chunks()  # fmt: skip
        if rows.num_rows != len(messages):
            return None
        columns = {name: rows.column(name).combine_chunks() for name in dialect.columns}
        return _columns(columns, dialect, received_us)
    except pa.ArrowException:
        return None


def _lines(messages: Sequence[bytes | None]) -> bytes | None:
    """One message per line, or None if they could be mistaken for more or fewer.

    Each begins with { and ends with }. No text in JSON goes over the end of a line, and two values in a row without a
    comma are no JSON: so no message can swallow the next, and equal numbers mean one row per message.
    """
    if not messages or None in messages:
        return None
    text = b"\n".join(messages)  # type: ignore[arg-type]
    if len(text) > _LONGEST or not _is_utf8(text):
        return None
    ends = np.cumsum(np.fromiter(map(len, messages), np.int64, len(messages)) + 1) - 1  # type: ignore[arg-type]
    starts = np.concatenate(([0], ends[:-1] + 1))
    if (ends - starts < 2).any():
        return None
    letters = np.frombuffer(text, np.uint8)
    return text if (letters[starts] == _OPEN).all() and (letters[ends - 1] == _CLOSE).all() else None


def _is_utf8(text: bytes) -> bool:
    """Arrow does not look."""
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _columns(columns: dict[str, Any], dialect: Dialect, received_us: int) -> pa.RecordBatch | None:
    site, sensor, value = columns[dialect.site], columns[dialect.sensor], columns[dialect.value]
    written = columns[dialect.time]
    if site.null_count or sensor.null_count or value.null_count or written.null_count:
        return None
    if pc.min(pc.binary_length(site)).as_py() == 0 or pc.min(pc.binary_length(sensor)).as_py() == 0:
        return None
    times = _times(written, dialect)
    if times.min() < EARLIEST_US or times.max() > received_us + AHEAD_US:
        return None
    if not np.isfinite(value.to_numpy()).all():
        return None
    quality = np.zeros(len(value), np.uint8)
    if dialect.quality:
        codes = columns[dialect.quality].dictionary_encode()
        bits = [dialect.bits(code) for code in codes.dictionary.to_pylist()]
        if None in bits:
            return None
        each = np.array([*bits, dialect.bits(None)], np.uint8)  # a null's index is -1: the last
        quality |= each[codes.indices.fill_null(-1).to_numpy()]
    if dialect.alarm:
        said = columns[dialect.alarm].dictionary_encode()
        flags = [Quality.ALARM * (text not in dialect.no_alarm) for text in said.dictionary.to_pylist()]
        quality |= np.array([*flags, 0], np.uint8)[said.indices.fill_null(-1).to_numpy()]
    unit = columns[dialect.unit] if dialect.unit else pa.nulls(len(value), pa.string())
    return pa.record_batch([site, sensor, pa.array(times), value, pa.array(quality), unit], schema=READINGS)


def _times(written: Any, dialect: Dialect) -> Any:
    """µs UTC. Raises ArrowException if one is no time."""
    if step := CLOCKS[dialect.clock]:
        times = written.to_numpy()
        if np.abs(times).max() > np.iinfo(np.int64).max // step:
            raise pa.ArrowInvalid("time")
        return times * step
    if dialect.offset_us is None:
        return written.cast(_STAMP_UTC).view(pa.int64()).to_numpy()
    return written.cast(_STAMP).view(pa.int64()).to_numpy() - dialect.offset_us


def one(message: bytes | None, dialect: Dialect, received_us: int) -> tuple[str, str, int, float, int, str | None]:
    """One message as a row of READINGS. Raises Refused with the field as the party names it."""
    if message is None:
        raise Refused("", "empty record")
    try:
        said = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        raise Refused("", f"not JSON: {error}") from None
    if not isinstance(said, dict):
        raise Refused("", "not a JSON object")
    site, sensor = _name(said, dialect.site), _name(said, dialect.sensor)
    us = _time(said, dialect)
    if not EARLIEST_US <= us <= received_us + AHEAD_US:
        raise Refused(dialect.time, f"{said[dialect.time]} is before 2000 or ahead of the record's own time")
    quality = _quality(said, dialect)
    if dialect.value not in said:
        raise Refused(dialect.value, "missing")
    value = said[dialect.value]
    if value is None:  # no value, as an empty field of MT/T 1201: not polled unless the quality says why
        value, quality = math.nan, quality if quality & UNUSABLE else quality | Quality.NOT_POLLED
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Refused(dialect.value, f"{value!r} is no number")
    unit = said.get(dialect.unit) if dialect.unit else None
    if unit is not None and not isinstance(unit, str):
        raise Refused(dialect.unit, f"{unit!r} is no text")
    return site, sensor, us, float(value), int(quality), unit


def _name(said: dict[str, Any], name: str) -> str:
    found = said.get(name)
    if name not in said or found == "":
        raise Refused(name, "missing" if name not in said else "is empty")
    if not isinstance(found, str):
        raise Refused(name, f"{found!r} is no text")
    return found


def _time(said: dict[str, Any], dialect: Dialect) -> int:
    found = said.get(dialect.time)
    if found is None:
        raise Refused(dialect.time, "missing")
    if step := CLOCKS[dialect.clock]:
        if isinstance(found, bool) or not isinstance(found, int):
            raise Refused(dialect.time, f"{found!r} is no whole number")
        return found * step
    try:
        when = dt.datetime.fromisoformat(found)
        if when.tzinfo is not None:
            return to_us(when)
    except (TypeError, ValueError, OverflowError):
        raise Refused(dialect.time, f"{found!r} is no time in ISO 8601") from None
    if dialect.offset_us is None:
        raise Refused(dialect.time, f"{found!r} has no offset")
    return to_us(when.replace(tzinfo=dt.UTC)) - dialect.offset_us


def _quality(said: dict[str, Any], dialect: Dialect) -> int:
    code = said.get(dialect.quality) if dialect.quality else None
    known = None if isinstance(code, (bool, float, list, dict)) else dialect.bits(code)
    if known is None:
        raise Refused(dialect.quality, f"{code!r} is no quality of the dialect {dialect.name}")
    alarm = said.get(dialect.alarm) if dialect.alarm else None
    if alarm is not None and not isinstance(alarm, str):
        raise Refused(dialect.alarm, f"{alarm!r} is no text")
    return known | (Quality.ALARM if alarm is not None and alarm not in dialect.no_alarm else 0)
