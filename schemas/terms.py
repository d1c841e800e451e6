"""The nouns of the field, as closed vocabularies. Imports nothing of ours.

Alarm words follow ISA-18.2 / IEC 62682 (GB/T 41261); hazard words follow the clearance plans and
the public exchange record t_yhzlxx. zh/en of every word: docs/glossary.md.
"""

from enum import IntFlag, StrEnum
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class ProcessState(StrEnum):
    """What the condition and the operator have done; apart from any override."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    LATCHED = "latched"


class Override(StrEnum):
    """Why an alarm is kept from the operator although its process state goes on underneath. Strongest first."""

    OUT_OF_SERVICE = "out_of_service"
    SUPPRESSED = "suppressed"
    MASKED = "masked"
    SHELVED = "shelved"


class RuleKind(StrEnum):
    """What a rule's limit is compared with: the value, or how fast it changes."""

    LEVEL = "level"
    RATE = "rate"


class SignalCondition(StrEnum):
    """Whether a sensor can be seen. Only `good` says anything about the world."""

    GOOD = "good"
    CALIBRATING = "calibrating"
    ILL = "ill"
    LOST = "lost"


class Priority(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class Direction(StrEnum):
    """Which side of the limit is the abnormal one."""

    HIGH = "high"
    LOW = "low"


class Quality(IntFlag):
    """Bits of a reading's quality, as MT/T 1201 CDSS status writes them. 0 = good."""

    GOOD = 0
    ALARM = 1
    POWER_OFF = 2
    CALIBRATING = 4
    OVER_RANGE = 8
    STATION_FAULT = 16
    NOT_POLLED = 32
    PAUSED = 64
    SENSOR_FAULT = 128


# A value carried with one of these bits says nothing about the air: it neither raises nor returns an alarm.
UNUSABLE = (
    Quality.CALIBRATING
    | Quality.OVER_RANGE
    | Quality.STATION_FAULT
    | Quality.NOT_POLLED
    | Quality.PAUSED
    | Quality.SENSOR_FAULT
)


class UpstreamKind(StrEnum):
    """Kinds of alarm that a site's own system raises (contracts.md, device.alarms)."""

    OVER_LIMIT = "over_limit"
    POWER_CUT = "power_cut"
    FEED_ABNORMAL = "feed_abnormal"
    FAULT = "fault"
    COMMS_LOST = "comms_lost"
    CALIBRATION = "calibration"
    OVER_RANGE = "over_range"
    PRE_WARNING = "pre_warning"
    FIRE = "fire"
    OVER_HEADCOUNT = "over_headcount"
    OVER_TIME = "over_time"
    ZONE_VIOLATION = "zone_violation"


class Verdict(StrEnum):
    MAJOR = "major"
    GENERAL = "general"
    NONE = "none"
    NEEDS_REVIEW = "needs_review"
    CANNOT_EVALUATE = "cannot_evaluate"


class HazardState(StrEnum):
    SUSPECTED = "suspected"
    REGISTERED = "registered"
    JUDGED_MAJOR = "judged_major"
    JUDGED_GENERAL = "judged_general"
    REFUTED = "refuted"
    PLANNED = "planned"
    RECTIFYING = "rectifying"
    PENDING_ACCEPTANCE = "pending_acceptance"
    ACCEPTED = "accepted"
    CLOSED = "closed"
    VOIDED = "voided"
    MERGED = "merged"


class HazardSource(StrEnum):
    """Who found it."""

    SELF = "self"
    WORKER = "worker"
    DEPARTMENT = "department"
    REPORT = "report"
    IOT = "iot"
    ACCIDENT = "accident"


class Scope(StrEnum):
    """The list covers living areas of a mine or plant too (晋政发〔2024〕1号)."""

    PRODUCTION = "production"
    OPERATION = "operation"
    CONSTRUCTION = "construction"
    LIVING = "living"


class MeasureKind(StrEnum):
    """人防、技防、工程防、管理防."""

    PEOPLE = "people"
    TECHNOLOGY = "technology"
    ENGINEERING = "engineering"
    MANAGEMENT = "management"


class Role(StrEnum):
    SYSTEM = "system"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    INSPECTOR = "inspector"
    RECTIFIER = "rectifier"
    ADMIN = "admin"


class ClauseKind(StrEnum):
    SENSOR = "sensor"
    INSPECTION = "inspection"
    BOTH = "both"


class Confidence(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
