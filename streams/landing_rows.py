"""JSON records, states and dead letters → rows of their lake tables. Pure.

The lake holds the log as it is: a field goes to the column of its name, nested values as JSON text; what has no column,
or does not fit its column, goes to `extra` as it came. Only what is no JSON object at all is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import orjson
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from schemas.deadletters import DeadLetter
from schemas.model import Refused
from schemas.tables import DEAD_LETTERS, STAMP, TABLES
from schemas.times import Instant, to_us
from schemas.topics import Topic, topics
from streams.admission import Refusals, letter
from streams.decode import Record

_KEYED = ("log_id", "topic", "partition", "offset", "kafka_at", "key")
_LONG = 1 << 63


class _Unfit(Exception):
    """A value that does not fit its column."""


def rows_of(
    topic: Topic, records: Sequence[Record], columns: Mapping[str, pa.DataType] | None = None
) -> tuple[pa.Table, Refusals]:
    """Rows of `topic.table` for records of a JSON, state or dead-letter topic, and what was refused.

    `columns` are those the lake's table has by now: one that was added to it since this process started is filled with
    the field of its name.
    """
    if topic.model_name == "raw":
        return _dead_letter_rows(records), []
    if TABLES[topic.table].names[len(_KEYED) :] == ["value", "extra"]:
        return _state_rows(topic, records)
    return _json_rows(topic, records, columns or {})


def _json_rows(
    topic: Topic, records: Sequence[Record], present: Mapping[str, pa.DataType]
) -> tuple[pa.Table, Refusals]:  # fmt: skip
    known = TABLES[topic.table]
    later = [pa.field(name, kind) for name, kind in present.items() if name not in known.names]
    added = {column.name: read for column in later if (read := _reader(topic.name, column)) is not None}
    readers = _readers(topic.name) | added
    taken: list[Record] = []
    refusals: Refusals = []
    columns: dict[str, list[Any]] = {name: [] for name in (*readers, "extra")}
    for record in records:
        try:
            fields = _object(topic, record)
        except Refused as refused:
            refusals.append((letter(record, refused, record.timestamp_us), record))
            continue
        taken.append(record)
        for name, read in readers.items():
            value = fields.get(name)
            try:
                columns[name].append(None if value is None else read(value))
                fields.pop(name, None)
            except _Unfit:
                columns[name].append(None)
        columns["extra"].append(orjson.dumps(fields).decode() if fields else None)
    schema = pa.schema([*known, *(column for column in later if column.name in added)])
    return _table(schema, taken, columns), refusals


def _object(topic: Topic, record: Record) -> dict[str, Any]:
    if record.value is None:
        if topic.keep == "compact":
            return {}  # a tombstone: the key with nothing
        raise Refused("", "empty record")
    try:
        found = orjson.loads(record.value)
    except orjson.JSONDecodeError as error:
        raise Refused("", f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refused("", f"not a JSON object but {type(found).__name__}")
    return found


def _state_rows(topic: Topic, records: Sequence[Record]) -> tuple[pa.Table, Refusals]:
    taken: list[Record] = []
    values: list[str | None] = []
    refusals: Refusals = []
    for record in records:
        try:
            values.append(None if record.value is None else record.value.decode("utf-8"))
        except UnicodeDecodeError as error:
            refused = Refused("", f"not UTF-8: {error.reason} at byte {error.start}")
            refusals.append((letter(record, refused, record.timestamp_us), record))
        else:
            taken.append(record)
    return _table(TABLES[topic.table], taken, {"value": values, "extra": [None] * len(taken)}), refusals


def _dead_letter_rows(records: Sequence[Record]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in DEAD_LETTERS.names[len(_KEYED) :]}
    for record in records:
        headers = {key: value.decode("utf-8", "replace") for key, value in record.headers}
        try:
            found = DeadLetter.decode(record.headers)
        except ValueError:  # a header that should be a number is not; the text stays in `headers`
            texts = [pair for pair in record.headers if pair[0] not in ("line", "refused_at_us")]
            found = DeadLetter.decode(texts)
        columns["letter_id"].append(headers.get("letter_id") or found.letter_id)
        for name in ("source", "reason", "field", "file", "origin", "site_id"):
            columns[name].append(getattr(found, name) or None)
        columns["line"].append(found.line if 0 < found.line < _LONG else None)
        columns["refused_at"].append(found.refused_at_us if 0 < found.refused_at_us < _LONG else None)
        columns["headers"].append(orjson.dumps(headers).decode())
        columns["raw"].append(record.value)
    return _table(DEAD_LETTERS, records, columns)


def _table(schema: pa.Schema, records: Sequence[Record], columns: dict[str, list[Any]]) -> pa.Table:
    keyed: dict[str, list[Any]] = {
        "log_id": [record.log_id for record in records],
        "topic": [record.topic for record in records],
        "partition": [record.partition for record in records],
        "offset": [record.offset for record in records],
        "kafka_at": [record.timestamp_us for record in records],
        "key": [None if record.key is None else record.key.decode("utf-8", "backslashreplace") for record in records],
    }
    arrays = [
        pa.array(values, pa.int64()).cast(STAMP) if field.type == STAMP else pa.array(values, field.type)
        for field, values in ((field, (keyed.get(field.name) or columns.get(field.name, []))) for field in schema)
    ]
    return pa.table(arrays, schema=schema)


@cache
def _readers(topic: str) -> dict[str, Callable[[Any], Any]]:
    """Column → what makes its value from the message's (never null) one; raises _Unfit."""
    described = topics()[topic]
    fields = [field for field in TABLES[described.table] if field.name not in (*_KEYED, "extra")]
    return {field.name: read for field in fields if (read := _reader(topic, field)) is not None}


def _reader(topic: str, field: pa.Field) -> Callable[[Any], Any] | None:
    """None for a type that no JSON value is read as."""
    kinds: dict[pa.DataType, Callable[[Any], Any]] = {
        pa.string(): _text, pa.float64(): _number, pa.int64(): _whole, pa.bool_(): _truth,
    }  # fmt: skip
    return _instant(topic, field.name) if field.type == STAMP else kinds.get(field.type)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Unfit
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_LONG <= value < _LONG:
        raise _Unfit
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unfit
    return value


def _instant(topic: str, name: str) -> Callable[[Any], int]:
    """Instants as the topic's model reads them: a bare date may be the start or the end of its day."""
    model = topics()[topic].model
    known = model.model_fields.get(name) if model else None
    adapter: TypeAdapter[Any] = TypeAdapter(
        Instant
        if known is None
        else Annotated[known.annotation, *known.metadata]
        if known.metadata
        else known.annotation
    )

    def read(value: Any) -> int:
        try:
            return to_us(adapter.validate_python(value))
        except (ValidationError, OverflowError):
            raise _Unfit from None

    return read
