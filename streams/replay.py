"""The alarm engine over a recorded series, without a broker: the same rules, the same events. Pure."""

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
    """Run the engine over `readings` in the order they stand, in frames of FRAME_ROWS.

    Each row is taken as having come on its own: a late one is passed over even if a frame could have put it right, so
    the events do not depend on FRAME_ROWS. A file does not say when a reading was received: recorded_at = occurred_at.
    Event ids come from the file's bytes and the row.
    """
    readings = readings.take(~readings.late())
    engines = {site: SiteAlarms(site, rules, sensors) for site in sorted({rule.site_id for rule in rules})}
    for start in range(0, len(readings), FRAME_ROWS):
        part = readings.take(np.arange(start, min(start + FRAME_ROWS, len(readings))))
        events = [event for site, engine in engines.items() for event in engine.on_frame(_frame(site, part))]
        yield Progress(
            start + len(part), [event.model_copy(update={"recorded_at": event.occurred_at}) for event in events]
        )


def _frame(site_id: str, part: Readings) -> Frame:
    times = pa.array(part.times_us).cast(pa.timestamp("us", tz="UTC"))
    columns = [part.sensor_ids, times, pa.array(part.values), pa.array(part.quality)]
    header = FrameHeader(site_id, frame_id(site_id, part.sha256, 0), "replay", int(part.times_us.max()))
    record = Record("replay", part.name, 0, 0, site_id.encode(), None)
    return Frame(record, header, pa.record_batch(columns, schema=FRAME_SCHEMA), part.rows)
