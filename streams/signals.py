"""The latest readings of one site's signal-bearing sensors, and how a rule at one sensor sees the others.

Times are UTC microseconds. A reading with unusable quality, or NaN, is held as NaN: the signal is missing, not normal.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.conditions import LookUp
from schemas.registry import Place, Sensor, Site
from schemas.terms import UNUSABLE, Quality
from schemas.vocabulary import Vocabulary
from streams.criteria import Known, Seen, stated
from streams.decode import Frame
from streams.readings import Readings, in_order
from streams.regular import ABSURD, Ints, Regular, Standing

# A joined signal older than this many of its sensor's periods is no longer known.
STALE_PERIODS = 10
SITE_WIDE = 0  # area number of sensors that speak for the whole site (place kind `site`)
_UNUSABLE, _ALARM = np.uint8(int(UNUSABLE)), np.uint8(int(Quality.ALARM))


class SiteSignals:
    """Sensors are numbered 0..n-1; `area` gives each one's area number, `value` its latest usable value."""

    def __init__(
        self, site: Site, places: Mapping[str, Place], sensors: Mapping[str, Sensor], words: Vocabulary
    ) -> None:
        self.words = words
        self.site = site
        self.places = places
        self.sensors = [s for _, s in sorted(sensors.items()) if s.signal in words.signals and s.place_id in places]
        self.index = {sensor.sensor_id: i for i, sensor in enumerate(self.sensors)}
        self.area_numbers: dict[str, int] = {"": SITE_WIDE}
        self.area = np.array([self._area(places[s.place_id]) for s in self.sensors], "int64")
        n = len(self.sensors)
        self.last_us = np.full(n, -1, "int64")
        self.value = np.full(n, np.nan)
        self.row = np.full(n, -1, "int64")
        self.alarmed = np.zeros(n, "uint8")  # the site's own system marked the latest reading as alarming
        self.source = np.zeros(n, "int16")  # of the frame that carried the latest reading: place in `sources`,
        self.offset = np.full(n, -1, "int64")  # and offset there
        self.sources: list[str] = []  # log_id/topic/partition
        self._any_alarmed = False
        # the longest time, in us, after which a reading still counts
        stale_us = [int(min(STALE_PERIODS * s.period_s * 1_000_000, 1 << 62)) for s in self.sensors]
        self.stale_us = np.array(stale_us, "int64")
        self._bottom, self._top = np.array([_shown(s) for s in self.sensors], "float64").reshape(-1, 2).T
        self._any_range = bool(np.isfinite(self._top).any())
        self._dictionary: tuple[pa.Array, Ints] | None = None
        self._at_place: dict[tuple[str, str], list[int]] = {}
        self._in_area: dict[tuple[int, str], list[int]] = {}
        self._of_place: dict[str, list[int]] = {}
        for i, sensor in enumerate(self.sensors):
            self._of_place.setdefault(sensor.place_id, []).append(i)
            self._at_place.setdefault((sensor.place_id, sensor.signal), []).append(i)
            self._in_area.setdefault((int(self.area[i]), sensor.signal), []).append(i)

    def _area(self, place: Place) -> int:
        if place.kind == "site":
            return SITE_WIDE
        # a place without an area is an area of its own
        name = f"area {place.area}" if place.area else f"place {place.place_id}"
        return self.area_numbers.setdefault(name, len(self.area_numbers))

    def read_frame(self, frame: Frame) -> Readings:
        """Readings of our sensors newer than those held. Of two readings of a sensor with one time the first counts."""
        if frame.regular is not None and (read := self._read_regular(frame, frame.regular)) is not None:
            return read
        column, times, value, quality = frame.batch.columns
        sensors = self._numbers(column.dictionary)[column.indices.to_numpy()]
        us = times.view(pa.int64()).to_numpy()
        bits, values = quality.to_numpy(), value.to_numpy()
        usable = np.abs(values) < ABSURD  # false for NaN too
        alarmed = bits
        if bits.any():
            usable &= (bits & _UNUSABLE) == 0
            alarmed = bits & _ALARM
        if self._any_range:
            usable &= (values <= self._top[sensors]) & (values >= self._bottom[sensors])
        if not usable.all():
            values = np.where(usable, values, np.nan)
        rows = frame.row_numbers()
        kept = (sensors >= 0) & (us > self.last_us[sensors]) if self.sensors else sensors > 0
        if not kept.all():
            sensors, us, values, rows, alarmed = sensors[kept], us[kept], values[kept], rows[kept], alarmed[kept]
        if not in_order(sensors, us, len(self.sensors)):
            order = np.lexsort((sensors, us))  # stable: of equal times the first row stands first, and is kept
            first = np.ones(len(us), bool)
            first[1:] = (us[order[1:]] != us[order[:-1]]) | (sensors[order[1:]] != sensors[order[:-1]])
            order = order[first]
            sensors, us, values, rows = sensors[order], us[order], values[order], rows[order]
            alarmed = alarmed[order]
        return Readings(sensors, us, values, rows, alarmed, self._source_of(frame), frame.record.offset)

    def _read_regular(self, frame: Frame, regular: Regular) -> Readings | None:
        """None if a reading is late, or one that its sensor cannot show: they are taken out the general way."""
        standing = regular.layout.standing(self, lambda name: self.index.get(name, -1))
        us = standing.of(regular.times)
        if np.count_nonzero(us[standing.first] <= self.last_us[standing.sensors]):
            return None
        if self._any_range and len(us):
            if "range" not in standing.kept:
                at = standing.sensors
                standing.kept["range"] = float(self._bottom[at].max()), float(self._top[at].min())
            least, most = standing.kept["range"]
            if regular.low < least or regular.high > most:
                sensors, values = standing.numbers, standing.of(regular.values)
                if ((values > self._top[sensors]) | (values < self._bottom[sensors])).any():
                    return None
        return Readings(
            standing.numbers, us, standing.of(regular.values), standing.all_rows, standing.no_bits,
            self._source_of(frame), frame.record.offset, standing,
        )  # fmt: skip

    def _source_of(self, frame: Frame) -> int:
        record = frame.record
        return self._source(f"{record.log_id}/{record.topic}/{record.partition}")

    def _numbers(self, dictionary: pa.Array) -> Ints:
        """The number of each id of a frame's dictionary, -1: none of ours. Gateways send the same one again."""
        if self._dictionary is None or not self._dictionary[0].equals(dictionary):
            numbers = [self.index.get(name, -1) for name in dictionary.to_pylist()]
            self._dictionary = dictionary, np.array(numbers, "int64")
        return self._dictionary[1]

    def _source(self, name: str) -> int:
        if name not in self.sources:
            self.sources.append(name)
        return self.sources.index(name)

    def take(self, read: Readings) -> None:
        """Hold readings as the latest."""
        if read.standing is not None:
            self._take_regular(read, read.standing)
            return
        sensors = read.sensors
        self.last_us[sensors] = read.us
        self.value[sensors] = read.values
        self.row[sensors] = read.rows
        self.offset[sensors] = read.offset
        if self._any_alarmed or read.alarmed.any():
            self._any_alarmed = True
            self.alarmed[sensors] = read.alarmed
        if len(self.sources) > 1:  # else all are of the first
            self.source[sensors] = read.source

    def _take_regular(self, read: Readings, standing: Standing) -> None:
        sensors, final = standing.sensors, standing.final
        self.last_us[sensors] = read.us[final]
        self.value[sensors] = read.values[final]
        self.row[sensors] = standing.last_rows
        self.offset[sensors] = read.offset
        if self._any_alarmed:
            self.alarmed[sensors] = 0
        if len(self.sources) > 1:
            self.source[sensors] = read.source

    def coordinate(self, i: int) -> str:
        return f"{self.sources[self.source[i]]}/{self.offset[i]}/{self.row[i]}"

    def coordinate_of(self, read: Readings, row: int) -> str:
        return f"{self.sources[read.source]}/{read.offset}/{read.rows[row]}"

    def stale(self, i: int, at_us: int) -> bool:
        """Whether the latest reading of sensor i is too old to count."""
        return bool(at_us - self.last_us[i] > self.stale_us[i])

    def known(self, i: int, at_us: int) -> Known | None:
        """The latest value of sensor i as its signal has it, on the sensor's resolution; None if unusable or stale."""
        value, sensor = self.value[i], self.sensors[i]
        if np.isnan(value) or at_us - self.last_us[i] > self.stale_us[i]:
            return None
        signal = self.words.signals[sensor.signal]
        if signal.type == "number":
            return float(round(round(value / sensor.resolution) * sensor.resolution, 9))
        try:
            return signal.from_reading(float(value))
        except ValueError:
            return None

    def joined(self, signal: str, i: int, at_us: int) -> tuple[Known | None, tuple[int, ...]]:
        """`signal` as seen from sensor i, and the sensors it was read from: its place or area, then the whole site.

        Of several sensors the one that says most counts (any on, most people); if none says anything and one cannot be
        seen, the signal is missing.
        """
        sensor = self.sensors[i]
        if sensor.signal == signal:
            return self.known(i, at_us), (i,)
        values = [(self.known(j, at_us), j) for j in self._nearest(signal, i)]
        telling = [(value, j) for value, j in values if value]
        if telling:
            most = max(value for value, _ in telling)
            return most, tuple(j for value, j in telling if value == most)
        if values and all(value is not None for value, _ in values):
            return values[0][0], tuple(j for _, j in values)
        return (None, ()) if values else (self.registered(signal, sensor.place_id), ())

    def _nearest(self, signal: str, i: int) -> list[int]:
        """The sensors that speak of `signal` at sensor i: of its place or area, else of the whole site."""
        area = self._in_area.get((int(self.area[i]), signal), [])
        if not self.words.signals[signal].area_wide:
            area = self._at_place.get((self.sensors[i].place_id, signal)) or area
        return area or self._in_area.get((SITE_WIDE, signal), [])

    def lost(self, signal: str, i: int, at_us: int) -> bool | None:
        """Whether all sensors that have spoken of `signal` at sensor i are silent or unusable; None: none has yet."""
        spoken = [j for j in self._nearest(signal, i) if self.last_us[j] >= 0]
        return all(self.known(j, at_us) is None for j in spoken) if spoken else None

    def of_area(self, area: int, names: Iterable[str]) -> frozenset[int]:
        """The sensors of these signals that can be seen from an area: its own and those of the whole site."""
        return frozenset(
            i for name in names for number in (area, SITE_WIDE) for i in self._in_area.get((number, name), ())
        )

    def at_place(self, place_id: str) -> list[int]:
        """The sensors of a place, ascending."""
        return self._of_place.get(place_id, [])

    def registered(self, signal: str, place_id: str) -> Known | None:
        """What the registry says of `signal` at a place, or of the site."""
        for record in (self.places.get(place_id), self.site):
            raw = (record.model_extra or {}).get(signal) if record else None
            if raw is not None:
                return stated(self.words.signals[signal], raw)
        return None

    def read(self, signal: str, i: int, at_us: int) -> tuple[Seen | None, tuple[int, ...]]:
        """`signal` at sensor i, or a signal that proves it, with the sensors it was read from."""
        value, sensors = self.joined(signal, i, at_us)
        if value is not None:
            return Seen(value, signal), sensors
        for proof in self.words.proofs.get(signal, ()):
            proved, sensors = self.joined(proof, i, at_us)
            if proved is True:
                return Seen(True, proof), sensors
        if signal == "alarm_raised" and self.alarmed[i]:
            return Seen(True, self.sensors[i].signal), (i,)  # an unset bit proves nothing: not every source sets it
        return None, ()

    def limit(self, lookup: LookUp, i: int) -> tuple[bool, float | None]:
        """The limit that a look-up names at sensor i's place."""
        place_id = self.sensors[i].place_id
        if lookup.by_place:
            return self.words.place_limit(self.places[place_id].kind, lookup.signal)
        value = self.registered(lookup.signal, place_id)
        return (False, None) if value is None else (True, float(value))

    def memory(self) -> dict[str, Any]:
        """sensor_id -> [us, value or None, frame number, row, alarm bit], and the frames' coordinates."""
        frames: dict[tuple[int, int], int] = {}
        held: dict[str, list[Any]] = {}
        for sensor_id, i in self.index.items():
            if self.last_us[i] >= 0:
                value = None if np.isnan(self.value[i]) else float(self.value[i])
                number = frames.setdefault((int(self.source[i]), int(self.offset[i])), len(frames))
                held[sensor_id] = [int(self.last_us[i]), value, number, int(self.row[i]), int(self.alarmed[i])]
        return {"sensors": held, "frames": [f"{self.sources[source]}/{offset}" for source, offset in frames]}

    def restore(self, memory: Mapping[str, Any]) -> None:
        frames = []
        for coordinate in memory.get("frames", []):
            name, _, offset = coordinate.rpartition("/")
            frames.append((self._source(name), int(offset)))
        for sensor_id, (us, value, frame, row, alarmed) in memory.get("sensors", {}).items():
            i = self.index.get(sensor_id)
            if i is not None:
                self.last_us[i], self.row[i], self.alarmed[i] = us, row, alarmed
                self._any_alarmed |= bool(alarmed)
                self.source[i], self.offset[i] = frames[frame]
                self.value[i] = np.nan if value is None else value

    def sensor_ids(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(self.sensors[i].sensor_id for i in sorted(set(numbers)))


def _shown(sensor: Sensor) -> tuple[float, float]:
    """Between what a value must lie: further off than the sensor's whole range again it is in another unit, or none."""
    low, high = sensor.range_low, sensor.range_high
    if low is None or high is None or not low < high:
        return -np.inf, np.inf
    return low - (high - low), high + (high - low)
