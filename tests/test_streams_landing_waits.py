"""When a table does not take rows its topics wait, the others land, and nothing is lost: full disk, refusing storage,
another schema, a torn log, a file that cannot be read, a clock that jumps."""

import errno
import logging
import os
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake import Field as DeltaField

from schemas.frames import FRAME_SCHEMA, FrameHeader, decode_frame, encode_frame
from streams.decode import Record
from tests.lander_bench import FRAMES, IDS, NOW, RULES, Log, frame, lander, rows, rule, total
from tests.local_s3 import LocalS3
from warehouse import deltalog
from warehouse.lake import LakeTable

HOUR = 3_600_000_000


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def clock():
    return Clock()


def with_note(record: Record, note: pa.Array) -> Record:
    batch = decode_frame(record.value)
    schema = FRAME_SCHEMA.append(pa.field("note", note.type))
    return replace(record, value=encode_frame(pa.record_batch([*batch.columns, note], schema=schema)))


def test_on_a_full_disk_the_topic_waits_the_others_land_and_all_comes_later(tmp_path, log, clock, monkeypatch, caplog):
    log.records = [frame(i) for i in range(8)]
    ours = lander(tmp_path, log, clock=clock)
    ours.land(log.records[:2])
    whole = deltalog.put

    def full(folder, version, lines):
        if "readings" in str(folder):
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(folder, version, lines)

    monkeypatch.setattr(deltalog, "put", full)
    with caplog.at_level(logging.ERROR):
        ours.land([*log.records[2:4], rule(0)])
    assert "telemetry.frames waits: table readings takes no rows (OSError: [Errno 28] No space left" in caplog.text
    assert list(ours.waiting) == [FRAMES]
    assert total(tmp_path, "registry_rules") == 1
    parquet = len(list((tmp_path / "readings").rglob("*.parquet")))
    ours.land(log.records[4:6])  # pauses: not even tried
    clock.at += 2
    assert ours.owes
    ours.land([])  # tried, and still full
    assert len(list((tmp_path / "readings").rglob("*.parquet"))) == parquet
    monkeypatch.setattr(deltalog, "put", whole)
    ours.land([])
    assert rows(tmp_path) == [(0, 0), (0, 1)]
    assert not ours.owes
    clock.at += 10
    ours.land([rule(1)])
    assert rows(tmp_path) == [(0, i) for i in range(6)]
    assert (ours.waiting, ours.owes) == ({}, False)
    ours.land(log.records[6:])
    assert total(tmp_path) == 40


def test_a_storage_that_refuses_at_the_start_is_waited_for(log, clock, monkeypatch, caplog):
    storage = LocalS3()
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)
    log.records = [rule(i) for i in range(4)]
    try:
        storage.refuse()
        ours = lander(storage.lake, log, {(RULES, 0): 2}, clock=clock)
        assert set(ours.waiting) == {FRAMES, RULES, "commands"}
        assert "registry.rules waits: table registry_rules takes no rows" in caplog.text
        ours.land([rule(2), rule(3)])
        storage.answer()
        clock.at += 60
        ours.land([])
        landed = LakeTable.open(storage.lake, "registry_rules")
        assert sorted(landed.delta().to_pyarrow_table()["offset"].to_pylist()) == [0, 1, 2, 3]
        assert (RULES in ours.waiting, ours.owes) == (False, False)
    finally:
        storage.stop()


def test_a_table_given_another_type_holds_its_topic_until_it_is_mended(tmp_path, log, clock, caplog):
    log.records = [rule(i) for i in range(3)]
    ours = lander(tmp_path, log, clock=clock)
    ours.land([rule(0)])
    path = tmp_path / "registry_rules"
    good = DeltaTable(path)
    changed = good.to_pyarrow_table().drop_columns(["value"]).append_column("value", pa.array([7]))
    write_deltalake(path, changed, mode="overwrite", schema_mode="overwrite")
    ours.land([rule(1), frame(0)])
    assert "column value: int64 on disk, string wanted" in caplog.text
    assert rows(tmp_path) == [(0, 0)]
    DeltaTable(path).restore(good.version())
    clock.at += 5
    ours.land([rule(2)])
    assert rows(tmp_path, "registry_rules", '"offset"') == [(0,), (1,), (2,)]


def test_a_log_torn_beyond_repair_holds_its_topic_and_says_which_file(tmp_path, log, clock, caplog):
    ours = lander(tmp_path, log)
    for i in range(3):
        ours.land([rule(i)])
    torn = tmp_path / "registry_rules" / "_delta_log" / f"{2:020d}.json"
    whole = torn.read_bytes()
    torn.write_bytes(whole[:50])
    again = lander(tmp_path, log, clock=clock)
    log.records = [rule(i) for i in range(5)]
    again.land([rule(3), frame(0)])
    assert f"{2:020d}.json cannot be read, but newer commits rest on it" in caplog.text
    assert total(tmp_path) == 5
    torn.write_bytes(whole)
    clock.at += 5
    again.land([rule(4)])
    assert rows(tmp_path, "registry_rules", '"offset"') == [(i,) for i in range(5)]


