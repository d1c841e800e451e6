"""What becomes of every kind of strange frame and reading in a step, and that nothing at all breaks it."""

import os
import random
from dataclasses import replace

import pyarrow as pa
import pytest

from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.registry import Place, Sensor, Site
from schemas.terms import UNUSABLE, Quality
from streams.decode import AHEAD_US, Record
from streams.partition import PartitionState
from streams.registry import Registry
from streams.site import Context
from streams.step import Emitted, run_step
from tests.every_reading import CATALOGUE

LONG = os.environ.get("QINGLING_PROOF") == "long"
SITE, NOW = "s", 1_781_539_200_000_000  # 2026-06-16 00:00 Asia/Shanghai
SECOND = 1_000_000


def registry() -> Registry:
    known = Registry()
    sensors = [
        Sensor(sensor_id="gas", site_id=SITE, place_id="face", signal="ch4_pct", unit="%", resolution=0.01,
               range_low=0, range_high=4, alarm_high=1.0),
        Sensor(sensor_id="wind", site_id=SITE, place_id="face", signal="wind_mps", unit="m/s", alarm_low=0.25),
        Sensor(sensor_id="work", site_id=SITE, place_id="face", signal="powered_work_on", resolution=1),
    ]  # fmt: skip
    found = [
        ("registry.sites", SITE, Site(site_id=SITE, industry="coal")),
        ("registry.places", "face", Place(place_id="face", site_id=SITE, kind="coal_face", area="1")),
        *(("registry.sensors", sensor.sensor_id, sensor) for sensor in sensors),
        # alarms at once: what is asked here is which readings count
    ]
    for topic, key, message in found:
        known.apply(Record("log", topic, 0, 0, key.encode(), message.encode()))
    rule = b'{"rule_id":"ch4_pct.high","site_id":"s","sensor_id":"gas","direction":"high","limit":1.0,"priority":"P2"}'
    known.apply(Record("log", "registry.rules", 0, 0, b"gas/ch4_pct.high", rule))
    return known


class Steps:
    def __init__(self) -> None:
        self.state, self.context, self.offset = PartitionState(0), Context(registry(), CATALOGUE), 0

    def sends(self, *records: Record) -> Emitted:
        return run_step(self.state, records, NOW, self.context)

    def frame(self, *readings: tuple[str, float, float, int], name: str = "", received_us: int = NOW) -> Record:
        self.offset += 1
        ids, seconds, values, quality = zip(*readings, strict=True)
        batch = make_batch(list(ids), [NOW + round(s * SECOND) for s in seconds], list(values), list(quality))
        header = FrameHeader(SITE, name or f"f{self.offset}", "test", received_us)
        return Record("log", "telemetry.frames", 0, self.offset, b"s", encode_frame(batch), header.encode(), NOW)

    def reads(self, *readings: tuple[str, float, float, int], **more: object) -> list[str]:
        out = self.sends(self.frame(*readings, **more))  # type: ignore[arg-type]
        raised = [e.kind for e in out.events if e.kind in ("alarm_raised", "alarm_returned")]
        spans = [e.data["verdict"] for e in out.events if e.kind == "verdict_given"]
        return [*raised, *spans, *(f"refused: {letter.reason}" for letter, _ in out.refused)]


CALM, OVER = ("gas", -60.0, 0.3, 0), ("gas", -30.0, 1.2, 0)

# name, frames, what the last of them brings
OUTCOMES = [
    ("over the limit", [[CALM], [OVER]], ["alarm_raised", "cannot_evaluate"]),
    ("in a frame time decides, not the row", [[CALM], [OVER, ("gas", -45.0, 0.3, 0)]],
     ["alarm_raised", "cannot_evaluate"]),
    ("late: it changes nothing", [[("gas", -10.0, 0.3, 0)], [OVER]], []),
    ("of equal times the first counts", [[("gas", -30.0, 0.3, 0), OVER]], []),
    ("in another frame too", [[("gas", -30.0, 0.3, 0)], [OVER]], []),
    ("NaN is no value", [[CALM], [("gas", -30.0, float("nan"), 0)]], []),
    ("nor is infinity", [[CALM], [("gas", -30.0, float("inf"), 0)]], []),
    ("in parts per million it is none a sensor of percent can show", [[CALM], [("gas", -30.0, 12_000.0, 0)]], []),
    *((f"{bit.name} is no value", [[CALM], [("gas", -30.0, 1.2, int(bit))]], []) for bit in UNUSABLE),
    ("the site's own alarm bit is no reason to doubt", [[CALM], [("gas", -30.0, 1.2, int(Quality.ALARM))]],
     ["alarm_raised", "cannot_evaluate"]),
    ("an unknown sensor is refused, the others count", [[CALM], [OVER, ("ghost", -30.0, 1.0, 0)]],
     ["alarm_raised", "cannot_evaluate", "refused: 1 sensors unknown at site s: ghost"]),
    ("ten minutes ahead is a fast clock", [[CALM], [("gas", 599.0, 1.2, 0)]], ["alarm_raised", "cannot_evaluate"]),
    ("further ahead is refused", [[CALM], [("gas", 601.0, 1.2, 0), ("wind", -30.0, 1.0, 0)]],
     ["refused: 1 readings dated before 2000 or in the future"]),
    ("before 2000 too", [[CALM], [("gas", -9e8, 1.2, 0)]], ["refused: 1 readings dated before 2000 or in the future"]),
]  # fmt: skip


