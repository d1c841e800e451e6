"""t_yhzlxx: what goes out comes back the same, as JSON and as XLSX."""

import datetime as dt
from typing import Any

import orjson
import pytest

from schemas.events import Actor, Event
from schemas.exchange import ExchangeHazard, finding_of, is_exchanged, of_state
from schemas.hazards import HAZARD_EVENTS, HazardStateRecord
from schemas.model import Refused
from schemas.registry import Site
from schemas.terms import HazardState, Role, Verdict
from streams.gateways import exchange
from streams.gateways.site_names import SiteBook
from streams.lifecycle import apply

SITE = Site(site_id="M1", name="示例煤矿", enterprise_id="91140000MADEMO001X", region="140402", industry="coal")
NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
LIFE: list[tuple[str, str, dict[str, Any]]] = [
    ("hazard_registered", "2024-03-05", {
        "found_at": "2024-03-05", "source": "self", "enterprise_id": SITE.enterprise_id, "region": "140402",
        "industry": "coal", "place": "3301回风巷", "title": "=甲烷传感器未接入断电", "control_failure": "missing"}),
    ("hazard_judged", "2024-03-05", {"verdict": "major", "criterion_id": "MEM4-5-4", "document_id": "MEM4"}),
    ("plan_approved", "2024-03-06", {
        "due_at": "2024-03-20", "responsible_person": "甲某", "funds": 15000, "contingency_plan": "撤人",
        "measures": [{"kind": "technology", "text": "接入断电控制"}]}),
    ("rectification_done", "2024-03-18", {"by": "甲某"}),
    ("acceptance_passed", "2024-03-19", {"by": "乙某"}),
    ("hazard_closed", "2024-03-19", {"by": "丙某", "evidence": ["照片"]}),
    ("hazard_reopened", "2024-04-01", {"reason": "复查反弹"}),
]  # fmt: skip


def state_after(events: int) -> HazardStateRecord:
    state = None
    for n, (kind, day, data) in enumerate(LIFE[:events]):
        at = dt.datetime.fromisoformat(f"{day}T08:00:00+08:00")
        event = Event.of(
            kind, "5f0f3a52-6f0e-5c7b-9a41-51f1c1ea0001", "M1", HAZARD_EVENTS[kind].model_validate(data), cause="test",
            n=n, occurred_at=at, recorded_at=at, causes=(), actor=Actor(id="a", role=Role.ADMIN),
        )  # fmt: skip
        state = apply(state, event)
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("events", "danger_state"), [(2, "0"), (3, "0"), (4, "1"), (5, "9"), (6, "9"), (7, "0")]
)  # fmt: skip
def test_each_state_has_its_code(events: int, danger_state: str) -> None:
    record = of_state(state_after(events), SITE)
    assert record.dangerState == danger_state and record.dangerLevel == "1"


def test_a_reopened_hazard_is_a_new_record_that_names_the_old() -> None:
    closed, reopened = of_state(state_after(6)), of_state(state_after(7))
    assert reopened.id != closed.id and reopened.recordId == closed.id and len(reopened.id) == 32


@pytest.mark.parametrize("file", ["hazards.json", "hazards.xlsx"])
@pytest.mark.parametrize("events", range(2, 8))
def test_what_goes_out_comes_back_the_same(file: str, events: int) -> None:
    records = [of_state(state_after(events), SITE)]
    raw = exchange.as_json(records) if file.endswith("json") else exchange.as_xlsx(records)
    assert [ExchangeHazard.parse(record) for _, record in exchange.read(raw, file)] == records


def test_brought_in_it_has_the_same_life() -> None:
    state = state_after(6)
    finding = finding_of(of_state(state, SITE), SITE, NOW)
    assert finding.ledger is not None and finding.found_at == state.found_at and finding.place == "3301回风巷"
    assert finding.ledger.level is Verdict.MAJOR and finding.ledger.funds == 15_000
    assert finding.ledger.closed_at == state.closed_at and finding.ledger.accepted_by == "乙某"
    assert finding.criterion_ref == "MEM4-5-4" and finding.ledger.due_at == state.due and state.due is not None


def test_a_record_that_does_not_fit_is_a_dead_letter_and_the_rest_goes_on() -> None:
    good = of_state(state_after(3), SITE).model_dump(mode="json")
    bad = good | {"dangerLevel": "7"}
    strange = good | {"qlExt": {}, "tyshxydm": "91140000UNKNOWN00X"}
    late = good | {"registTime": "5 March"}
    raw = orjson.dumps([good, bad, strange, late])
    sent = list(exchange.records_of(raw, "in.json", 1_780_000_000_000_000, SiteBook([SITE])))
    assert [record.topic for record, _ in sent] == ["inspection.findings", *["dead.letters"] * 3]
    assert [refused.field for _, refused in sent if refused] == ["dangerLevel", "enterprise", "registTime"]
    assert dict(sent[1][0].headers)["line"] == b"2"


@pytest.mark.parametrize(
    ("raw", "file"), [(b"{", "a.json"), (b'"text"', "a.json"), (b"a,b\n1,2\n", "a.csv"), (b"nothing", "a.xlsx")]
)
def test_a_file_of_another_shape_is_refused(raw: bytes, file: str) -> None:
    with pytest.raises(Refused):
        list(exchange.records_of(raw, file, 0, SiteBook([SITE])))


def test_suspicions_and_what_was_none_are_not_exchanged() -> None:
    state = state_after(2)
    assert is_exchanged(state) and not is_exchanged(state.model_copy(update={"state": HazardState.VOIDED}))
