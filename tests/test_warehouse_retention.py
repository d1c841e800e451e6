"""Old days are downsampled and let go, once, whatever dies and whatever comes late; on a local disk and on S3."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from schemas.retention import Retention
from tests.lake_rows import START, readings
from tests.local_s3 import LocalS3
from warehouse import retention
from warehouse.lake import LakeTable
from warehouse.retention import expire

RULES = (Retention("readings", 30, (("readings_1m", 60), ("readings_1h", 3600))),)
FRAMES = "log/telemetry.frames/0"
TODAY = START.date() + dt.timedelta(days=31)


@pytest.fixture(params=["disk", "s3"])
def lake(request, tmp_path, monkeypatch) -> Iterator:
    if request.param == "disk":
        yield tmp_path
        return
    storage = LocalS3()
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)
    yield storage.lake
    storage.stop()


def land(lake, offset: int, minutes: list[float], values: list[float], day: int = 0) -> None:
    at = [START + dt.timedelta(days=day, minutes=m) for m in minutes]
    rows = readings(offset, len(minutes))
    for name, column in {
        "occurred_at": pa.array(at, rows.schema.field("occurred_at").type), "value": pa.array(values),
        "sensor_id": pa.array(["m"] * len(at)), "quality": pa.array([offset % 2] * len(at), pa.uint8()),
        "day": pa.array([(START + dt.timedelta(days=day)).date()] * len(at), pa.date32()),
    }.items():  # fmt: skip
        rows = rows.set_column(rows.column_names.index(name), name, column)
    table = LakeTable.open(lake, "readings")
    table.append(rows, {FRAMES: offset}, {FRAMES: table.offset(FRAMES)})


def spans(lake, table: str) -> list[tuple]:
    held = LakeTable.open(lake, table).delta().to_pyarrow_table()  # noqa: F841 - DuckDB finds it by name
    return duckdb.sql(
        "select minute(began_at at time zone 'UTC'), sum(n)::int, min(min), max(max), sum(sum), arg_max(last, last_at),"
        " bit_or(quality), count(distinct part) from held group by began_at order by began_at"
    ).fetchall()


def raw(lake) -> int:
    return LakeTable.open(lake, "readings").delta().to_pyarrow_table().num_rows


def test_a_day_beyond_its_retention_leaves_minutes_and_hours(lake):
    land(lake, 0, [0, 0.5, 1, 61], [1.0, 3.0, 2.0, float("nan")])
    land(lake, 1, [0, 1], [5.0, 6.0], day=5)
    assert expire(lake, TODAY, RULES) == {"readings": {"days": 1, "rows": 4}}
    assert raw(lake) == 2
    minutes = spans(lake, "readings_1m")
    assert [row[:5] for row in minutes] == [(0, 2, 1.0, 3.0, 4.0), (1, 1, 2.0, 2.0, 2.0), (1, 1, None, None, None)]
    assert [row[:5] for row in spans(lake, "readings_1h")] == [(0, 3, 1.0, 3.0, 6.0), (0, 1, None, None, None)]
    assert expire(lake, TODAY, RULES) == {}
    assert LakeTable.open(lake, "readings").landed("log", "telemetry.frames") == {0: 1}


def test_readings_that_come_late_are_added_up(lake):
    land(lake, 0, [0, 0.5], [1.0, 3.0])
    expire(lake, TODAY, RULES)
    land(lake, 1, [0.25, 2], [9.0, 4.0])
    expire(lake, TODAY, RULES)
    assert spans(lake, "readings_1m") == [(0, 3, 1.0, 9.0, 13.0, 3.0, 1, 2), (2, 1, 4.0, 4.0, 4.0, 4.0, 1, 1)]
    assert spans(lake, "readings_1h") == [(0, 4, 1.0, 9.0, 17.0, 4.0, 1, 2)]


def test_killed_between_downsampling_and_letting_go_nothing_is_counted_twice(lake, monkeypatch):
    land(lake, 0, [0, 0.5], [1.0, 3.0])
    expire(lake, TODAY, RULES)
    land(lake, 1, [0.25], [9.0])
    downsample = retention._downsample

    def dies(target, *rest):
        if target.name == "readings_1h":
            raise KeyboardInterrupt
        downsample(target, *rest)

    monkeypatch.setattr(retention, "_downsample", dies)
    with pytest.raises(KeyboardInterrupt):
        expire(lake, TODAY, RULES)
    monkeypatch.setattr(retention, "_downsample", downsample)
    land(lake, 2, [0.75], [2.0])  # comes between the killed run and the next
    expire(lake, TODAY, RULES)
    assert [row[:5] for row in spans(lake, "readings_1m")] == [(0, 4, 1.0, 9.0, 15.0)]
    assert [row[:5] for row in spans(lake, "readings_1h")] == [(0, 4, 1.0, 9.0, 15.0)]
    assert raw(lake) == 0


def test_a_day_that_changes_meanwhile_is_kept_until_the_next_run(lake, monkeypatch):
    land(lake, 0, [0, 0.5], [1.0, 3.0])
    land(lake, 1, [1], [1.0])
    downsample, changed = retention._downsample, []

    def meanwhile(*arguments):
        downsample(*arguments)
        if not changed:
            changed.append(LakeTable.open(lake, "readings").compact(min_files=2))

    monkeypatch.setattr(retention, "_downsample", meanwhile)
    assert expire(lake, TODAY, RULES)["readings"]["rows"] == 0
    assert raw(lake) == 3
    expire(lake, TODAY, RULES)
    assert [row[1] for row in spans(lake, "readings_1h")] == [3]
    assert raw(lake) == 0
