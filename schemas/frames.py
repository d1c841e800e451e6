"""A frame: many readings of one site in one Kafka message (`telemetry.frames`), as an Arrow IPC stream with lz4.

Columns: sensor_id (dictionary<int32, utf8>), occurred_at (timestamp µs UTC), value (float64, the sensor's unit;
NaN = no value), quality (uint8 bits of terms.Quality). Headers: site_id, schema_version, source, received_at (µs),
frame_id, registry_offset (the highest `registry.sensors` offset the frame relies on, -1 = none), and of readings that
came in a file raw_file and raw_sha256.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.model import Refused

SCHEMA_VERSION = 1
FRAME_SCHEMA = pa.schema(
    [
        pa.field("sensor_id", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("occurred_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("quality", pa.uint8(), nullable=False),
    ]
)
UNIT = "reported_unit"  # a later column, of sources that write the unit beside the value: text, null = not said
_WRITE = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)  # as READ_OPTIONS: 28 times cheaper
READ_OPTIONS = pa.ipc.IpcReadOptions(use_threads=False)  # 5-7 times cheaper for small frames than Arrow's thread pool


@dataclass(frozen=True)
class FrameHeader:
    site_id: str
    frame_id: str
    source: str
    received_at_us: int
    registry_offset: int = -1
    schema_version: int = SCHEMA_VERSION
    raw_file: str = ""
    raw_sha256: str = ""

    def encode(self) -> list[tuple[str, bytes]]:
        raw = [("raw_file", self.raw_file.encode()), ("raw_sha256", self.raw_sha256.encode())] if self.raw_file else []
        return [
            ("site_id", self.site_id.encode()),
            ("frame_id", self.frame_id.encode()),
            ("source", self.source.encode()),
            ("received_at", str(self.received_at_us).encode()),
            ("registry_offset", str(self.registry_offset).encode()),
            ("schema_version", str(self.schema_version).encode()),
            *raw,
        ]

    @classmethod
    def decode(cls, headers: Iterable[tuple[str, bytes]]) -> "FrameHeader":
        """Raises Refused if a header is missing, is no number, or names another schema version."""
        found = {key: value.decode("utf-8", "replace") for key, value in headers}
        try:
            header = cls(
                site_id=found["site_id"], frame_id=found["frame_id"], source=found["source"],
                received_at_us=int(found["received_at"]), registry_offset=int(found.get("registry_offset", "-1")),
                schema_version=int(found["schema_version"]), raw_file=found.get("raw_file", ""),
                raw_sha256=found.get("raw_sha256", ""),
            )  # fmt: skip
        except KeyError as error:
            raise Refused(f"header {error.args[0]}", "missing") from None
        except ValueError as error:
            raise Refused("headers", str(error)) from None
        if header.schema_version != SCHEMA_VERSION:
            raise Refused("header schema_version", f"{header.schema_version} is not {SCHEMA_VERSION}")
        return header


def make_batch(
    sensor_ids: Sequence[str],
    occurred_at_us: npt.ArrayLike,
    values: npt.ArrayLike,
    quality: npt.ArrayLike,
) -> pa.RecordBatch:
    """A frame's record batch from columns of equal length n; times in UTC microseconds."""
    times = pa.array(np.asarray(occurred_at_us, "int64")).cast(pa.timestamp("us", tz="UTC"))
    return pa.record_batch(
        [
            pa.array(sensor_ids, pa.string()).dictionary_encode(),
            times,
            pa.array(np.asarray(values, "float64")),
            pa.array(np.asarray(quality, "uint8")),
        ],
        schema=FRAME_SCHEMA,
    )


def encode_frame(batch: pa.RecordBatch) -> bytes:
    """`batch` (FRAME_SCHEMA, then what nullable columns there are) as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_WRITE) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def readable(schema: pa.Schema) -> bool:
    """Whether a frame has the columns of FRAME_SCHEMA first; nullable ones may follow (docs/decisions/0024)."""
    count = len(FRAME_SCHEMA)
    if len(schema) == count:
        return bool(schema.equals(FRAME_SCHEMA))
    own = pa.schema([schema.field(i) for i in range(min(count, len(schema)))])
    return bool(own.equals(FRAME_SCHEMA)) and all(schema.field(i).nullable for i in range(count, len(schema)))


def named(schema: pa.Schema) -> None:
    """Raises UnicodeDecodeError if a later column's name is no text: Arrow does not look, whoever asks for it dies."""
    if len(schema) > len(FRAME_SCHEMA):
        _ = schema.names


def decode_frame(raw: bytes, *, later_columns: bool = False) -> pa.RecordBatch:
    """The one record batch of a frame's bytes; columns after those of FRAME_SCHEMA only if `later_columns`.

    Raises Refused if it is no Arrow stream, has another schema, or holds more than one batch.
    """
    try:
        reader = pa.ipc.open_stream(raw, options=READ_OPTIONS)
        if not readable(reader.schema):
            raise Refused("schema", f"columns are {_named(reader.schema)}, not those of a frame")
        named(reader.schema)
        batch = reader.read_next_batch()
        batch.validate(full=True)
        if next(iter(reader), None) is not None:
            raise Refused("", "more than one record batch in a frame")
    except (pa.ArrowException, OSError, StopIteration, UnicodeDecodeError) as error:
        raise Refused("", f"not an Arrow IPC stream: {error}") from None
    if later_columns or batch.num_columns == len(FRAME_SCHEMA):
        return batch
    return batch.select(FRAME_SCHEMA.names)


def _named(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}{'' if field.nullable else ' not null'}" for field in schema)
