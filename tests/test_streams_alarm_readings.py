"""Readings as they really come: late, doubled, from the future, in another unit, of strangers, without a value, broken.

Each goes through a whole step, as a worker would run it. What becomes of it is the table of docs/decisions/0017.
"""

import os
import random
from collections import Counter

import numpy as np
import orjson
import pyarrow as pa
import pytest
import yaml

from schemas.frames import UNIT, FrameHeader, decode_frame, encode_frame, make_batch
from schemas.registry import Site
from schemas.terms import UNUSABLE, Quality
from schemas.units import FILE, unit_of
from streams.decode import Record
from streams.gateways.bridge_dialects import dialects
from streams.gateways.bridge_frames import Range, frames
from streams.gateways.bridge_readings import read
from streams.landing_frames import sort_frames
from streams.partition import PartitionState
from streams.registry import Registry
from streams.site import Context
from streams.step import Emitted, run_step
from tests.alarm_bench import SITE, sensor, shanghai, us
from tests.catalogue_topic import coal

FUZZED = 100_000 if os.environ.get("QINGLING_PROOF") == "long" else 400
# readings of T1 (%CH4, range 0-4, limit 1.0 after 60 s); seconds, value, quality
STEADY = [(0, 1.2, 0), (30, 1.2, 0), (60, 1.2, 0)]


class Mine:
    def __init__(self) -> None:
        registry = Registry()
        registry.sites[SITE] = Site(site_id=SITE, industry="coal")
        registry.sensors[SITE] = {
            "T1": sensor(alarm_high=1.0, range_low=0, range_high=4), "T2": sensor("T2", alarm_low=0.2),
        }  # fmt: skip
        self.context, self.state, self.offset = Context(registry, coal()), PartitionState(0), -1

    def step(self, value: bytes, headers: list[tuple[str, bytes]], now: float) -> Emitted:
        self.offset += 1
        record = Record("log", "telemetry.frames", 0, self.offset, SITE.encode(), value, headers, us(now))
        return run_step(self.state, [record], us(now), self.context)

    def reads(self, rows: list[tuple], now: float | None = None, sensor_id: str = "T1") -> Emitted:
        now = max(row[0] for row in rows) + 1 if now is None else now
        batch = make_batch(
            [sensor_id] * len(rows), [us(row[0]) for row in rows],
            [float("nan") if row[1] is None else row[1] for row in rows], [row[2] for row in rows],
        )  # fmt: skip
        header = FrameHeader(SITE, f"f{self.offset}", "test", us(now))
        return self.step(encode_frame(batch), header.encode(), now)


def kinds(out: Emitted) -> list[str]:
    return [event.kind for event in out.events if event.topic == "alarm.events"]


# what comes, readings of each frame, kinds of alarm events, refused letters
OUTCOMES = [
    ("in order", [STEADY], ["alarm_raised"], 0),
    ("out of order within a frame: time decides", [STEADY[::-1]], ["alarm_raised"], 0),
    ("out of order between frames: the older one is history", [[STEADY[2]], STEADY[:2]], [], 0),
    ("the same frame twice", [STEADY, STEADY], ["alarm_raised"], 0),
    ("the same reading twice", [[row for row in STEADY for _ in (1, 2)]], ["alarm_raised"], 0),
    ("equal times: the first counts", [[(0, 0.4, 0), (0, 9.0, 0), *STEADY[1:]]], [], 0),
    ("a day late, after newer ones", [[(90_000, 0.4, 0)], STEADY], [], 0),
    ("from the future: refused, the rest stays", [[*STEADY, (9_000, 1.2, 0)]], ["alarm_raised"], 1),
    ("no value", [[(t, None, 0) for t, _, _ in STEADY]], [], 0),
    ("no value for three periods: the signal is ill", [[(t, None, 0) for t in (0, 30, 60, 90)]], ["signal_lost"], 0),
    ("infinite", [[(t, float("inf"), 0) for t, _, _ in STEADY]], [], 0),
    ("ppm instead of percent: no value", [[(t, 12_000.0, 0) for t, _, _ in STEADY]], [], 0),
    ("ppm for three periods: the signal is ill", [[(t, 12_000.0, 0) for t in (0, 30, 60, 90)]], ["signal_lost"], 0),
    ("a little beyond its range: believed", [[(t, 4.5, 0) for t, _, _ in STEADY]], ["alarm_raised"], 0),
    ("an alarm bit of the site's system does not matter", [[(t, v, Quality.ALARM) for t, v, _ in STEADY]],
     ["alarm_raised"], 0),
    *((f"{bit.name}", [[(t, v, bit) for t, v, _ in STEADY]],
       ["calibration_started"] if bit is Quality.CALIBRATING else [], 0) for bit in UNUSABLE),
]  # fmt: skip


