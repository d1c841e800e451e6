"""The registry as the stream holds it: what came last holds, what is taken out is gone."""

import orjson
import pytest

from schemas.model import Refused
from schemas.registry import CalendarDay, Control, Department, Matter
from streams.decode import Record
from streams.gateways.registry import registry_record
from streams.registry import Registry


def test_the_registry_takes_every_kind_and_forgets_what_is_taken_out() -> None:
    registry = Registry()

    def put(topic: str, key: str, value: bytes | None) -> None:
        registry.apply(Record("log", topic, 0, 0, key.encode(), value))

    put("registry.controls", "C-1", Control(control_id="C-1", site_id="S-1", risk_id="R", text="x").encode())
    put("registry.departments", "D-1", Department(department_id="D-1").encode())
    put("registry.matters", "M-1", Matter(matter_id="M-1", lead_department_id="D-1").encode())
    put("registry.sectors", "mines", b'{"sector_id": "mines", "industries": ["coal"]}')
    put("registry.calendar", "2026-07-03", b'{"date": "2026-07-03", "workday": false}')
    around = registry.surroundings
    assert around.controls_of("S-1")["C-1"].risk_id == "R" and registry.duties.revision == 3
    assert not around.calendar.works(CalendarDay.parse(b'{"date": "2026-07-03", "workday": false}').date)
    for topic, key in [
        ("registry.controls", "C-1"), ("registry.departments", "D-1"), ("registry.matters", "M-1"),
        ("registry.sectors", "mines"), ("registry.calendar", "2026-07-03"),
    ]:  # fmt: skip
        put(topic, key, None)
    assert not around.controls_of("S-1") and not registry.duties.matters and not registry.duties.departments
    assert around.calendar.works(CalendarDay.parse(b'{"date": "2026-07-03", "workday": false}').date)


def test_a_record_with_a_kind_of_its_own_names_its_kind_apart() -> None:
    control = {"control_id": "C-1", "site_id": "S-1", "risk_id": "R", "text": "断电闭锁", "kind": "technology"}
    sent = registry_record(orjson.dumps({"kind_of_record": "control", **control}), 0)
    assert sent.topic == "registry.controls" and Control.parse(sent.value).kind == "technology"
    with pytest.raises(Refused, match="kind"):
        registry_record(orjson.dumps(control), 0)
