"""Publishing: what a build holds, what is kept, and readers who never notice."""

import datetime as dt
import os
import threading
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pytest
from deltalake import DeltaTable

import warehouse
from schemas.events import Event
from schemas.tables import TABLES
from schemas.times import EPOCH, day_start, shanghai_day
from warehouse.lake import LakeTable
from warehouse.publish import NotPublished, kept_files, publish, published, published_path

VECTORS = Path(__file__).parent / "vectors" / "a4_hazard_events.jsonl"
NOON = day_start(dt.date(2026, 7, 1)) + dt.timedelta(hours=12)


def at(table: str, offset: int, **values: object) -> dict[str, object]:
    topic = table.replace("_", ".", 1)
    place = {"log_id": "log", "topic": topic, "partition": 0, "offset": offset, "kafka_at": NOON, "key": None}
    return place | values


def land(data: Path, table: str, rows: list[dict[str, object]]) -> None:
    LakeTable.open(data / "lake", table).append(pa.Table.from_pylist(rows, TABLES[table]), {}, {})


def hazard_event_rows() -> list[dict[str, object]]:
    events = [Event.parse(line) for line in VECTORS.read_bytes().splitlines()]
    return [
        at(
            "hazard_events", n, event_id=e.event_id, kind=e.kind, subject_id=e.subject_id, site_id=e.site_id,
            occurred_at=e.occurred_at, recorded_at=e.recorded_at, actor=e.actor.encode().decode(),
            data=orjson.dumps(e.data).decode(), imported=e.imported, causes="[]",
        )
        for n, e in enumerate(events)
    ]  # fmt: skip


def reading_rows(first: int, count: int) -> list[dict[str, object]]:
    times = [NOON + dt.timedelta(hours=n) for n in range(first, first + count)]
    return [
        {
            "log_id": "log", "topic": "telemetry.frames", "partition": 1, "offset": first, "row": row,
            "kafka_at": EPOCH, "frame_id": f"f{first}", "site_id": "140402000123", "sensor_id": "MM116",
            "occurred_at": when, "value": 0.5,
            "quality": 0, "source": "test", "received_at": when, "day": shanghai_day(when),
        }
        for row, when in enumerate(times)
    ]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    land(tmp_path, "hazard_events", hazard_event_rows())
    land(tmp_path, "readings", reading_rows(0, 30))
    return tmp_path


def test_a_build_holds_marts_as_tables_and_readings_as_a_view(data):
    build = publish(data)
    con = published(data)
    kinds = dict(
        con.execute(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'main'"
        ).fetchall()
    )
    assert kinds["hazards"] == "BASE TABLE" and kinds["readings"] == "VIEW"
    assert con.execute("SELECT count(*) FROM hazards").fetchone() == (8,)
    assert con.execute("SELECT count(*), count(DISTINCT day) FROM readings").fetchone() == (30, 2)
    assert build.rows["hazards"] == 8 and build.rows["readings"] == 30
    listed = dict(con.execute("SELECT name, rows FROM build_manifest WHERE rows > 0").fetchall())
    assert listed["hazard_events"] == len(VECTORS.read_bytes().splitlines()) and listed["readings"] == 30


def test_the_macro_for_any_past_day_works_in_the_published_file(data):
    publish(data)
    sql = "SELECT count(*) FROM hazards_as_of(TIMESTAMPTZ '2024-12-31 23:59:59+08', NULL) WHERE in_m AND is_open"
    assert published(data).execute(sql).fetchone() == (3,)


def test_comments_in_both_languages_come_along(data):
    publish(data)
    con = published(data)
    (comment,) = con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'hazards'").fetchone()
    assert "隐患" in comment and "hazard" in comment
    (column,) = con.execute(
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'hazards' AND column_name = 'due'"
    ).fetchone()
    assert "24" in column


def test_an_empty_lake_is_published_with_empty_tables_of_the_right_columns(tmp_path):
    build = publish(tmp_path)
    # what needs no input, the KPIs of "everything" with null ratios, and what the checks said
    filled = {name for name, rows in build.rows.items() if rows}
    assert filled == {"dim_calendar", "dim_region", "kpi_snapshot", "quality_checks"}
    assert "found_at" in [c[0] for c in published(tmp_path).execute("FROM hazards").description]


def test_without_a_build_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(NotPublished, match="--once publish"):
        published_path(tmp_path)


def test_the_last_three_builds_stay_and_name_their_files(data):
    for _ in range(5):
        publish(data)
    folder = data / "warehouse"
    assert sorted(path.name for path in folder.glob("warehouse-*.duckdb")) == [
        f"warehouse-{n}.duckdb" for n in (3, 4, 5)
    ]
    assert published_path(data).name == "warehouse-5.duckdb"
    assert (folder / "warehouse.duckdb").is_symlink()
    assert not list(folder.glob(".building-*")) and not list(folder.glob("*.wal"))
    assert set(DeltaTable(data / "lake" / "readings").file_uris()) <= kept_files(data)


def test_a_failed_build_leaves_the_last_one_in_place(data, monkeypatch):
    publish(data)
    monkeypatch.setattr("warehouse.build._manifest", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(data)
    assert published(data).execute("SELECT count(*) FROM hazards").fetchone() == (8,)
    assert [path.name for path in (data / "warehouse").glob("*.duckdb")].count("warehouse-2.duckdb") == 0


def test_the_published_file_cannot_be_written(data):
    publish(data)
    with pytest.raises(duckdb.Error, match="read-only"):
        published(data).execute("DELETE FROM hazards")


def test_an_older_build_reads_its_own_files_after_compaction_and_vacuum(data):
    land(data, "readings", reading_rows(100, 10))
    publish(data)
    old = published(data)
    for n in range(6):
        land(data, "readings", reading_rows(200 + n, 1))
    table = LakeTable.open(data / "lake", "readings")
    table.compact(min_files=2)
    table.vacuum(kept_files(data), retention_hours=0)
    assert old.execute("SELECT count(*) FROM readings").fetchone() == (40,)
    assert published(data).execute("SELECT count(*) FROM readings").fetchone() == (40,)
    publish(data)
    assert published(data).execute("SELECT count(*) FROM readings").fetchone() == (46,)
    assert warehouse.connect(data).execute("SELECT count(*) FROM readings").fetchone() == (46,)


def test_readers_in_a_loop_see_no_error_and_no_torn_build(data):
    publish(data)
    seen: list[tuple[int, int, int]] = []
    errors: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(0.1):
            try:
                con = published(data)
                (readings,) = con.execute("SELECT count(*) FROM readings").fetchone()
                (hazards,) = con.execute("SELECT count(*) FROM hazards").fetchone()
                (told,) = con.execute("SELECT rows FROM build_manifest WHERE name = 'readings'").fetchone()
                con.close()
                seen.append((readings, told, hazards))
            except BaseException as error:
                errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(1, int(os.environ.get("QINGLING_PUBLISHES", "3")) + 1):
        land(data, "readings", reading_rows(1000 * n, n))
        publish(data)
        table = LakeTable.open(data / "lake", "readings")
        table.compact(min_files=2)
        table.vacuum(kept_files(data), retention_hours=0)
    stop.set()
    for reader in readers:
        reader.join()
    assert not errors
    assert seen and all(readings == told and hazards == 8 for readings, told, hazards in seen)
    assert len({readings for readings, _, _ in seen}) > 1
