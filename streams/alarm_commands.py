"""What people do to an alarm: each command as the events it records, or the guard that refuses it. Pure.

A command acts on what the person saw: acts need the version (or the occurrence) that was on the screen, a stale one is
refused and told what has changed. Remarks need none.
"""

import datetime as dt
from collections.abc import Callable

from schemas.alarm_classes import alarm_classes
from schemas.alarm_events import AlarmOutOfService, AlarmShelved
from schemas.commands import Command
from schemas.events import EVENT_DATA, Event
from schemas.model import Refused
from schemas.terms import Override, Priority, ProcessState, Role
from streams.alarm_guards import refuse
from streams.alarm_timers import unshelve
from streams.alarmlife import Alarm, Origin
from streams.alarmtable import Trigger
from streams.refusal import Refusal

_SENIOR = (Role.SUPERVISOR, Role.ADMIN)
_REMARKS = frozenset({"comment", "assign_alarm"})
Outcome = list[Event] | Refusal
Act = Callable[[Alarm, Command, dt.datetime, Origin], Outcome]

ZH = {
    ProcessState.NORMAL: "正常",
    ProcessState.UNACKNOWLEDGED: "未确认",
    ProcessState.ACKNOWLEDGED: "已确认",
    ProcessState.RETURNED_UNACKNOWLEDGED: "已恢复未确认",
    ProcessState.LATCHED: "锁定",
}


def carry_out(alarm: Alarm, command: Command, origin: Origin) -> Outcome:
    """The events of an alarm's command, or why it is refused. Roles and repeats are the step's business."""
    at = command.occurred_at or command.issued_at
    refused = _untimely(alarm, command, at) or _unseen(alarm, command)
    if refused is not None:
        return refused
    try:
        return ACTS[command.kind](alarm, command, at, origin)
    except Refused as error:
        return refuse("bad_data", f"data.{error.field}: {error.reason}")


def _untimely(alarm: Alarm, command: Command, at: dt.datetime) -> Refusal | None:
    if at > command.issued_at:
        return refuse("future", at.isoformat())
    if at < command.issued_at and command.actor.role not in _SENIOR:
        return refuse("backdated", at.isoformat())
    state = alarm.state
    if command.kind == "acknowledge" and at < command.issued_at and state and state.raised_at and at < state.raised_at:
        return refuse("before_raised", at.isoformat())
    return None


def _unseen(alarm: Alarm, command: Command) -> Refusal | None:
    state = alarm.state
    version = state.version if state else 0
    if command.seen_version is not None:
        if command.seen_version != version:
            return refuse("stale_version", what_changed(alarm, command.seen_version))
        return None
    occurrence = command.data.get("occurrence_id")
    if command.kind in _REMARKS or (state is not None and occurrence == state.occurrence_id is not None):
        return None
    return refuse("version_missing", f"it is {version} now")


def what_changed(alarm: Alarm, seen: int) -> str:
    """In words: what the alarm is now, for somebody who saw version `seen`."""
    state = alarm.state
    if state is None:
        return f"seen version {seen}, but the alarm was never raised"
    facts = [f"{ZH[state.process_state]} / {state.process_state}", f"changed at {state.changed_at.isoformat()}"]
    if state.overrides:
        facts.append("overrides " + ", ".join(state.overrides))
    if state.returned_at is not None:
        facts.append(f"returned at {state.returned_at.isoformat()}")
    if state.acknowledged_by is not None and state.acknowledged_at is not None:
        facts.append(f"acknowledged by {state.acknowledged_by} at {state.acknowledged_at.isoformat()}")
    if state.raised_at is not None:
        facts.append(f"raised at {state.raised_at.isoformat()}, {state.priority}")
    return f"seen version {seen}, now {state.version}: " + "; ".join(facts)


