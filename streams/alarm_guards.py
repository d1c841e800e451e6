"""Why a command on an alarm is refused: the guards, and their words for people."""

from streams.refusal import Refusal

GUARDS: dict[str, tuple[str, str]] = {
    "stale_version": ("报警已变化", "the alarm has changed since the version that was seen"),
    "version_missing": ("缺少所见版本", "say which version (or occurrence) was seen"),
    "future": ("发生时间在发令之后", "cannot be done before it has happened"),
    "backdated": ("仅值班负责人可补记", "only a supervisor may record what was done earlier"),
    "before_raised": ("报警尚未发生", "nobody acknowledges an occurrence before it was raised"),
    "bad_data": ("内容有误", "a field is missing or wrong"),
    "nothing_to_acknowledge": ("无可确认", "nothing to acknowledge"),
    "nothing_to_unacknowledge": ("无可撤销的确认", "no acknowledgement to take back"),
    "nothing_to_reset": ("无可复位", "neither latched nor suspected of anything"),
    "nothing_to_shelve": ("没有正在发生的报警", "one shot is for an alarm that stands"),
    "p1_shelved": ("一级报警须由值班负责人搁置", "only a supervisor shelves a P1 alarm"),
    "shelf_over": ("截止时间已过", "the shelf's end is over"),
    "shelf_too_long": ("超过最长搁置时间", "longer than alarms of this priority may be shelved"),
    "not_shelved": ("并未搁置", "it is not shelved"),
    "p1_approval": (
        "一级或可升为一级的报警须有批准文号",
        "what is or may become P1 needs the approval on record (approval)",
    ),
    "already_suppressed": ("已抑制", "it is suppressed already"),
    "not_suppressed": ("并未抑制", "it is not suppressed"),
    "already_out_of_service": ("已停用", "it is out of service already"),
    "not_out_of_service": ("并未停用", "it is not out of service"),
    "due_over": ("到期时间已过", "the due date is over"),
    "not_checked": ("须填写恢复前检查内容", "say what was checked before the return (checked)"),
}


def refuse(guard: str, detail: str = "") -> Refusal:
    """The refusal by `guard`, in both languages; `detail` says what it met."""
    zh, en = GUARDS[guard]
    return Refusal(guard, f"{zh} / {en}" + (f": {detail}" if detail else ""))
