"""Random people sending random commands at random times: the life cycle holds whatever they do."""

import datetime as dt
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.commands import COMMANDS
from schemas.events import SYSTEM, Actor, Event
from schemas.hazards import HazardStateRecord
from schemas.registry import Control, Department, Matter, Place, Site
from schemas.terms import HazardState, Role, Verdict
from schemas.times import to_us
from streams.duties import Duties
from streams.guard_words import GUARDS
from streams.hazards import SiteHazards
from streams.lifecycle import apply, major_at, open_at
from streams.refusal import Refusal
from streams.surroundings import Surroundings
from streams.transitions import MOVING, SETTLED, TRANSITIONS, allowed_rows, row_of
from tests.hazard_bench import (
    CATALOGUE,
    DAY,
    FACE,
    GAS,
    HOUR,
    LI,
    PLAN,
    POWER,
    SITE,
    SUN,
    T0,
    WANG,
    ZHAO,
    asked,
    sensed,
    span,
)  # fmt: skip

KINDS = sorted(name for name, kind in COMMANDS.items() if kind.target == "hazard")
BOSS = Actor(id="boss", role=Role.ADMIN)
PEOPLE = [WANG, ZHAO, LI, SUN, Actor(id="sun", role=Role.SUPERVISOR), BOSS]
NEXT_STEPS = ["plan", "start", "rectify", "accept", "close", "reopen"]
RARE = ("void", "merge", "downgrade")
FULL: dict[str, Any] = {
    "verdict": "major", "reason": "理由", "evidence": ["附件"], "to": "regulator", "lead_department_id": "D-1",
    "text": "断电", "interim_control": "限产", "approved": True, "to_department_id": "D-2", "level": "市级",
    "control_failure": "not_executed", "control_id": "C-1", "similar_site_id": "S-2", "hits": 1, "kind": "罚款",
}  # fmt: skip
verdicts = st.sampled_from(["major", "major", "general", "none", "needs_review", "nonsense"])
hours = st.integers(-30, 24 * 40)


def around() -> Surroundings:
    """One clause of the two has a lead; another site is alike; one control is known."""
    departments = {each: Department(department_id=each) for each in ("D-1", "D-2")}
    matter = Matter(matter_id="M", lead_department_id="D-1", criterion_ids=("NEW-5-2",))
    other = Site(site_id="S-2", region=SITE.region, industry=SITE.industry)
    places = {
        SITE.site_id: {FACE: Place(place_id=FACE, site_id=SITE.site_id, kind="coal_face")},
        "S-2": {"P": Place(place_id="P", site_id="S-2", kind="coal_face")},
    }
    control = Control(control_id="C-1", site_id=SITE.site_id, risk_id="R-1", text="断电闭锁")
    return Surroundings(
        Duties(departments, {"M": matter}), {SITE.site_id: {"C-1": control}}, {SITE.site_id: SITE, "S-2": other}, places
    )


