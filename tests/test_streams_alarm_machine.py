"""Any order of readings, commands, ticks and restarts: no P1 is lost, nothing unseen is acknowledged, every shelf ends.

Two engines run side by side, one of them born again from what it wrote after every move. What the events say, folded
here on its own, must be what the states say.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.ids import alarm_id
from schemas.terms import Override, Priority, ProcessState
from schemas.times import to_us
from streams.alarmtable import OVERRIDES
from streams.refusal import Refusal
from tests import alarm_bench as bench
from tests.alarm_bench import SITE, engine, frame, reborn, shanghai, us
from tests.test_streams_alarm_commands import senior

KEY = alarm_id(SITE, "T1", "ch4_pct.high")
MOVES = {
    "alarm_raised": ProcessState.UNACKNOWLEDGED, "alarm_unacknowledged": ProcessState.UNACKNOWLEDGED,
    "alarm_acknowledged": ProcessState.ACKNOWLEDGED, "alarm_returned": ProcessState.RETURNED_UNACKNOWLEDGED,
    "alarm_cleared": ProcessState.NORMAL, "alarm_reset": ProcessState.NORMAL,
}  # fmt: skip
BEGAN = {row.began: which for which, row in OVERRIDES.items()}
ENDED = {row.ended: which for which, row in OVERRIDES.items()}


class Fold:
    """The alarm as its events tell it: state, overrides, priority, occurrence, version."""

    def __init__(self, latches: bool) -> None:
        self.latches = latches
        self.state, self.overrides, self.version = ProcessState.NORMAL, set(), 0
        self.occurrence, self.priority, self.until = None, None, None
        self.returned = self.acknowledged = True  # of the present occurrence

    def take(self, event) -> None:
        self.version += 1
        kind, data = event.kind, event.data
        if kind == "alarm_raised":
            assert data["occurrence_id"] != self.occurrence
            self.occurrence, self.priority = data["occurrence_id"], data["priority"]
            self.returned = self.acknowledged = False
        elif kind == "alarm_returned":
            self.returned = True
        elif kind in ("alarm_escalated", "alarm_deescalated"):
            assert data["occurrence_id"] == self.occurrence
            self.priority = data["priority"]
        elif kind == "alarm_acknowledged":
            assert data["occurrence_id"] == self.occurrence
            self.acknowledged = True
        elif kind == "alarm_unacknowledged":
            self.acknowledged = False
        if kind == "alarm_escalated" and data["reason"] != "not_acknowledged":
            self.acknowledged = False
        if kind == "alarm_shelved":
            self.until = event.typed_data().until
        if kind in BEGAN:
            self.overrides.add(BEGAN[kind])
        if kind in ENDED:
            self.overrides.discard(ENDED[kind])
        self.state = self._state(kind)

    def _state(self, kind: str) -> ProcessState:
        if kind == "alarm_cleared" or self.occurrence is None:
            return ProcessState.NORMAL
        if kind not in MOVES and kind != "alarm_escalated":
            return self.state
        if not self.returned:
            return ProcessState.ACKNOWLEDGED if self.acknowledged else ProcessState.UNACKNOWLEDGED
        if not self.acknowledged:
            return ProcessState.RETURNED_UNACKNOWLEDGED
        return ProcessState.LATCHED if self.latches and kind != "alarm_reset" else ProcessState.NORMAL


class Machine(RuleBasedStateMachine):
    @initialize(
        priority=st.sampled_from(Priority), latches=st.booleans(), delay=st.sampled_from([0, 60]),
        ack_timeout=st.sampled_from([None, 120]), re_alarm=st.sampled_from([None, 600]),
        steps=st.sampled_from([
            (), ({"level": "HH", "limit": 1.5, "priority": "P1"},),
            ({"level": "HH", "limit": 1.5, "priority": "P1"}, {"level": "long", "after_s": 300, "priority": "P2"}),
        ]),
    )  # fmt: skip
    def begin(self, priority, latches, delay, ack_timeout, re_alarm, steps):
        self.rules = [bench.rule(
            priority=priority, latches=latches, on_delay_s=delay, off_delay_s=delay, deadband=0.05, escalations=steps,
            ack_timeout_s=ack_timeout, re_alarm_s=re_alarm,
        )]  # fmt: skip
        self.one, self.other, self.states = engine(self.rules), engine(self.rules), {}
        self.fold, self.now, self.n, self.seen = Fold(latches), 0.0, 0, [0]
        self.stood = False  # whether readings say that the condition stands, by the delays alone
        self.since = None

    def _happened(self, events, others):
        assert [event.event_id for event in events] == [event.event_id for event in others]
        self.other = reborn(self.other, self.rules, self.states)
        for event in events:
            if event.subject_id == KEY:
                self.fold.take(event)
        self.seen.append(self.fold.version)

    @rule(seconds=st.sampled_from([1, 30, 30, 60, 400]), value=st.sampled_from([0.2, 0.97, 1.0, 1.2, 1.6, None]))
    def reading(self, seconds, value):
        self.now += seconds
        self.n += 1
        self._happened(*(it.on_frame(frame([(self.now, value)], self.n)) for it in (self.one, self.other)))
        self._stand(value)

    def _stand(self, value):
        delay = self.rules[0].on_delay_s
        if value is None:
            return
        towards = value < 0.95 if self.stood else value >= 1.0
        self.since = (self.now if self.since is None else self.since) if towards else None
        if self.since is not None and self.now - self.since >= delay:
            self.stood, self.since = not self.stood, None

    @rule(seconds=st.sampled_from([0, 10, 500, 4000, 90_000]))
    def tick(self, seconds):
        self.now += seconds
        self._happened(*(it.on_tick(us(self.now), caught_up=False) for it in (self.one, self.other)))
        assert self.one.on_tick(us(self.now), caught_up=False) == []
        assert Override.SHELVED not in self.fold.overrides or to_us(self.fold.until) > us(self.now)

    @rule(
        kind=st.sampled_from(["acknowledge", "acknowledge", "unacknowledge", "reset", "comment", "unshelve"]),
        back=st.sampled_from([0, 0, 0, 1, 2]),
    )  # fmt: skip
    def command(self, kind, back):
        self._ask(kind, self.seen[-1 - min(back, len(self.seen) - 1)], reason="因")

    @rule(seconds=st.sampled_from([60, 3000]), one_shot=st.booleans(), kind=st.sampled_from(["operator", "supervisor"]))
    def shelve(self, seconds, one_shot, kind):
        data = {"until": shanghai(self.now + seconds), "one_shot": one_shot, "reason": "检修"}
        self._ask("shelve", self.fold.version, kind == "supervisor", **data)

    @precondition(lambda self: self.n > 1)
    @rule(kind=st.sampled_from(["out_of_service", "return_to_service", "suppress", "unsuppress"]))
    def supervise(self, kind):
        order = {"work_order": "W1", "due_at": shanghai(self.now + 5000), "checked": "零点", "approval": "批1"}
        self._ask(kind, self.fold.version, True, reason="检修", **order)

    def _ask(self, kind, version, supervisor=False, **data):
        before, self.n = self.fold.version, self.n + 1
        make = senior if supervisor else lambda kind, seen, at, **data: bench.ask(kind, KEY, seen, at, **data)
        asked = make(kind, version, self.now, **data)
        asked = type(asked)(asked.record, asked.command.model_copy(update={"command_id": f"c{self.n}"}))
        answers = [it.on_command(asked) for it in (self.one, self.other)]
        if isinstance(answers[0], Refusal):
            assert answers[0] == answers[1]
            return
        assert version == before, "what was not seen was acted on"
        self._happened(*answers)

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
        assert self.stood == (self.fold.state in (ProcessState.UNACKNOWLEDGED, ProcessState.ACKNOWLEDGED))
        if self.fold.state is ProcessState.NORMAL:
            assert self.fold.returned
            assert self.fold.acknowledged


TestMachine = Machine.TestCase
TestMachine.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
