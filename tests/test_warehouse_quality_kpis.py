"""Q1-Q3, what the sites sent against what was expected of them: cases as data, landed as the stream lands them."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

import warehouse
from schemas.registry import Sensor, Site
from schemas.tables import DEAD_LETTERS, READINGS
from schemas.times import day_start, shanghai_day
from tests.test_warehouse_layers import registry
from warehouse.kpi_facts import QualityAt
from warehouse.kpi_files import kpi_ids
from warehouse.lake import LakeTable

CASES = [p for p in sorted((Path(__file__).parent / "kpis").glob("*/*.yaml")) if p.parent.name in kpi_ids("quality")]


def readings_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for n, said in enumerate(case.get("readings", ())):
        start = dt.datetime.fromisoformat(said["at"])
        for i in range(said["count"]):
            at = start + dt.timedelta(seconds=said["every_s"] * i)
            arrived = at + dt.timedelta(seconds=said.get("delay_s", 0))
            rows.append({
                "log_id": "log", "topic": "telemetry.frames", "partition": 0, "offset": n, "kafka_at": arrived,
                "row": i, "frame_id": f"f{n}", "site_id": said["site"], "sensor_id": said["sensor"], "occurred_at": at,
                "value": 1.0, "quality": said.get("quality", 0), "source": "test", "received_at": arrived,
                "day": shanghai_day(at),
            })  # fmt: skip
    return rows


def letters_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"log_id": "log", "topic": "dead.letters", "partition": 0, "offset": n, "letter_id": f"l{n}", "raw": b"",
         "kafka_at": dt.datetime.fromisoformat(said["at"]), "refused_at": dt.datetime.fromisoformat(said["at"]),
         "source": said["source"], "reason": said["reason"], "site_id": said["site"]}
        for n, said in enumerate(case.get("letters", ()))
    ]  # fmt: skip


def warehouse_of(case: dict[str, Any], data: Path) -> duckdb.DuckDBPyConnection:
    known = dt.datetime.fromisoformat(case["registered_at"])
    sites, sensors = [Site.parse(each) for each in case["sites"]], [Sensor.parse(each) for each in case["sensors"]]
    registry(data, "registry_sites", [(s.site_id, s.model_dump(mode="json"), known) for s in sites])
    registry(data, "registry_sensors", [(s.sensor_id, s.model_dump(mode="json"), known) for s in sensors])
    lake = data / "lake"
    LakeTable.open(lake, "readings").append(pa.Table.from_pylist(readings_of(case), READINGS), {}, {})
    if letters := letters_of(case):
        LakeTable.open(lake, "dead_letters").append(pa.Table.from_pylist(letters, DEAD_LETTERS), {}, {})
    return warehouse.connect(data)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(path.read_text("utf-8"))
    con = warehouse_of(case, tmp_path)
    for ask in case["expect"]:
        window = ask.get("window") and tuple(day_start(day) for day in ask["window"])
        rows = QualityAt(con, ask["as_of"]).rows(ask.get("by", ()), window, [path.parent.name])
        row = {tuple(sorted(row.group.items())): row for row in rows}[tuple(sorted(ask.get("group", {}).items()))]
        for name in ("num", "den", "value", "excluded"):
            if name in ask:
                assert getattr(row, name) == pytest.approx(ask[name]), (ask, row)
        for name, wanted in ask.get("detail", {}).items():
            assert row.detail[name] == wanted, (ask, row)


def test_what_a_site_should_have_sent_is_there_by_sql_too(tmp_path):
    case = yaml.safe_load((Path(__file__).parent / "kpis" / "Q1" / "gaps_faults_and_silence.yaml").read_text("utf-8"))
    LakeTable.open(tmp_path / "lake", "readings").append(pa.Table.from_pylist(readings_of(case), READINGS), {}, {})
    con = warehouse.connect(tmp_path)  # nothing is registered: sensors are known from their first reading
    found = con.execute("SELECT site_id, sensors, silent_sensors, expected_s FROM quality_daily ORDER BY 1").fetchall()
    assert found == [("m1", 2, 0, 7200), ("m2", 1, 0, 3600)]
