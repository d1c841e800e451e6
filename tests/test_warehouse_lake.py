import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from schemas import tables
from tests.lake_rows import APP, START, land, readings, states
from warehouse import deltalog
from warehouse.lake import Fenced, LakeTable, SchemaBreak

ROOT = Path(__file__).parent.parent


def count(table: LakeTable, what: str = "count(*)") -> int:
    files = table.file_uris()
    if not files:
        return 0
    return ask(f"select {what} from read_parquet({files}, hive_partitioning=true)")[0][0]


def ask(query: str) -> list[tuple]:
    with duckdb.connect() as plain:
        return plain.execute(query).fetchall()


def child(code: str, *arguments: str) -> subprocess.CompletedProcess:
    program = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n{code}"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120)


def test_rows_and_offsets_come_together(tmp_path):
    table = LakeTable.open(tmp_path, "registry_rules")
    assert table.landed("log", "registry.rules") == {}
    land(table, 3)
    again = LakeTable.open(tmp_path, "registry_rules")
    assert again.landed("log", "registry.rules") == {0: 29}
    assert again.landed("another log", "registry.rules") == {}
    assert count(again) == count(again, 'count(distinct "offset")') == 30


def test_a_batch_of_doubles_only_moves_the_offset(tmp_path):
    table = LakeTable.open(tmp_path, "registry_rules")
    table.append(states(0, 0), {APP: 7}, {APP: None})
    assert table.file_uris() == []
    assert LakeTable.open(tmp_path, "registry_rules").landed("log", "registry.rules") == {0: 7}


def test_readings_lie_by_day_and_keep_every_value(tmp_path):
    table = LakeTable.open(tmp_path, "readings")
    two_days = pa.concat_tables(
        [readings(0, 50), readings(0, 30, START + dt.timedelta(days=1))], promote_options="default"
    )
    table.append(two_days, {"log/telemetry.frames/0": 0}, {})
    assert {Path(uri).parent.name for uri in table.file_uris()} == {"day=2026-07-01", "day=2026-07-02"}
    assert count(table) == 80
    assert count(table, "max(quality)") == 255
    assert count(table, "min(day)") == dt.date(2026, 7, 1)


def test_a_stale_writer_is_fenced_and_leaves_nothing(tmp_path):
    stale, owner = (LakeTable.open(tmp_path, "registry_rules") for _ in range(2))
    land(owner, 1)
    with pytest.raises(Fenced) as caught:
        stale.append(states(0, 10), {APP: 9}, {APP: None})
    assert caught.value.moved == {APP: 9}
    assert count(owner) == 10
    assert len(list((tmp_path / "registry_rules").glob("*.parquet"))) == 1
    stale.append(states(10, 5), {APP: 14}, {APP: 9})
    assert count(owner) == 15


def test_a_rival_between_look_and_commit_is_seen(tmp_path, monkeypatch):
    ours, rival = (LakeTable.open(tmp_path, "registry_rules") for _ in range(2))
    put = deltalog.put

    def late(log, version, lines):
        monkeypatch.setattr(deltalog, "put", put)
        land(rival, 1)
        return put(log, version, lines)

    monkeypatch.setattr(deltalog, "put", late)
    with pytest.raises(Fenced):
        ours.append(states(0, 10), {APP: 9}, {APP: None})
    assert count(rival) == 10


_WRITER = """
from pathlib import Path
from test_warehouse_lake import *
from tests.lake_rows import *
partition = int(sys.argv[2])
table = LakeTable.open(Path(sys.argv[1]), "registry_rules")
name = app_id("log", "registry.rules", partition)
for i in range(40):
    table.append(states(i, 1, partition), {name: i}, {name: i - 1 if i else None})
"""


def test_two_processes_write_one_table(tmp_path):
    program = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n{_WRITER}"
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(p)]) for p in (0, 1)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    table = LakeTable.open(tmp_path, "registry_rules")
    assert count(table) == 80
    assert table.version == 80
    assert count(table, 'count(distinct (partition, "offset"))') == 80