def test_a_data_file_that_cannot_be_read_stops_nobody(tmp_path, log, caplog):
    ours = lander(tmp_path, log)
    for i in range(5):
        ours.land([frame(i)])
    table = LakeTable.open(tmp_path, "readings")
    broken = sorted(table.file_uris())[0]
    os.truncate(broken, 60)
    again = lander(tmp_path, log)
    again.land([frame(5), frame(6, "frame 0/5")])
    assert f"{broken.rsplit('/', 1)[-1]} cannot be read" in caplog.text
    assert again.done.doubles == 1
    done = LakeTable.open(tmp_path, "readings").compact()
    assert (done.files_before, done.files_after) == (5, 1)
    assert broken in table.file_uris()  # left where it is: a backup can bring its bytes back


def test_a_clock_that_was_ahead_once_makes_no_frame_forgotten(tmp_path, log):
    ours = lander(tmp_path, log, now_us=lambda: NOW + HOUR)
    ours.land([frame(0, "a"), frame(1, "b", at=NOW + 20_000 * HOUR)])
    ours.land([frame(2, "a"), frame(3, "b")])
    assert rows(tmp_path) == [(0, 0), (0, 1)]
    again = lander(tmp_path, log, now_us=lambda: NOW + 2 * HOUR)
    again.land([frame(4, "a"), frame(5, "c")])
    assert rows(tmp_path) == [(0, 0), (0, 1), (0, 5)]


def test_a_clock_that_jumps_back_lands_and_compacts_all_the_same(tmp_path, log, monkeypatch):
    ours = lander(tmp_path, log)
    ours.land([frame(0)])
    monkeypatch.setattr(deltalog, "now_ms", lambda: 1_000_000_000_000)
    behind = lander(tmp_path, log, now_us=lambda: NOW - 1000 * HOUR)
    for i in range(1, 5):
        behind.land([frame(i)])
    behind.land([frame(5, "frame 0/0"), frame(6)])
    assert rows(tmp_path) == [(0, i) for i in (0, 1, 2, 3, 4, 6)]
    table = LakeTable.open(tmp_path, "readings")
    assert table.compact(min_files=2).files_after == 1
    assert table.vacuum() == []
    assert total(tmp_path) == 30


def test_a_later_column_of_frames_lands_without_a_restart_and_a_breaking_one_is_refused(tmp_path, log):
    refused: list = []
    ours = lander(tmp_path, log, refused=refused)
    ours.land([frame(0)])
    ours.land([with_note(frame(1, n=2), pa.array(["x", None])), frame(2)])
    ours.land([with_note(frame(3, n=2), pa.array([1, 2])), with_note(frame(4, n=2), pa.array(["y", "z"]))])
    assert rows(tmp_path, what='"offset", note') == [(0, None), (1, "x"), (1, None), (2, None), (4, "y"), (4, "z")]
    assert [(letter.field, letter.reason) for letter, _ in refused] == [
        ("note", "breaking change: int64 here, string in the lake")
    ]
    assert decode_frame(refused[0][1].value, later_columns=True)["note"].to_pylist() == [1, 2]


def test_a_column_added_to_the_table_is_filled_by_a_landing_that_runs(tmp_path, log):
    command = b'{"command_id": "c%d", "weather": "rain", "wind": 3.5, "other": 1}'
    ours = lander(tmp_path, log)

    def land(offset: int) -> None:
        ours.land([Record(IDS["commands"], "commands", 0, offset, b"s", command % offset, (), NOW)])

    land(0)
    DeltaTable(tmp_path / "commands").alter.add_columns(
        [DeltaField.from_arrow(pa.field("weather", pa.string())), DeltaField.from_arrow(pa.field("wind", pa.float64()))]
    )
    land(1)
    land(2)
    found = rows(tmp_path, "commands", "command_id, weather, wind, extra")
    assert found[-1] == ("c2", "rain", 3.5, '{"other":1}')
    assert "rain" in str(found[0])  # before the column was there, the field rests in `extra`


def test_headers_of_a_later_version_are_refused_not_guessed(tmp_path, log):
    refused: list = []
    ours = lander(tmp_path, log, refused=refused)
    headers = FrameHeader("s", "later", "test", NOW, schema_version=2).encode()
    ours.land([replace(frame(0), headers=headers), frame(1)])
    assert [letter.reason for letter, _ in refused] == ["2 is not 1"]
    assert rows(tmp_path) == [(0, 1)]
