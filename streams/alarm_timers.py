"""What an alarm does by itself when time has passed: a table of timers, each with the instant it is due. Pure.

A due time comes from the alarm's state and rule alone. Whoever first sees it passed (a tick with a later `now`, or a
later reading of the sensor) lets it happen *at the due time*, with the same event id; so neither the rhythm of ticks
nor a restart changes what is recorded. Timers that ask for the operator rest while an override keeps it from him.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from schemas.alarm_classes import alarm_classes
from schemas.alarms import AlarmRule, AlarmState
from schemas.events import Event
from schemas.terms import Override, SignalCondition
from schemas.times import from_us, to_us
from streams.alarmlife import OFF_SHELF, Alarm, Origin
from streams.alarmtable import ACKNOWLEDGED, ACTIVE, UNACKNOWLEDGED, Trigger
from streams.chatter import QUIET_S, STALE_S

Due = Callable[[AlarmState, AlarmRule | None], dt.datetime | None]
Act = Callable[[Alarm, dt.datetime, Origin], list[Event]]


def _later(at: dt.datetime | None, seconds: float | None) -> dt.datetime | None:
    return None if at is None or seconds is None else at + dt.timedelta(seconds=seconds)


def _acknowledgement(state: AlarmState, rule: AlarmRule | None) -> dt.datetime | None:
    waits = state.process_state is UNACKNOWLEDGED and not state.overrides and not state.overdue
    return _later(state.annunciated_at, rule.ack_timeout_s) if waits and rule else None


def _re_alarm(state: AlarmState, rule: AlarmRule | None) -> dt.datetime | None:
    waits = state.process_state is ACKNOWLEDGED and not state.overrides
    return _later(state.acknowledged_at, rule.re_alarm_s) if waits and rule else None


def _lasting(state: AlarmState, rule: AlarmRule | None) -> list[tuple[dt.datetime, Any]]:
    """Escalations by duration that are to come in this occurrence, with their due times."""
    if rule is None or state.process_state not in ACTIVE or state.raised_at is None:
        return []
    steps = [each for each in rule.escalations if each.after_s is not None and each.level not in state.steps]
    return [(state.raised_at + dt.timedelta(seconds=each.after_s or 0), each) for each in steps]


def _escalation(state: AlarmState, rule: AlarmRule | None) -> dt.datetime | None:
    return min((due for due, _ in _lasting(state, rule)), default=None)


def _stale(state: AlarmState, _: AlarmRule | None) -> dt.datetime | None:
    return _later(state.raised_at, STALE_S) if state.process_state in ACTIVE and not state.stale else None


def _chatter(state: AlarmState, _: AlarmRule | None) -> dt.datetime | None:
    return _later(state.transitions[-1], QUIET_S) if state.chattering and state.transitions else None


def _shelf(state: AlarmState, _: AlarmRule | None) -> dt.datetime | None:
    return state.shelved_until if Override.SHELVED in state.overrides else None


def _service(state: AlarmState, _: AlarmRule | None) -> dt.datetime | None:
    return state.service_due_at if Override.OUT_OF_SERVICE in state.overrides and not state.service_overdue else None


def _calibration(state: AlarmState, _: AlarmRule | None) -> dt.datetime | None:
    calibrates = state.signal is SignalCondition.CALIBRATING and "calibration_long" not in state.suspicions
    return _later(state.signal_since, alarm_classes().signals.calibration_s) if calibrates else None


def _unconfirmed(state: AlarmState, _: AlarmRule | None) -> dt.datetime | None:
    waits = state.awaits_confirmation and state.process_state in ACTIVE and state.confirmed_by is None
    return _later(state.raised_at, alarm_classes().signals.confirm_s) if waits else None


def _overdue_service(alarm: Alarm, at: dt.datetime, origin: Origin) -> list[Event]:  # noqa: ARG001
    """The alarm itself only remembers it: what is raised is an alarm of its own (alarms.SiteAlarms)."""
    alarm.remember({"service_overdue": True})
    return []


def _not_upstream(alarm: Alarm, at: dt.datetime, origin: Origin) -> list[Event]:
    assert alarm.state is not None and alarm.state.raised_at is not None  # noqa: S101 - it is due
    alarm.remember({"awaits_confirmation": False})
    return alarm.suspect("not_upstream", alarm.state.raised_at, at, origin, value=alarm.state.value)


def _long_calibration(alarm: Alarm, at: dt.datetime, origin: Origin) -> list[Event]:
    assert alarm.state is not None and alarm.state.signal_since is not None  # noqa: S101 - it is due
    return alarm.suspect("calibration_long", alarm.state.signal_since, at, origin)


def _escalate(alarm: Alarm, at: dt.datetime, origin: Origin) -> list[Event]:
    assert alarm.state is not None and alarm.rule is not None  # noqa: S101 - it is due
    step = min(_lasting(alarm.state, alarm.rule), key=lambda pair: pair[0])[1]
    origin = replace(origin, n=alarm.rule.escalations.index(step))
    return alarm.happen(Trigger.MORE_SEVERE, at, origin, step=step, value=alarm.state.value)


def _told_stale(alarm: Alarm, at: dt.datetime, origin: Origin) -> list[Event]:
    assert alarm.state is not None  # noqa: S101 - it is due
    data = {"occurrence_id": alarm.state.occurrence_id, "active_s": STALE_S}
    return [alarm.note("alarm_stale", at, origin, data, {"stale": True})]


def unshelve(alarm: Alarm, at: dt.datetime, origin: Origin, reason: str, *, by_person: bool) -> list[Event]:
    """Take it off the shelf. What stands is then acknowledged if a person did it, to be acknowledged if time did."""
    events = alarm.free(Override.SHELVED, at, origin, {"reason": reason}, OFF_SHELF)
    if events and alarm.active:
        if by_person:
            events += alarm.happen(Trigger.ACKNOWLEDGE, at, origin, more={"comment": reason})
        else:
            events += alarm.happen(Trigger.UNACKNOWLEDGE, at, origin, more={"reason": "shelve_ended"})
    return events


TIMERS: dict[str, tuple[Due, Act, str, str]] = {
    "shelf": (
        _shelf, lambda alarm, at, origin: unshelve(alarm, at, origin, "until", by_person=False),
        "the shelf's end", "搁置到期",
    ),
    "acknowledgement": (
        _acknowledgement, lambda alarm, at, origin: alarm.happen(Trigger.NOT_ACKNOWLEDGED, at, origin),
        "annunciated + the rule's ack_timeout_s", "确认超时",
    ),
    "re_alarm": (
        _re_alarm, lambda alarm, at, origin: alarm.happen(Trigger.RE_ALARM, at, origin, more={"reason": "re_alarm"}),
        "acknowledged + the rule's re_alarm_s", "再次报警",
    ),
    "duration": (_escalation, _escalate, "raised + after_s of an escalation", "持续升级"),
    "stale": (_stale, _told_stale, f"raised + {STALE_S:g} s", "陈旧报警"),
    "chatter": (
        _chatter, lambda alarm, at, origin: [
            alarm.note("chatter_ended", at, origin, {"quiet_s": QUIET_S}, {"chattering": False})
        ],
        f"the last transition + {QUIET_S:g} s", "抖动结束",
    ),
    "service": (_service, _overdue_service, "out of service until due_at: an alarm of its own", "停用到期"),
    "calibration": (_calibration, _long_calibration, "calibrating for calibration_s: a suspicion", "标校过长"),
    "confirmation": (
        _unconfirmed, _not_upstream,
        "raised + confirm_s, the site's own system, which has told of this sensor before, silent: a suspicion",
        "上传系统未报警",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timer:
    due_us: int
    name: str


def next_timer(alarm: Alarm) -> Timer | None:
    """The timer of the alarm that is due first; None: nothing happens by itself."""
    state = alarm.state
    if state is None:
        return None
    found = [
        (to_us(due), n, name) for n, (name, row) in enumerate(TIMERS.items()) if (due := row[0](state, alarm.rule))
    ]
    return Timer(min(found)[0], min(found)[2]) if found else None


def fire(alarm: Alarm, timer: Timer, recorded_at: dt.datetime) -> list[Event]:
    """What the timer does, at its due time."""
    cause = f"timer/{timer.name}/{timer.due_us}"
    return TIMERS[timer.name][1](alarm, from_us(timer.due_us), Origin(cause, (cause,), recorded_at))
