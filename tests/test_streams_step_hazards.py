"""Commands through whole steps: two people at once, a worker that dies, a command sent twice, clocks that differ."""

import datetime as dt
from typing import Any

from schemas.commands import Command
from schemas.events import Actor, Event
from schemas.hazards import HazardStateRecord
from schemas.terms import HazardState, Role
from schemas.times import from_us, to_us
from streams.decode import Record
from streams.lifecycle import apply
from streams.step import Emitted, run_step
from tests.catalogue_topic import coal
from tests.coal_face import START, S, at
from tests.test_streams_switch import Mine

LI, WANG = Actor(id="li", role=Role.INSPECTOR), Actor(id="wang", role=Role.SUPERVISOR)
SUN, ZHAO = Actor(id="sun", role=Role.RECTIFIER), Actor(id="zhao", role=Role.SUPERVISOR)
PLAN = {
    "due_at": "2026-12-31", "responsible_person": "孙主任", "responsible_unit": "通风科", "funds": 0,
    "measures": [{"kind": "people", "text": "现场盯守"}], "contingency_plan": "预案", "interim_control": "停采",
}  # fmt: skip
LIFE: list[tuple[Actor, str, dict[str, Any]]] = [
    (LI, "judge", {"verdict": "major", "criterion_id": "COAL21-5-2"}),
    (WANG, "assign", {"lead_department_id": "D-1"}), (WANG, "plan", PLAN), (SUN, "start", {}),
    (SUN, "rectify", {"evidence": ["照片"]}), (LI, "accept", {"evidence": ["验收表"]}),
    (WANG, "close", {"evidence": ["销号单"]}),
]  # fmt: skip


class Office(Mine):
    """The coal face with one finding; commands are records of their own offsets."""

    def __init__(self) -> None:
        super().__init__(coal())
        self.finds("f-1", criterion_ref="COAL21-5-2")
        (self.hazard_id,) = {event.subject_id for event in self.events if event.kind == "hazard_registered"}
        self.sent = -1

    @property
    def events(self) -> list[Event]:
        return [event for out in self.outs for event in out.events if event.topic == "hazard.events"]

    @property
    def hazard(self) -> HazardStateRecord:
        (state,) = [s for out in self.outs for s in out.hazard_states if s.hazard_id == self.hazard_id][-1:]
        return state

    def record(self, name: str, actor: Actor, kind: str, data: dict[str, Any], minute: float, **more: Any) -> Record:
        """`minute`: when it reached the topic; `clock`: how many minutes the sender's clock is off."""
        self.sent += 1
        issued = at(60 * (minute + more.pop("clock", 0)))
        command = Command(
            command_id=name, kind=kind, site_id=S, target_id=self.hazard_id, actor=actor, issued_at=issued, data=data,
            **more,
        )  # fmt: skip
        return Record("log", "commands", 0, self.sent, S.encode(), command.encode(), (), to_us(at(60 * minute)))

    def step(self, *records: Record, minute: float) -> Emitted:
        out = run_step(self.state, list(records), to_us(at(60 * minute)), self.context)
        assert not out.refused, out.refused
        self.outs.append(out)
        return out

    def restart(self) -> None:
        super().restart()
        for n, answer in enumerate(result for out in self.outs for result in out.results):
            self.state.restore(Record("log", "command.results", 0, n, None, answer.encode()))

    def live(self) -> None:
        for n, (actor, kind, data) in enumerate(LIFE):
            out = self.step(self.record(f"c{n}", actor, kind, data, 10 + n), minute=10 + n)
            assert out.results[0].accepted, out.results[0]


def test_the_whole_life_goes_through_steps_and_every_event_says_who() -> None:
    office = Office()
    office.live()
    assert office.hazard.state is HazardState.CLOSED
    by = {event.kind: event.actor.id for event in office.events}
    assert by["hazard_judged"] == "li" and by["plan_approved"] == "wang" and by["rectification_done"] == "sun"
    assert all(event.actor.id for event in office.events)
    folded = None
    for event in office.events:
        folded = apply(folded, Event.parse(event.encode()))
    assert folded is not None and folded.model_copy(update={"step": office.hazard.step}) == office.hazard


def test_two_people_at_once_are_heard_in_order_and_the_later_is_told_of_the_earlier() -> None:
    office = Office()
    seen = office.hazard.version
    none = {"verdict": "none", "reason": "误报"}
    out = office.step(
        office.record("first", LI, "judge", LIFE[0][2], 5, seen_version=seen),
        office.record("second", ZHAO, "judge", none, 5, seen_version=seen),
        minute=5,
    )
    first, second = out.results
    assert first.accepted and not second.accepted and second.guard == "stale_version"
    assert "hazard_judged by li" in second.reason
    assert office.hazard.state is HazardState.JUDGED_MAJOR and office.hazard.counts["hazard_judged"] == 1
    out = office.step(office.record("third", ZHAO, "judge", none, 6), minute=6)  # having seen, he may
    assert out.results[0].accepted and office.hazard.state is HazardState.REFUTED


