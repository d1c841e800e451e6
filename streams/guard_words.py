"""Every guard of a hazard command: its stable name and what it says, zh and en. The docs print this table."""

from dataclasses import dataclass

from streams.refusal import Refusal


@dataclass(frozen=True)
class Words:
    zh: str
    en: str


GUARDS: dict[str, Words] = {
    "not_found": Words("本单位没有这条隐患", "no such hazard at this site"),
    "unknown_kind": Words("没有这种指令", "no such command on hazards"),
    "role": Words("该角色无权发出此指令", "the role may not send this command"),
    "stale_version": Words("隐患在您查看之后已有变化", "the hazard has changed since you saw it"),
    "illegal_transition": Words("当前状态不允许此操作", "not possible in the present state"),
    "dated_ahead": Words("时间晚于收到指令之时", "dated later than the command itself"),
    "backdated": Words("只有监管人员可以补录更早的发生时间", "only supervisors may give an earlier time"),
    "before_found": Words("早于隐患发现时间", "earlier than the hazard was found"),
    "out_of_order": Words("早于上一环节的时间", "earlier than the step before it"),
    "bad_data": Words("内容不合要求", "the data does not fit"),
    "reason_missing": Words("须写明理由", "a reason is needed"),
    "verdict_not_final": Words("判定结论只能是重大、一般或不构成", "a person judges major, general or none"),
    "criterion_missing": Words("判定为重大须引用判定标准条款", "judging major needs a clause"),
    "criterion_unknown": Words("判定标准库中没有此条款", "no such clause in the catalogue"),
    "criterion_not_in_force": Words("条款在发现之日不生效", "the clause was not in force on the found day"),
    "catalogue_version": Words("判定只能依据现行目录版本", "a judgement goes by the catalogue in effect"),
    "already_downgraded": Words("已降级的隐患不能再判为重大，须另行登记", "a downgraded hazard is registered anew"),
    "not_major": Words("只有重大隐患可以降级", "only a major hazard can be downgraded"),
    "plan_incomplete": Words("治理方案五落实及临时管控不全", "the plan lacks one of the five items or interim control"),
    "due_past": Words("整改期限不晚于批准时间", "the deadline is not after the approval"),
    "plan_after_due": Words("已超期，同一周期内不能以新方案改期", "overdue: a new plan cannot move the deadline"),
    "no_due": Words("尚无整改期限，无从延期", "there is no deadline to extend"),
    "extension_after_due": Words("延期须在期限届满前申请", "an extension is asked before the due time"),
    "extension_not_later": Words("新期限须晚于现期限", "the new deadline is not later than the present one"),
    "extension_incomplete": Words("延期须写明理由和临时管控措施", "an extension needs a reason and an interim control"),
    "no_extension_pending": Words("没有待批复的延期申请", "no extension has been asked for"),
    "not_supervisable": Words("只有重大隐患可以挂牌督办", "only a major hazard is put under supervision"),
    "already_supervised": Words("已挂牌督办", "the hazard is under supervision already"),
    "supervision_open": Words("未验收，解除督办须写明理由", "not accepted yet: lifting supervision needs a reason"),
    "not_supervised": Words("未挂牌督办", "the hazard is not under supervision"),
    "not_stopped": Words("未责令停产", "production has not been stopped"),
    "already_stopped": Words("已责令停产", "production is stopped already"),
    "already_reported": Words("已向该对象上报", "this has been reported there already"),
    "control_unknown": Words("本单位没有这项管控措施", "no such control at this site"),
    "department_unknown": Words("没有这个部门，或当日不在有效期内", "no such department on that day"),
    "similar_check": Words("没有待办的该单位排查", "no check of that site is to be done"),
    "acceptance_evidence": Words("验收须附证明材料", "accepting needs evidence"),
    "rectifier_accepts": Words("整改人不得验收", "the rectifier may not accept the work"),
    "rectifier_closes": Words("整改人不得销号", "the rectifier may not close the hazard"),
    "closing_evidence": Words("销号须附证明材料", "closing needs evidence"),
    "resume_missing": Words("停产未批准复产，不得销号", "production was stopped and not approved to resume"),
    "twin_open": Words("同一条款同一地点已另有未销号隐患", "another hazard is open for the same clause and place"),
    "archived": Words(
        "销号已逾180天，须写明条款和地点另行登记",
        "closed over 180 days ago: reopens as a new hazard, name clause and place",
    ),
    "merge_target": Words("并入的隐患须是本单位另一条未销号隐患", "merge into another open hazard of this site"),
    "transfer_target": Words("须写明移交部门", "name the department that takes over"),
}


def refuse(guard: str, detail: str = "") -> Refusal:
    """A refusal whose reason reads `English: detail · 中文`."""
    words = GUARDS[guard]
    return Refusal(guard, f"{words.en}{': ' if detail else ''}{detail} · {words.zh}")
