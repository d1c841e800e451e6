"""Alarm rules, alarm event data, and alarms that a site's own system raised (contracts.md)."""

from pydantic import Field

from schemas.ids import upstream_alarm_id
from schemas.model import Message
from schemas.terms import Direction, Override, Priority, ProcessState, UpstreamKind
from schemas.times import Instant


class AlarmRule(Message):
    """One limit of one sensor. Limits and deadband in the sensor's unit, delays in seconds."""

    rule_id: str
    site_id: str
    sensor_id: str
    direction: Direction = Direction.HIGH
    limit: float = Field(allow_inf_nan=False)
    on_delay_s: float = Field(default=0, ge=0, allow_inf_nan=False)
    off_delay_s: float = Field(default=0, ge=0, allow_inf_nan=False)
    deadband: float = Field(default=0, ge=0, allow_inf_nan=False)
    priority: Priority = Priority.P3
    basis: str = ""  # document and article, or the site's own setting
    action_zh: str = ""
    action_en: str = ""


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

    `version` grows with every event of the alarm and is what a command must have seen.
    `offset` is the highest absorbed frame offset; a reader ignores a record below the one it holds.
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
    changed_at: Instant
    step: int = 0


class AlarmRaised(Message):
    rule_id: str
    sensor_id: str | None
    occurrence_id: str
    began_at: Instant
    value: float | None
    limit: float | None
    priority: Priority


class AlarmReturned(Message):
    occurrence_id: str
    peak: float | None
    duration_s: float


class AlarmAcknowledged(Message):
    occurrence_id: str
    comment: str = ""


class AlarmOther(Message):
    """Events of the alarm whose data is free text or fully optional."""


ALARM_EVENTS: dict[str, type[Message]] = {
    "alarm_raised": AlarmRaised,
    "alarm_returned": AlarmReturned,
    "alarm_acknowledged": AlarmAcknowledged,
    **dict.fromkeys(
        (
            "alarm_escalated", "alarm_deescalated", "alarm_unacknowledged", "alarm_cleared", "alarm_reset",
            "alarm_shelved", "alarm_unshelved", "alarm_suppressed", "alarm_unsuppressed", "alarm_masked",
            "alarm_unmasked", "alarm_out_of_service", "alarm_returned_to_service", "alarm_assigned",
            "comment_added", "signal_lost", "signal_restored", "chatter_started", "chatter_ended",
            "tamper_suspected",
        ),
        AlarmOther,
    ),
}  # fmt: skip
