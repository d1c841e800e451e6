"""Data of the events that say who answers for a hazard, why it came about and what is due."""

from pydantic import Field

from schemas.model import Message
from schemas.times import Instant

CONTROL_FAILURE = "^(missing|not_executed)$"
BLIND_SPOT = "^(unrecognised|unthought|unreachable)$"  # 认不清、想不到、管不到


class CauseEstablished(Message):
    """The risk, the control that should have held it, and how that failed (管控措施缺失或执行不到位)."""

    risk_id: str | None = None
    control_id: str | None = None
    control_failure: str = Field(pattern=CONTROL_FAILURE)
    by: str = ""
    reason: str = ""


class ResponsibilityAssigned(Message):
    lead_department_id: str
    cooperating_department_ids: tuple[str, ...] = ()
    responsible_person: str = ""
    matter_id: str | None = None  # 一件事 by which the rule chose; empty if a person assigned


class BlindSpotRaised(Message):
    """No rule gives exactly one lead. `matter_ids`, `department_ids`: what came closest; `detail` says why not."""

    reason: str = Field(pattern=BLIND_SPOT)
    matter_ids: tuple[str, ...] = ()
    department_ids: tuple[str, ...] = ()
    detail: str = ""
    detail_zh: str = ""


class DeadlineTold(Message):
    """A reminder before a deadline (`level` 0) or an escalation after it (`level` 1, 2, …), by the region's rule.

    `to`: lead, county, city, province; `department_id` is the department that this means here, if one is registered.
    """

    deadline: str
    due_at: Instant
    level: int = Field(ge=0)
    step: int = Field(ge=1)  # how many reminders and escalations of this due time this is
    to: str = ""
    department_id: str | None = None
    rule_id: str = ""
    rules_version: str = ""