def test_a_worker_that_dies_between_command_and_event_loses_and_doubles_nothing() -> None:
    steady, mortal = Office(), Office()
    steady.live()
    for n, (actor, kind, data) in enumerate(LIFE):
        command = mortal.record(f"c{n}", actor, kind, data, 10 + n)
        # the step was worked out, its events were written, and the worker died before its step record stood
        lost = run_step(mortal.state, [command], to_us(at(60 * (10 + n))), mortal.context)
        mortal.restart()
        again = mortal.step(command, minute=10 + n + 0.5)  # later, by another worker
        assert [e.event_id for e in again.events] == [e.event_id for e in lost.events]
        assert [r.event_ids for r in again.results] == [r.event_ids for r in lost.results]
        mortal.restart()
    assert [e.encode() for e in mortal.events] == [e.encode() for e in steady.events]
    assert mortal.hazard.state is HazardState.CLOSED


def test_a_command_delivered_twice_is_carried_out_once_and_answered_the_same() -> None:
    office = Office()
    judge = ("twice", LI, "judge", LIFE[0][2])
    once = office.step(office.record(*judge, 5), office.record(*judge, 5), minute=5)
    assert [r.event_ids for r in once.results] == [once.results[0].event_ids] * 2
    for restart in (False, True):
        if restart:
            office.restart()
        again = office.step(office.record(*judge, 9), minute=9)
        assert again.events == [] and again.results == [once.results[0]]
    refused = ("refused", SUN, "judge", LIFE[0][2])
    first = office.step(office.record(*refused, 10), minute=10).results[0]
    assert (first.accepted, first.guard) == (False, "role")
    assert office.step(office.record(*refused, 11), minute=11).results == [first]
    assert office.hazard.counts["hazard_judged"] == 1


def test_clocks_that_differ_by_minutes_keep_the_order_of_arrival() -> None:
    office = Office()
    clocks = {"li": -4, "wang": 5, "sun": -6}
    for n, (actor, kind, data) in enumerate(LIFE):
        command = office.record(f"c{n}", actor, kind, data, 10 + n, clock=clocks[actor.id])
        (answer,) = office.step(command, minute=10 + n).results
        assert answer.accepted, answer
    times = [event.occurred_at for event in office.events if event.actor.id != "qingling"]
    assert times == sorted(times) and office.hazard.state is HazardState.CLOSED
    far = office.record("far", LI, "reopen", {"reason": "复查"}, 20, clock=30)
    (answer,) = office.step(far, minute=20).results
    assert (answer.accepted, answer.guard) == (False, "dated_ahead")


def test_what_the_state_topic_holds_is_enough_and_a_closed_hazard_reopens_after_a_restart() -> None:
    office = Office()
    office.live()
    office.restart()
    (answer,) = office.step(office.record("again", LI, "reopen", {"reason": "复查"}, 60), minute=60).results
    assert answer.accepted and (office.hazard.state, office.hazard.cycle) == (HazardState.RECTIFYING, 2)


def test_half_a_year_later_only_the_id_is_known_and_it_reopens_as_a_new_hazard() -> None:
    office = Office()
    office.live()
    minute = 200 * 24 * 60.0
    for restart in (False, True):
        office.step(office.record(f"none-{restart}", ZHAO, "void", {"reason": "x"}, minute), minute=minute)
        assert office.outs[-1].results[0].guard == "archived"
        if not restart:
            office.restart()
    place = {"criterion_id": "COAL21-5-2", "place_id": office.hazard.place_id, "reason": "复查"}
    out = office.step(office.record("anew", LI, "reopen", place, minute), minute=minute)
    assert out.results[0].accepted and out.hazard_states[0].registered.reopens == office.hazard_id
    assert office.state.sites[S].hazards.counts() == {"whole": 1, "stubs": 0, "archived": 1}


def test_timers_run_in_ticks_and_a_tick_done_twice_gives_the_same_events() -> None:
    office = Office()
    day_after = to_us(START + dt.timedelta(hours=30))
    lost = run_step(office.state, [], day_after, office.context)
    assert "deadline_missed" in {event.kind for event in lost.events}
    office.restart()
    again = run_step(office.state, [], day_after + 1_000_000, office.context)
    assert [e.event_id for e in again.events] == [e.event_id for e in lost.events]
    assert run_step(office.state, [], day_after + 2_000_000, office.context).empty
    assert all(e.recorded_at == from_us(day_after) for e in lost.events)