@pytest.mark.parametrize("torn", [b"", b'{"commitInfo":{"timesta', b'{"commitInfo":{}}\n{"txn":{"appId":"log'])
def test_a_torn_newest_commit_is_set_aside_and_landed_again(tmp_path, torn):
    land(LakeTable.open(tmp_path, "registry_rules"), 3)
    newest = tmp_path / "registry_rules" / "_delta_log" / f"{3:020d}.json"
    newest.write_bytes(torn)
    table = LakeTable.open(tmp_path, "registry_rules")
    assert [path.parent.name for path in table.repaired] == ["_torn"]
    assert table.repaired[0].read_bytes() == torn
    assert table.landed("log", "registry.rules") == {0: 19}
    land(table, 1)
    assert count(table) == count(table, 'count(distinct "offset")') == 30


def test_a_torn_commit_under_a_whole_one_is_refused(tmp_path):
    land(LakeTable.open(tmp_path, "registry_rules"), 3)
    (tmp_path / "registry_rules" / "_delta_log" / f"{2:020d}.json").write_bytes(b"")
    with pytest.raises(deltalog.TornLog, match=r"00002\.json"):
        LakeTable.open(tmp_path, "registry_rules")


def test_a_torn_checkpoint_is_set_aside(tmp_path):
    table = LakeTable.open(tmp_path, "registry_rules")
    land(table, 5)
    table.checkpoint()
    (checkpoint,) = (tmp_path / "registry_rules" / "_delta_log").glob("*.checkpoint.parquet")
    os.truncate(checkpoint, 100)
    again = LakeTable.open(tmp_path, "registry_rules")
    assert len(again.repaired) == 2
    assert again.landed("log", "registry.rules") == {0: 49}
    assert count(again) == 50


_KILLED = """
import os, signal
from pathlib import Path
from test_warehouse_lake import *
from tests.lake_rows import *
table = LakeTable.open(Path(sys.argv[1]), "registry_rules")
land(table, 2)
link = os.link
def dying(source, target):
    if sys.argv[2] == "after":
        link(source, target)
    os.kill(os.getpid(), signal.SIGKILL)
os.link = dying
land(table, 1)
"""


