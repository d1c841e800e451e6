import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from schemas.commands import COMMANDS
from schemas.events import Actor
from schemas.terms import Role
from streams.guard_words import GUARDS
from streams.guards import CLOCKS_DIFFER, guard
from tests.hazard_bench import (
    DAY,
    FACE,
    HOUR,
    LI,
    PLAN,
    POWER,
    QIAN,
    SUN,
    T0,
    WANG,
    ZHAO,
    Bench,
    accepted,
    asked,
    closed,
    judged,
    planned,
    sensed,
    span,
    suspected,
)  # fmt: skip

MAJOR = {"verdict": "major"}
SHEET = {"evidence": ["销号单"]}
ASK = {"new_due_at": "2026-09-01", "reason": "设备到货延迟", "interim_control": "限产"}


def pending() -> Bench:
    bench = planned()
    bench.does(WANG, "rectify")
    return bench


def stopped() -> Bench:
    bench = accepted()
    bench.does(LI, "stop")
    return bench


def downgraded() -> Bench:
    bench = judged()
    bench.does(WANG, "downgrade", {"reason": "复核"})
    return bench


def supervised() -> Bench:
    bench = judged()
    bench.does(WANG, "supervise", {"level": "市级"})
    return bench


def reported() -> Bench:
    bench = judged()
    bench.does(LI, "report", {"to": "regulator"})
    return bench


def asked_for() -> Bench:
    bench = planned()
    bench.does(SUN, "extend", ASK)
    return bench


