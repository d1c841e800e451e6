"""Commands and their answers: one table says which event each command becomes and who may send it."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from schemas.events import Actor
from schemas.model import Message
from schemas.terms import Role
from schemas.times import Instant

_STAFF = frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN})
_JUDGES = frozenset({Role.SUPERVISOR, Role.INSPECTOR, Role.ADMIN})
_RECTIFIERS = frozenset({Role.RECTIFIER, Role.SUPERVISOR, Role.ADMIN})
_SENIOR = frozenset({Role.SUPERVISOR, Role.ADMIN})
_ALL = _STAFF | _JUDGES | _RECTIFIERS


@dataclass(frozen=True)
class CommandKind:
    """`event` is what an accepted command records; `target` is `alarm` or `hazard`."""

    event: str
    target: str
    roles: frozenset[Role]
    zh: str
    en: str


COMMANDS: dict[str, CommandKind] = {
    "acknowledge": CommandKind("alarm_acknowledged", "alarm", _STAFF, "确认报警", "acknowledge the alarm"),
    "unacknowledge": CommandKind("alarm_unacknowledged", "alarm", _STAFF, "撤销确认", "take an acknowledgement back"),
    "shelve": CommandKind("alarm_shelved", "alarm", _STAFF, "搁置", "shelve the alarm until a time, with a reason"),
    "unshelve": CommandKind("alarm_unshelved", "alarm", _STAFF, "取消搁置", "take the alarm off the shelf"),
    "suppress": CommandKind("alarm_suppressed", "alarm", _SENIOR, "抑制", "suppress the alarm"),
    "unsuppress": CommandKind("alarm_unsuppressed", "alarm", _SENIOR, "取消抑制", "end the suppression"),
    "out_of_service": CommandKind(
        "alarm_out_of_service", "alarm", _SENIOR, "停用", "take the alarm out of service, by work order until a date"
    ),
    "return_to_service": CommandKind(
        "alarm_returned_to_service",
        "alarm",
        _SENIOR,
        "恢复使用",
        "return the alarm to service, saying what was checked",
    ),
    "reset": CommandKind("alarm_reset", "alarm", _STAFF, "复位", "reset a latched alarm"),
    "assign_alarm": CommandKind("alarm_assigned", "alarm", _STAFF, "指派处置人", "assign the alarm to somebody"),
    "comment": CommandKind("comment_added", "alarm", _ALL, "备注", "add a comment to the alarm"),
    "judge": CommandKind("hazard_judged", "hazard", _JUDGES, "判定", "judge: major, general or none"),
    "cause": CommandKind("cause_established", "hazard", _ALL, "查明原因", "name the control that failed, and how"),
    "report": CommandKind("hazard_reported", "hazard", _ALL, "上报", "report to regulator or workers' congress"),
    "assign": CommandKind("responsibility_assigned", "hazard", _SENIOR, "确责", "assign the lead department"),
    "interim": CommandKind("interim_control_set", "hazard", _ALL, "临时管控", "set an interim control"),
    "plan": CommandKind("plan_approved", "hazard", _SENIOR, "批准治理方案", "approve the rectification plan"),
    "start": CommandKind("rectification_started", "hazard", _RECTIFIERS, "开始整改", "start rectification"),
    "rectify": CommandKind("rectification_done", "hazard", _RECTIFIERS, "整改完成", "report rectification done"),
    "accept": CommandKind("acceptance_passed", "hazard", _JUDGES, "验收通过", "accept the rectification"),
    "reject": CommandKind("acceptance_failed", "hazard", _JUDGES, "验收不通过", "send the rectification back"),
    "close": CommandKind("hazard_closed", "hazard", _JUDGES, "销号", "close the hazard"),
    "reopen": CommandKind("hazard_reopened", "hazard", _JUDGES, "重新打开", "reopen: a new cycle"),
    "extend": CommandKind("extension_requested", "hazard", _RECTIFIERS, "申请延期", "ask for an extension"),
    "decide_extension": CommandKind("extension_decided", "hazard", _SENIOR, "批复延期", "decide an extension"),
    "supervise": CommandKind("supervision_ordered", "hazard", _SENIOR, "挂牌督办", "order supervision"),
    "lift_supervision": CommandKind("supervision_lifted", "hazard", _SENIOR, "解除督办", "lift supervision"),
    "stop": CommandKind("production_stopped", "hazard", _JUDGES, "责令停产", "stop production"),
    "request_resume": CommandKind("resume_requested", "hazard", _RECTIFIERS, "申请复产", "ask to resume production"),
    "resume": CommandKind("production_resumed", "hazard", _JUDGES, "批准复产", "approve to resume production"),
    "check_similar": CommandKind(
        "similar_check_done", "hazard", _JUDGES, "举一反三排查完成", "a similar site was checked"
    ),
    "penalize": CommandKind("penalty_issued", "hazard", _JUDGES, "行政处罚", "record a penalty"),
    "downgrade": CommandKind("hazard_downgraded", "hazard", _SENIOR, "降级", "downgrade to a general hazard"),
    "void": CommandKind("hazard_voided", "hazard", _SENIOR, "作废", "void the hazard"),
    "merge": CommandKind("hazard_merged", "hazard", _SENIOR, "并案", "merge into another hazard"),
    "transfer": CommandKind("hazard_transferred", "hazard", _SENIOR, "移交", "transfer to another department"),
}


class Command(Message):
    """`commands`: what a person asks for. `seen_version` = version of the target on that person's screen.

    `occurred_at` defaults to `issued_at`; earlier only for supervisors.
    """

    command_id: str = Field(min_length=1)
    kind: str
    site_id: str
    target_id: str
    seen_version: int | None = None
    actor: Actor
    issued_at: Instant
    occurred_at: Instant | None = None
    data: dict[str, Any] = {}


class CommandResult(Message):
    """`command.results`: accepted with event ids, or refused with the guard that said no."""

    command_id: str
    accepted: bool
    event_ids: tuple[str, ...] = ()
    guard: str | None = None
    reason: str = ""
    site_id: str = ""
    target_id: str = ""
    answered_at: Instant
    step: int = 0
