import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import COMMANDS
from schemas.events import Event
from schemas.hazards import HAZARD_EVENTS, HazardStateRecord
from schemas.terms import HazardState, Verdict
from streams.lifecycle import apply, is_open, major_at, open_at
from streams.lifecycle_page import EVENTS, PAGE, STATES, page
from streams.transitions import EVERY, OPEN, SETTLED, TRANSITIONS, is_legal, next_state
from tests.hazard_bench import DAY, PLAN, T0, WANG

LEAST: dict[str, dict[str, Any]] = {
    "hazard_registered": {"found_at": T0, "source": "self"},
    "hazard_suspected": {"criterion_id": "NEW-5-2", "evidence": [{"evidence_id": "e", "kind": "span"}]},
    "evidence_completed": {"criterion_id": "NEW-5-2", "evidence": [{"evidence_id": "e", "kind": "span", "peak": 2.0}]},
    "evidence_added": {"evidence": [{"evidence_id": "f", "kind": "finding"}]},
    "cause_established": {"control_id": "C-1", "control_failure": "not_executed"},
    "blind_spot_raised": {"reason": "unthought"},
    "deadline_neared": {"deadline": "plan", "due_at": T0, "level": 0, "step": 1},
    "deadline_missed": {"deadline": "plan", "due_at": T0, "level": 1, "step": 2},
    "hazard_judged": {"verdict": "major"},
    "hazard_reported": {"to": "regulator"},
    "responsibility_assigned": {"lead_department_id": "D"},
    "interim_control_set": {"text": "断电"},
    "plan_approved": PLAN,
    "extension_requested": {"new_due_at": "2026-09-01"},
    "extension_decided": {"approved": True, "new_due_at": "2026-09-01"},
}


def told(kind: str, when: dt.datetime = T0, **data: Any) -> Event:
    return Event(
        event_id=f"{kind}{when}", kind=kind, subject_id="H", site_id="S", occurred_at=when, recorded_at=when,
        actor=WANG, imported=True, data=LEAST.get(kind, {}) | data,
    )  # fmt: skip


def told_all(*events: Event) -> HazardStateRecord:
    state = None
    for event in events:
        state = apply(state, event)
    assert state is not None
    return state


def days(*kinds: str) -> HazardStateRecord:
    return told_all(*(told(kind, T0 + n * DAY) for n, kind in enumerate(kinds)))


LIFE = (
    "hazard_registered", "hazard_suspected", "hazard_judged", "plan_approved", "rectification_started",
    "rectification_done", "acceptance_passed", "hazard_closed",
)  # fmt: skip