Case = tuple[str, Callable[[], Bench], Actor, str, dict[str, Any], dict[str, Any]]
CASES: list[Case] = [
    ("unknown_kind", suspected, WANG, "acknowledge", {}, {}),
    ("not_found", suspected, WANG, "judge", MAJOR, {"target": "nothing"}),
    ("not_found", suspected, WANG, "judge", MAJOR, {"site_id": "elsewhere"}),
    ("role", suspected, QIAN, "judge", MAJOR, {}),
    ("role", suspected, SUN, "judge", MAJOR, {}),
    ("stale_version", suspected, LI, "judge", MAJOR, {"seen_version": 1}),
    ("stale_version", suspected, LI, "judge", MAJOR, {"seen_version": 99}),
    ("illegal_transition", suspected, WANG, "plan", PLAN, {}),
    ("illegal_transition", judged, WANG, "close", SHEET, {}),
    ("illegal_transition", planned, LI, "accept", {}, {}),
    ("illegal_transition", closed, LI, "judge", MAJOR, {}),
    ("illegal_transition", planned, LI, "reopen", {"reason": "x"}, {}),
    ("dated_ahead", suspected, WANG, "judge", MAJOR, {"when": T0 + DAY, "occurred_at": T0 + 2 * DAY}),
    ("backdated", judged, LI, "report", {"to": "regulator"}, {"when": T0 + DAY, "occurred_at": T0 + HOUR}),
    ("before_found", suspected, WANG, "judge", MAJOR, {"when": T0 + DAY, "occurred_at": T0 - HOUR}),
    ("before_found", suspected, LI, "judge", MAJOR, {"when": T0 - HOUR}),
    ("out_of_order", judged, WANG, "plan", PLAN, {"when": T0 + DAY, "occurred_at": T0 + HOUR}),
    ("bad_data", suspected, LI, "judge", {}, {}),
    ("bad_data", suspected, LI, "judge", {"verdict": "awful"}, {}),
    ("bad_data", suspected, LI, "judge", MAJOR | {"document_id": "OLD"}, {}),
    ("bad_data", judged, LI, "report", {"to": "the press"}, {}),
    ("bad_data", judged, WANG, "assign", {}, {}),
    ("bad_data", judged, WANG, "assign", {"lead_department_id": " "}, {}),
    ("bad_data", judged, WANG, "interim", {"text": ""}, {}),
    ("bad_data", judged, WANG, "plan", PLAN | {"due_at": "soon"}, {}),
    ("bad_data", judged, WANG, "plan", PLAN | {"funds": -1}, {}),
    ("bad_data", judged, WANG, "plan", PLAN | {"measures": [{"kind": "magic", "text": "x"}]}, {}),
    ("reason_missing", suspected, LI, "judge", {"verdict": "none"}, {}),
    ("reason_missing", judged, LI, "judge", {"verdict": "general"}, {}),
    ("reason_missing", judged, WANG, "void", {}, {}),
    ("reason_missing", judged, WANG, "void", {"reason": "  "}, {}),
    ("reason_missing", judged, WANG, "downgrade", {}, {}),
    ("reason_missing", judged, WANG, "transfer", {"to_department_id": "D-2"}, {}),
    ("reason_missing", closed, LI, "reopen", {}, {}),
    ("verdict_not_final", suspected, LI, "judge", {"verdict": "needs_review"}, {}),
    ("criterion_unknown", suspected, LI, "judge", MAJOR | {"criterion_id": "NEW-1-1"}, {}),
    ("criterion_not_in_force", suspected, LI, "judge", MAJOR | {"criterion_id": "OLD-5-2"}, {}),
    ("already_downgraded", downgraded, LI, "judge", MAJOR, {}),
    ("plan_incomplete", judged, WANG, "plan", {}, {}),
    ("due_past", judged, WANG, "plan", PLAN | {"due_at": "2026-07-01"}, {}),
    ("plan_after_due", planned, WANG, "plan", PLAN | {"due_at": "2026-12-01"}, {"when": T0 + 60 * DAY}),
    ("extension_after_due", planned, SUN, "extend", ASK, {"when": T0 + 60 * DAY}),
    ("extension_not_later", planned, SUN, "extend", ASK | {"new_due_at": "2026-07-20"}, {}),
    ("extension_incomplete", planned, SUN, "extend", {"new_due_at": "2026-09-01"}, {}),
    ("no_extension_pending", planned, WANG, "decide_extension", {"approved": True}, {}),
    ("extension_not_later", asked_for, WANG, "decide_extension", {"approved": True, "new_due_at": "2026-07-20"}, {}),
    ("catalogue_version", suspected, LI, "judge", MAJOR | {"catalogue_version": "of last year"}, {}),
    ("bad_data", judged, LI, "cause", {"control_failure": "asleep", "control_id": "C-1"}, {}),
    ("control_unknown", judged, LI, "cause", {"control_failure": "not_executed"}, {}),
    ("already_reported", reported, WANG, "report", {"to": "regulator"}, {}),
    ("acceptance_evidence", pending, LI, "accept", {}, {}),
    ("acceptance_evidence", pending, LI, "accept", {"evidence": []}, {}),
    ("already_stopped", stopped, LI, "stop", {}, {}),
    ("not_stopped", judged, SUN, "request_resume", {}, {}),
    ("not_supervisable", downgraded, WANG, "supervise", {"level": "市级"}, {}),
    ("already_supervised", supervised, ZHAO, "supervise", {"level": "省级"}, {}),
    ("supervision_open", supervised, ZHAO, "lift_supervision", {}, {}),
    ("similar_check", judged, LI, "check_similar", {"similar_site_id": "S-2", "hits": 0}, {}),
    ("not_supervised", judged, WANG, "lift_supervision", {}, {}),
    ("not_stopped", judged, LI, "resume", {}, {}),
    ("rectifier_accepts", pending, WANG, "accept", {}, {}),
    ("rectifier_accepts", pending, ZHAO, "accept", {"by": "wang"}, {}),
    ("closing_evidence", accepted, WANG, "close", {}, {}),
    ("closing_evidence", accepted, WANG, "close", {"evidence": []}, {}),
    ("resume_missing", stopped, WANG, "close", SHEET, {}),
    ("merge_target", judged, WANG, "merge", {"reason": "重复", "into": "nothing"}, {}),
    ("merge_target", judged, WANG, "merge", {"reason": "重复"}, {}),
    ("transfer_target", judged, WANG, "transfer", {"reason": "职责"}, {}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[3]}")
def test_a_refusal_names_its_guard_and_changes_nothing(case: Case) -> None:
    name, start, actor, kind, data, more = case
    bench = start()
    before = bench.latest
    assert bench.does(actor, kind, data, **more) == f"!{name}"
    assert bench.refusal.reason.startswith(GUARDS[name].en) and bench.refusal.reason.endswith(GUARDS[name].zh)
    assert bench.latest == before


def test_the_rest_of_the_guards() -> None:
    bench = pending()
    bench.does(LI, "accept", SHEET)
    assert bench.does(WANG, "close", SHEET) == "!rectifier_closes"

    bench = Bench()
    bench.sees(sensed(span("s1", T0)))
    bench.does(LI, "judge", {"verdict": "general"})
    bench.does(WANG, "start")
    assert bench.does(SUN, "extend", ASK) == "!no_due"
    assert bench.does(ZHAO, "downgrade", {"reason": "x"}) == "!not_major"

    nameless = suspected().latest.model_copy(update={"criterion_id": None})
    refusal = guard(nameless, asked("c", "judge", nameless.hazard_id, LI, T0 + HOUR, MAJOR).command)
    assert refusal is not None and refusal.guard == "criterion_missing"


def test_what_is_settled_stays_so_while_another_hazard_is_open_for_the_same_clause_and_place() -> None:
    bench = closed()
    old = bench.ids[0]
    bench.sees(sensed(span("s2", bench.now)))
    assert bench.does(LI, "reopen", {"reason": "复查"}, target=old) == "!twin_open"
    assert bench.ids[1] in bench.refusal.reason
    assert bench.does(LI, "judge", {"verdict": "none", "reason": "误报"}) == "refuted"
    assert bench.does(LI, "reopen", {"reason": "复查"}, target=old) == "rectifying"
    assert bench.does(LI, "judge", MAJOR, target=bench.ids[1]) == "!twin_open"


def test_every_guard_has_a_case() -> None:
    elsewhere = {"department_unknown"}  # tests/test_streams_responsibility.py
    elsewhere |= {"archived"}  # tests/test_streams_hazard_store.py
    shown = {case[0] for case in CASES} | {"rectifier_closes", "no_due", "not_major", "criterion_missing", "twin_open"}
    assert shown | elsewhere == set(GUARDS)


def test_neither_the_rectifier_nor_who_reported_the_work_done_accepts_it() -> None:
    bench = planned()
    bench.does(WANG, "rectify", {"by": "sun"})
    assert bench.does(WANG, "accept", SHEET) == "!rectifier_accepts"
    assert bench.does(ZHAO, "accept", SHEET | {"by": "sun"}) == "!rectifier_accepts"
    assert bench.does(ZHAO, "accept", SHEET) == "accepted"
    assert bench.does(WANG, "close", SHEET) == "!rectifier_closes"


def test_the_last_day_of_a_deadline_counts_until_midnight() -> None:
    morning = PLAN | {"due_at": "2026-08-01T08:00:00+08:00"}
    for when, answer in (
        ("2026-08-01T20:00:00+08:00", "planned"),
        ("2026-08-02T00:00:00+08:00", "!extension_after_due"),
    ):
        bench = judged()
        bench.does(WANG, "plan", morning)
        assert bench.does(SUN, "extend", ASK, when=dt.datetime.fromisoformat(when)) == answer


def test_supervision_is_lifted_after_acceptance_or_for_a_reason() -> None:
    bench = supervised()
    assert bench.does(ZHAO, "lift_supervision", {"reason": "移交省级督办"}) == "judged_major"
    assert not bench.latest.supervised
    bench = accepted()
    bench.does(WANG, "supervise", {"level": "市级"})
    assert bench.does(ZHAO, "lift_supervision") == "accepted"


@pytest.mark.parametrize("item", ["responsible_person", "responsible_unit", "measures", "funds", "due_at",
                                  "contingency_plan", "interim_control"])  # fmt: skip
@pytest.mark.parametrize("empty", [None, "", "  ", [], "absent"])
def test_a_plan_without_one_of_its_items_names_it(item: str, empty: Any) -> None:
    bench = judged()
    plan = {k: v for k, v in PLAN.items() if k != item} if empty == "absent" else PLAN | {item: empty}
    assert bench.does(WANG, "plan", plan) == "!plan_incomplete"
    assert item in bench.refusal.reason


def test_no_funds_needed_is_a_statement() -> None:
    assert judged().does(WANG, "plan", PLAN | {"funds": 0}) == "planned"


def test_a_stale_command_is_told_what_has_happened_since() -> None:
    bench = judged()
    seen = bench.latest.version
    bench.does(WANG, "plan", PLAN)
    bench.does(SUN, "start")
    assert bench.does(ZHAO, "void", {"reason": "重复"}, seen_version=seen) == "!stale_version"
    assert f"version {seen} -> {seen + 2}: plan_approved by wang, rectification_started by sun" in bench.refusal.reason


def test_an_illegal_command_is_told_what_is_allowed() -> None:
    bench = planned()
    assert bench.does(LI, "accept") == "!illegal_transition"
    assert "accept in state planned" in bench.refusal.reason
    assert "start, rectify" in bench.refusal.reason and "judge" in bench.refusal.reason


def test_a_clause_of_another_edition_is_answered_with_the_one_in_force() -> None:
    bench = suspected()
    bench.does(LI, "judge", MAJOR | {"criterion_id": "OLD-5-2"})
    assert "NEW-5-2" in bench.refusal.reason


def test_two_people_at_once_the_later_sees_the_earlier() -> None:
    bench = suspected()
    seen = bench.latest.version
    assert bench.does(LI, "judge", MAJOR, seen_version=seen) == "judged_major"
    assert bench.does(WANG, "judge", {"verdict": "none", "reason": "误报"}, seen_version=seen) == "!stale_version"
    assert "hazard_judged by li" in bench.refusal.reason


def test_clocks_a_few_minutes_apart_do_not_stop_the_work_and_times_still_go_forward() -> None:
    bench = judged()
    behind = bench.now - CLOCKS_DIFFER / 2
    assert bench.does(WANG, "plan", PLAN, when=behind) == "planned"
    assert bench.events[-1].occurred_at == bench.events[-2].occurred_at > behind
    bench = closed()
    ended = bench.latest.closed_at
    assert bench.does(LI, "reopen", {"reason": "复查"}, when=bench.now - dt.timedelta(minutes=3)) == "rectifying"
    assert ended is not None and bench.latest.reopened_at == ended + dt.timedelta.resolution


def test_supervisors_may_enter_what_happened_earlier() -> None:
    bench = suspected()
    assert bench.does(WANG, "judge", MAJOR, when=T0 + 9 * DAY, occurred_at=T0 + HOUR) == "judged_major"
    assert bench.latest.judged_at == T0 + HOUR and bench.latest.changed_at == T0 + 9 * DAY


def test_a_command_dated_after_it_was_received_is_refused() -> None:
    state, later = suspected().latest, T0 + 2 * DAY
    command = asked("c", "judge", state.hazard_id, LI, later, MAJOR).command
    refusal = guard(state, command, now=later - HOUR)
    assert refusal is not None and refusal.guard == "dated_ahead"
    assert guard(state, command, now=later - CLOCKS_DIFFER) is None


def test_a_plan_may_be_revised_before_its_due_and_made_anew_after_a_reopening() -> None:
    bench = planned()
    assert bench.does(WANG, "plan", PLAN | {"due_at": "2026-08-20"}) == "planned"
    assert bench.latest.due0 != bench.latest.due
    bench = closed()
    late = T0 + 60 * DAY
    bench.now = late
    assert bench.does(LI, "reopen", {"reason": "复查"}) == "rectifying"
    assert bench.does(WANG, "plan", PLAN | {"due_at": "2026-10-01"}) == "rectifying"
    assert bench.latest.due is not None and bench.latest.due > late


def test_an_extension_asked_in_time_may_be_decided_after_the_due() -> None:
    bench = planned()
    assert bench.does(SUN, "extend", ASK) == "planned"
    bench.now = T0 + 40 * DAY
    assert bench.does(WANG, "decide_extension", {"approved": True}) == "planned"
    assert bench.latest.due is not None and bench.latest.due.date() == dt.date(2026, 9, 1)
    assert bench.latest.interim_control == "限产" and bench.latest.extension is None


def test_production_stopped_and_approved_to_resume_may_be_closed() -> None:
    bench = stopped()
    bench.does(LI, "resume")
    assert bench.does(WANG, "close", SHEET) == "closed"


def test_merging_needs_another_open_hazard() -> None:
    bench = judged()
    bench.sees(sensed(span("p1", T0), POWER))
    power, gas = bench.ids[1], bench.ids[0]
    assert bench.does(WANG, "merge", {"into": power, "reason": "x"}, target=power) == "!merge_target"
    assert bench.does(WANG, "merge", {"into": gas, "reason": "同一情形"}, target=power) == "merged"
    assert bench.does(WANG, "merge", {"into": power, "reason": "x"}, target=gas) == "!merge_target"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", [k for k, v in COMMANDS.items() if v.target == "hazard"])
def test_roles_are_those_of_the_commands_table(kind: str, role: Role) -> None:
    state = suspected().latest
    refusal = guard(state, asked("c", kind, state.hazard_id, Actor(id="x", role=role), T0 + HOUR).command)
    assert (refusal is not None and refusal.guard == "role") == (role not in COMMANDS[kind].roles)


def test_by_is_the_actor_unless_stated() -> None:
    bench = suspected()
    bench.does(LI, "judge", MAJOR)
    assert bench.events[-1].data["by"] == "li" and bench.events[-1].actor == LI
    assert bench.events[-1].data["document_id"] == "NEW" and bench.events[-1].data["evidence"] == ["s1"]
    assert bench.latest.place_id == FACE
