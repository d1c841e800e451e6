"""Alarm rules, alarm states, and alarms that a site's own system raised (contracts.md). Event data: alarm_events."""

from hashlib import sha256
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from schemas.ids import upstream_alarm_id
from schemas.model import Message
from schemas.terms import Direction, Override, Priority, ProcessState, RuleKind, SignalCondition, UpstreamKind
from schemas.times import Instant


class Escalation(Message):
    """A step up within one alarm: beyond `limit` for the rule's on-delay, or standing for `after_s` seconds."""

    level: str = Field(min_length=1)  # HH, LL, or a name of the site
    priority: Priority
    limit: float | None = Field(default=None, allow_inf_nan=False)
    after_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class AlarmRule(Message):
    """One alarm of one sensor. Limits and deadband in the sensor's unit, delays and times in seconds.

    `kind` `rate`: limit and deadband are in unit per minute, over the last `window_s`. Escalations go outwards.
    `parent` names another alarm of the site (sensor_id/rule_id) that masks this one while it stands; `suppressed_while`
    a sensor that suppresses it while it reads 1. For what is P1 or may
    become it both need an `approval`, as does what is laxer than the class.
    """

    rule_id: str
    site_id: str
    sensor_id: str
    kind: RuleKind = RuleKind.LEVEL
    direction: Direction = Direction.HIGH
    limit: float = Field(allow_inf_nan=False)
    level: str = ""
    on_delay_s: float = Field(default=0, ge=0, allow_inf_nan=False)
    off_delay_s: float = Field(default=0, ge=0, allow_inf_nan=False)
    deadband: float = Field(default=0, ge=0, allow_inf_nan=False)
    window_s: float = Field(default=300, gt=0, allow_inf_nan=False)
    escalations: tuple[Escalation, ...] = ()
    priority: Priority = Priority.P3
    latches: bool = False
    ack_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    re_alarm_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    parent: str = ""
    suppressed_while: str = ""
    approval: str = ""
    class_id: str = ""
    basis: str = ""  # document and article, or the site's own setting
    consequence_zh: str = ""
    consequence_en: str = ""
    action_zh: str = ""
    action_en: str = ""
    time_to_respond_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _outwards(self) -> Self:
        sign = 1 if self.direction is Direction.HIGH else -1
        limits = [self.limit, *(step.limit for step in self.escalations if step.limit is not None)]
        if any(sign * further <= sign * nearer for nearer, further in pairwise(limits)):
            raise ValueError(f"escalations do not go outwards: {', '.join(f'{limit:g}' for limit in limits)}")
        for step in self.escalations:
            if (step.limit is None) == (step.after_s is None):
                raise ValueError(f"escalation {step.level}: either a limit or after_s is wanted")
        if self.hides_unapproved:
            raise ValueError("an alarm that is or may become P1 is neither masked nor suppressed without an approval")
        return self

    @property
    def most_urgent(self) -> Priority:
        """What the alarm may become by its escalations."""
        return min([self.priority, *(step.priority for step in self.escalations)])

    @property
    def hides_unapproved(self) -> bool:
        """Whether a parent or a mode could keep a P1 from the operator, and nobody approved that."""
        linked = bool(self.parent or self.suppressed_while)
        return linked and self.most_urgent is Priority.P1 and not self.approval.strip()

    @property
    def version(self) -> str:
        """Of the content apart from site and sensor: two definitions that differ in anything have two versions."""
        return sha256(self.model_dump_json(exclude={"site_id", "sensor_id"}).encode()).hexdigest()[:12]


class Raw(Message):
    """Where a record stood in the file it came from."""

    file: str = ""
    offset: int = 0
    sha256: str = ""


class DeviceAlarm(Message):
    """`device.alarms`: an alarm the site's own system raised (MT/T 1201 YCBJ, fire panel, chemical plant)."""

    source_system: str
    dialect: str
    site_id: str
    sensor_id: str | None = None
    area_code: str | None = None
    alarm_kind: UpstreamKind
    level: int = Field(default=3, ge=1, le=4)
    value: float | None = None
    unit: str = ""
    limit: float | None = None
    raised_at: Instant
    ended_at: Instant | None = None
    peak: float | None = None
    cause: str = ""
    measure: str = ""
    received_at: Instant
    raw: Raw = Raw()

    @property
    def upstream_alarm_id(self) -> str:
        return upstream_alarm_id(self.site_id, self.sensor_id, self.alarm_kind, self.raised_at)


class AlarmState(Message):
    """`alarm.states`: the latest state of one alarm; what the board shows and the stream remembers.

    `version` grows with every event of the alarm and is what a command must have seen. `step` orders the records.
    A record whose `rule_id` is `signal` tells of the sensor's signal (`signal`, since `signal_since`): it is never an
    alarm, and its process state says nothing.
    """

    alarm_id: str
    site_id: str
    sensor_id: str | None
    area_code: str | None = None
    rule_id: str
    process_state: ProcessState
    overrides: tuple[Override, ...] = ()
    version: int
    occurrence_id: str | None = None
    began_at: Instant | None = None
    raised_at: Instant | None = None
    returned_at: Instant | None = None
    acknowledged_at: Instant | None = None
    acknowledged_by: str | None = None
    value: float | None = None
    peak: float | None = None
    limit: float | None = None
    unit: str = ""
    priority: Priority = Priority.P3
    level: str = ""
    steps: tuple[str, ...] = ()  # levels of the rule's escalations that hold
    annunciated_at: Instant | None = None  # when it last asked for an acknowledgement
    overdue: bool = False  # it was not acknowledged in time
    stale: bool = False
    chattering: bool = False
    transitions: tuple[Instant, ...] = ()  # the last raises and returns
    assignee: str | None = None
    shelved_until: Instant | None = None
    shelved_by: str | None = None
    shelve_reason: str = ""
    one_shot: bool = False
    suppressed_by: str | None = None
    masked_by: str | None = None
    work_order: str = ""
    service_due_at: Instant | None = None
    service_overdue: bool = False
    awaits_confirmation: bool = False  # the site's own system has told of this sensor before, and may do so again
    confirmed_by: str | None = None  # the alarm of the other source that says the same
    signal: SignalCondition = SignalCondition.GOOD
    signal_since: Instant | None = None
    suspicions: tuple[str, ...] = ()
    changed_at: Instant
    step: int = 0

    @property
    def shown(self) -> str:
        """The one state a screen shows: the strongest override, else the process state."""
        return next((override.value for override in Override if override in self.overrides), self.process_state.value)
