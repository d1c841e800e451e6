import datetime as dt

import pytest

from console.alarm_forms import FORMS, AlarmOffer, alarm_offers
from console.words import words
from schemas.alarms import AlarmState
from schemas.commands import COMMANDS
from schemas.events import EVENT_DATA, Actor
from schemas.terms import Override, Priority, ProcessState, Role
from tests.small_mine import ALARM, CH4, SITE, START

NOW = START + dt.timedelta(minutes=5)


def offered(role: Role = Role.SUPERVISOR, state=ProcessState.UNACKNOWLEDGED, **more) -> dict[str, AlarmOffer]:
    alarm = AlarmState(
        alarm_id=ALARM, site_id=SITE, sensor_id=CH4, rule_id="ch4_pct.high", version=3, process_state=state,
        occurrence_id="o", raised_at=START, changed_at=START, **more,
    )  # fmt: skip
    return {offer.kind: offer for offer in alarm_offers(alarm, Actor(id="someone", role=role), NOW)}


def open_to(offers: dict[str, AlarmOffer]) -> set[str]:
    return {kind for kind, offer in offers.items() if not offer.guard}


def test_every_alarm_command_has_a_form_that_fits_its_event() -> None:
    assert set(FORMS) == {kind for kind, row in COMMANDS.items() if row.target == "alarm"}
    for kind, fields in FORMS.items():
        model = EVENT_DATA[COMMANDS[kind].event]
        free = {"comment", "reason"}  # of events whose data is free text
        assert {field.name for field in fields} <= set(model.model_fields) | free, kind
        needed = {name for name, field in model.model_fields.items() if field.is_required()} - {"occurrence_id"}
        assert needed <= {field.name for field in fields if field.required}, kind
        assert all(f"f.{field.name}" in words("zh") for field in fields), kind


@pytest.mark.parametrize(
    ("role", "more", "wanted"),
    [
        (Role.OPERATOR, {}, {"acknowledge", "shelve", "assign_alarm", "comment"}),
        (Role.INSPECTOR, {}, {"comment"}),
        (Role.SUPERVISOR, {}, {"acknowledge", "shelve", "suppress", "out_of_service", "assign_alarm", "comment"}),
        (Role.OPERATOR, {"state": ProcessState.ACKNOWLEDGED}, {"unacknowledge", "shelve", "assign_alarm", "comment"}),
        (Role.OPERATOR, {"state": ProcessState.LATCHED}, {"reset", "shelve", "assign_alarm", "comment"}),
        (Role.OPERATOR, {"priority": Priority.P1}, {"acknowledge", "assign_alarm", "comment"}),
        (
            Role.SUPERVISOR,
            {"overrides": (Override.SUPPRESSED, Override.OUT_OF_SERVICE), "work_order": "W-1"},
            {"acknowledge", "shelve", "unsuppress", "return_to_service", "assign_alarm", "comment"},
        ),
        (
            Role.OPERATOR,
            {"state": ProcessState.NORMAL, "overrides": (Override.SHELVED,)},
            {"shelve", "unshelve", "assign_alarm", "comment"},
        ),
    ],
)  # fmt: skip
def test_what_the_engine_would_refuse_is_not_open(role, more, wanted) -> None:
    assert open_to(offered(role, **more)) == wanted


def test_nobody_is_offered_anything_without_a_name() -> None:
    state = AlarmState(
        alarm_id=ALARM, site_id=SITE, sensor_id=CH4, rule_id="r", version=1, process_state="normal", changed_at=START
    )
    assert alarm_offers(state, None, NOW) == []


def test_a_refusal_says_its_guard_in_both_languages() -> None:
    said = offered(Role.OPERATOR, priority=Priority.P1)["shelve"].said()
    assert said["guard"] == "p1_shelved"
    assert (said["why_zh"], said["why_en"]) == ("一级报警须由值班负责人搁置", "only a supervisor shelves a P1 alarm")


@pytest.mark.parametrize(
    ("priority", "hours"), [(Priority.P1, 1), (Priority.P2, 4), (Priority.P3, 8), (Priority.P4, 24)]
)
def test_a_shelf_is_offered_for_as_long_as_the_engine_lets_it_be(priority, hours) -> None:
    offer = offered(priority=priority)["shelve"]
    assert offer.latest == NOW + dt.timedelta(hours=hours)
    assert max(offer.choices_s) == hours * 3600


def test_one_shot_and_approval_are_asked_for_where_they_mean_something() -> None:
    def fields(kind: str, **more) -> list[str]:
        return [field.name for field in offered(**more)[kind].fields]

    assert "one_shot" in fields("shelve")
    assert "one_shot" not in fields("shelve", state=ProcessState.NORMAL, overrides=(Override.SHELVED,))
    assert "approval" not in fields("suppress") and "approval" not in fields("out_of_service")
    for kind in ("suppress", "out_of_service"):
        approval = {field.name: field for field in offered(priority=Priority.P1)[kind].fields}["approval"]
        assert approval.required
