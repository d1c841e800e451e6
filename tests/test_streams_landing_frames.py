import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from schemas.frames import FRAME_SCHEMA, FrameHeader, decode_frame, encode_frame, make_batch
from schemas.tables import READINGS
from streams.decode import Record
from streams.frame_ids import SPAN_US, FrameIds
from streams.landing_frames import frame_rows, shanghai_days, sort_frames

NOW = 1_782_900_000_000_000  # 2026-07-01T10:00:00Z
HOUR = 3_600_000_000


def frame(offset, times, *, site="s", frame_id=None, received=NOW, sensors=None, raw=None):
    header = FrameHeader(site, frame_id or f"f{offset}", "test", received)
    sensors = sensors or [f"m{i}" for i in range(len(times))]
    value = encode_frame(make_batch(sensors, times, np.arange(len(times)), [1] * len(times)))
    return Record(
        "log", "telemetry.frames", 3, offset, site.encode(), raw if raw is not None else value, header.encode(), NOW
    )


def test_readings_of_several_frames_in_one_table():
    found = sort_frames([frame(0, [NOW, NOW + 1]), frame(1, [NOW - HOUR], sensors=["m1"], site="t")])
    rows = frame_rows(found.frames)
    assert rows.schema.names == READINGS.names
    plain = rows.cast(READINGS)
    assert plain["row"].to_pylist() == [0, 1, 0]
    assert plain["offset"].to_pylist() == [0, 0, 1]
    assert plain["sensor_id"].to_pylist() == ["m0", "m1", "m1"]
    assert plain["site_id"].to_pylist() == ["s", "s", "t"]
    assert plain["frame_id"].to_pylist() == ["f0", "f0", "f1"]
    assert plain["occurred_at"].cast(pa.int64()).to_pylist() == [NOW, NOW + 1, NOW - HOUR]
    assert plain["value"].to_pylist() == [0.0, 1.0, 0.0]
    assert {*plain["partition"].to_pylist()} == {3}


@pytest.mark.parametrize(
    ("records", "dictionary"),
    [
        ([frame(0, [NOW] * 3), frame(1, [NOW] * 3, site="t")], False),
        ([frame(0, [NOW] * 3), frame(1, [NOW] * 3), frame(2, [NOW] * 3)], False),
        ([frame(n, [NOW] * 3) for n in range(4)], True),
        ([frame(0, [NOW] * 8, sensors=["m0", "m1"] * 4)], True),
    ],
)
def test_sensors_have_a_dictionary_where_they_come_again(records, dictionary):
    rows = frame_rows(sort_frames(records).frames)
    assert pa.types.is_dictionary(rows.schema.field("sensor_id").type) == dictionary
    names = [name for record in records for name in decode_frame(record.value)["sensor_id"].to_pylist()]
    assert rows.cast(READINGS)["sensor_id"].to_pylist() == names


def test_a_frame_that_came_in_a_file_tells_which():
    bare = frame(0, [NOW])
    value = encode_frame(make_batch(["m"], [NOW], [1.0], [0]))
    header = FrameHeader("s", "f1", "mtt1201", NOW, raw_file="m_CDSS_1.txt", raw_sha256="ab" * 32)
    filed = Record("log", "telemetry.frames", 3, 1, b"s", value, header.encode(), NOW)
    plain = frame_rows(sort_frames([bare, filed]).frames).cast(READINGS)
    assert plain["raw_file"].to_pylist() == [None, "m_CDSS_1.txt"]
    assert plain["raw_sha256"].to_pylist() == [None, "ab" * 32]


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2026-07-01T15:59:59.999999+00:00", dt.date(2026, 7, 1)),
        ("2026-07-01T16:00:00+00:00", dt.date(2026, 7, 2)),
        ("2000-01-01T00:00:00+00:00", dt.date(2000, 1, 1)),
    ],
)
def test_the_day_is_that_of_shanghai(utc, day):
    us = round(dt.datetime.fromisoformat(utc).timestamp() * 1_000_000)
    assert shanghai_days(np.array([us])).to_pylist() == [day]


@pytest.mark.parametrize("absurd", [946_684_800_000_000 - 1, NOW + 600_000_001, 0, -1])
def test_a_reading_dated_absurdly_is_refused_and_the_others_keep_their_row(absurd):
    found = sort_frames([frame(7, [NOW - 5, absurd, NOW])])
    rows = frame_rows(found.frames)
    assert rows["row"].to_pylist() == [0, 2]
    ((letter, record),) = found.refusals
    assert letter.cause == "log/telemetry.frames/3/7"
    assert decode_frame(record.value)["sensor_id"].to_pylist() == ["m1"]


def test_ten_minutes_ahead_is_a_fast_clock_and_lands():
    assert frame_rows(sort_frames([frame(0, [NOW + 600_000_000])]).frames).num_rows == 1


@pytest.mark.parametrize("received", [0, NOW + 600_000_001, 10**30])
def test_a_frame_received_at_no_believable_time_is_refused_whole(received):
    found = sort_frames([frame(0, [NOW], received=received)])
    assert found.frames == []
    assert found.refusals[0][0].field == "header received_at"


def test_what_is_no_frame_is_refused_and_the_next_lands():
    nulls = pa.record_batch(
        [pa.array(["m", None]).dictionary_encode(), pa.array([NOW, NOW], FRAME_SCHEMA.field(1).type),
         pa.array([1.0, 2.0]), pa.array([0, 0], pa.uint8())], schema=FRAME_SCHEMA,
    )  # fmt: skip
    bad = [frame(0, [], raw=b"noise"), frame(1, [], raw=encode_frame(nulls)), frame(2, [], raw=b"")]
    headless = Record("log", "telemetry.frames", 3, 3, b"s", frame(3, [NOW]).value, (), NOW)
    empty = Record("log", "telemetry.frames", 3, 4, b"s", None, (), NOW)
    found = sort_frames([*bad, headless, empty, frame(5, [NOW])])
    assert [record.offset for _, record in found.refusals] == [0, 1, 2, 3, 4]
    assert frame_rows(found.frames)["offset"].to_pylist() == [5]
    assert found.refusals[1][0].field == "sensor_id"


def test_a_frame_sent_twice_lands_once():
    landed = FrameIds()
    landed.add("f0", NOW)
    found = sort_frames([frame(9, [NOW], frame_id="f0"), frame(10, [NOW]), frame(11, [NOW], frame_id="f10")], landed)
    assert [f.record.offset for f in found.frames] == [10]
    assert [record.offset for record in found.doubles] == [9, 11]


def test_no_frames_no_rows():
    assert frame_rows([]).num_rows == 0
    assert frame_rows(sort_frames([frame(0, [])]).frames).num_rows == 0


def test_frame_ids_forget_after_two_days_of_kafka_time():
    ids = FrameIds()
    uuid = "8d0f3a52-6f0e-5c7b-9a41-51f1c1ea2026"
    ids.add(uuid, NOW)
    ids.add("plain text", NOW + SPAN_US)
    assert uuid in ids
    assert uuid.upper() in ids  # the same 16 bytes
    assert "plain text" in ids
    assert len(ids) == 2
    ids.add("later", NOW + SPAN_US + 2 * HOUR)
    assert uuid not in ids
    assert len(ids) == 2
