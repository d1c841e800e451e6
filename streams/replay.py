"""The alarm engine over a recorded series, without a broker: the same rules, the same events. Pure."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.alarms import AlarmRule
from schemas.events import Event
from schemas.frames import FRAME_SCHEMA, FrameHeader
from schemas.ids import frame_id
from schemas.registry import Sensor
from streams.alarms import SiteAlarms
from streams.decode import Frame, Record
from streams.limits import Ints
from streams.signal_watch import patience_us

FRAME_ROWS = 5_000
SITE = "replay"  # the site of sensors that no registry names


@dataclass(frozen=True)
class Readings:
    """Recorded readings, one per row, in the order they came; n rows each.

    `sensor_ids` dictionary<int32, utf8>; `times_us` UTC microseconds; `values` in the sensor's unit, NaN = no value;
    `quality` bits of terms.Quality; `rows` the line of a text file, the row of
    a Parquet file (1 = first). `name` and `sha256` are the file's.
    """

    name: str
    sha256: str
    sensor_ids: pa.DictionaryArray
    times_us: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times_us)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Readings":
        """The readings at these positions, or where the mask is true."""
        at = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Readings(
            self.name, self.sha256, self.sensor_ids.take(pa.array(at)), self.times_us[at], self.values[at],
            self.quality[at], self.rows[at],
        )  # fmt: skip

    def in_time_order(self) -> "Readings":
        """Sorted by time; of equal times the earlier row comes first."""
        return self.take(np.argsort(self.times_us, kind="stable"))

    def known(self, sensor_ids: Collection[str]) -> npt.NDArray[np.bool_]:
        """By row: whether `sensor_ids` names its sensor."""
        names = np.array([name in sensor_ids for name in self.sensor_ids.dictionary.to_pylist()] or [False], bool)
        return names[self.sensor_ids.indices.to_numpy()]

    def late(self) -> npt.NDArray[np.bool_]:
        """By row: whether an earlier row of the same sensor is as new or newer."""
        codes = self.sensor_ids.indices.to_numpy().astype("int64")
        order = np.argsort(codes, kind="stable")
        _, rank = np.unique(self.times_us, return_inverse=True)
        height = codes[order] * (len(self) + 1) + rank[order]  # every sensor on a level of its own
        late = np.zeros(len(self), bool)
        if len(self):
            newest = np.maximum.accumulate(height)[:-1]
            late[order[1:]] = (height[1:] <= newest) & (np.diff(codes[order]) == 0)
        return late


@dataclass(frozen=True)
class Progress:
    """One frame further: readings done so far, and the events it brought."""

    done: int
    events: list[Event]


def replay(readings: Readings, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor]) -> Iterator[Progress]:
    """Run the engine over `readings` in order of time, in frames of FRAME_ROWS, with the ticks of a live worker.

    Each row is taken as having come on its own, at once: a row that is late where it stands is passed over even if a
    frame could have put it right, so the events do not depend on FRAME_ROWS. A file does not say when a reading was
    received: recorded_at = occurred_at. Event ids come from the file's bytes and the row. Events are in order of time.
    Time is that of the readings: nothing falls due after the last one.
    """
    readings = readings.take(~readings.late()).in_time_order()
    engines: dict[str, SiteAlarms] = {}
    ticks = [np.zeros(0, "int64")]
    for site in sorted({rule.site_id for rule in rules}):
        named = {rule.sensor_id for rule in rules if rule.site_id == site}
        ours = {key: sensor for key, sensor in sensors.items() if sensor.site_id == site or key in named}
        engines[site] = SiteAlarms(site, rules, ours)
        ticks.append(silences(readings, ours))
    for start, end, now_us in _parts(readings.times_us, np.unique(np.concatenate(ticks))):
        part, events = readings.take(np.arange(start, end)), list[Event]()
        for site, engine in engines.items():
            events += engine.on_frame(_frame(site, part)) if start < end else []
            events += engine.on_tick(now_us)
        events.sort(key=_order)
        yield Progress(end, [event.model_copy(update={"recorded_at": event.occurred_at}) for event in events])


def silences(readings: Readings, sensors: Mapping[str, Sensor]) -> Ints:
    """When a worker that ticks all the time could find a sensor of these, or all of them, silent; perhaps more often.

    UTC microseconds. `readings` are in order of time. Every other timer names its own due time, so it may be asked
    later; a silence must be noticed before the next reading ends it.
    """
    mine = readings.known(sensors)
    times, codes = readings.times_us[mine], readings.sensor_ids.indices.to_numpy()[mine]
    if not len(times):
        return np.zeros(0, "int64")
    names = readings.sensor_ids.dictionary.to_pylist()
    each = np.array([patience_us(sensors[name].period_s) if name in sensors else 0 for name in names], "int64")
    own = np.argsort(codes, kind="stable")
    gaps = np.flatnonzero((np.diff(times[own]) > each[codes[own][:-1]]) & (np.diff(codes[own]) == 0))
    every = np.unique(each[np.unique(codes)])
    quiet = np.flatnonzero(np.diff(times) > every[0])
    found = [
        times[own][gaps] + each[codes[own][gaps]],  # one falls silent, and speaks again later
        _last_of_each(times[own], codes[own]) + each[np.unique(codes)],  # or never again
        times[quiet] + every[0],  # all do
        (times[quiet + 1][:, None] + every).ravel(),  # who has not spoken when the others are back
    ]
    instants: Ints = np.unique(np.concatenate(found))
    return instants


def _last_of_each(times: Ints, codes: Ints) -> Ints:
    return times[np.append(np.flatnonzero(np.diff(codes)), len(codes) - 1)]


def _parts(times: Ints, ticks: Ints) -> Iterator[tuple[int, int, int]]:
    """(first row, row after the last, `now` of the tick that follows): cut at every tick and every FRAME_ROWS."""
    if not len(times):
        return
    ticks = ticks[ticks < times[-1]]
    cuts = np.searchsorted(times, ticks, "right")  # a reading of the very instant is read before
    begin = 0
    for cut, tick in zip([*cuts.tolist(), len(times)], [*ticks.tolist(), int(times[-1])], strict=True):
        while cut - begin > FRAME_ROWS:
            end = int(np.searchsorted(times, times[begin + FRAME_ROWS]))  # readings of one instant stay together
            end = end if end > begin else int(np.searchsorted(times, times[begin], "right"))
            yield begin, end, int(times[end - 1])
            begin = end
        yield begin, cut, tick
        begin = cut


def _order(event: Event) -> tuple[dt.datetime, bool]:
    """Time; what fell due by itself at an instant comes before what readings of that instant brought."""
    return event.occurred_at, not event.causes[0].startswith("timer/")


def _frame(site_id: str, part: Readings) -> Frame:
    times = pa.array(part.times_us).cast(pa.timestamp("us", tz="UTC"))
    columns = [part.sensor_ids, times, pa.array(part.values), pa.array(part.quality)]
    received_us = int(part.times_us[0])  # nothing was under way for any time
    header = FrameHeader(site_id, frame_id(site_id, part.sha256, 0), "replay", received_us)
    record = Record("replay", part.name, 0, 0, site_id.encode(), None)
    return Frame(record, header, pa.record_batch(columns, schema=FRAME_SCHEMA), part.rows)