@pytest.mark.parametrize(("moment", "rows"), [("before", 20), ("after", 30)])
def test_killed_at_the_commit(tmp_path, moment, rows):
    assert child(_KILLED, str(tmp_path), moment).returncode == -signal.SIGKILL
    assert len(list((tmp_path / "registry_rules").glob("*.parquet"))) == 3
    table = LakeTable.open(tmp_path, "registry_rules")
    assert count(table) == rows
    assert table.landed("log", "registry.rules") == {0: rows - 1}
    land(table, 4 - rows // 10)
    assert count(table) == count(table, 'count(distinct "offset")') == 40
    orphans = [] if moment == "after" else [1]
    assert len(table.vacuum(retention_hours=0)) == len(orphans)
    assert count(table) == 40


_FULL = """
import resource, signal
from pathlib import Path
from test_warehouse_lake import *
from tests.lake_rows import *
table = LakeTable.open(Path(sys.argv[1]), "registry_rules")
land(table, 1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
try:
    land(table, 1)
except OSError as error:
    print("refused:", type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(len(list(table.path.glob("*.parquet"))), count(table))
land(table, 1)
print(count(table), table.landed("log", "registry.rules"))
"""


@pytest.mark.parametrize("limit", [64, 1000])
def test_a_full_disk_loses_nothing_and_leaves_nothing(tmp_path, limit):
    ran = child(_FULL, str(tmp_path), str(limit))
    assert ran.stdout.splitlines() == ["refused: OSError", "1 10", "20 {0: 19}"], ran.stderr


def test_readers_see_whole_commits_while_writers_and_compaction_run(tmp_path):
    table = LakeTable.open(tmp_path, "registry_rules")
    land(table, 1)
    seen, wrong, stop = [0], [], threading.Event()

    def read() -> None:
        reader = LakeTable.open(tmp_path, "registry_rules")
        while not stop.is_set():
            files = reader.file_uris()
            total, distinct = ask(f'select count(*), count(distinct "offset") from read_parquet({files})')[0]
            if total % 10 or total != distinct or total < seen[-1]:
                wrong.append((total, distinct, seen[-1]))
            seen.append(total)

    thread = threading.Thread(target=read)
    thread.start()
    other = LakeTable.open(tmp_path, "registry_rules")
    for _ in range(12):
        land(table, 5)
        other.compact(min_files=2)
    stop.set()
    thread.join(60)
    assert wrong == []
    assert len(seen) > 3  # the reader did read meanwhile, to the end
    assert count(table) == count(table, 'count(distinct "offset")') == 610
    assert len(table.file_uris()) < 12


def test_compaction_merges_each_day_for_itself_and_keeps_every_row(tmp_path):
    table = LakeTable.open(tmp_path, "readings")
    for i in range(12):
        table.append(readings(i, 40, START + dt.timedelta(days=i % 2)), {"log/telemetry.frames/0": i}, {})
    before = count(table, "sum(value)")
    done = table.compact()
    assert (done.files_before, done.files_after) == (12, 2)
    assert (count(table), count(table, "sum(value)")) == (480, before)
    assert count(table, 'count(distinct ("offset", row))') == 480
    assert table.landed("log", "telemetry.frames") == {0: 11}
    assert table.compact().files_before == 0
    first = ask(f"select sensor_id from read_parquet('{table.file_uris()[0]}')")
    assert first == sorted(first)


def test_the_slower_of_two_compactions_gives_way(tmp_path, monkeypatch):
    ours, rival = (LakeTable.open(tmp_path, "registry_rules") for _ in range(2))
    land(ours, 6)
    put = deltalog.put

    def late(log, version, lines):
        monkeypatch.setattr(deltalog, "put", put)
        assert rival.compact().files_after == 1
        return put(log, version, lines)

    monkeypatch.setattr(deltalog, "put", late)
    assert ours.compact().files_after == 0
    assert len(ours.file_uris()) == 1
    assert count(ours) == 60
    assert len(list(ours.path.glob("*.parquet"))) == 7


def test_vacuum_spares_what_a_manifest_names(tmp_path):
    table = LakeTable.open(tmp_path, "registry_rules")
    land(table, 6)
    manifest = table.file_uris()[:2]
    table.compact()
    assert table.vacuum() == []  # younger than the retention
    assert len(table.vacuum(manifest, retention_hours=0)) == 4
    assert all(Path(uri).exists() for uri in manifest)
    assert count(table) == 60


def test_every_reader_counts_the_same(tmp_path):
    import polars

    table = LakeTable.open(tmp_path, "readings")
    for i in range(60):  # beyond a checkpoint
        table.append(readings(i, 20), {"log/telemetry.frames/0": i}, {})
    table.compact()
    plain = readings(60, 20)
    texts = plain["sensor_id"].cast(pa.string())  # as landing writes sensors that hardly repeat
    table.append(plain.set_column(plain.column_names.index("sensor_id"), "sensor_id", texts),
                 {"log/telemetry.frames/0": 60}, {})  # fmt: skip
    assert count(table) == 1220
    scanned = polars.scan_delta(str(table.path)).group_by("sensor_id").len().collect()
    assert dict(scanned.iter_rows()) == {f"m{n}": 61 * (3 if n < 6 else 2) for n in range(7)}
    assert DeltaTable(table.path).to_pyarrow_table().num_rows == 1220
    assert polars.scan_delta(str(table.path)).select(polars.len()).collect().item() == 1220
    assert pa.table(DeltaTable(table.path).get_add_actions(flatten=True))["num_records"].to_pylist() in (
        [1200, 20],
        [20, 1200],
    )


def test_a_commit_of_delta_rs_between_ours_is_followed(tmp_path):
    table = LakeTable.open(tmp_path, "registry_rules")
    land(table, 5)
    DeltaTable(table.path).optimize.compact()
    land(table, 1)
    assert table.version == 7
    assert count(table) == count(table, 'count(distinct "offset")') == 60


def test_far_behind_a_cleaned_log_the_table_is_opened_anew(tmp_path):
    sleeper, owner = (LakeTable.open(tmp_path, "registry_rules") for _ in range(2))
    land(owner, 160, rows=1)
    for version in range(1, 150):
        (owner.path / "_delta_log" / f"{version:020d}.json").unlink()
    with pytest.raises(Fenced):
        sleeper.append(states(0, 1), {APP: 0}, {APP: None})
    assert sleeper.landed("log", "registry.rules") == {0: 159}


def test_a_new_nullable_column_arrives_a_changed_type_is_refused(tmp_path, monkeypatch):
    land(LakeTable.open(tmp_path, "registry_rules"), 1)
    known = tables.TABLES["registry_rules"]
    monkeypatch.setitem(tables.TABLES, "registry_rules", known.append(pa.field("note", pa.string())))
    wider = LakeTable.open(tmp_path, "registry_rules")
    wider.append(states(10, 5).append_column("note", pa.array(["n"] * 5)), {APP: 14}, {APP: 9})
    files = wider.file_uris()
    query = f"select count(*), count(note) from read_parquet({files}, union_by_name=true)"
    assert ask(query) == [(15, 5)]
    assert wider.compact(min_files=2).files_after == 1
    assert count(wider, "count(note)") == 5
    monkeypatch.setitem(tables.TABLES, "registry_rules", known.append(pa.field("note", pa.int64())))
    with pytest.raises(SchemaBreak, match="registry_rules, column note"):
        LakeTable.open(tmp_path, "registry_rules")
    monkeypatch.setitem(tables.TABLES, "registry_rules", known.append(pa.field("must", pa.int64(), nullable=False)))
    with pytest.raises(SchemaBreak, match="must must be nullable"):
        LakeTable.open(tmp_path, "registry_rules")


def test_a_table_with_newer_delta_features_is_left_alone(tmp_path):
    table = LakeTable.open(tmp_path, "registry_rules")
    land(table, 1)
    DeltaTable(table.path).alter.set_table_properties({"delta.enableDeletionVectors": "true"})
    with pytest.raises(SchemaBreak, match="features that we do not write"):
        land(table, 1)
    with pytest.raises(SchemaBreak, match="features that we do not write"):
        LakeTable.open(tmp_path, "registry_rules")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.append_column("stray", pa.array([1] * 10)), "no column stray"),
        (lambda rows: rows.drop_columns(["offset"]), "needs column offset"),
        (lambda rows: rows.set_column(3, "offset", pa.array(["x"] * 10)), "column offset: string is not int64"),
        (lambda rows: rows.set_column(3, "offset", pa.nulls(10, pa.int64())), "column offset: 10 nulls"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_column(tmp_path, change, message):
    table = LakeTable.open(tmp_path, "registry_rules")
    with pytest.raises(SchemaBreak, match=message):
        table.append(change(states(0, 10)), {APP: 9}, {APP: None})
    assert table.landed("log", "registry.rules") == {}


def test_recent_reads_only_files_near_the_newest(tmp_path):
    table = LakeTable.open(tmp_path, "readings")
    for i, days in enumerate((0, 5, 6)):
        table.append(readings(i, 10, START + dt.timedelta(days=days)), {"log/telemetry.frames/0": i}, {})
    found = [
        rows["frame_id"].to_pylist()[0]
        for rows in table.recent(["frame_id", "kafka_at"], "kafka_at", 48 * 3_600_000_000, 1 << 60)
    ]
    assert found == ["f2", "f1"]


def test_a_compaction_whose_files_were_merged_before_it_looked_gives_way(tmp_path):
    ours, rival = (LakeTable.open(tmp_path, "registry_rules") for _ in range(2))
    land(ours, 6)
    files = ours.files()
    assert rival.compact().files_after == 1
    assert ours.version == rival.version  # has looked: the log brings nothing new any more
    again = ours.write(states(0, 60), {})
    assert not ours.replace(files, [again])
    assert count(ours) == 60
    assert not (ours.path / again["add"]["path"]).exists()


def test_a_column_arrives_while_others_write(tmp_path):
    ours, other = (LakeTable.open(tmp_path, "readings") for _ in range(2))
    frames = "log/telemetry.frames/0"
    ours.append(readings(0, 5), {frames: 0}, {frames: None})
    ours.widen([pa.field("note", pa.string()), pa.field("bits", pa.uint8())])
    ours.append(readings(1, 5).append_column("note", pa.array(["n"] * 5)), {frames: 1}, {frames: 0})
    other.append(readings(2, 5), {frames: 2}, {frames: 1})
    assert other.columns["note"] == pa.string()
    assert other.columns["bits"] == pa.int16()
    assert other.compact(min_files=2).files_after == 1
    assert (count(other), count(other, "count(note)")) == (15, 5)
    with pytest.raises(SchemaBreak, match="column note: string on disk, int64 wanted"):
        other.widen([pa.field("note", pa.int64())])
    with pytest.raises(SchemaBreak, match="must be nullable"):
        other.widen([pa.field("must", pa.int64(), nullable=False)])
    assert LakeTable.open(tmp_path, "readings").columns["note"] == pa.string()