def _moved(trigger: Trigger, guard: str) -> Act:
    """A command that is a row of the table, with the command's data on the first event."""

    def act(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
        data = {key: value for key, value in command.data.items() if key != "occurrence_id"}
        if trigger is Trigger.UNACKNOWLEDGE:
            EVENT_DATA["alarm_unacknowledged"].parse({"occurrence_id": "-", **data})
        else:
            data |= {"comment": str(data.get("comment", ""))}
        events = alarm.happen(trigger, at, origin, more=data)
        if events:
            return events
        return refuse(guard, f"{ZH[alarm.process_state]} / {alarm.process_state}")

    return act


def _reset(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    """A latched alarm goes back to normal; of anything else the suspicions have been looked into."""
    outcome = _moved(Trigger.RESET, "nothing_to_reset")(alarm, command, at, origin)
    if isinstance(outcome, Refusal) and alarm.state is not None and alarm.state.suspicions:
        comment = {"comment": str(command.data.get("comment", ""))}
        return [alarm.note("alarm_reset", at, origin, comment, {"suspicions": ()})]
    return outcome


def _shelve(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    wanted = AlarmShelved.parse(command.data)
    priority = _priority(alarm)
    longest = alarm_classes().longest_shelf(priority)
    if priority is Priority.P1 and command.actor.role not in _SENIOR:
        return refuse("p1_shelved", command.actor.role)
    if wanted.until <= at:
        return refuse("shelf_over", wanted.until.isoformat())
    if wanted.until - at > longest:
        return refuse("shelf_too_long", f"{priority} at most {longest}")
    if wanted.one_shot and not alarm.active:
        return refuse("nothing_to_shelve", alarm.process_state)
    remembered = {
        "shelved_until": wanted.until, "shelved_by": command.actor.id, "shelve_reason": wanted.reason,
        "one_shot": wanted.one_shot,
    }  # fmt: skip
    again = alarm.free(Override.SHELVED, at, origin, {"reason": "shelved anew"}, {})
    return again + alarm.override(Override.SHELVED, at, origin, command.data, remembered)


def _unshelve(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    reason = str(command.data.get("reason", ""))
    return unshelve(alarm, at, origin, reason, by_person=True) or _not_on(alarm, Override.SHELVED)


def _suppress(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    if (refused := _unapproved(alarm, command)) is not None:
        return refused
    by = {"suppressed_by": command.actor.id}
    events = alarm.override(Override.SUPPRESSED, at, origin, {**command.data, "rule": ""}, by)
    return events or refuse("already_suppressed", alarm.state.suppressed_by or "" if alarm.state else "")


def _unsuppress(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    events = alarm.free(Override.SUPPRESSED, at, origin, command.data, {"suppressed_by": None})
    return events or _not_on(alarm, Override.SUPPRESSED)


def _out_of_service(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    wanted = AlarmOutOfService.parse(command.data)
    if (refused := _unapproved(alarm, command)) is not None:
        return refused
    if wanted.due_at <= at:
        return refuse("due_over", wanted.due_at.isoformat())
    remembered = {"work_order": wanted.work_order, "service_due_at": wanted.due_at}
    events = alarm.override(Override.OUT_OF_SERVICE, at, origin, command.data, remembered)
    return events or refuse("already_out_of_service", alarm.state.work_order if alarm.state else "")


def _return_to_service(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    if not str(command.data.get("checked", "")).strip():
        return refuse("not_checked")
    gone = {"work_order": "", "service_due_at": None}
    events = alarm.free(Override.OUT_OF_SERVICE, at, origin, command.data, gone)
    return events or _not_on(alarm, Override.OUT_OF_SERVICE)


def _comment(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    return [alarm.note("comment_added", at, origin, command.data)]


def _assign(alarm: Alarm, command: Command, at: dt.datetime, origin: Origin) -> Outcome:
    data = EVENT_DATA["alarm_assigned"].parse(command.data).model_dump()
    return [alarm.note("alarm_assigned", at, origin, data, {"assignee": data["assignee"]})]


def _priority(alarm: Alarm) -> Priority:
    """Of the alarm as it stands, or as it will be raised: what an earlier occurrence was matters to neither."""
    held = [alarm.rule.priority] if alarm.rule is not None else []
    if alarm.state is not None and (alarm.active or alarm.rule is None):
        held.append(alarm.state.priority)
    return min(held, default=Priority.P3)


def _unapproved(alarm: Alarm, command: Command) -> Refusal | None:
    """An alarm that is P1, or may become it, is taken from the operator only by a recorded approval."""
    priority = alarm.state.priority if alarm.state else alarm.rule.priority if alarm.rule else Priority.P3
    if alarm.rule is not None:
        priority = min(priority, alarm.rule.most_urgent)
    if priority is Priority.P1 and not str(command.data.get("approval", "")).strip():
        return refuse("p1_approval")
    return None


def _not_on(alarm: Alarm, which: Override) -> Refusal:
    return refuse(f"not_{which}", "overrides: " + (", ".join(alarm.overrides) or "none"))


ACTS: dict[str, Act] = {
    "acknowledge": _moved(Trigger.ACKNOWLEDGE, "nothing_to_acknowledge"),
    "unacknowledge": _moved(Trigger.UNACKNOWLEDGE, "nothing_to_unacknowledge"),
    "reset": _reset,
    "shelve": _shelve,
    "unshelve": _unshelve,
    "suppress": _suppress,
    "unsuppress": _unsuppress,
    "out_of_service": _out_of_service,
    "return_to_service": _return_to_service,
    "comment": _comment,
    "assign_alarm": _assign,
}
