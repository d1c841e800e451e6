"""What the events of an alarm carry (contracts.md, Alarm events)."""

from pydantic import Field

from schemas.model import Message
from schemas.terms import Priority
from schemas.times import Instant


class AlarmRaised(Message):
    """`rule_version` names the very definition that was in force (schemas.alarms.AlarmRule.version)."""

    rule_id: str
    sensor_id: str | None
    occurrence_id: str
    began_at: Instant
    value: float | None
    limit: float | None
    priority: Priority
    rule_version: str = ""


class AlarmReturned(Message):
    occurrence_id: str
    peak: float | None
    duration_s: float


class AlarmAcknowledged(Message):
    occurrence_id: str
    comment: str = ""


class AlarmUnacknowledged(Message):
    """`reason`: a person's words, or `re_alarm`, `shelve_ended` if a timer asked for a new acknowledgement."""

    occurrence_id: str
    reason: str = Field(min_length=1)


class AlarmEscalated(Message):
    """Of `alarm_escalated` and `alarm_deescalated`; the occurrence stays.

    `reason`: limit, duration, not_acknowledged.
    """

    occurrence_id: str
    level: str
    previous_level: str
    priority: Priority
    previous_priority: Priority
    reason: str
    value: float | None = None
    limit: float | None = None


class AlarmShelved(Message):
    """`one_shot` ends with the present occurrence, and at `until` whatever happens."""

    until: Instant
    one_shot: bool = False
    reason: str = Field(min_length=1)
    comment: str = ""


class AlarmSuppressed(Message):
    """`rule` is empty if a person did it. `approval`: the record that allows it for a P1 alarm."""

    reason: str = Field(min_length=1)
    rule: str = ""
    approval: str = ""


class AlarmMasked(Message):
    """Kept from the operator while the parent alarm stands."""

    parent_alarm_id: str


class AlarmOutOfService(Message):
    work_order: str = Field(min_length=1)
    due_at: Instant
    reason: str = ""
    approval: str = ""


class AlarmFreed(Message):
    """The end of an override. `reason`: `until` reached, `one_shot` done, `parent` returned, or a person's words."""

    reason: str = ""
    checked: str = ""  # of a return to service: what was checked before


class AlarmReset(Message):
    """Of a latched alarm; or of a signal record, whose suspicions have then been looked into (no occurrence)."""

    occurrence_id: str | None = None
    comment: str = ""


class AlarmAssigned(Message):
    assignee: str = Field(min_length=1)
    comment: str = ""


class SignalLost(Message):
    """A sensor (or, without `sensor_id`, a whole site) cannot be seen. Neither an alarm nor normal.

    `cause`: `silent` (nothing came for too long) or `ill` (readings without a usable value); `quality` the bits of the
    last one; `sensors` how many fell silent together.
    """

    sensor_id: str | None
    cause: str
    last_heard_at: Instant
    quality: int = 0
    sensors: int = 1


class SignalRestored(Message):
    sensor_id: str | None
    cause: str
    lost_s: float


class CalibrationStarted(Message):
    """Readings carry the calibrating bit from here on."""

    sensor_id: str


class CalibrationEnded(Message):
    sensor_id: str
    duration_s: float


class ChatterStarted(Message):
    """`transitions` raises and returns within `window_s`."""

    transitions: int
    window_s: float


class ChatterEnded(Message):
    quiet_s: float


class AlarmStale(Message):
    """Stands for longer than a shift's work can explain."""

    occurrence_id: str
    active_s: float


class TamperSuspected(Message):
    """Something about the signal that nature does not do. A candidate for a person to look at, not a verdict.

    `reason`: flat_line, clipped, calibration_long, calibration_frequent, not_in_readings (the site's own system raised
    what our readings do not show), not_upstream (the readings show what that system did not raise), limit_differs.
    """

    sensor_id: str | None
    reason: str
    since: Instant
    value: float | None = None
    detail: str = ""


class AlarmOther(Message):
    """Events of the alarm whose data is free text or fully optional."""


ALARM_EVENTS: dict[str, type[Message]] = {
    "alarm_raised": AlarmRaised,
    "alarm_escalated": AlarmEscalated,
    "alarm_deescalated": AlarmEscalated,
    "alarm_acknowledged": AlarmAcknowledged,
    "alarm_unacknowledged": AlarmUnacknowledged,
    "alarm_returned": AlarmReturned,
    "alarm_cleared": AlarmOther,
    "alarm_reset": AlarmReset,
    "alarm_shelved": AlarmShelved,
    "alarm_unshelved": AlarmFreed,
    "alarm_suppressed": AlarmSuppressed,
    "alarm_unsuppressed": AlarmFreed,
    "alarm_masked": AlarmMasked,
    "alarm_unmasked": AlarmFreed,
    "alarm_out_of_service": AlarmOutOfService,
    "alarm_returned_to_service": AlarmFreed,
    "alarm_assigned": AlarmAssigned,
    "alarm_stale": AlarmStale,
    "comment_added": AlarmOther,
    "signal_lost": SignalLost,
    "signal_restored": SignalRestored,
    "calibration_started": CalibrationStarted,
    "calibration_ended": CalibrationEnded,
    "chatter_started": ChatterStarted,
    "chatter_ended": ChatterEnded,
    "tamper_suspected": TamperSuspected,
}
