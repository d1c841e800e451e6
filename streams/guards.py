"""May this command be carried out on this hazard? Live commands only; imported history is never asked.

The answer is what to record, or the refusal of the first guard that says no. Names and words: streams/guard_words.py.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.commands import COMMANDS, Command
from schemas.criteria import Catalogue
from schemas.hazards import HAZARD_EVENTS, HazardStateRecord
from schemas.model import Message, Refused
from schemas.terms import Role
from schemas.times import MICROSECOND
from streams.guard_checks import CHECKS, Ask
from streams.guard_words import refuse
from streams.refusal import Refusal
from streams.surroundings import Surroundings
from streams.transitions import MOVING, allowed_rows, is_legal, row_of

CLOCKS_DIFFER = dt.timedelta(minutes=10)  # two people's clocks may differ by this much
_NOTES = frozenset({"deadline_neared", "deadline_missed"})
_BACKDATERS = frozenset({Role.SUPERVISOR, Role.ADMIN})
_COMMAND_OF = {kind.event: name for name, kind in COMMANDS.items()}


@dataclass(frozen=True)
class Decision:
    """What an accepted command records."""

    kind: str
    occurred_at: dt.datetime
    data: Message


def guard(
    state: HazardStateRecord, command: Command, now: dt.datetime | None = None, catalogue: Catalogue | None = None
) -> Refusal | None:
    """The refusal of the first guard that says no; None if the command may be carried out."""
    outcome = decide(state, command, catalogue, now=now)
    return outcome if isinstance(outcome, Refusal) else None


def decide(
    state: HazardStateRecord,
    command: Command,
    catalogue: Catalogue | None = None,
    *,
    now: dt.datetime | None = None,
    known: Callable[[str], HazardStateRecord | None] = lambda _: None,
    around: Surroundings | None = None,
) -> Decision | Refusal:
    """What `command` records on `state`, or why not. `now`: when it reached us; `known` finds other hazards.

    Without `around` nobody can tell whether a department or a control exists: neither is asked.
    """
    kind = COMMANDS.get(command.kind)
    if kind is None or kind.event not in HAZARD_EVENTS:
        return refuse("unknown_kind", command.kind)
    if command.site_id != state.site_id:
        return refuse("not_found", f"{command.target_id} at {command.site_id}")
    if command.actor.role not in kind.roles:
        return refuse("role", f"{command.kind} is for {', '.join(sorted(kind.roles))}, not {command.actor.role}")
    if command.seen_version is not None and _changed_since(state, command.seen_version):
        return refuse("stale_version", _since(state, command.seen_version))
    return (
        _misplaced(state, kind.event, command)
        or _mistimed(state, kind.event, command, now)
        or _recorded(state, kind.event, command, catalogue, known, around)
    )


def _changed_since(state: HazardStateRecord, seen: int) -> bool:
    """Whether there is anything that the person has not seen; that a deadline was told of changes nothing about it."""
    missed = [event.kind for event in state.recent if event.version > seen]
    return seen > state.version or len(missed) < state.version - seen or any(kind not in _NOTES for kind in missed)


def _since(state: HazardStateRecord, seen: int) -> str:
    if seen > state.version:
        return f"version {seen} does not exist yet, it is at {state.version}"
    missed = [e for e in state.recent if e.version > seen]
    earlier = "" if state.version - seen <= len(missed) else "…, "
    return f"version {seen} -> {state.version}: {earlier}" + ", ".join(f"{e.kind} by {e.by}" for e in missed)


def _misplaced(state: HazardStateRecord, event: str, command: Command) -> Refusal | None:
    row = row_of(event, command.data.get("verdict"))
    if is_legal(state.state, row) or (event == "hazard_judged" and row not in _DECIDING):
        return None
    allowed = dict.fromkeys(_COMMAND_OF[row.split(":")[0]] for row in _commanded(allowed_rows(state.state)))
    return refuse("illegal_transition", f"{command.kind} in state {state.state}; allowed: {', '.join(allowed)}")


_DECIDING = frozenset({"hazard_judged:major", "hazard_judged:general", "hazard_judged:none"})


def _commanded(rows: list[str]) -> list[str]:
    return [row for row in rows if row.split(":")[0] in _COMMAND_OF]


def _floor(state: HazardStateRecord, event: str) -> dt.datetime:
    """The earliest time the event may carry: steps of the life cycle go forward, and reopening is after the closing."""
    if event == "hazard_reopened" and state.closed_at is not None:
        return state.closed_at + MICROSECOND
    moved = state.moved_at if event in MOVING else None
    return max(state.found_at, moved or state.found_at)


def _occurred_at(state: HazardStateRecord, event: str, command: Command) -> dt.datetime:
    """A time nobody stated goes after the step before it if only clocks differ: sure is the order of arrival."""
    when, floor = command.occurred_at or command.issued_at, _floor(state, event)
    return floor if command.occurred_at is None and when < floor <= when + CLOCKS_DIFFER else when


def _mistimed(state: HazardStateRecord, event: str, command: Command, now: dt.datetime | None) -> Refusal | None:
    when, issued = command.occurred_at, command.issued_at
    if now is not None and issued > now + CLOCKS_DIFFER:
        return refuse("dated_ahead", f"issued_at {issued.isoformat()}, received {now.isoformat()}")
    if when is not None and when > issued:
        return refuse("dated_ahead", f"occurred_at {when.isoformat()}, issued_at {issued.isoformat()}")
    if when is not None and when < issued and command.actor.role not in _BACKDATERS:
        return refuse("backdated", f"occurred_at {when.isoformat()}, issued_at {issued.isoformat()}")
    occurred = _occurred_at(state, event, command)
    if occurred < state.found_at:
        return refuse("before_found", f"{occurred.isoformat()} < {state.found_at.isoformat()}")
    if occurred < _floor(state, event):
        return refuse("out_of_order", f"{occurred.isoformat()} < {_floor(state, event).isoformat()}")
    return None


def _recorded(
    state: HazardStateRecord,
    event: str,
    command: Command,
    catalogue: Catalogue | None,
    known: Callable[[str], HazardStateRecord | None],
    around: Surroundings | None,
) -> Decision | Refusal:
    model = HAZARD_EVENTS[event]
    given: dict[str, Any] = {k: v for k, v in command.data.items() if v is not None}
    if "by" in model.model_fields and not given.get("by"):
        given["by"] = command.actor.id
    ask = Ask(state, command, given, _occurred_at(state, event, command), catalogue, known, around)
    check = CHECKS.get(event)
    try:
        refusal = check(ask) if check else None
        return refusal or Decision(event, ask.when, model.parse(ask.data))
    except Refused as refused:
        return refuse("bad_data", str(refused))
