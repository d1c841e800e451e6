"""The state of a hazard is what its events say: `apply` folds one event in. Pure; time comes from the events alone.

`open_at` and `major_at` answer for any instant from the state alone (contracts.md: open(h, T) and M).
"""

import datetime as dt

from schemas.events import Event
from schemas.hazard_history import RecentEvent
from schemas.hazards import HazardJudged, HazardRegistered, HazardStateRecord
from schemas.model import Message
from schemas.terms import HazardSource, HazardState, Verdict
from streams.hazard_facts import FACTS, Update, latest
from streams.transitions import MOVING, SETTLED, next_state, row_of

RECENT = 8  # events a stale command is told about


def apply(state: HazardStateRecord | None, event: Event) -> HazardStateRecord:
    """The state after `event`. Never refuses a transition: imported history is applied as it came.

    Raises Refused if `event.data` does not fit the model of its kind.
    """
    data = event.typed_data()
    verdict = data.verdict if isinstance(data, HazardJudged) else None
    before = state or _newborn(event, data)
    to = next_state(before.state if state else None, row_of(event.kind, verdict))
    if verdict is not None and any(j.occurred_at > event.occurred_at for j in before.judgements):
        to = before.state  # a later judgement is already known and holds
    update: Update = {
        "state": to,
        "version": before.version + 1,
        "changed_at": event.recorded_at,
        "counts": before.counts | {event.kind: before.counts.get(event.kind, 0) + 1},
        "recent": (
            *before.recent[1 - RECENT :],
            RecentEvent(version=before.version + 1, kind=event.kind, by=event.actor.id, occurred_at=event.occurred_at),
        ),
    }
    if event.kind in MOVING:
        update["moved_at"] = max(before.moved_at or event.occurred_at, event.occurred_at)
    fold = FACTS.get(event.kind)
    if fold is not None:
        update |= fold(before, event, data)
    return before.model_copy(update=update)


def is_open(state: HazardStateRecord) -> bool:
    return state.state not in SETTLED


def open_at(state: HazardStateRecord, when: dt.datetime) -> bool:
    """found ≤ T and not (closed ≤ T with no reopening in (closed, T])."""
    if state.found_at > when:
        return False
    last = max((c for c in state.closings if c.closed_at <= when), key=lambda c: c.closed_at, default=None)
    return last is None or (last.reopened_at is not None and last.reopened_at <= when)


def major_at(state: HazardStateRecord, when: dt.datetime) -> bool:
    """The latest judgement by then says major, and no void, merge or downgrade came by then."""
    if any(out is not None and out <= when for out in (state.voided_at, state.merged_at, state.downgraded_at)):
        return False
    judged = [j for j in state.judgements if j.occurred_at <= when]
    return bool(judged) and latest(judged).verdict is Verdict.MAJOR


def _newborn(event: Event, data: Message) -> HazardStateRecord:
    """Version 0. History that lacks its registration is taken as found when it was first spoken of."""
    if isinstance(data, HazardRegistered):
        registered = data
    else:
        registered = HazardRegistered(found_at=event.occurred_at, source=HazardSource.SELF)
    return HazardStateRecord(
        hazard_id=event.subject_id, site_id=event.site_id, state=HazardState.REGISTERED, version=0,
        found_at=registered.found_at, registered=registered, changed_at=event.recorded_at,
    )  # fmt: skip