class Commands(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.around = around()
        self.hazards = SiteHazards(SITE, CATALOGUE, around=self.around)
        self.now = T0
        self.steps = 0
        self.sent = 0
        self.events: list[Event] = []

    @property
    def ids(self) -> list[str]:
        """Hazards in memory; those closed long ago are known by their id only."""
        named = dict.fromkeys(event.subject_id for event in self.events)
        return [each for each in named if self.hazards.get(each) is not None]

    def state(self, hazard_id: str) -> HazardStateRecord:
        state = self.hazards.get(hazard_id)
        assert state is not None
        return state

    def send(self, actor: Actor, kind: str, target: str, data: dict[str, Any], **more: Any) -> None:
        self.sent += 1
        before = self.state(target)
        command = asked(f"c{self.sent}", kind, target, actor, self.now, data, **more)
        twin = SiteHazards(SITE, CATALOGUE, [self.state(each) for each in self.ids], around=self.around)
        outcome, repeated = self.hazards.on_command(command), twin.on_command(command)
        assert outcome == repeated
        after = self.state(target)
        if isinstance(outcome, Refusal):
            assert outcome.guard in GUARDS and outcome.reason
            assert after == before
            return
        self.events += outcome
        event, *following = outcome
        assert all(each.actor == SYSTEM and each.causes == event.causes for each in following)
        assert event.actor == actor and actor.role in COMMANDS[kind].roles
        assert event.recorded_at == self.now
        assert TRANSITIONS[row_of(event.kind, event.data.get("verdict"))].moves[before.state] == after.state
        assert after.version == before.version + len(outcome)
        if event.kind in MOVING:
            assert before.moved_at is not None and event.occurred_at >= before.moved_at
        if event.kind in ("acceptance_passed", "hazard_closed"):
            assert not {actor.id, event.data["by"]} & set(before.rectifiers)
        if event.kind == "hazard_closed":
            assert before.accepted_at is not None and event.data["evidence"] and not before.stopped

    @rule(n=st.integers(0, 3), of=st.sampled_from([GAS, POWER]), ahead=st.integers(0, 300))
    def evidence(self, n: int, of: Any, ahead: int) -> None:
        self.now += ahead * HOUR
        name = f"{of.id}-{n}-{self.now.isoformat()}"
        self.events += self.hazards.on_judgement(sensed(span(name, self.now), of), self.now, (), f"{name}/began")

    @rule(ahead=st.integers(0, 24 * 60))
    def time_passes(self, ahead: int) -> None:
        """A step ends, later a tick: settled hazards are folded, timers tell, what is old is archived."""
        self.steps += 1
        self.hazards.take_changed(self.steps)
        self.now += ahead * HOUR
        told = self.hazards.on_tick(to_us(self.now))
        assert self.hazards.on_tick(to_us(self.now)) == []
        for event in told:
            assert event.actor == SYSTEM and event.occurred_at <= self.now == event.recorded_at
        self.events += told
        for state in map(self.state, self.ids):  # every step that has been reached was told of, and no other
            for timer in self.around.timers_of(state):
                assert timer.told(state) == sum(step.at <= self.now for step in timer.steps), (state, timer)

    @precondition(lambda self: self.ids)
    @rule(
        data=st.data(), kind=st.sampled_from(KINDS), actor=st.sampled_from(PEOPLE), verdict=verdicts,
        ahead=st.integers(0, 200), stale=st.booleans(), earlier=st.none() | hours,
    )  # fmt: skip
    def anything(
        self, data: Any, kind: str, actor: Actor, verdict: str, ahead: int, stale: bool, earlier: int | None
    ) -> None:
        self.now += ahead * HOUR
        target, into = data.draw(st.sampled_from(self.ids)), data.draw(st.sampled_from(self.ids))
        due = self.now + data.draw(hours) * HOUR
        full = (
            FULL | PLAN | {"verdict": verdict, "into": into, "due_at": due.isoformat(), "new_due_at": due.isoformat()}
        )
        dropped = data.draw(st.sets(st.sampled_from(sorted(full)), max_size=2))
        more: dict[str, Any] = {}
        if stale:
            more["seen_version"] = self.state(target).version - data.draw(st.integers(0, 1))
        if earlier is not None:
            more["occurred_at"] = self.now - earlier * HOUR
        self.send(actor, kind, target, {k: v for k, v in full.items() if k not in dropped}, **more)

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), steps=st.integers(1, 6))
    def go_on(self, data: Any, steps: int) -> None:
        """People who do what the state allows, so that the far end of the life cycle is met often."""
        target = data.draw(st.sampled_from(self.ids))
        for _ in range(steps):
            self.now += HOUR
            state = self.state(target)
            legal = {row.split(":")[0] for row in allowed_rows(state.state)}
            possible = [kind for kind in KINDS if COMMANDS[kind].event in legal and kind not in RARE]
            forward = [kind for kind in NEXT_STEPS if kind in possible] or possible
            kind = data.draw(st.sampled_from(forward) | st.sampled_from(possible)) if possible else "reopen"
            actor = data.draw(st.sampled_from([BOSS, SUN] if kind in ("start", "rectify", "extend") else [BOSS, WANG]))
            due = max(self.now, state.due or self.now) + 30 * DAY
            more: dict[str, Any] = {}
            if actor is not SUN and data.draw(st.booleans()):
                more["occurred_at"] = self.now - data.draw(st.integers(0, 3)) * HOUR
            full = FULL | PLAN | {"due_at": due.isoformat(), "new_due_at": due.isoformat()}
            self.send(actor, kind, target, full, **more)

    @invariant()
    def replay_gives_the_same_states(self) -> None:
        folded: dict[str, HazardStateRecord] = {}
        for event in self.events:
            event = Event.parse(event.encode())
            folded[event.subject_id] = apply(folded.get(event.subject_id), event)
        for hazard_id in self.ids:
            held = self.state(hazard_id)
            assert folded[hazard_id].model_copy(update={"step": held.step}).encode() == held.encode()
        for hazard_id in folded.keys() - set(self.ids):
            assert folded[hazard_id].state in SETTLED
            assert self.hazards.has_hazard(hazard_id) and self.now - folded[hazard_id].changed_at > 180 * DAY

    @invariant()
    def every_open_hazard_has_one_lead_or_says_why_not(self) -> None:
        for state in map(self.state, self.ids):
            assert state.state in SETTLED or (state.lead_department_id is None) == (state.blind_spot is not None)

    @invariant()
    def the_state_agrees_with_open_and_major(self) -> None:
        end_of_time = self.now + dt.timedelta(days=3650)
        for state in map(self.state, self.ids):
            assert open_at(state, end_of_time) == (state.state is not HazardState.CLOSED)
            out = state.state in (HazardState.VOIDED, HazardState.MERGED)
            assert major_at(state, end_of_time) == (state.verdict is Verdict.MAJOR and not out)
            assert len(state.closings) == state.cycle - (state.state is not HazardState.CLOSED and state.cycle > 0)

    @invariant()
    def one_open_hazard_per_clause_and_place(self) -> None:
        keys = [
            (s.root_criterion_id, s.place_id) for s in map(self.state, self.ids)
            if s.state not in (HazardState.CLOSED, HazardState.REFUTED, HazardState.VOIDED, HazardState.MERGED)
        ]  # fmt: skip
        assert len(keys) == len(set(keys))

    @invariant()
    def no_event_id_twice(self) -> None:
        assert len({e.event_id for e in self.events}) == len(self.events)


TestCommands = Commands.TestCase
TestCommands.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
