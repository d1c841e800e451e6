"""KPIs over the plan's own tables: cases as data, landed as the stream lands them."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest
import yaml

import warehouse
from schemas.catalogue_records import CatalogueDocument
from schemas.clauses import Clause, Document
from schemas.registry import Department, Site
from schemas.tables import TABLES
from schemas.times import EPOCH, day_start
from tests.test_warehouse_kpis import events_of
from warehouse.kpi_facts import ProgrammeAt
from warehouse.kpi_files import kpi_ids
from warehouse.lake import LakeTable
from warehouse.ledger import _table

CASES = [p for p in sorted((Path(__file__).parent / "kpis").glob("*/*.yaml")) if p.parent.name in kpi_ids("programme")]


def moment(day: Any) -> dt.datetime:
    return day_start(dt.date.fromisoformat(str(day))) + dt.timedelta(hours=9)


def land(data: Path, table: str, topic: str, rows: list[dict[str, Any]]) -> None:
    landed = [
        {"log_id": "log", "topic": topic, "partition": 0, "offset": n, "kafka_at": EPOCH, **row}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    if landed:
        LakeTable.open(data / "lake", table).append(pa.Table.from_pylist(landed, TABLES[table]), {}, {})


def document(document_id: str, effective_from: Any) -> dict[str, Any]:
    head = {"id": document_id, "title_zh": document_id, "title_en": document_id, "number": "", "industries": ["coal"]}
    clause = Clause(
        document_id=document_id, article="art. 1", title_zh="一", title_en="one", id=f"{document_id}-1",
        industry="coal", kind="inspection", confidence="high",
    )  # fmt: skip
    parsed = Document.model_validate({**head, "effective_from": effective_from, "confidence": "high"})
    record = CatalogueDocument.of(parsed, [clause])
    return {"key": record.key, "value": record.encode().decode()}


def carried(said: dict[str, Any]) -> dict[str, Any]:
    """What the event carries; `area` is the assessment's own `subject`, a word that a case keeps for the event's."""
    data = {name: value for name, value in said.items() if name not in ("what", "subject", "at", "recorded", "area")}
    return data | ({"subject": said["area"]} if "area" in said else {})


def warehouse_of(case: dict[str, Any], data: Path) -> duckdb.DuckDBPyConnection:
    events = [
        {
            "event_id": f"e{n}", "kind": said["what"], "subject_id": said["subject"], "site_id": "",
            "occurred_at": moment(said["at"]), "recorded_at": moment(said.get("recorded", said["at"])),
            "data": orjson.dumps(carried(said), default=str).decode(),
        }
        for n, said in enumerate(case.get("events", ()))
    ]  # fmt: skip
    land(data, "programme_events", "programme.events", events)
    if hazards := case.get("hazards"):
        LakeTable.open(data / "lake", "hazard_events").append(_table(events_of(hazards)), {}, {})
    departments = [Department.parse(each) for each in case.get("departments", ())]
    land(data, "registry_departments", "registry.departments",
         [{"key": d.department_id, "value": d.encode().decode()} for d in departments])  # fmt: skip
    sites = [Site.parse(each) for each in case.get("sites", ())]
    land(data, "registry_sites", "registry.sites",
         [{"key": s.site_id, "value": s.encode().decode()} for s in sites])  # fmt: skip
    land(data, "criteria_catalogue", "criteria.catalogue",
         [document(name, day) for name, day in case.get("documents", {}).items()])  # fmt: skip
    return warehouse.connect(data)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(path.read_text("utf-8"))
    con = warehouse_of(case, tmp_path)
    for ask in case["expect"]:
        window = ask.get("window") and tuple(map(day_start, ask["window"]))
        facts = ProgrammeAt(con, ask["as_of"], ask.get("known_as_of"))
        rows = facts.rows(ask.get("by", ()), window, [path.parent.name])
        found = {tuple(sorted(row.group.items())): row for row in rows}
        row = found[tuple(sorted(ask.get("group", {}).items()))]
        for name in ("num", "den", "value", "excluded"):
            if name in ask:
                assert getattr(row, name) == pytest.approx(ask[name], abs=1e-6), (ask, row)
        for name, wanted in ask.get("detail", {}).items():
            assert row.detail[name] == wanted, (ask, row)


def test_every_kpi_over_the_tables_has_a_case() -> None:
    assert {path.parent.name for path in CASES} == set(kpi_ids("programme"))


def test_nothing_told_gives_rows_with_nothing(tmp_path: Path) -> None:
    rows = ProgrammeAt(warehouse_of({}, tmp_path), dt.date(2026, 11, 23)).rows()
    assert {row.kpi_id for row in rows} == set(kpi_ids("programme")) and all(row.value in (None, 0) for row in rows)
