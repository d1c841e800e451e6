"""From a Kafka record to what it says. Pure: bytes in, a typed input out, or Refused with field and reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.alarms import DeviceAlarm
from schemas.commands import Command
from schemas.frame_runs import decode_frames
from schemas.frames import FRAME_SCHEMA, UNIT, FrameHeader, decode_frame
from schemas.hazards import Finding
from schemas.model import Refused
from schemas.times import to_us
from streams.regular import Regular

# Outside these bounds a time is an error of a clock or of a parser, never a late or early reading.
EARLIEST_US = 946_684_800_000_000  # 2000-01-01 UTC
AHEAD_US = 600 * 1_000_000  # a clock may be ten minutes fast


@dataclass(frozen=True)
class Record:
    """A Kafka record with its coordinates; `timestamp_us` is the producer's now."""

    log_id: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_us: int = 0

    @cached_property
    def coordinate(self) -> str:
        return f"{self.log_id}/{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Frame:
    """Decoded readings of one site. Row i of `batch` was row `row_numbers()[i]` of the frame as it was sent."""

    record: Record
    header: FrameHeader
    batch: pa.RecordBatch
    rows: npt.NDArray[np.int64] | None = None  # None: nothing was refused, row i is row i
    regular: Regular | None = None  # the columns, if they may be taken the short way
    units: pa.Array | None = None  # by row the unit that the source wrote, where it writes any

    def row_numbers(self) -> npt.NDArray[np.int64]:
        return np.arange(self.batch.num_rows) if self.rows is None else self.rows

    def row(self, i: int) -> int:
        """The row of reading i in the frame as it was sent: the last part of its coordinate."""
        return i if self.rows is None else int(self.rows[i])


@dataclass(frozen=True)
class Upstream:
    record: Record
    alarm: DeviceAlarm


@dataclass(frozen=True)
class Found:
    record: Record
    finding: Finding


@dataclass(frozen=True)
class Asked:
    record: Record
    command: Command


Input = Frame | Upstream | Found | Asked
_TOGETHER = 16  # frames decoded at once: opening a stream is paid once, and few are held in memory


def decode_each(records: Sequence[Record]) -> Iterator[tuple[Record, Input | Refused]]:
    """Every record in turn and what `decode` says of it; frames that follow each other are decoded together."""
    for start in range(0, len(records), _TOGETHER):
        part = records[start : start + _TOGETHER]
        framed = [record for record in part if record.topic == "telemetry.frames"]
        batches = decode_frames([record.value or b"" for record in framed])
        found = dict(zip(map(id, framed), batches, strict=True))
        for record in part:
            yield record, _decoded(record, found.get(id(record)))


def _decoded(record: Record, batch: pa.RecordBatch | Refused | None) -> Input | Refused:
    try:  # a frame refused in a run is decoded again for itself: what is wrong is said in the usual order
        return _frame(record, batch) if isinstance(batch, pa.RecordBatch) else decode(record)
    except Refused as refused:
        return refused


def decode(record: Record) -> Input:
    """What `record` says. Raises Refused; the caller makes the dead letter."""
    if record.value is None:
        raise Refused("", "empty record")
    match record.topic:
        case "telemetry.frames":
            return _frame(record)
        case "device.alarms":
            return Upstream(record, DeviceAlarm.parse(record.value))
        case "inspection.findings":
            return Found(record, Finding.parse(record.value))
        case "commands":
            return Asked(record, Command.parse(record.value))
    raise Refused("topic", f"{record.topic} is no input of the processing step")


def _frame(record: Record, decoded: pa.RecordBatch | None = None) -> Frame:
    """`decoded`: the record's batch if it was decoded already, with whatever columns later versions have."""
    header = FrameHeader.decode(record.headers)
    batch = decode_frame(record.value or b"", later_columns=True) if decoded is None else decoded
    received = header.received_at_us
    if received < EARLIEST_US or (record.timestamp_us and received > record.timestamp_us + AHEAD_US):
        raise Refused("header received_at", f"{received} µs is before 2000 or ahead of the record's own time")
    units = None
    if batch.num_columns > len(FRAME_SCHEMA):
        units = batch.column(UNIT) if UNIT in batch.schema.names else None
        batch = batch.select(FRAME_SCHEMA.names)
    if decoded is None:  # else nulls were refused
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if column.null_count:
                raise Refused(name, f"{column.null_count} readings have none")
    return Frame(record, header, batch, units=units)


def received_at_us(item: Input) -> int:
    """When we received it: what `recorded_at` of its events is made from."""
    match item:
        case Frame(header=header):
            return header.received_at_us
        case Upstream(alarm=alarm):
            return to_us(alarm.received_at)
        case Found(finding=finding):
            return to_us(finding.received_at)
        case Asked(command=command):
            return to_us(command.issued_at)


def site_of(item: Input) -> str:
    match item:
        case Frame(header=header):
            return header.site_id
        case Upstream(alarm=alarm):
            return alarm.site_id
        case Found(finding=finding):
            return finding.site_id
        case Asked(command=command):
            return command.site_id
