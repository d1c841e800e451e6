"""The lake on S3-compatible storage: what holds on a local disk holds there too."""

import datetime as dt
from collections.abc import Iterator

import duckdb
import polars
import pyarrow as pa
import pytest
from deltalake import DeltaTable

import warehouse
from tests.lake_rows import APP, START, land, readings, states
from tests.local_s3 import LocalS3
from warehouse.lake import REFUSES, Fenced, LakeTable, SchemaBreak
from warehouse.publish import publish

FRAMES = "log/telemetry.frames/0"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalS3]:
    running = LocalS3()
    yield running
    running.stop()


@pytest.fixture
def s3(server: LocalS3, monkeypatch: pytest.MonkeyPatch) -> LocalS3:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.empty()
    return server


def offsets(table: LakeTable) -> list[int]:
    return sorted(table.delta().to_pyarrow_table()["offset"].to_pylist())


def test_rows_and_offsets_come_together(s3):
    assert not LakeTable.exists(s3.lake, "registry_rules")
    table = LakeTable.open(s3.lake, "registry_rules")
    land(table, 3)
    again = LakeTable.open(s3.lake, "registry_rules")
    assert LakeTable.exists(s3.lake, "registry_rules")
    assert again.landed("log", "registry.rules") == {0: 29}
    assert offsets(again) == list(range(30))
    assert all(uri.startswith("s3://") for uri in again.file_uris())


def test_a_stale_writer_is_fenced(s3):
    stale, owner = (LakeTable.open(s3.lake, "registry_rules") for _ in range(2))
    land(owner, 1)
    with pytest.raises(Fenced) as caught:
        stale.append(states(0, 10), {APP: 9}, {APP: None})
    assert caught.value.moved == {APP: 9}
    stale.append(states(10, 5), {APP: 14}, {APP: 9})
    assert offsets(owner) == list(range(15))


def test_a_rival_between_look_and_commit_is_seen(s3, monkeypatch):
    ours, rival = (LakeTable.open(s3.lake, "registry_rules") for _ in range(2))
    write = ours.write

    def late(*arguments, **options):
        action = write(*arguments, **options)
        land(rival, 1)
        return action

    monkeypatch.setattr(ours, "write", late)
    with pytest.raises(Fenced):
        ours.append(states(0, 10), {APP: 9}, {APP: None})
    assert offsets(rival) == list(range(10))


def test_another_partition_s_rival_does_not_fence(s3, monkeypatch):
    ours, rival = (LakeTable.open(s3.lake, "registry_rules") for _ in range(2))
    write = ours.write

    def late(*arguments, **options):
        action = write(*arguments, **options)
        rival.append(states(0, 5, partition=1), {"log/registry.rules/1": 4}, {"log/registry.rules/1": None})
        return action

    monkeypatch.setattr(ours, "write", late)
    ours.append(states(0, 10), {APP: 9}, {APP: None})
    assert offsets(ours) == sorted([*range(10), *range(5)])


def test_compaction_and_vacuum_keep_every_row(s3):
    table = LakeTable.open(s3.lake, "readings")
    for i in range(6):
        table.append(readings(i, 40, START + dt.timedelta(days=i % 2)), {FRAMES: i}, {FRAMES: i - 1 if i else None})
    before = sorted(table.delta().to_pyarrow_table()["value"].to_pylist())
    manifest = table.file_uris()[:1]
    done = table.compact(min_files=2)
    assert (done.files_before, done.files_after) == (6, 2)
    assert len(table.vacuum(manifest, retention_hours=0)) == 5
    assert sorted(table.delta().to_pyarrow_table()["value"].to_pylist()) == before
    assert table.landed("log", "telemetry.frames") == {0: 5}
    assert DeltaTable(f"{s3.lake}/readings").to_pyarrow_table().num_rows == 240
    scanned = polars.scan_delta(f"{s3.lake}/readings").select(polars.len()).collect().item()
    assert scanned == 240


def test_a_new_nullable_column_arrives_beside_a_running_writer(s3):
    ours, other = (LakeTable.open(s3.lake, "readings") for _ in range(2))
    ours.widen([pa.field("note", pa.string())])
    ours.append(readings(0, 5).append_column("note", pa.array(["n"] * 5)), {FRAMES: 0}, {FRAMES: None})
    other.append(readings(1, 5), {FRAMES: 1}, {FRAMES: 0})
    assert sorted(map(str, ours.delta().to_pyarrow_table()["note"].to_pylist())) == ["None"] * 5 + ["n"] * 5
    with pytest.raises(SchemaBreak, match="column note"):
        other.widen([pa.field("note", pa.int64())])


def test_a_storage_that_refuses_loses_nothing(s3):
    table = LakeTable.open(s3.lake, "registry_rules")
    land(table, 1)
    s3.refuse()
    try:
        with pytest.raises(REFUSES):
            table.append(states(10, 10), {APP: 19}, {APP: 9})
    finally:
        s3.answer()
    table.append(states(10, 10), {APP: 19}, {APP: 9})
    assert offsets(table) == list(range(20))


def test_duckdb_reads_the_lake_on_s3_through_the_same_views(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("QINGLING_LAKE_URL", s3.lake)
    table = LakeTable.open(s3.lake, "readings")
    for i in range(3):
        table.append(readings(i, 40, START + dt.timedelta(days=i)), {FRAMES: i}, {FRAMES: i - 1 if i else None})
    land(LakeTable.open(s3.lake, "registry_rules"), 2)
    with warehouse.connect(tmp_path) as lake:
        assert lake.execute("select count(*), count(distinct day), sum(value) from readings").fetchall() == [
            (120, 3, 3 * 780.0)
        ]
        assert lake.execute("select count(*) from raw.registry_rules").fetchall() == [(20,)]


def test_a_warehouse_published_from_s3_holds_what_needs_no_s3(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("QINGLING_LAKE_URL", s3.lake)
    table = LakeTable.open(s3.lake, "readings")
    table.append(readings(0, 40, START), {FRAMES: 0}, {FRAMES: None})
    build = publish(tmp_path)
    assert build.rows["readings"] == 40 and build.rows["sensor_days"] > 0
    con = duckdb.connect(str(build.path), read_only=True)  # a plain reader, without our file system
    names = {name for (name,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert {"sensor_days", "hazards", "hazard_days", "quality_checks"} <= names
    assert not names & {"readings", "evidence_sources", "processing_steps"}
    assert con.execute("SELECT sum(readings) FROM sensor_days").fetchone() == (40,)
    assert con.execute("SELECT count(*) FROM hazard_days").fetchone() == (0,)
