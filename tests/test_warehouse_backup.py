import os
import shutil
import threading
from pathlib import Path

import duckdb
import polars
import pytest

from tests.lake_rows import land, readings
from tests.local_s3 import LocalS3
from warehouse.backup import BadBackup, backup, mend, restore
from warehouse.lake import LakeTable

FRAMES = "log/telemetry.frames/0"


def filled(lake: Path) -> LakeTable:
    rules = LakeTable.open(lake, "registry_rules")
    land(rules, 6)
    rules.compact(min_files=2)
    land(rules, 1)
    table = LakeTable.open(lake, "readings")
    for i in range(3):
        table.append(readings(i, 50), {FRAMES: i}, {FRAMES: i - 1 if i else None})
    return rules


def count(lake: Path, name: str) -> int:
    files = LakeTable.open(lake, name).file_uris()
    with duckdb.connect() as con:
        return con.execute(f'select count(distinct ("offset", key)) from read_parquet({files})').fetchone()[0]


def test_what_comes_back_is_what_was_there_and_landing_goes_on_from_it(tmp_path):
    filled(tmp_path / "lake")
    (tmp_path / "audit.jsonl").write_text("{}\n")
    done = backup(tmp_path / "lake", tmp_path / "copy", {"audit.jsonl": tmp_path / "audit.jsonl"})
    assert {name: copied.rows for name, copied in done.items()} == {"registry_rules": 70, "readings": 150}
    back = restore(tmp_path / "copy", tmp_path / "new", {"audit.jsonl": tmp_path / "audit-new.jsonl"})
    assert {name: copied.rows for name, copied in back.items()} == {"registry_rules": 70, "readings": 150}
    assert (tmp_path / "audit-new.jsonl").read_text() == "{}\n"
    rules = LakeTable.open(tmp_path / "new", "registry_rules")
    assert rules.landed("log", "registry.rules") == {0: 69}
    land(rules, 2)
    assert count(tmp_path / "new", "registry_rules") == 90
    assert LakeTable.open(tmp_path / "new", "readings").landed("log", "telemetry.frames") == {0: 2}
    scanned = polars.scan_delta(str(tmp_path / "copy" / "lake" / "readings")).select(polars.len()).collect().item()
    assert scanned == 150  # the backup is itself a lake


def test_a_second_backup_copies_what_is_new_and_drops_what_is_gone(tmp_path):
    rules = filled(tmp_path / "lake")
    backup(tmp_path / "lake", tmp_path / "copy")
    land(rules, 4)
    rules.compact(min_files=2)
    done = backup(tmp_path / "lake", tmp_path / "copy")
    copied = {path for path in done["registry_rules"].files if path.endswith(".parquet") and "_delta" not in path}
    assert len(copied) == 1
    held = {p.name for p in (tmp_path / "copy" / "lake" / "registry_rules").glob("*.parquet")}
    assert held == {Path(path).name for path in copied}
    assert done["readings"].new <= 3  # the log's end; no data file again
    restore(tmp_path / "copy", tmp_path / "new")
    assert count(tmp_path / "new", "registry_rules") == 110


def test_a_backup_beside_a_writer_and_a_compaction_is_one_version_of_each_table(tmp_path):
    rules = LakeTable.open(tmp_path / "lake", "registry_rules")
    land(rules, 2)
    stop = threading.Event()

    def write() -> None:
        ours = LakeTable.open(tmp_path / "lake", "registry_rules")
        while not stop.is_set():
            land(ours, 3)
            ours.compact(min_files=3)
            ours.vacuum(retention_hours=0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(4):
            backup(tmp_path / "lake", tmp_path / "copy")
            back = restore(tmp_path / "copy", tmp_path / f"new{n}")
            landed = LakeTable.open(tmp_path / f"new{n}", "registry_rules").landed("log", "registry.rules")
            assert landed == {0: back["registry_rules"].rows - 1}
            assert count(tmp_path / f"new{n}", "registry_rules") == back["registry_rules"].rows
    finally:
        stop.set()
        writer.join(60)


def test_a_damaged_backup_is_refused_by_the_name_of_the_file(tmp_path):
    filled(tmp_path / "lake")
    backup(tmp_path / "lake", tmp_path / "copy")
    with pytest.raises(BadBackup, match="restore into an empty one"):
        restore(tmp_path / "copy", tmp_path / "lake")
    victim = next((tmp_path / "copy" / "lake" / "readings").rglob("*.parquet"))
    with victim.open("r+b") as file:
        file.seek(20)
        file.write(b"\xff")
    with pytest.raises(BadBackup, match=victim.name):
        restore(tmp_path / "copy", tmp_path / "new")
    assert not LakeTable.exists(tmp_path / "new", "readings")
    victim.unlink()
    with pytest.raises(BadBackup, match="is not in the backup"):
        restore(tmp_path / "copy", tmp_path / "newer")
    with pytest.raises(BadBackup, match=r"manifest\.json: no backup"):
        restore(tmp_path / "nowhere", tmp_path / "newest")


def test_files_that_are_gone_or_damaged_are_mended_from_a_backup(tmp_path):
    filled(tmp_path / "lake")
    backup(tmp_path / "lake", tmp_path / "copy")
    gone, torn, _ = LakeTable.open(tmp_path / "lake", "readings").file_uris()
    Path(gone).unlink()
    os.truncate(torn, 30)
    assert sorted(mend(tmp_path / "copy", tmp_path / "lake")) == sorted(
        f"readings/{Path(path).relative_to(tmp_path / 'lake' / 'readings')}" for path in (gone, torn)
    )
    assert LakeTable.open(tmp_path / "lake", "readings").delta().to_pyarrow_table().num_rows == 150
    assert mend(tmp_path / "copy", tmp_path / "lake") == []


def test_a_lake_on_s3_goes_to_a_folder_and_back_to_s3(tmp_path, monkeypatch):
    storage = LocalS3()
    try:
        for name, value in storage.environment.items():
            monkeypatch.setenv(name, value)
        land(LakeTable.open(storage.lake, "registry_rules"), 3)
        backup(storage.lake, tmp_path / "copy")
        restore(tmp_path / "copy", tmp_path / "disk")
        assert count(tmp_path / "disk", "registry_rules") == 30
        storage.empty()
        assert restore(tmp_path / "copy", storage.lake)["registry_rules"].rows == 30
        assert LakeTable.open(storage.lake, "registry_rules").landed("log", "registry.rules") == {0: 29}
    finally:
        storage.stop()
    shutil.rmtree(tmp_path / "copy")
