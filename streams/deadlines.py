"""What is due on a hazard, when it is reminded of and when it is escalated. Pure: state, rules and calendar in.

Overdue, nearly due and the like are never stored: `standing` tells them for any instant.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schemas.deadlines import Deadline, DeadlineRule, RegionRules, Span
from schemas.hazards import HazardStateRecord
from schemas.terms import HazardState, Verdict
from schemas.times import DAY
from schemas.workdays import Calendar, counted_until
from streams.transitions import ON_TRACK, SETTLED

S = HazardState
NEARLY = 10 * DAY  # where no rule says when a due time is near
Instant = dt.datetime | None


@dataclass(frozen=True)
class Step:
    """One reminder (`level` 0, before) or escalation (`level` 1, 2, …, after) of a deadline; `to` whom."""

    at: dt.datetime
    level: int
    to: str


@dataclass(frozen=True)
class Timer:
    rule: DeadlineRule
    due_at: dt.datetime
    steps: tuple[Step, ...]  # by time

    @property
    def deadline(self) -> Deadline:
        return self.rule.deadline

    def told(self, state: HazardStateRecord) -> int:
        """How many of the steps have been told for this due time; another due time starts anew."""
        told = state.told.get(self.deadline)
        return told.steps if told is not None and told.due_at == self.due_at else 0


def timers(state: HazardStateRecord, rules: RegionRules, calendar: Calendar) -> Iterator[Timer]:
    """Every deadline that runs on the hazard as it stands."""
    for deadline, rule in rules.deadlines.items():
        if rule.verdicts and state.verdict not in rule.verdicts:
            continue
        due = due_of(state, deadline, rule, rules, calendar)
        if due is not None:
            yield Timer(rule, due, _steps(rule, due))


def due_of(
    state: HazardStateRecord, deadline: Deadline, rule: DeadlineRule, rules: RegionRules, calendar: Calendar
) -> Instant:
    """When it has to be done by; None if it does not run now."""
    if state.state in SETTLED and deadline not in _RUN_ON:
        return None
    if deadline is Deadline.RECTIFICATION:
        return counted_until(due) if state.state in _TO_RECTIFY and (due := time_limit(state)) else None
    if deadline is Deadline.SUPERVISION and state.supervision_due is not None:
        return counted_until(state.supervision_due) if state.supervised else None
    start = _ordered(state, rules) if deadline is Deadline.SUPERVISION_ORDER else _STARTS[deadline](state)
    return None if start is None or rule.within is None else calendar.after(start, rule.within)


def time_limit(state: HazardStateRecord) -> Instant:
    """The plan's due in force, else the limit that the finding gave."""
    return state.due or state.registered.deadline


def _steps(rule: DeadlineRule, due: dt.datetime) -> tuple[Step, ...]:
    steps = [Step(due - _length(span), 0, "lead") for span in rule.remind]
    steps += [Step(due + _length(each.after), level, each.to) for level, each in enumerate(rule.escalate, 1)]
    return tuple(sorted(steps, key=lambda step: (step.at, step.level)))


def _length(span: Span) -> dt.timedelta:
    return dt.timedelta(hours=span.hours or 0, days=span.days or 0)


_TO_RECTIFY = frozenset({S.JUDGED_MAJOR, S.JUDGED_GENERAL, S.PLANNED, S.RECTIFYING, S.PENDING_ACCEPTANCE, S.ACCEPTED})
_RUN_ON = frozenset({Deadline.SIMILAR_CHECK})  # after the hazard itself is settled


def _if(holds: bool, start: Instant) -> Instant:
    return start if holds else None


def _plan_wanted(state: HazardStateRecord) -> bool:
    """Judged and not planned, or reopened and not planned anew: no deadline of the old cycle is one of the new."""
    if state.state is S.JUDGED_MAJOR:
        return True
    reopened = state.reopened_at
    return state.state is S.RECTIFYING and reopened is not None and (state.plan_at is None or state.plan_at < reopened)


_STARTS: dict[Deadline, Callable[[HazardStateRecord], Instant]] = {
    Deadline.JUDGE: lambda s: _if(s.state in (S.SUSPECTED, S.REGISTERED), s.registered_at or s.found_at),
    Deadline.LEAD: lambda s: _if(s.lead_department_id is None, s.registered_at or s.found_at),
    Deadline.REPORT_REGULATOR: lambda s: _if("regulator" not in s.reported_at, s.judged_at),
    Deadline.REPORT_WORKERS: lambda s: _if("workers_congress" not in s.reported_at, s.judged_at),
    Deadline.PLAN: lambda s: _if(_plan_wanted(s), s.reopened_at or s.found_at),
    Deadline.ACCEPTANCE: lambda s: _if(s.state is S.PENDING_ACCEPTANCE, s.rectified_at),
    Deadline.CLOSING: lambda s: _if(s.state is S.ACCEPTED and not s.stopped, s.accepted_at),
    Deadline.EXTENSION: lambda s: s.extension_asked_at,
    Deadline.RESUME_REVIEW: lambda s: _if(s.stopped, s.resume_asked_at),
    Deadline.SUPERVISION: lambda s: _if(s.supervised, s.supervised_at),
    Deadline.SIMILAR_CHECK: lambda s: min(s.similar_open.values(), default=None),
}


def _ordered(state: HazardStateRecord, rules: RegionRules) -> Instant:
    """Since when the hazard has been one to put under supervision, by the region's triggers."""
    if state.supervised or state.supervised_at is not None or state.judged_at is None:
        return None
    trigger, since = rules.supervision, list[dt.datetime]()
    if (trigger.rebound and state.registered.rebound_of) or state.registered.source in trigger.sources:
        since.append(state.judged_at)
    over = trigger.due_over_days
    if over is not None and state.plan_at and state.due and state.due - state.plan_at > dt.timedelta(days=over):
        since.append(state.plan_at)
    if trigger.overdue and state.due is not None and state.state in ON_TRACK:
        since.append(counted_until(state.due))
    return min(since, default=None)


@dataclass(frozen=True)
class Standing:
    """What a list shows of a hazard at an instant: derived, never stored."""

    due_at: Instant
    overdue: bool
    nearly_due: bool
    days_left: int | None  # negative once overdue
    missed: tuple[Deadline, ...]  # every deadline that has passed, rectification among them


def standing(state: HazardStateRecord, rules: RegionRules, calendar: Calendar, when: dt.datetime) -> Standing:
    """How the hazard stands at `when`."""
    running = list(timers(state, rules, calendar))
    missed = tuple(sorted(t.deadline for t in running if t.due_at < when))
    work = next((t for t in running if t.deadline is Deadline.RECTIFICATION), None)
    if work is None:
        limit = time_limit(state) if state.state in _TO_RECTIFY else None
        until = counted_until(limit) if limit else None
        near = NEARLY
    else:
        until = work.due_at
        near = max((_length(span) for span in work.rule.remind), default=NEARLY)
    if until is None:
        return Standing(None, False, False, None, missed)
    left = until - when
    overdue = left < dt.timedelta(0)
    return Standing(until, overdue, not overdue and left <= near, left.days, missed)


def is_major(state: HazardStateRecord) -> bool:
    return state.verdict is Verdict.MAJOR and state.state not in (S.VOIDED, S.MERGED)
