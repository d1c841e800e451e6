"""OpenLineage events of the jobs: what a collector needs is there, and a run that fails says why."""

import datetime as dt
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pyarrow as pa
import pytest

from pipelines import flows, retention
from pipelines.compact import compact_lake
from pipelines.lineage import emit, event, lake_table, recorded
from pipelines.publish import main, publish_warehouse
from pipelines.retention import keep_retention
from schemas.settings import Settings
from schemas.tables import TABLES
from tests.test_warehouse_checks import bad_event
from tests.test_warehouse_publish import hazard_event_rows, land, reading_rows
from warehouse.lake import LakeTable
from warehouse.publish import Stopped


def told(data: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (data / "lineage" / "openlineage.ndjson").read_bytes().splitlines()]


def facets_of(said: Any) -> list[dict[str, Any]]:
    if isinstance(said, dict):
        own = [said] if "_schemaURL" in said else []
        return own + [each for value in said.values() for each in facets_of(value)]
    return [each for value in said for each in facets_of(value)] if isinstance(said, list) else []


def check(said: dict[str, Any]) -> None:
    """What the specification asks of a run event."""
    assert said["eventType"] in ("START", "COMPLETE", "FAIL")
    assert dt.datetime.fromisoformat(said["eventTime"]).tzinfo is not None
    UUID(said["run"]["runId"])
    assert said["job"]["namespace"] and said["job"]["name"]
    assert re.match(r"https://openlineage\.io/spec/\d-\d-\d/OpenLineage\.json#/\$defs/RunEvent", said["schemaURL"])
    assert said["producer"].startswith("https://")
    for dataset in (*said["inputs"], *said["outputs"]):
        assert dataset["namespace"] and dataset["name"]
    for facet in facets_of(said):
        assert facet["_producer"] == said["producer"] and "/spec/facets/" in facet["_schemaURL"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    land(tmp_path, "hazard_events", hazard_event_rows())
    return tmp_path


def test_a_publish_tells_which_versions_it_read_and_what_it_wrote(data):
    publish_warehouse(Settings(data=data))
    start, done = told(data)
    for said in (start, done):
        check(said)
    assert [start["eventType"], done["eventType"]] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == done["run"]["runId"]
    (events,) = (each for each in done["inputs"] if each["name"] == "hazard_events")
    assert events["facets"]["version"]["datasetVersion"] == "1"
    (hazards,) = (each for each in done["outputs"] if each["name"] == "hazards")
    assert hazards["outputFacets"]["outputStatistics"]["rowCount"] == 8
    fields = {each["name"]: each for each in hazards["facets"]["schema"]["fields"]}
    assert fields["is_overdue"]["type"] == "BOOLEAN" and "超期" not in fields["hazard_id"]["description"]
    (warned,) = (each for each in done["outputs"] if each["name"] == "hazard_events")
    assert {"assertion": "known.site_id", "success": False} in warned["facets"]["dataQualityAssertions"]["assertions"]
    publish_warehouse(Settings(data=data))
    again = told(data)[-1]
    assert all("schema" not in each["facets"] for each in again["outputs"])  # told once, not with every build
    assert {each["namespace"] for each in again["outputs"]} == {hazards["namespace"]}


def test_a_stopped_publish_fails_and_names_the_check(data, capsys, monkeypatch):
    publish_warehouse(Settings(data=data))
    bad_event(data)
    with pytest.raises(Stopped):
        publish_warehouse(Settings(data=data))
    said = told(data)[-1]
    check(said)
    assert said["eventType"] == "FAIL" and "hazard_events.not_null" in said["run"]["facets"]["errorMessage"]["message"]
    monkeypatch.setenv("QINGLING_DATA", str(data))
    assert main([]) == 4
    check_id = re.search(r"failed: (\S+): 1", capsys.readouterr().err)
    assert check_id and main(["--accept", check_id[1]]) == 0


def test_compaction_tells_its_tables(data):
    compact_lake(Settings(data=data))
    assert [each["name"] for each in told(data)[-1]["outputs"]] == ["hazard_events"]


def test_retention_tells_what_it_took_and_what_it_kept(tmp_path):
    LakeTable.open(tmp_path / "lake", "readings").append(
        pa.Table.from_pylist(reading_rows(0, 3), TABLES["readings"]), {}, {}
    )
    settings = Settings(data=tmp_path)
    keep_retention(settings)  # nothing is old yet
    assert told(tmp_path)[-1]["outputs"] == []
    expired = LakeTable.open(tmp_path / "lake", "readings").files()[0]
    later = dt.date.fromisoformat(dict(expired.partition)["day"]) + dt.timedelta(days=900)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "lake_day", lambda _: later)
        keep_retention(settings)
    done = told(tmp_path)[-1]
    check(done)
    assert [each["name"] for each in done["inputs"]] == ["readings"]
    assert [each["name"] for each in done["outputs"]] == ["readings", "readings_1h", "readings_1m"]


def test_a_lake_on_s3_is_named_by_bucket_and_path(tmp_path):
    named = lake_table(Settings(data=tmp_path, lake_url="s3://mine/a/b"), "readings")
    assert (named.namespace, named.name) == ("s3://mine", "a/b/readings")


def test_every_flow_tells_its_runs():
    """A flow calls one job, and that is recorded: it has the name of its flow."""
    source = (Path(flows.__file__)).read_text("utf-8")
    jobs = set(re.findall(r"return (\w+)\(Settings\(\)\)", source))
    assert len(jobs) == len(re.findall("@flow", source)) and jobs
    for name in jobs:
        assert hasattr(getattr(flows, name), "__wrapped__"), f"{name} is not recorded"


def test_a_lineage_that_cannot_be_written_fails_nobody(tmp_path):
    (tmp_path / "lineage").write_text("in the way")
    done = recorded("job", lambda *_: ([], []))(lambda settings: {"done": True})(Settings(data=tmp_path))
    assert done == {"done": True}

    def unknown(*_: object) -> None:
        raise KeyError("rows")

    assert recorded("job", unknown)(lambda settings: {"done": True})(Settings(data=tmp_path)) == {"done": True}


def test_a_long_file_is_put_aside(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.lineage._KEEP_BYTES", 10)
    for _ in range(2):
        emit(Settings(data=tmp_path), event("START", "0190a0a0-0000-7000-8000-000000000000", "job"))
    assert len(told(tmp_path)) == 1 and (tmp_path / "lineage" / "openlineage.ndjson.1").exists()