@pytest.mark.parametrize(("frames", "expected"), [case[1:] for case in OUTCOMES], ids=[case[0] for case in OUTCOMES])
def test_every_kind_of_reading_has_its_outcome(
    frames: list[list[tuple[str, float, float, int]]], expected: list[str]
) -> None:
    steps = Steps()
    brought = [steps.reads(*readings) for readings in frames]
    assert brought[-1] == expected


def test_a_frame_sent_twice_brings_nothing_the_second_time_and_a_broken_header_is_refused() -> None:
    steps = Steps()
    steps.reads(CALM)
    first = steps.frame(OVER, name="same")
    assert [e.kind for e in steps.sends(first).events][:1] == ["alarm_raised"]
    assert steps.sends(replace(first, offset=99)).events == []
    refused = steps.sends(replace(first, offset=100, headers=first.headers[:1])).refused
    assert [(letter.field, letter.reason) for letter, _ in refused] == [("header frame_id", "missing")]
    early = steps.sends(replace(first, offset=101, timestamp_us=NOW - AHEAD_US - SECOND)).refused
    assert "ahead of the record's own time" in early[0][0].reason


def damaged(chance: random.Random, record: Record) -> Record:
    """`record` with something wrong about it, or nothing."""
    raw = bytearray(record.value or b"")
    match chance.randrange(9):
        case 0:
            for _ in range(chance.choice((1, 3, 30))):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            return replace(record, value=bytes(raw))
        case 1:
            return replace(record, value=bytes(raw[: chance.randrange(len(raw))]))
        case 2:
            return replace(record, value=bytes(raw) + chance.randbytes(chance.randrange(40)))
        case 3:
            return replace(record, value=chance.choice((None, b"", b"{}", chance.randbytes(200))))
        case 4:
            headers = [(key, chance.choice((value, b"", b"\xff", b"-1", b"9" * 30))) for key, value in record.headers]
            return replace(record, headers=tuple(chance.sample(headers, chance.randrange(len(headers) + 1))))
        case 5:
            batch = pa.record_batch([pa.array([1, None]), pa.array(["x", "y"])], names=["a", "b"])
            return replace(record, value=encode_frame(batch))
        case 6:
            return replace(record, timestamp_us=chance.choice((0, 1, NOW, 1 << 62)))
    return record


def wild(chance: random.Random, steps: Steps) -> Record:
    """Readings of any sensor, time, value and quality."""
    values = (0.0, 0.3, 1.0, 1.2, -1.0, 5e3, float("nan"), float("inf"), -float("inf"), 1e308, 5e-324)
    steps.offset += 1
    count, going = chance.choice((0, 1, 2, 5, 40)), NOW + (50 * steps.offset - 10_000_000) * SECOND
    rows = [
        (chance.choice(("gas", "gas", "wind", "work", "ghost", "", "气")),
         chance.choice((*[going] * 20, NOW + 601 * SECOND, 0, -1, 1 << 62, -(1 << 63))) + chance.randrange(60) * SECOND,
         chance.choice(values), chance.randrange(256))
        for _ in range(count)
    ]  # fmt: skip
    ids, us, found, quality = zip(*rows, strict=True) if rows else ((), (), (), ())
    clipped = [max(-(1 << 63), min(each, (1 << 63) - 1)) for each in us]
    batch = make_batch(list(ids), clipped, list(found), list(quality))
    header = FrameHeader(chance.choice((SITE, SITE, SITE, "nowhere")), f"f{chance.randrange(1000)}", "test", NOW)
    record = Record("log", "telemetry.frames", 0, steps.offset, b"s", encode_frame(batch), header.encode(), NOW)
    return damaged(chance, record) if chance.random() < 0.5 else record


@pytest.mark.proof
@pytest.mark.timeout(3600 if LONG else 240)
def test_no_frame_breaks_a_step_and_every_refusal_says_why() -> None:
    """Short: 3,000 frames; under proof 100,000."""
    chance, steps, refused, events = random.Random(20260701), Steps(), 0, 0
    for _ in range(100_000 // 50 if LONG else 60):
        out = steps.sends(*(wild(chance, steps) for _ in range(50)))
        reasons = [letter.reason for letter, _ in out.refused]
        assert all(reasons) and not [reason for reason in reasons if reason.startswith("not absorbed")]
        refused, events = refused + len(reasons), events + len(out.events)
        if chance.random() < 0.05:
            assert all(memory.encode() for memory in out.memories)
    assert refused > 300 and events > 30
