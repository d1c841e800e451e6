"""The plan's tables: templates are filled in, rows become events, and what does not fit is refused by name."""

import io
from typing import Any

import orjson
import pytest
import xlsxwriter

from schemas.events import Event
from schemas.model import Refused
from schemas.programme import actions, kinds, tables
from streams.gateways.programme import records_of
from streams.gateways.sheets import sheets_of
from streams.gateways.table_rows import chosen
from streams.gateways.templates import template

NOW_US = 1_795_000_000_000_000  # 2026-11-18
FILLED: dict[str, list[dict[str, Any]]] = {
    "tasks": [
        {"task_id": "T-1", "action": "A05", "title": "建立台账", "lead_department_id": "县应急局",
         "responsible_department_ids": "县能源局、县住建局", "assigned_at": "2026-01-10", "due_at": "2026.3.31",
         "done_at": "2026年3月30日", "evidence": "通报"},
        {"task_id": "T-2", "action": "党政领导干部履职能力提升", "title": "带队检查", "lead_department_id": "县政府办",
         "assigned_at": "2026-01-10", "due_at": "2026-12-31"},
    ],
    "problems": [{"unit": "县委", "year": "2026年", "title": "消防通道", "listed_at": "2026-02-01",
                  "studied_at": "2026-03-01", "solved_at": "2026-05-01", "evidence": "验收单"}],
    "duties": [{"unit": "县政府", "post": "县长", "duty": "带队检查", "valid_from": "2026-01-01"}],
    "trainings": [{"action": "A01", "unit": "晋安煤业", "held_at": "2026-04-01", "in_scope": 40, "trained": "38人",
                   "audience": "主要负责人"}],
    "publicity": [{"department_id": "县应急局", "document_id": "MEM21", "held_at": "2026-07-10", "audience": 120}],
    "measures": [{"measure_id": "M-1", "kind": "工程防", "title": "注浆", "unit": "晋安煤业",
                  "planned_at": "2026-01-01", "due_at": "2026-06-30", "verified_at": "2026-06-01"}],
    "assessments": [{"unit": "县", "year": 2026, "item": "隐患清零", "subject": "安全生产", "weight": "12%",
                     "score": 90, "published_at": "2026-02-01"}],
    "orders": [{"order_id": "O-1", "department_id": "县应急局", "issued_at": "2026-04-01", "due_at": "2026-04-15",
                "rechecked_at": "2026-04-14"}],
    "tips": [{"tip_id": "J-1", "department_id": "县应急局", "received_at": "2026-04-01", "verified_at": "2026-04-09",
              "true_finding": "属实"}],
    "accidents": [{"accident_id": "S-1", "grade": "较大事故", "deaths": 3, "region": "140402",
                   "occurred_on": "2026-05-02"}],
    "inspections": [{"inspection_id": "C-1", "kind": "专家帮扶", "unit": "县应急局", "done_at": "2026-05-02",
                     "led_by_principal": "否", "findings": 4, "site_id": "m1",
                     "criteria": "MEM21-4-1、MEM21-4-2"}],
    "help_plans": [{"enterprise_id": "91140400MA0EXAMPLE", "year": 2026, "unit": "市应急局",
                    "planned_at": "2026-01-10"}],
    "cases": [{"case_id": "L-1", "unit": "市应急局", "title": "瓦斯超限作业", "published_at": "2026-05-06"}],
}  # fmt: skip


def filled(rows: dict[str, list[dict[str, Any]]]) -> bytes:
    """The project's own template with rows written below its titles."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    for sheet in sheets_of(template(rows), "template.xlsx"):
        kept = next(kept for kept in tables().values() if kept.columns.zh == sheet.name)
        written = book.add_worksheet(sheet.name)
        written.write_row(0, 0, sheet.rows[0])
        for number, row in enumerate(rows[kept.columns.id], 1):
            for column, field in enumerate(kept.titles):
                written.write(number, column, row.get(field, ""))
    book.close()
    return out.getvalue()


def events_of(raw: bytes, file: str = "in.xlsx", table: str = "") -> list[Event]:
    return [Event.parse(record.value) for record, refused in records_of(raw, file, NOW_US, table) if not refused]


def test_every_table_can_be_filled_in_and_gives_its_events() -> None:
    assert set(FILLED) == set(tables()), "a new table wants a row here"
    events = events_of(filled(FILLED))
    assert {event.kind for event in events} == set(kinds())
    assert all(event.imported and event.topic == "programme.events" for event in events)
    done = next(event for event in events if event.kind == "task_assigned")
    assert done.data["responsible_department_ids"] == ["县能源局", "县住建局"]
    assert done.data["due_at"].startswith("2026-03-31T23:59:59.999999") or "2026-03-31" in done.data["due_at"]
    assert [e.data["action"] for e in events if e.kind == "task_assigned"] == ["A05", "A09"]
    assert next(e for e in events if e.kind == "accident_reported").data["grade"] == "larger"
    assert next(e for e in events if e.kind == "training_held").data["trained"] == 38
    assert next(e for e in events if e.kind == "assessment_published").data["weight"] == 12


def test_read_again_they_are_the_same_and_a_changed_row_is_new() -> None:
    first, again = events_of(filled(FILLED)), events_of(filled(FILLED))
    assert [e.event_id for e in first] == [e.event_id for e in again] and len({e.event_id for e in first}) == len(first)
    later = {"tasks": [FILLED["tasks"][1] | {"due_at": "2027-03-31"}]}
    changed = events_of(filled(later))
    before = next(e for e in first if e.data.get("task_id") == "T-2")
    assert changed[0].subject_id == before.subject_id and changed[0].event_id != before.event_id


@pytest.mark.parametrize(
    ("table", "change", "field"),
    [
        ("tasks", {"due_at": ""}, "due_at"), ("tasks", {"action": "A11"}, "action"),
        ("tasks", {"done_at": "2027-01-01"}, "done_at"), ("trainings", {"trained": "很多"}, "trained"),
        ("trainings", {"in_scope": 1.5}, "in_scope"), ("accidents", {"grade": "特大"}, "grade"),
        ("problems", {"year": 26}, "year"), ("tips", {"true_finding": "也许"}, "true_finding"),
    ],
)  # fmt: skip
def test_a_cell_that_does_not_fit_is_refused_by_name(table: str, change: dict[str, Any], field: str) -> None:
    rows = {table: [FILLED[table][0] | change, FILLED[table][0]]}
    sent = list(records_of(filled(rows), "in.xlsx", NOW_US))
    refused = [(record, error) for record, error in sent if error]
    assert [error.field for _, error in refused] == [field]
    assert dict(refused[0][0].headers)["line"] == b"2" and orjson.loads(refused[0][0].value)
    assert len(sent) > 1, "the good row goes on"


def test_a_sheet_that_could_be_two_tables_asks_which() -> None:
    raw = "编号,部门,受理时间\nJ-1,县局,2026-01-01\n".encode()
    assert chosen(sheets_of(raw, "a.csv")[0], tables())[0].columns.id == "tips"
    with pytest.raises(Refused, match="fits no table"):
        list(records_of("甲,乙\n1,2\n".encode(), "a.csv", NOW_US))
    with pytest.raises(Refused, match="is none of"):
        list(records_of(raw, "a.csv", NOW_US, "nothing"))
    assert [event.kind for event in events_of(raw, "a.csv", "tips")] == ["tip_received"]


def test_the_plan_has_ten_actions() -> None:
    assert list(actions()) == [f"A{n:02d}" for n in range(1, 11)]
