"""The life of an alarm as tables, to be read beside ISA-18.2 / IEC 62682 (GB/T 41261). docs/alarm-life-cycle.md.

Process states run by TRANSITIONS whatever overrides there are; OVERRIDES only keep the alarm from the operator.
What is not in a table changes nothing and records nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from schemas.terms import Override, ProcessState


class Trigger(StrEnum):
    """What can happen to an alarm, apart from overrides."""

    CONDITION_TRUE = "condition true for the on-delay"
    CONDITION_FALSE = "condition false for the off-delay, past the deadband"
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "un-acknowledge"
    MORE_SEVERE = "a further limit for the on-delay, or standing for long"
    LESS_SEVERE = "inside the further limit for the off-delay"
    RE_ALARM = "acknowledged and still standing after the re-alarm time"
    NOT_ACKNOWLEDGED = "not acknowledged in time"
    RESET = "reset"


NORMAL, UNACKNOWLEDGED = ProcessState.NORMAL, ProcessState.UNACKNOWLEDGED
ACKNOWLEDGED, RETURNED = ProcessState.ACKNOWLEDGED, ProcessState.RETURNED_UNACKNOWLEDGED
LATCHED = ProcessState.LATCHED
TRUE, FALSE, ACKNOWLEDGE = Trigger.CONDITION_TRUE, Trigger.CONDITION_FALSE, Trigger.ACKNOWLEDGE

Row = tuple[ProcessState, tuple[str, ...]]

# (state, trigger) -> (next state, events in this order). `alarm_raised` always opens a new occurrence, nothing else
# does. Letters are those of the ISA-18.2 diagram.
TRANSITIONS: dict[tuple[ProcessState, Trigger], Row] = {
    (NORMAL, TRUE): (UNACKNOWLEDGED, ("alarm_raised",)),  # A -> B
    (UNACKNOWLEDGED, ACKNOWLEDGE): (ACKNOWLEDGED, ("alarm_acknowledged",)),  # B -> C
    (UNACKNOWLEDGED, FALSE): (RETURNED, ("alarm_returned",)),  # B -> D
    (UNACKNOWLEDGED, Trigger.MORE_SEVERE): (UNACKNOWLEDGED, ("alarm_escalated",)),
    (UNACKNOWLEDGED, Trigger.LESS_SEVERE): (UNACKNOWLEDGED, ("alarm_deescalated",)),
    (UNACKNOWLEDGED, Trigger.NOT_ACKNOWLEDGED): (UNACKNOWLEDGED, ("alarm_escalated",)),
    (ACKNOWLEDGED, FALSE): (NORMAL, ("alarm_returned", "alarm_cleared")),  # C -> A
    (ACKNOWLEDGED, Trigger.UNACKNOWLEDGE): (UNACKNOWLEDGED, ("alarm_unacknowledged",)),  # C -> B
    (ACKNOWLEDGED, Trigger.RE_ALARM): (UNACKNOWLEDGED, ("alarm_unacknowledged",)),  # C -> B
    (ACKNOWLEDGED, Trigger.MORE_SEVERE): (UNACKNOWLEDGED, ("alarm_escalated",)),  # C -> B, the occurrence stays
    (ACKNOWLEDGED, Trigger.LESS_SEVERE): (ACKNOWLEDGED, ("alarm_deescalated",)),
    (RETURNED, ACKNOWLEDGE): (NORMAL, ("alarm_acknowledged", "alarm_cleared")),  # D -> A
    (RETURNED, TRUE): (UNACKNOWLEDGED, ("alarm_raised",)),  # D -> B
    (LATCHED, Trigger.RESET): (NORMAL, ("alarm_reset", "alarm_cleared")),
    (LATCHED, TRUE): (UNACKNOWLEDGED, ("alarm_raised",)),
}
# These rows stand in the place of the ones above if the rule latches.
LATCHING: dict[tuple[ProcessState, Trigger], Row] = {
    (ACKNOWLEDGED, FALSE): (LATCHED, ("alarm_returned",)),
    (RETURNED, ACKNOWLEDGE): (LATCHED, ("alarm_acknowledged",)),
}
ACTIVE = frozenset({UNACKNOWLEDGED, ACKNOWLEDGED})  # the condition stands
WAITING = frozenset({UNACKNOWLEDGED, RETURNED})  # an acknowledgement is wanted


def row_of(state: ProcessState, trigger: Trigger, *, latches: bool = False) -> Row | None:
    """Where `trigger` leads from `state` and what it records; None: nowhere, nothing."""
    return (LATCHING.get((state, trigger)) if latches else None) or TRANSITIONS.get((state, trigger))


@dataclass(frozen=True)
class OverrideRow:
    """`began`, `ended`: the events. Who sets and ends it, in words, for the page."""

    began: str
    ended: str
    set_by: str
    ended_by: str
    zh: str


# Strongest first, as schemas.terms.Override has them: a screen shows the strongest.
OVERRIDES: dict[Override, OverrideRow] = {
    Override.OUT_OF_SERVICE: OverrideRow(
        "alarm_out_of_service", "alarm_returned_to_service", "out_of_service with work order and due date",
        "return_to_service; past the due date an alarm of its own stands until then", "停用",
    ),
    Override.SUPPRESSED: OverrideRow(
        "alarm_suppressed", "alarm_unsuppressed", "suppress, or the rule's suppressed_while sensor reading 1",
        "unsuppress, that sensor reading 0 or seen no longer, or the rule naming it no longer", "设计抑制",
    ),
    Override.MASKED: OverrideRow(
        "alarm_masked", "alarm_unmasked", "the rule's parent alarm standing",
        "the parent's return, or the rule naming it no longer", "被上级屏蔽",
    ),
    Override.SHELVED: OverrideRow(
        "alarm_shelved", "alarm_unshelved", "shelve with end and reason",
        "unshelve (counts as an acknowledgement), the end (asks for a new one), the return if one-shot, becoming P1",
        "搁置",
    ),
}  # fmt: skip
