"""The latest readings of a site's sensors as pages of SensorPage, and back. Pure.

A page is the columns of its sensors one after the other, lz4, base64. Rows are kept as differences, which repeat.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.memory import PAGE, Memory, SensorPage, SiteMemory, SiteSensors
from schemas.model import Refused
from streams.limits import NEVER_US, SensorColumns
from streams.regular import Ints
from streams.signals import SiteSignals

# the engine's last time; then of the criteria: time, value, offset, row, source, alarm bit
_KINDS = tuple(np.dtype(kind) for kind in ("<i8", "<i8", "<f8", "<i8", "<i4", "<i2", "u1"))
_WIDTH = sum(kind.itemsize for kind in _KINDS)


class StoredMemory:
    """What `site.memory` holds of one site: the newest complete record of each key."""

    def __init__(self) -> None:
        self.records: dict[str, Memory] = {}

    @property
    def head(self) -> SiteMemory | None:
        return next((each for each in self.records.values() if isinstance(each, SiteMemory)), None)

    @property
    def sensors(self) -> SiteSensors | None:
        return next((each for each in self.records.values() if isinstance(each, SiteSensors)), None)

    def layout(self, sensor_ids: Sequence[str]) -> int | None:
        """The step that wrote the list of sensors, if it is still `sensor_ids`."""
        sensors = self.sensors
        return sensors.step if sensors is not None and list(sensors.sensors) == list(sensor_ids) else None

    def readings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The pages as SiteAlarms and SiteCriteria keep them: (sensor_ids, last_us), (sensors, frames)."""
        ids: list[str] = []
        last_us: list[int] = []
        sensors: dict[str, list[Any]] = {}
        frames: dict[str, int] = {}
        layout = self.sensors
        for page in self.records.values():
            if layout is None or not isinstance(page, SensorPage) or page.layout != layout.step:
                continue
            names = layout.sensors[page.page * PAGE : (page.page + 1) * PAGE]
            columns = [column.tolist() for column in _unpacked(page.held, len(names))]
            for name, engine_us, us, value, offset, row, source, alarmed in zip(names, *columns, strict=True):
                if engine_us != NEVER_US:
                    ids.append(name)
                    last_us.append(engine_us)
                if us >= 0:
                    frame = frames.setdefault(f"{page.sources[source]}/{offset}", len(frames))
                    sensors[name] = [us, None if value != value else value, frame, row, alarmed]
        return {"sensor_ids": ids, "last_us": last_us}, {"sensors": sensors, "frames": list(frames)}


class SitePages:
    """Writes the pages of one site. `sensor_ids` stand first, and in this order, in the columns of the engine."""

    def __init__(self, site_id: str, sensor_ids: Sequence[str], layout: int | None) -> None:
        """`layout`: the step that wrote this list of sensors; None: it must be written, and every page with it."""
        self.site_id, self.sensor_ids, self.layout = site_id, tuple(sensor_ids), layout
        self._places: tuple[SensorColumns, SiteSignals, Ints] | None = None

    def written(
        self, step: int, touched: Iterable[int], engine: SensorColumns, signals: SiteSignals
    ) -> list[SiteSensors | SensorPage]:
        """The records of `site.memory` that say what the `touched` pages hold now."""
        records: list[SiteSensors | SensorPage] = []
        count = len(self.sensor_ids)
        if self.layout is None:
            self.layout = step
            records.append(SiteSensors(site_id=self.site_id, step=step, sensors=self.sensor_ids))
            touched = range(-(-count // PAGE))
        for page in touched:
            engine_us = engine.last_us[page * PAGE : min((page + 1) * PAGE, count)]
            if (engine_us != NEVER_US).any():
                held = _packed(engine_us, signals, self._standing(engine, signals), page * PAGE)
                records.append(
                    SensorPage(
                        site_id=self.site_id, step=step, layout=self.layout, page=page, held=held,
                        sources=tuple(signals.sources),
                    )
                )  # fmt: skip
        return records

    def _standing(self, engine: SensorColumns, signals: SiteSignals) -> Ints:
        """Where each sensor that bears a signal stands in the engine's columns, ascending."""
        if self._places is None or self._places[0] is not engine or self._places[1] is not signals:
            self._places = engine, signals, np.array([engine.place[name] for name in signals.index], "int64")
        return self._places[2]


def _packed(engine_us: Ints, signals: SiteSignals, places: Ints, start: int) -> str:
    """Columns of _KINDS of the page that begins at place `start`, NaN and -1 for sensors that bear no signal."""
    count = len(engine_us)
    first, last = np.searchsorted(places, (start, start + count))
    at, of = places[first:last] - start, slice(first, last)
    us, value = np.full(count, -1, "<i8"), np.full(count, np.nan, "<f8")
    offset, row = np.zeros(count, "<i8"), np.zeros(count, "<i4")
    source, alarmed = np.zeros(count, "<i2"), np.zeros(count, "u1")
    us[at], value[at], offset[at] = signals.last_us[of], signals.value[of], signals.offset[of]
    row[at], source[at], alarmed[at] = signals.row[of], signals.source[of], signals.alarmed[of]
    row[1:] -= row[:-1].copy()
    columns = (engine_us, us, value, offset, row, source, alarmed)
    raw = b"".join(column.tobytes() for column in columns)
    return base64.b64encode(pa.compress(raw, "lz4_raw", asbytes=True)).decode()


def _unpacked(held: str, count: int) -> list[npt.NDArray[Any]]:
    """The columns of _KINDS, `count` long. Raises Refused if `held` is not what _packed writes for so many sensors."""
    try:
        raw = pa.decompress(base64.b64decode(held, validate=True), count * _WIDTH, "lz4_raw", asbytes=True)
    except (ValueError, OSError) as error:  # ArrowInvalid is a ValueError, binascii.Error too
        raise Refused("held", f"no page of {count} sensors: {error}") from None
    columns, start = [], 0
    for kind in _KINDS:
        columns.append(np.frombuffer(raw, kind, count, start))
        start += count * kind.itemsize
    columns[4] = np.cumsum(columns[4], dtype="<i4")
    return columns
