"""Any order of readings, commands, ticks and restarts: no P1 is lost, nothing unseen is acknowledged, every shelf ends.

Two engines run side by side, one of them born again from what it wrote after every move. What the events say, folded
on its own (alarm_fold), must be what the states say; what the readings say, by a model of two limits and their delays,
must be what stands. Broken by hand in some twenty ways, the engine is found out here.
"""

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.terms import Override, Priority, ProcessState
from schemas.times import to_us
from streams.refusal import Refusal
from tests import alarm_bench as bench
from tests.alarm_bench import engine, frame, reborn, sensor, shanghai, us
from tests.alarm_fold import KEY, Fold
from tests.test_streams_alarm_commands import senior

SENSORS = (sensor("T1"), sensor("FAN", signal="main_fan_running"), sensor("MODE", signal=""))
FAN = bench.rule("FAN", rule_id="fan.low", direction="low", limit=0.5)
HH = {"level": "HH", "limit": 1.5, "priority": "P1"}
LONG = {"level": "long", "after_s": 300, "priority": "P2"}
HIDING = {"shelve", "suppress", "out_of_service"}


class Standing:
    """What readings say of one limit, by the delays alone."""

    def __init__(self, beyond: float, inside: float, delay_s: float) -> None:
        self.beyond, self.inside, self.delay_s = beyond, inside, delay_s
        self.stood, self.since = False, None

    def take(self, now: float, value: float) -> None:
        towards = value < self.inside if self.stood else value >= self.beyond
        self.since = (now if self.since is None else self.since) if towards else None
        if self.since is not None and now - self.since >= self.delay_s:
            self.stood, self.since = not self.stood, None


