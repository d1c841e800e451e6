"""Landed readings come back as the frames they were, however many rows are fetched at a time."""

import datetime as dt

import duckdb
import pytest

from console.landed_frames import LandedFrames
from schemas.registry import Sensor

FIRST = dt.datetime(2026, 7, 2, tzinfo=dt.UTC)
BEYOND = FIRST + dt.timedelta(days=1)
SENSORS = {
    name: Sensor(sensor_id=name, site_id="S", place_id="p", signal=signal)
    for name, signal in (("gas", "ch4_pct"), ("machine", "powered_work_on"), ("pressure", ""))
}
PER_FRAME, FRAMES = 1500, 7  # a frame is longer than a vector of DuckDB, so batches end within frames


@pytest.fixture
def lake() -> duckdb.DuckDBPyConnection:
    """Readings of a site in frames of 1,500 rows and of a sensor without signal, and of another site."""
    con = duckdb.connect()
    con.execute(
        """CREATE TABLE readings AS
        SELECT 'log' || (n // 6000) AS log_id, 0 AS "partition", (n // $per) % 4 AS "offset", (n % $per)::INT AS "row",
               'f' || n // $per AS frame_id, ['gas', 'machine', 'pressure'][1 + n % 3] AS sensor_id,
               $first::TIMESTAMPTZ + to_seconds(n // 3) AS occurred_at, n::DOUBLE AS value, 0::UTINYINT AS quality,
               $first::TIMESTAMPTZ + to_seconds(n // $per) AS kafka_at, site AS site_id
        FROM range($per * $frames) AS r(n), (VALUES ('S'), ('T')) AS sites(site)""",
        {"per": PER_FRAME, "frames": FRAMES, "first": FIRST},
    )
    return con


@pytest.mark.parametrize("batch", [1, 2048, 1_000_000])
def test_frames_are_whole_and_in_order_and_hold_only_what_rules_can_ask_for(
    lake: duckdb.DuckDBPyConnection, batch: int
) -> None:
    landed = LandedFrames(lake, "S", SENSORS, FIRST, BEYOND, batch)
    for _ in range(2):  # once per catalogue
        frames = list(landed)
        assert [frame.header.frame_id for frame in frames] == [f"f{n}" for n in range(FRAMES)]
        assert {frame.batch.num_rows for frame in frames} == {PER_FRAME * 2 // 3}
        values = [value for frame in frames for value in frame.batch.column("value").to_pylist()]
        assert values == [float(n) for n in range(PER_FRAME * FRAMES) if n % 3 != 2]
        rows = frames[-1].row_numbers().tolist()
        assert rows == [n for n in range(PER_FRAME) if (n + PER_FRAME * (FRAMES - 1)) % 3 != 2]
        assert [frame.record.offset for frame in frames] == [0, 1, 2, 3, 0, 1, 2]
        assert [frame.record.log_id for frame in frames] == ["log0"] * 4 + ["log1"] * 3


def test_nothing_landed_is_no_frame(lake: duckdb.DuckDBPyConnection) -> None:
    assert list(LandedFrames(lake, "S", {}, FIRST, BEYOND)) == []
    assert list(LandedFrames(lake, "U", SENSORS, FIRST, BEYOND)) == []
    assert list(LandedFrames(lake, "S", SENSORS, BEYOND, BEYOND + dt.timedelta(days=1))) == []
