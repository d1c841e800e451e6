"""Who may enter a step: known sites and sensors, believable times. The rest becomes a dead letter. Pure.

Processing and landing refuse with the same words, so one refusal is one letter however many processes meet it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.deadletters import DeadLetter
from schemas.frames import UNIT, encode_frame
from schemas.model import Refused
from schemas.registry import Sensor
from schemas.units import unit_of
from streams.decode import AHEAD_US, EARLIEST_US, Frame, Record
from streams.regular import Layout

Refusals = list[tuple[DeadLetter, Record]]


def letter(record: Record, refused: Refused, refused_at_us: int, site_id: str = "") -> DeadLetter:
    """The dead letter of a record that was refused; its Kafka coordinate is the cause."""
    return DeadLetter(
        source=record.topic, reason=refused.reason, cause=record.coordinate, refused_at_us=refused_at_us,
        field=refused.field, origin=record.topic, site_id=site_id or (record.key or b"").decode("utf-8", "replace"),
    )  # fmt: skip


def split_absurd(frame: Frame, refused_at_us: int) -> tuple[Frame, Refusals]:
    """`frame` without readings dated before 2000 or more than ten minutes after they were received."""
    latest = frame.header.received_at_us + AHEAD_US
    regular = frame.regular
    if regular is not None and regular.times[0] >= EARLIEST_US and regular.times[-1] <= latest:
        return frame, []
    times = times_us(frame.batch)
    if not len(times) or (times.min() >= EARLIEST_US and times.max() <= latest):
        return frame, []
    bad = (times < EARLIEST_US) | (times > latest)
    refused = Refused("occurred_at", f"{int(bad.sum())} readings dated before 2000 or in the future")
    return _keep(frame, ~bad), [_refusal(frame, bad, refused, refused_at_us)]


class Gate:
    """Who is known at one site: `known` by sensor id. Gateways send the same dictionary again: it is looked up once."""

    def __init__(self, site_id: str, known: Mapping[str, Sensor]) -> None:
        self._site_id, self._known = site_id, known
        self._dictionary: pa.Array | None = None
        self._strangers: list[int] = []
        self._layout: Layout | None = None  # of the last regular frame, which had no strangers

    def split_unknown(self, frame: Frame, refused_at_us: int) -> tuple[Frame, Refusals]:
        """`frame` without readings of sensors that the registry does not name at this site."""
        if frame.regular is not None and frame.regular.layout is self._layout:
            return frame, []
        column = frame.batch.column(0)
        if self._dictionary is None or not self._dictionary.equals(column.dictionary):
            self._dictionary = column.dictionary
            names = self._dictionary.to_pylist()
            self._strangers = [i for i, name in enumerate(names) if name not in self._known]
        if not self._strangers:
            self._layout = frame.regular.layout if frame.regular is not None else None
            return frame, []
        bad = np.isin(column.indices.to_numpy(zero_copy_only=False), self._strangers)
        named = ", ".join(sorted(column.dictionary[i].as_py() for i in self._strangers)[:5])
        refused = Refused("sensor_id", f"{len(self._strangers)} sensors unknown at site {self._site_id}: {named}")
        return _keep(frame, ~bad), [_refusal(frame, bad, refused, refused_at_us)]

    def split_units(self, frame: Frame, refused_at_us: int) -> tuple[Frame, Refusals]:
        """`frame` without readings whose source names another unit than the registry has for the sensor.

        Nothing is converted: a value in a unit that nobody expected may be wrong in more than its unit. Silence of
        either side is no contradiction. Strangers have left before.
        """
        units = frame.units
        if units is None or not frame.batch.num_rows:
            return frame, []
        written = units if pa.types.is_dictionary(units.type) else units.dictionary_encode()
        kind = written.dictionary.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return frame, []  # a column of that name that is no text says nothing of units
        said, names = written.dictionary.to_pylist(), frame.batch.column(0).dictionary.to_pylist()
        told = [unit_of(unit or "") for unit in said]
        held = [unit_of(self._known[name].unit) if name in self._known else "" for name in names]
        # by sensor and unit; the last column is that of a reading without one
        differs = np.zeros((max(len(names), 1), len(told) + 1), bool)
        for n, unit in enumerate(told):
            differs[: len(names), n] = [bool(unit and own and unit != own) for own in held]
        if not differs.any():
            return frame, []
        sensors = frame.batch.column(0).indices.to_numpy(zero_copy_only=False)
        which = written.indices.fill_null(len(told)).to_numpy(zero_copy_only=False)
        bad = differs[sensors, which]
        if not bad.any():
            return frame, []
        pairs = sorted({(names[i], said[n]) for i, n in zip(sensors[bad].tolist(), which[bad].tolist(), strict=True)})
        named = ", ".join(f"{name} in {unit}, not {self._known[name].unit}" for name, unit in pairs[:5])
        refused = Refused(UNIT, f"{int(bad.sum())} readings in another unit than the registry's: {named}")
        return _keep(frame, ~bad), [_refusal(frame, bad, refused, refused_at_us)]


def times_us(batch: pa.RecordBatch) -> np.ndarray:
    """occurred_at as int64 microseconds, without a copy."""
    return batch.column(1).view(pa.int64()).to_numpy(zero_copy_only=True)


def _keep(frame: Frame, mask: np.ndarray) -> Frame:
    # Rows keep their place: a reading's coordinate is its row in the frame as it was sent.
    kept = pa.array(mask)
    units = None if frame.units is None else frame.units.filter(kept)
    return replace(frame, batch=frame.batch.filter(kept), rows=frame.row_numbers()[mask], regular=None, units=units)


def _refusal(frame: Frame, bad: np.ndarray, refused: Refused, refused_at_us: int) -> tuple[DeadLetter, Record]:
    rows = frame.batch.filter(pa.array(bad))
    column = pc.dictionary_encode(rows.column(0).cast(pa.string()))
    columns, schema = [column, *rows.columns[1:]], rows.schema
    if frame.units is not None:  # or it would pass when it is sent again
        columns.append(frame.units.filter(pa.array(bad)))
        schema = schema.append(pa.field(UNIT, frame.units.type))
    raw = encode_frame(pa.record_batch(columns, schema=schema))
    record = replace(frame.record, value=raw)
    return letter(frame.record, refused, refused_at_us, frame.header.site_id), record