class Machine(RuleBasedStateMachine):
    links: ClassVar[dict[str, str]] = {}

    @initialize(
        priority=st.sampled_from(Priority), latches=st.booleans(), delay=st.sampled_from([0, 60]),
        ack_timeout=st.sampled_from([None, 120]), re_alarm=st.sampled_from([None, 600]),
        steps=st.sampled_from([(), (HH,), (HH, LONG)]),
    )  # fmt: skip
    def begin(self, priority, latches, delay, ack_timeout, re_alarm, steps):
        ours = bench.rule(
            priority=priority, latches=latches, on_delay_s=delay, off_delay_s=delay, deadband=0.05, escalations=steps,
            ack_timeout_s=ack_timeout, re_alarm_s=re_alarm, **self.links,
        )  # fmt: skip
        self.rule, self.rules, self.states = ours, [FAN, ours], {}
        self.one, self.other = (engine(self.rules, *SENSORS) for _ in range(2))
        self.fold, self.now, self.n, self.seen = Fold(latches), 0.0, 0, [0]
        self.high, self.further = Standing(1.0, 0.95, delay), Standing(1.5, 1.45, delay)
        self.fan_down = self.mode_on = False
        self.approved: dict[str, bool] = {}  # what keeps it from the operator, and whether that may hide a P1

    def _happened(self, events, others):
        assert [event.event_id for event in events] == [event.event_id for event in others]
        self.other = reborn(self.other, self.rules, self.states, *SENSORS)
        for event in events:
            if event.subject_id == KEY:
                self.fold.take(event)
        self.seen.append(self.fold.version)

    def _read(self, name, value):
        self.n += 1
        self._happened(*(it.on_frame(frame([(self.now, value, 0, name)], self.n)) for it in (self.one, self.other)))

    @rule(seconds=st.sampled_from([1, 30, 30, 60, 400]), value=st.sampled_from([0.2, 0.97, 1.0, 1.2, 1.6, 1.6, None]))
    def reading(self, seconds, value):
        self.now += seconds
        self._read("T1", value)
        if value is None:
            return
        self.high.take(self.now, value)
        self.further.take(self.now, value)
        if not self.high.stood:  # whoever has returned begins again
            self.further.stood = False

    @rule(seconds=st.sampled_from([0, 10, 500, 4000, 90_000]))
    def tick(self, seconds):
        self.now += seconds
        self._happened(*(it.on_tick(us(self.now), caught_up=False) for it in (self.one, self.other)))
        assert self.one.on_tick(us(self.now), caught_up=False) == []
        fold, now_us = self.fold, us(self.now)
        assert Override.SHELVED not in fold.overrides or to_us(fold.until) > now_us
        if fold.state is ProcessState.UNACKNOWLEDGED and not fold.overrides and self.rule.ack_timeout_s:
            assert fold.overdue or now_us < fold.asked_us + self.rule.ack_timeout_s * 1e6
        if fold.state is ProcessState.ACKNOWLEDGED and not fold.overrides and self.rule.re_alarm_s:
            assert now_us < fold.acked_us + self.rule.re_alarm_s * 1e6

    @rule(
        kind=st.sampled_from(["acknowledge", "acknowledge", "unacknowledge", "reset", "comment", "unshelve"]),
        back=st.sampled_from([0, 0, 0, 1, 2]),
    )  # fmt: skip
    def command(self, kind, back):
        self._ask(kind, self.seen[-1 - min(back, len(self.seen) - 1)], reason="因")

    @precondition(lambda self: self.fold.occurrences)
    @rule(back=st.sampled_from([0, 1]))
    def acknowledge_what_was_seen(self, back):
        """By the occurrence on the screen, which may be the one before."""
        seen = self.fold.occurrences[-1 - min(back, len(self.fold.occurrences) - 1)]
        if self._ask("acknowledge", None, occurrence_id=seen):
            assert seen == self.fold.occurrence, "an occurrence was acknowledged that nobody has seen"

    @rule(seconds=st.sampled_from([60, 3000]), one_shot=st.booleans(), kind=st.sampled_from(["operator", "supervisor"]))
    def shelve(self, seconds, one_shot, kind):
        data = {"until": shanghai(self.now + seconds), "one_shot": one_shot, "reason": "检修"}
        priority = self.fold.priority if self.fold.stands else self.rule.priority
        if self._ask("shelve", self.fold.version, kind == "supervisor", **data):
            self.approved["shelved"] = priority == Priority.P1
            assert not (priority == Priority.P1 and kind == "operator")

    @precondition(lambda self: self.n > 1)
    @rule(
        kind=st.sampled_from(["out_of_service", "return_to_service", "suppress", "unsuppress"]),
        approval=st.sampled_from(["批1", "批1", ""]),
    )  # fmt: skip
    def supervise(self, kind, approval):
        order = {"work_order": "W1", "due_at": shanghai(self.now + 5000), "checked": "零点", "approval": approval}
        if self._ask(kind, self.fold.version, True, reason="检修", **order):
            if kind in HIDING:
                self.approved["suppressed" if kind == "suppress" else kind] = bool(approval)
            elif kind == "unsuppress":
                self.approved.pop("suppressed", None)

    def _ask(self, kind, version, supervisor=False, **data):
        """Whether it was done."""
        before, self.n = self.fold.version, self.n + 1
        make = senior if supervisor else lambda kind, seen, at, **data: bench.ask(kind, KEY, seen, at, **data)
        asked = make(kind, version, self.now, **data)
        asked = type(asked)(asked.record, asked.command.model_copy(update={"command_id": f"c{self.n}"}))
        answers = [it.on_command(asked) for it in (self.one, self.other)]
        if isinstance(answers[0], Refusal):
            assert answers[0] == answers[1]
            return False
        assert version in (None, before), "what was not seen was acted on"
        self._happened(*answers)
        return True

    @invariant()
    def states_are_what_events_say(self):
        if not hasattr(self, "fold"):
            return
        for state in self.one.take_changed(1):
            if state.alarm_id == KEY:
                assert (state.version, state.process_state) == (self.fold.version, self.fold.state)
                assert set(state.overrides) == self.fold.overrides
                assert state.occurrence_id is None or state.priority == self.fold.priority
        assert self.one.memory() == self.other.memory()

    @invariant()
    def nothing_that_stands_or_waits_is_lost(self):
        if not hasattr(self, "fold"):
            return
        assert self.high.stood == self.fold.stands
        if self.fold.state is ProcessState.NORMAL:
            assert self.fold.returned
            assert self.fold.acknowledged

    @invariant()
    def no_p1_is_lost_or_hidden(self):
        if not hasattr(self, "fold") or not self.fold.stands:
            return
        fold, p1 = self.fold, self.fold.priority == Priority.P1
        if self.rule.priority is Priority.P1 or (self.further.stood and self.rule.escalations):
            assert p1, "it stands beyond the limit of a P1"
        elif not fold.was_overdue:
            assert not p1, "nothing makes it a P1 any more"
        if p1 and not fold.was_overdue:
            hidden = {str(each) for each in fold.overrides} - {"masked"}
            if self.mode_on and self.rule.suppressed_while:
                hidden -= {"suppressed"}  # the rule's approval
            assert all(self.approved.get(each) for each in hidden), "a P1 is kept from the operator, nobody approved it"

    @invariant()
    def a_one_shot_shelf_ends_with_the_occurrence(self):
        if hasattr(self, "fold") and Override.SHELVED in self.fold.overrides and self.fold.one_shot:
            assert self.fold.stands


class Linked(Machine):
    """The same alarm below a parent, and suppressed while a mode is on; both approved, for it may be P1."""

    links: ClassVar = {"parent": "FAN/fan.low", "suppressed_while": "MODE", "approval": "批1"}

    @rule(seconds=st.sampled_from([1, 200]), down=st.booleans())
    def fan(self, seconds, down):
        self.now, self.fan_down = self.now + seconds, down
        self._read("FAN", 0 if down else 1)

    @rule(seconds=st.sampled_from([1, 200]), on=st.booleans())
    def mode(self, seconds, on):
        self.now, self.mode_on = self.now + seconds, on
        self._read("MODE", float(on))

    @invariant()
    def what_hides_it_ends(self):
        if not hasattr(self, "fold"):
            return
        assert (Override.MASKED in self.fold.overrides) == self.fan_down
        if Override.SUPPRESSED in self.fold.overrides and not self.mode_on:
            assert "suppressed" in self.approved, "neither the mode nor a person"


TestMachine, TestLinked = Machine.TestCase, Linked.TestCase
TestMachine.settings = TestLinked.settings = settings(deadline=None, max_examples=150, stateful_step_count=40)