@pytest.mark.parametrize(("frames", "expected", "letters"), [c[1:] for c in OUTCOMES], ids=[c[0] for c in OUTCOMES])
def test_each_kind_of_reading_has_its_outcome(frames, expected, letters):
    mine = Mine()
    now = 1 + max(row[0] for rows in frames for row in rows if row[0] != 9_000)
    outs = [mine.reads(rows, now) for rows in frames]
    assert [kind for out in outs for kind in kinds(out)] == expected
    assert sum(len(out.refused) for out in outs) == letters


def test_readings_of_a_stranger_are_a_letter_and_harm_nobody():
    mine = Mine()
    out = mine.reads(STEADY, sensor_id="T9")
    assert (kinds(out), [letter.field for letter, _ in out.refused]) == ([], ["sensor_id"])
    assert kinds(mine.reads(STEADY)) == ["alarm_raised"]


def broken(draw: random.Random) -> bytes:
    """A frame's bytes: absurd values and times, or bytes cut and flipped."""
    n = draw.randrange(0, 6)
    times = [
        us(draw.uniform(-1e6, 0)) if draw.random() < 0.8 else draw.choice([0, -1, 2**62, us(1e6)]) for _ in range(n)
    ]
    values = [draw.choice([float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 0.0, 1.2, 5e-324]) for _ in times]
    ids = [draw.choice(["T1", "T2"] if draw.random() < 0.9 else ["", "T9", "测点", "x" * 300]) for _ in times]
    batch = make_batch(ids, times, values, [draw.randrange(256) for _ in times])
    if draw.random() < 0.1:
        said = [draw.choice([None, "", "%CH4", "ppm", "x" * 300, "％"]) for _ in times]
        units = pa.array(said, draw.choice([pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.large_string()]))
        units = units if draw.random() < 0.9 else pa.array(range(n), pa.int64())
        batch = pa.record_batch([*batch.columns, units], schema=batch.schema.append(pa.field(UNIT, units.type)))
    raw = bytearray(encode_frame(batch))
    match draw.randrange(4):
        case 0:
            return bytes(raw[: draw.randrange(len(raw))])
        case 1:
            for _ in range(draw.randrange(1, 9)):
                raw[draw.randrange(len(raw))] = draw.randrange(256)
        case 2:
            return bytes(draw.randrange(256) for _ in range(draw.randrange(200)))
    return bytes(raw)


def bridged(mine: Mine, readings: list[dict]) -> Emitted:
    """Single readings in JSON of a third party, through the bridge, into a step."""
    mine.offset += 1
    said = [orjson.dumps({"site_id": SITE, "occurred_at": shanghai(row.pop("at")), **row}) for row in readings]
    found = read(said, dialects()["neutral"], us(600))
    assert found.refused == []
    ((header, raw),) = frames(found.batch, Range("log", "party", 0, 0, len(said)), "bridge", us(600), unit=True)
    record = Record("log", "telemetry.frames", 0, mine.offset, SITE.encode(), raw, header.encode(), us(600))
    return run_step(mine.state, [record], us(600), mine.context)


@pytest.mark.parametrize(
    ("unit", "expected", "letters"),
    [("%CH4", ["alarm_raised"], 0), ("％", ["alarm_raised"], 0), (None, ["alarm_raised"], 0), ("", ["alarm_raised"], 0),
     ("ppm", [], 1), ("%LEL", [], 1), ("×10⁻⁶", [], 1), ("furlong", [], 1)],
)  # fmt: skip
def test_a_reading_in_another_unit_than_the_registry_s_is_a_letter_and_says_nothing(unit, expected, letters):
    mine = Mine()
    rows = [{"sensor_id": "T1", "at": at, "value": 1.2, "unit": unit} for at in (0, 30, 60)]
    out = bridged(mine, [{"sensor_id": "T2", "at": 0, "value": 0.1, "unit": "%CH4"}, *rows])
    assert kinds(out) == ["alarm_raised", *expected], "T2, whose unit is right, is judged whatever T1 says"
    assert len(out.refused) == letters
    if letters:
        ((letter, record),) = out.refused
        assert letter.field == "reported_unit"
        assert f"3 readings in another unit than the registry's: T1 in {unit}, not %CH4" in letter.reason
        again = decode_frame(record.value, later_columns=True)
        assert again.column("reported_unit").to_pylist() == [unit] * 3, "sent again it is refused again"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.int64()])