def test_every_event_kind_has_its_row_and_every_command_a_way() -> None:
    rows = {row.split(":")[0] for row in TRANSITIONS}
    assert rows == set(HAZARD_EVENTS) == {row.split(":")[0] for row in EVENTS}
    assert set(TRANSITIONS) == set(EVENTS)
    assert set(STATES) == set(EVERY) == set(HazardState)
    for kind in COMMANDS.values():
        if kind.target == "hazard":
            assert any(TRANSITIONS[row].moves for row in TRANSITIONS if row.split(":")[0] == kind.event)


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python -m streams.lifecycle_page`"


def test_every_state_is_reached_by_live_events_alone() -> None:
    reached: set[HazardState | None] = {None}
    while True:
        further = {to for row in TRANSITIONS for state in reached if (to := TRANSITIONS[row].moves.get(state))}
        if further <= reached:
            break
        reached |= further
    assert reached == {None, *EVERY}


def test_a_settled_state_is_left_alive_only_by_reopening_and_by_a_new_judgement() -> None:
    ways = {
        (state, row) for row, transition in TRANSITIONS.items() for state, to in transition.moves.items()
        if state in SETTLED and to != state
    }  # fmt: skip
    assert ways == {
        (HazardState.CLOSED, "hazard_reopened"), (HazardState.REFUTED, "hazard_judged:major"),
        (HazardState.REFUTED, "hazard_judged:general"),
    }  # fmt: skip


def test_a_life_step_by_step() -> None:
    expected = [
        "registered", "suspected", "judged_major", "planned", "rectifying", "pending_acceptance", "accepted", "closed",
    ]  # fmt: skip
    assert [days(*LIFE[: n + 1]).state for n in range(len(LIFE))] == expected


def test_version_counts_events_and_the_last_eight_are_remembered() -> None:
    state = days(*LIFE, "penalty_issued", "similar_check_opened")
    assert state.version == 10 == sum(state.counts.values())
    assert [e.version for e in state.recent] == list(range(3, 11))


def test_reopening_starts_a_cycle_with_empty_hands_and_the_old_deadline() -> None:
    state = days(*LIFE, "hazard_reopened")
    assert (state.state, state.cycle, state.attempts) == ("rectifying", 2, 0)
    assert state.rectified_by is state.accepted_by is state.closed_at is None
    assert state.due == state.due0 is not None
    assert state.closings[0].due == state.due and state.closings[0].reopened_at == T0 + 8 * DAY


def test_failed_acceptance_sends_back_and_the_next_rectification_is_another_attempt() -> None:
    state = days(*LIFE[:6], "acceptance_failed", "rectification_done")
    assert (state.state, state.attempts) == ("pending_acceptance", 2)


def test_due0_is_the_first_plans_due_and_due_the_latest_approved() -> None:
    state = days(*LIFE[:4])
    late = told("plan_approved", T0 + 9 * DAY, due_at="2026-10-01")
    early = told("extension_decided", T0 + 5 * DAY, new_due_at="2026-09-01")
    for order in ((late, early), (early, late)):
        last = told_all(*(told(k, T0 + n * DAY) for n, k in enumerate(LIFE[:4])), *order)
        assert last.due0 == state.due0 and last.due is not None
        assert last.due.date() == dt.date(2026, 10, 1)


def test_a_refused_extension_moves_nothing() -> None:
    state = days(*LIFE[:4], "extension_requested")
    assert state.extension is not None
    refused = apply(state, told("extension_decided", T0 + 5 * DAY, approved=False, new_due_at=None))
    assert refused.extension is None and refused.due == state.due and refused.dues == state.dues


def test_the_latest_judgement_by_the_worlds_time_holds_in_whatever_order_told() -> None:
    major, none = told("hazard_judged", T0 + DAY), told("hazard_judged", T0 + 2 * DAY, verdict="none")
    in_order = told_all(told("hazard_registered"), major, none)
    reverse = told_all(told("hazard_registered"), none, major)
    assert in_order.state == reverse.state == "refuted"
    assert in_order.verdict == reverse.verdict == Verdict.NONE
    assert major_at(reverse, T0 + DAY) and not major_at(reverse, T0 + 2 * DAY)


def test_downgraded_voided_and_merged_are_no_major_from_then_on() -> None:
    for kind, state in (
        ("hazard_downgraded", "judged_general"),
        ("hazard_voided", "voided"),
        ("hazard_merged", "merged"),
    ):
        after = days(*LIFE[:3], kind)
        assert after.state == state
        assert major_at(after, T0 + 3 * DAY - dt.timedelta.resolution) and not major_at(after, T0 + 3 * DAY)


def test_open_follows_closing_and_reopening_to_the_instant() -> None:
    state = days(*LIFE, "hazard_reopened")
    instant = dt.timedelta.resolution
    assert not open_at(state, T0 - instant) and open_at(state, T0)
    assert open_at(state, T0 + 7 * DAY - instant) and not open_at(state, T0 + 7 * DAY)
    assert not open_at(state, T0 + 8 * DAY - instant) and open_at(state, T0 + 8 * DAY)


def test_a_second_registration_changes_nothing_but_the_count() -> None:
    state = days("hazard_registered", "hazard_suspected")
    again = apply(state, told("hazard_registered", T0 + DAY, found_at=T0 - 99 * DAY))
    assert (again.found_at, again.state, again.version) == (state.found_at, state.state, state.version + 1)


def test_evidence_is_added_once_and_completed_in_place() -> None:
    state = days("hazard_registered", "hazard_suspected", "evidence_completed")
    assert [(e.evidence_id, e.peak) for e in state.evidence] == [("e", 2.0)] and state.evidence_count == 1
    unknown = apply(state, told("evidence_completed", evidence=[{"evidence_id": "x", "kind": "span"}]))
    assert unknown.evidence == state.evidence


def test_a_state_carries_the_newest_spans_all_findings_and_the_full_count() -> None:
    state = days("hazard_registered")
    state = apply(state, told("hazard_suspected", evidence=[{"evidence_id": "f", "kind": "finding"}]))
    for n in range(320):
        state = apply(state, told("hazard_suspected", evidence=[{"evidence_id": f"s{n}", "kind": "span"}]))
    kept = [e.evidence_id for e in state.evidence]
    assert (kept[0], kept[1], kept[-1], len(kept), state.evidence_count) == ("f", "s20", "s319", 301, 321)


def test_history_without_its_registration_is_taken_as_found_when_first_spoken_of() -> None:
    state = told_all(told("plan_approved", T0 + DAY))
    assert (state.state, state.found_at, state.registered_at) == ("planned", T0 + DAY, None)
    registered = apply(state, told("hazard_registered", T0 + 2 * DAY))
    assert (registered.state, registered.found_at) == ("planned", T0)


def test_reported_is_a_pair_of_first_times() -> None:
    state = days("hazard_registered", "hazard_reported", "hazard_reported")
    state = apply(state, told("hazard_reported", T0 + 5 * DAY, to="workers_congress"))
    assert state.reported_at == {"regulator": T0 + DAY, "workers_congress": T0 + 5 * DAY}
    assert state.state == "registered"


@pytest.mark.parametrize("row", TRANSITIONS)
@pytest.mark.parametrize("state", [None, *EVERY])
def test_imported_history_is_never_refused(state: HazardState | None, row: str) -> None:
    to = next_state(state, row)
    assert to in EVERY
    if is_legal(state, row):
        assert to == TRANSITIONS[row].moves[state]
    if state in (HazardState.VOIDED, HazardState.MERGED):
        assert to == state


kinds = st.lists(st.sampled_from(sorted(HAZARD_EVENTS)), min_size=1, max_size=20)


@settings(deadline=None)
@given(kinds)
def test_any_history_folds_and_survives_the_state_topic(history: list[str]) -> None:
    events = [told(kind, T0 + n * DAY) for n, kind in enumerate(history)]
    state = told_all(*events)
    assert state.version == len(events)
    assert HazardStateRecord.parse(state.encode()) == state
    assert is_open(state) == (state.state in OPEN)
    middle = told_all(*events[: len(events) // 2 + 1])
    resumed = HazardStateRecord.parse(middle.encode())
    for event in events[len(events) // 2 + 1 :]:
        resumed = apply(resumed, event)
    assert resumed == state
