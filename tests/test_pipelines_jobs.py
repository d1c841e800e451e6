"""The jobs of the flows, run for real: the lake's files, a broker, one process without Prefect."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from pipelines.compact import NotCompacted, compact_lake
from pipelines.kpis import send_kpis, shortened
from pipelines.publish import publish_warehouse
from pipelines.serve import JOBS, main
from schemas.events import Event
from schemas.kpis import KpiRow
from schemas.settings import Settings
from schemas.tables import TABLES
from streams.reader import read_to_end
from warehouse.kpis import compute
from warehouse.lake import LakeTable
from warehouse.publish import published

VECTORS = Path(__file__).parent / "vectors" / "a4_hazard_events.jsonl"
ROOT = Path(__file__).parent.parent


def land_vectors(data: Path, commits: int = 1) -> None:
    table = LakeTable.open(data / "lake", "hazard_events")
    rows = []
    for n, line in enumerate(VECTORS.read_bytes().splitlines()):
        event = Event.parse(line)
        rows.append({
            "log_id": "log", "topic": "hazard.events", "partition": 0, "offset": n, "kafka_at": event.recorded_at,
            "event_id": event.event_id, "kind": event.kind, "subject_id": event.subject_id, "site_id": event.site_id,
            "occurred_at": event.occurred_at, "recorded_at": event.recorded_at,
            "data": orjson.dumps(event.data).decode(),
        })  # fmt: skip
    size = -(-len(rows) // commits)
    for start in range(0, len(rows), size):
        table.append(pa.Table.from_pylist(rows[start : start + size], TABLES["hazard_events"]), {}, {})


def settings(data: Path, clock: str = "wall") -> Settings:
    return Settings(data=data, clock=clock)


def test_publish_tells_what_it_built(tmp_path):
    land_vectors(tmp_path)
    told = publish_warehouse(settings(tmp_path))
    assert told["build"] == 1 and told["rows"]["hazards"] == 8 and Path(told["path"]).is_file()


def test_every_build_carries_the_kpis_of_the_day_and_of_the_milestones(tmp_path):
    land_vectors(tmp_path)
    publish_warehouse(settings(tmp_path, clock="data"))
    query = """
        SELECT shanghai_day(as_of), num, den FROM kpi_snapshot WHERE kpi_id = 'K05' AND "group" = '{}' ORDER BY ALL
    """
    found = published(tmp_path).execute(query).fetchall()
    # the last thing that happened was the closing of H8 on 2026-01-30
    assert found == [
        (dt.date(2024, 12, 31), 3, 6), (dt.date(2025, 12, 31), 5, 8), (dt.date(2026, 1, 30), 6, 8)
    ]  # fmt: skip


def test_compaction_merges_small_files_and_keeps_every_row(tmp_path):
    land_vectors(tmp_path, commits=12)
    before = DeltaTable(tmp_path / "lake" / "hazard_events")
    told = compact_lake(settings(tmp_path), retention_hours=0)["hazard_events"]
    after = DeltaTable(tmp_path / "lake" / "hazard_events")
    assert told["files_before"] == 12 and told["files_after"] == 1 and told["deleted"] == 12
    assert len(before.file_uris()) == 12 and len(after.file_uris()) == 1
    publish_warehouse(settings(tmp_path))
    assert published(tmp_path).execute("SELECT count(*) FROM hazards").fetchone() == (8,)


def test_compaction_leaves_the_files_of_kept_builds(tmp_path):
    land_vectors(tmp_path, commits=12)
    publish_warehouse(settings(tmp_path))
    assert compact_lake(settings(tmp_path), retention_hours=0)["hazard_events"]["deleted"] == 0


def test_kpi_rows_reach_the_topic_with_keys_that_keep_the_milestones(broker, monkeypatch):
    data = Settings().data
    land_vectors(data)
    told = send_kpis(Settings(clock="data"))
    records = [r for r in read_to_end(broker.servers, ["kpi.values"]) if r.value]
    assert len(records) == told["rows"] == len({r.key for r in records})
    rows = {r.key.decode(): KpiRow.parse(r.value) for r in records}
    assert rows["K05|"].value == 6 / 8
    assert rows["K05||2024-12-31"].value == 3 / 6
    assert rows["K05|region=140402"].den == 3 and rows["K01|city=140100"].den == 1
    send_kpis(Settings(clock="data"))
    again = [r for r in read_to_end(broker.servers, ["kpi.values"]) if r.value]
    assert {r.key for r in again} == {r.key for r in records}


def test_a_long_list_is_cut_for_the_topic_and_says_so():
    (row,) = compute(VECTORS, dt.date(2024, 12, 31), kpis=["K02"])
    short = shortened(row, listed=1)
    assert len(short.detail["hazards"]) == 1 and short.detail["hazards_left_out"] == 1
    assert (short.num, short.value) == (row.num, row.value)
    assert shortened(row) == row


def once(jobs: str, data: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QINGLING_DATA": str(data), "QINGLING_KAFKA": "embedded"}
    command = [sys.executable, "-X", "importtime", "-m", "pipelines.serve", "--once", jobs]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_once_runs_jobs_in_one_process_without_loading_prefect(tmp_path):
    land_vectors(tmp_path)
    done = once("publish,compact", tmp_path)
    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [(line["job"], line["ok"]) for line in lines] == [("publish", True), ("compact", True)]
    assert "prefect" not in done.stderr and "faust" not in done.stderr


def test_a_job_that_fails_is_named_and_the_others_still_run(tmp_path):
    done = once("kpis,publish", tmp_path)
    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [(line["job"], line["ok"]) for line in lines] == [("kpis", False), ("publish", True)]
    assert "no embedded broker runs" in lines[0]["error"]


@pytest.mark.parametrize("asked", ["coffee", "publish,coffee", ""])
def test_an_unknown_job_is_wrong_use(asked, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--once", asked])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert all(job in told for job in JOBS)


def test_a_table_that_cannot_be_opened_does_not_keep_the_others_from_being_compacted(tmp_path):
    land_vectors(tmp_path, commits=6)
    commands = LakeTable.open(tmp_path / "lake", "commands")
    for version in (1, 2):
        commands.append(commands.schema.empty_table(), {}, {})
        assert commands.version == version
    (commands.path / "_delta_log" / f"{1:020d}.json").write_bytes(b"{")
    with pytest.raises(NotCompacted, match=r"1\.json cannot be read"):
        compact_lake(settings(tmp_path))
    assert len(LakeTable.open(tmp_path / "lake", "hazard_events").file_uris()) == 1