def test_the_unit_may_come_as_any_column_of_text(kind):
    mine, numbers = Mine(), kind == pa.int64()
    batch = make_batch(["T1"] * 2, [us(0), us(60)], [1.2, 1.2], [0, 0])
    units = pa.array([1, 2] if numbers else ["ppm", "ppm"], kind)
    batch = pa.record_batch([*batch.columns, units], schema=batch.schema.append(pa.field(UNIT, kind)))
    out = mine.step(encode_frame(batch), FrameHeader(SITE, "f", "test", us(61)).encode(), 61)
    assert (len(out.refused), kinds(out)) == ((0, ["alarm_raised"]) if numbers else (1, []))


def test_units_are_told_apart_reading_by_reading():
    rows = [("T1", 1.2, "%"), ("T1", 1.3, "ppm"), ("T1", 1.4, None), ("T2", 0.1, "ppm"), ("T2", 0.1, "%LEL")]
    out = bridged(Mine(), [
        {"sensor_id": name, "at": 40 * n, "value": value, "unit": unit} for n, (name, value, unit) in enumerate(rows)
    ])  # fmt: skip
    ((letter, record),) = out.refused
    assert "T1 in ppm, not %CH4, T2 in %LEL, not %CH4, T2 in ppm, not %CH4" in letter.reason
    assert [event.causes[0].rpartition("/")[2] for event in out.events if event.kind == "alarm_raised"] == ["2"]
    assert decode_frame(record.value).num_rows == 3


def test_no_spelling_means_two_units():
    names = [name for row in yaml.safe_load(FILE.read_text("utf-8")) for name in row]
    assert {unit_of(row[0]) for row in yaml.safe_load(FILE.read_text("utf-8"))} >= {unit_of(name) for name in names}
    assert len({unit_of(name) for name in ("%", "%LEL", "ppm", "mg/m³", "kPa", "Pa")}) == 6
    assert unit_of("℃") == unit_of("°C")
    assert unit_of("M³/min") == unit_of("m3/分")


def test_fuzzed_frames_crash_nothing_and_what_comes_after_is_judged():
    draw, mine, met = random.Random(20261128), Mine(), Counter()
    header = FrameHeader(SITE, "fuzz", "test", us(0))
    for n in range(FUZZED):
        raw = broken(draw)
        out = mine.step(raw, header.encode(), 1_000 + n)
        met["refused" if out.refused else "taken"] += 1
        assert not [letter.reason for letter, _ in out.refused if letter.reason.startswith("not absorbed")]
        assert out.record is not None
    assert min(met["refused"], met["taken"]) > FUZZED // 10
    # the engine has taken good and absurd readings alike; what comes after them is judged as ever
    gas = [(3e6 + t, 0.2, 0) for t in (0, 600)] + [(3e6 + t, 1.2, 0) for t in (1200, 1230, 1260)]
    assert "alarm_raised" in kinds(mine.reads(gas, 3e6 + 1261))


def test_a_frame_of_ten_thousand_odd_readings_is_that_of_its_parts():
    draw = np.random.default_rng(7)
    n = 10_000
    times, values = us(0) + np.arange(n) * 1_000_000, np.round(draw.uniform(0.5, 1.4, n), 2)
    values[draw.integers(0, n, 300)] = np.nan
    quality = np.where(draw.random(n) < 0.05, 128, 0).astype("uint8")
    whole, parts = Mine(), Mine()
    header = FrameHeader(SITE, "f", "test", us(n))
    batch = make_batch(["T1"] * n, times, values, quality)
    expected = whole.step(encode_frame(batch), header.encode(), n).events
    found = []
    for start in range(0, n, 997):
        some = batch.slice(start, 997)
        names = pa.array(some.column(0).to_pylist()).dictionary_encode()
        part = pa.record_batch([names, *some.columns[1:]], batch.schema)
        found += parts.step(encode_frame(part), header.encode(), n).events
    told = [(event.kind, event.occurred_at, event.data) for event in expected]
    assert told == [(event.kind, event.occurred_at, event.data) for event in found]


@pytest.mark.parametrize("many", [1, 3])
def test_a_later_column_whose_name_is_no_text_is_a_letter_however_many_come_at_once(many):
    mine = Mine()
    batch = make_batch(["T1"], [us(0)], [1.2], [0])
    batch = pa.record_batch([*batch.columns, pa.array([1])], schema=batch.schema.append(pa.field("uvwxyz", pa.int64())))
    raw = encode_frame(batch).replace(b"uvwxyz", b"uv\xbcxyz")
    headers = FrameHeader(SITE, "f", "test", us(1)).encode()
    records = [Record("log", "telemetry.frames", 0, n, SITE.encode(), raw, headers, us(1)) for n in range(many)]
    out = run_step(mine.state, records, us(1), mine.context)
    assert [letter.reason[:26] for letter, _ in out.refused] == ["not an Arrow IPC stream: '"] * many
    assert [letter.reason for letter, _ in sort_frames(records).refusals] == [it.reason for it, _ in out.refused]
