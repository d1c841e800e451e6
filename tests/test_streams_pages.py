"""What a site remembers is written page by page, and a partition rebuilt from it goes on exactly (decisions/0014)."""

import random

import orjson
import pytest

from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.memory import PAGE, SensorPage, SiteMemory, SiteSensors, parse_memory
from schemas.model import Refused
from schemas.registry import Sensor, Site
from schemas.steps import Step
from schemas.times import from_us
from streams.decode import Record
from streams.partition import PartitionState
from streams.registry import Registry
from streams.site import Context
from streams.step import Emitted, run_step
from tests.every_reading import CATALOGUE, SITE_ID, RandomSite

COUNT = 2 * PAGE + 100


def record(topic: str, offset: int, value: bytes, headers: object = (), key: str = "") -> Record:
    return Record("log", topic, 0, offset, key.encode(), value, headers)  # type: ignore[arg-type]


class Twin:
    """A partition with one site; every record that its steps wrote, so that it can be built anew."""

    def __init__(self, site: RandomSite) -> None:
        self.registry = Registry()
        self.registry.apply(record("registry.sites", 0, site.site.encode(), key=SITE_ID))
        for place in site.places.values():
            self.registry.apply(record("registry.places", 0, place.encode(), key=place.place_id))
        self.add(*site.sensors.values())
        self.context = Context(self.registry, CATALOGUE)
        mark = Step(step=0, partition=0, now=from_us(site.clock))  # as a worker writes it where none stands
        self.log = [record("processing.steps", 0, mark.encode())]
        self.offset = 0
        self.restart()

    def add(self, *sensors: Sensor) -> None:
        for sensor in sensors:
            self.registry.apply(record("registry.sensors", 0, sensor.encode(), key=sensor.sensor_id))

    def remove(self, sensor_id: str) -> None:
        self.registry.apply(Record("log", "registry.sensors", 0, 0, sensor_id.encode(), None))

    def step(self, site: RandomSite, complete: bool = True) -> Emitted:
        frame = site.frame()
        sent = record("telemetry.frames", frame.record.offset, encode_frame(frame.batch), frame.header.encode())
        return self.run([sent], frame.header.received_at_us, complete)

    def run(self, records: list[Record], now_us: int, complete: bool = True) -> Emitted:
        out = run_step(self.state, records, now_us, self.context)
        for name, found in (
            ("alarm.states", out.alarm_states), ("hazard.states", out.hazard_states), ("site.memory", out.memories),
            ("processing.steps", [out.record] if out.record and complete else []),
        ):  # fmt: skip
            for message in found:
                self.offset += 1
                self.log.append(record(name, self.offset, message.encode()))  # type: ignore[attr-defined]
        return out

    def restart(self) -> None:
        self.state = PartitionState(0)
        for each in self.log:
            if each.topic == "processing.steps":
                self.state.restore_step(each)
        for each in self.log:
            if each.topic != "processing.steps":
                self.state.restore(each)

    def remembered(self) -> bytes:
        process = self.state.site(SITE_ID, self.context)
        assert process is not None
        held = process.alarms.memory(), process.criteria.memory()
        return orjson.dumps(held, option=orjson.OPT_SORT_KEYS)


def told(out: Emitted) -> list[tuple[str, str, bytes]]:
    """Timers that are due at once may be told in another order by a partition built anew."""
    return sorted((event.event_id, event.kind, orjson.dumps(event.data)) for event in out.events)


@pytest.mark.parametrize("seed", range(3))
def test_a_partition_rebuilt_from_what_it_wrote_goes_on_exactly(seed: int) -> None:
    """Also when the registry gained and lost sensors, and when the last step had left all but its record."""
    chance, one, two = random.Random(seed), RandomSite(seed, "coal"), RandomSite(seed, "coal")
    whole, broken = Twin(one), Twin(two)
    events, gone = 0, ""
    for n in range(80):
        if n % 20 == 9:
            gone = chance.choice(list(one.sensors))
            whole.remove(gone), broken.remove(gone)
        if n % 20 == 19:
            whole.add(one.sensors[gone]), broken.add(two.sensors[gone])
        expected = whole.step(one)
        if chance.random() < 0.2:  # the step is executed, dies before its record, and its input comes again
            state = two.chance.getstate(), two.clock, two.offset, dict(two.mood)
            assert told(broken.step(two, complete=False)) == told(expected)
            two.chance.setstate(state[0])
            two.clock, two.offset, two.mood = state[1:]
            broken.restart()
        assert told(broken.step(two)) == told(expected)
        events += len(expected.events)
        if chance.random() < 0.2:
            broken.restart()
        assert broken.remembered() == whole.remembered()
    assert events > 30


def wide() -> RandomSite:
    site = RandomSite(0, "tailings")
    site.places.clear(), site.sensors.clear()
    site.site = Site(site_id=SITE_ID, industry="coal")
    for n in range(COUNT):
        name = f"W{n:05d}"
        site.sensors[name] = Sensor(sensor_id=name, site_id=SITE_ID, alarm_high=5)
    return site


def read(twin: Twin, *numbers: int, us: int, value: float = 1.0) -> Emitted:
    batch = make_batch([f"W{n:05d}" for n in numbers], [us] * len(numbers), [value] * len(numbers), [0] * len(numbers))
    header = FrameHeader(SITE_ID, f"f{us}", "test", us)
    return twin.run([record("telemetry.frames", us, encode_frame(batch), header.encode())], us)


def test_only_pages_whose_sensors_were_read_are_written_and_the_head_only_when_it_changed() -> None:
    twin, start = Twin(wide()), 1_782_835_200_000_000
    first = read(twin, *range(COUNT), us=start).memories
    assert [type(m) for m in first] == [SiteSensors, SensorPage, SensorPage, SensorPage, SiteMemory]
    quiet = read(twin, PAGE + 1, us=start + 1).memories
    assert [(m.key, type(m)) for m in quiet] == [(f"{SITE_ID}|page|1", SensorPage)]
    assert len(quiet[0].encode()) < 2_000, "a page of equal readings is small"
    loud = read(twin, 0, us=start + 2, value=9.0).memories
    assert [type(m) for m in loud] == [SensorPage, SiteMemory]


def test_a_changed_list_of_sensors_makes_all_pages_new_and_the_old_ones_say_nothing_more() -> None:
    twin, start = Twin(wide()), 1_782_835_200_000_000
    read(twin, *range(COUNT), us=start)
    for n in range(COUNT - 50, COUNT):
        twin.remove(f"W{n:05d}")
    twin.remove("W00000")
    written = read(twin, 1, us=start + 1).memories
    assert [type(m) for m in written] == [SiteSensors, SensorPage, SensorPage, SensorPage]
    before = twin.remembered()
    twin.restart()
    assert twin.remembered() == before


def test_a_page_that_is_none_is_refused() -> None:
    twin = Twin(wide())
    page = read(twin, 0, us=1_782_835_200_000_000).memories[1]
    assert isinstance(page, SensorPage) and parse_memory(page.encode()) == page
    with pytest.raises(Refused, match="page"):
        parse_memory(b'{"site_id": "s", "step": 1, "page": "x", "layout": 1, "held": ""}')
    with pytest.raises(Refused, match="not JSON"):
        parse_memory(b"{")
