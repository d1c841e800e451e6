"""CDSS records (real-time values) as the columns of a frame. Pure."""

import math
from dataclasses import dataclass

import pyarrow as pa

from schemas.frames import make_batch
from schemas.model import Refused
from schemas.terms import UNUSABLE, Quality
from streams.gateways.mtt1201 import VALUES, dialect
from streams.gateways.mtt1201_text import BadRecord, Row, Text, fields_of, number, past_us

_ALL_BITS = 255


@dataclass(frozen=True)
class Values:
    """Columns of equal length, one entry per good record: times in UTC microseconds, NaN = no value."""

    sensor_ids: tuple[str, ...]
    occurred_at_us: tuple[int, ...]
    values: tuple[float, ...]
    quality: tuple[int, ...]
    bad: tuple[BadRecord, ...]

    def __len__(self) -> int:
        return len(self.sensor_ids)

    def batches(self, rows: int) -> list[pa.RecordBatch]:
        """Record batches of at most `rows` readings each, in the file's order."""
        cuts = range(0, len(self), rows)
        return [
            make_batch(
                self.sensor_ids[at : at + rows], self.occurred_at_us[at : at + rows], self.values[at : at + rows],
                self.quality[at : at + rows],
            )
            for at in cuts
        ]  # fmt: skip


def parse_values(text: Text, now_us: int) -> Values:
    """The readings of a CDSS file; records that cannot be one are in `bad`.

    -9999 is no value: NaN with the sensor-fault bit. An empty value is NaN, and not polled unless its status says why.
    """
    good: list[tuple[str, int, float, int]] = []
    bad: list[BadRecord] = []
    for row in text.rows:
        try:
            good.append(_reading(row, now_us))
        except Refused as error:
            bad.append(BadRecord(row, error.field, error.reason))
    sensor_ids, times, values, quality = zip(*good, strict=True) if good else ((), (), (), ())
    return Values(sensor_ids, times, values, quality, tuple(bad))


def _reading(row: Row, now_us: int) -> tuple[str, int, float, int]:
    fields = fields_of(row, VALUES)
    if not fields["code"]:
        raise Refused("code", "is empty")
    quality = _status(fields["status"])
    value = number(fields["value"], "value")
    if value is None:
        value, quality = math.nan, quality if quality & UNUSABLE else quality | Quality.NOT_POLLED
    elif value in dialect().invalid_values:
        value, quality = math.nan, quality | Quality.SENSOR_FAULT
    return fields["code"], past_us(fields["time"], "time", now_us), value, int(quality)


def _status(text: str) -> int:
    """A mask of bits, not a single code: an alarm while calibrating is 1 + 4."""
    if not (text.isascii() and text.isdigit()) or int(text) > _ALL_BITS:
        raise Refused("status", f"{text!r} is no mask of 0 to {_ALL_BITS}" if text else "is empty")
    return int(text)
