"""One alarm folded from its events alone, apart from the engine: what state-machine tests hold the states against."""

from schemas.ids import alarm_id
from schemas.terms import ProcessState
from schemas.times import to_us
from streams.alarmtable import OVERRIDES
from tests.alarm_bench import SITE

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
        self.asked_us = self.acked_us = None  # since when an acknowledgement is asked for, or given
        self.overdue = self.was_overdue = self.one_shot = False
        self.occurrences: list[str] = []

    def take(self, event) -> None:
        self.version += 1
        kind, data = event.kind, event.data
        if kind == "alarm_raised":
            assert data["occurrence_id"] != self.occurrence
            self.occurrence, self.priority = data["occurrence_id"], data["priority"]
            self.returned = self.acknowledged = self.overdue = self.was_overdue = False
            self.occurrences.append(self.occurrence)
        elif kind == "alarm_returned":
            self.returned = True
        elif kind in ("alarm_escalated", "alarm_deescalated"):
            assert data["occurrence_id"] == self.occurrence
            self.priority = data["priority"]
        elif kind == "alarm_acknowledged":
            assert data["occurrence_id"] == self.occurrence
            self.acknowledged, self.overdue, self.acked_us = True, False, to_us(event.occurred_at)
        elif kind == "alarm_unacknowledged":
            self.acknowledged = False
        if kind == "alarm_escalated" and data["reason"] == "not_acknowledged":
            self.overdue = self.was_overdue = True
        elif kind == "alarm_escalated":
            self.acknowledged = False
        if kind == "alarm_shelved":
            self.until, self.one_shot = event.typed_data().until, data["one_shot"]
        if kind in BEGAN:
            self.overrides.add(BEGAN[kind])
        if kind in ENDED:
            self.overrides.discard(ENDED[kind])
        asks = kind in ("alarm_raised", "alarm_unacknowledged") or (
            kind == "alarm_escalated" and data["reason"] != "not_acknowledged"
        )
        if asks or (kind in ENDED and not self.overrides):
            self.asked_us = to_us(event.occurred_at)
        self.state = self._state(kind)

    @property
    def stands(self) -> bool:
        return self.state in (ProcessState.UNACKNOWLEDGED, ProcessState.ACKNOWLEDGED)

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
