"""The page docs/hazard-life-cycle.md, made from the code it describes: `python -m streams.lifecycle_page` writes it."""

from pathlib import Path

from schemas.commands import COMMANDS
from schemas.deadlines import Deadline, Span, load_rules
from schemas.terms import HazardState
from streams.guard_words import GUARDS
from streams.transitions import EVERY, SETTLED, TRANSITIONS, next_state

PAGE = Path(__file__).parent.parent / "docs" / "hazard-life-cycle.md"

STATES: dict[HazardState, tuple[str, str]] = {
    HazardState.REGISTERED: ("已登记", "registered, no evidence yet"),
    HazardState.SUSPECTED: ("疑似", "evidence is there, nobody has judged"),
    HazardState.JUDGED_MAJOR: ("判定重大", "judged a major hazard"),
    HazardState.JUDGED_GENERAL: ("判定一般", "judged a general hazard, or downgraded"),
    HazardState.PLANNED: ("方案已批", "plan with the five items approved"),
    HazardState.RECTIFYING: ("整改中", "being rectified"),
    HazardState.PENDING_ACCEPTANCE: ("待验收", "rectified, waiting for acceptance"),
    HazardState.ACCEPTED: ("验收通过", "accepted, not yet closed"),
    HazardState.CLOSED: ("已销号", "closed"),
    HazardState.REFUTED: ("不构成", "judged no hazard"),
    HazardState.VOIDED: ("已作废", "registered by mistake"),
    HazardState.MERGED: ("已并案", "goes on as another hazard"),
}
EVENTS: dict[str, tuple[str, str]] = {
    "hazard_registered": ("登记", "registered"),
    "hazard_suspected": ("疑似（新证据）", "suspected: new evidence"),
    "evidence_completed": ("证据补全", "a span of evidence has ended"),
    "evidence_added": ("证据（不涉疑似）", "evidence that raises no suspicion"),
    "cause_established": ("查明原因", "the control that failed, and how"),
    "hazard_judged:major": ("判定重大", "judged major"),
    "hazard_judged:general": ("判定一般", "judged general"),
    "hazard_judged:none": ("判定不构成", "judged none: refuted"),
    "hazard_reported": ("上报", "reported"),
    "responsibility_assigned": ("确责", "lead department assigned"),
    "blind_spot_raised": ("职责盲区", "no rule gives exactly one lead"),
    "interim_control_set": ("临时管控", "interim control set"),
    "plan_approved": ("治理方案批准", "plan approved"),
    "rectification_started": ("整改开始", "rectification started"),
    "rectification_done": ("整改完成", "rectification done"),
    "acceptance_passed": ("验收通过", "acceptance passed"),
    "acceptance_failed": ("验收不通过", "acceptance failed"),
    "hazard_closed": ("销号", "closed"),
    "hazard_reopened": ("重新打开", "reopened: next cycle"),
    "extension_requested": ("申请延期", "extension asked for"),
    "extension_decided": ("批复延期", "extension decided"),
    "supervision_ordered": ("挂牌督办", "supervision ordered"),
    "supervision_lifted": ("解除督办", "supervision lifted"),
    "production_stopped": ("责令停产", "production stopped"),
    "resume_requested": ("申请复产", "asked to resume production"),
    "production_resumed": ("批准复产", "approved to resume"),
    "deadline_neared": ("期限提醒", "reminded of a deadline"),
    "deadline_missed": ("超期升级", "a deadline passed: escalated"),
    "similar_check_opened": ("举一反三（开始）", "similar-site check opened"),
    "similar_check_done": ("举一反三（完成）", "similar-site check done"),
    "penalty_issued": ("行政处罚", "penalty issued"),
    "hazard_downgraded": ("降级", "downgraded to general"),
    "hazard_voided": ("作废", "voided"),
    "hazard_merged": ("并案", "merged into another"),
    "hazard_transferred": ("移交", "transferred to another department"),
}
DEADLINES: dict[Deadline, tuple[str, str]] = {
    Deadline.JUDGE: ("判定", "a suspicion is judged"),
    Deadline.LEAD: ("确责", "somebody leads"),
    Deadline.REPORT_REGULATOR: ("上报监管部门", "reported to the regulator"),
    Deadline.REPORT_WORKERS: ("上报职工代表大会", "reported to the workers' congress"),
    Deadline.PLAN: ("治理方案", "a plan is approved, from found or reopened"),
    Deadline.RECTIFICATION: ("整改", "closed by the due time in force"),
    Deadline.ACCEPTANCE: ("验收", "what is rectified is accepted or sent back"),
    Deadline.CLOSING: ("销号", "what is accepted is closed"),
    Deadline.EXTENSION: ("延期批复", "an extension asked for is decided"),
    Deadline.RESUME_REVIEW: ("复产审查", "a request to resume is reviewed on site"),
    Deadline.SUPERVISION_ORDER: ("挂牌", "put under supervision, where a trigger holds"),
    Deadline.SUPERVISION: ("督办", "a supervised hazard is delisted"),
    Deadline.SIMILAR_CHECK: ("举一反三", "similar sites are checked"),
}

_HEAD = """# 隐患的一生 · The life cycle of a hazard

<!-- Written by `python -m streams.lifecycle_page`; a test compares it with the code. Do not edit by hand. -->

A hazard's state is what its events say: `streams/lifecycle.py` folds them, `streams/transitions.py` is the table below,
`streams/guards.py` decides on live commands. 状态由事件推出，不另存。

- A *cycle* runs from found (or reopened) to closed. Reopening starts the next: rectifier, acceptor and closing are
  empty again, the deadline stays until a new plan is approved. A closing answers the deadline of its own cycle.
- `due0` is the first plan's deadline; `due` the one approved last by `occurred_at`, by a plan or an extension. The day
  of a deadline counts until 24:00.
- Overdue, nearly due, supervised, stopped and reported are not states: they are read from times and flags
  (`streams/deadlines.py`).
- The latest judgement by `occurred_at` holds; a downgraded, voided or merged hazard is no major hazard from then on.
- A finding that is general by its own words is a general hazard at once, and stands for itself; a suspicion of a major
  hazard waits for a person, who confirms or refutes it with a reason. `refuted_before` counts refutals of the same
  clause and place in the 180 days before.
- A settled hazard (closed, refuted, voided, merged) takes no new evidence: new evidence opens another hazard, marked
  `rebound_of` if the old one was closed at most 180 days before. Evidence of a merged hazard goes to the one it went
  into. The same evidence told again, and the end of a span already named, go to the hazard that holds it. One closed
  longer ago reopens as a new hazard that names it in `reopens`
  ([0020](decisions/0020-what-is-kept-of-a-hazard.md)).
- Every hazard has one lead department by rule, or a blind spot with its reason; judged major, it opens checks of
  similar sites ([0021](decisions/0021-leads-similar-sites-and-timers.md)).
- What a ledger of the past tells is recorded as it came (`imported`): no guard is asked.
- Each step's time is not before the step before it. A time nobody stated is moved after it if two clocks differ by at
  most ten minutes.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD, "## States · 状态\n", *_states(), "\n## Transitions · 状态转移\n", *_transitions()]
    parts += ["\n## Commands · 指令\n", *_commands(), "\n## Guards · 约束\n", *_guards()]
    parts += ["\n## Deadlines · 期限\n", *_deadlines()]
    return "\n".join(parts) + "\n"


def _states() -> list[str]:
    rows = [
        f"| `{state}` | {zh} | {en} | {'no' if state in SETTLED else 'yes'} |" for state, (zh, en) in STATES.items()
    ]
    return ["| state | 中文 | meaning | open |", "| --- | --- | --- | --- |", *rows]


def _transitions() -> list[str]:
    """Rows: events; columns: states. A cell is where the event leads."""
    lines = [
        "Bold: a live command (or the stream itself) may do it, and where it leads; `=` stays. In brackets: imported",
        "history only, which is applied as it came. Empty: imported history leaves the state as it is.\n",
        "| event | 事件 | " + " | ".join(["(none)", *EVERY]) + " |",
        "| --- | --- |" + " --- |" * (len(EVERY) + 1),
    ]
    for row, transition in TRANSITIONS.items():
        cells = []
        for state in (None, *EVERY):
            to = next_state(state, row)
            if state in transition.moves:
                cells.append("**=**" if to == state else f"**{to}**")
            elif state is None:
                cells.append(f"({to})")
            else:
                cells.append("" if to == state else f"({to})")
        zh, en = EVENTS[row]
        lines.append(f"| `{row}`: {en} | {zh} | " + " | ".join(cells) + " |")
    return lines


def _commands() -> list[str]:
    rows = [
        f"| `{name}` | {kind.zh} | `{kind.event}` | {', '.join(sorted(kind.roles))} | {kind.en} |"
        for name, kind in COMMANDS.items()
        if kind.target == "hazard"
    ]
    return ["| command | 中文 | records | roles | meaning |", "| --- | --- | --- | --- | --- |", *rows]


def _guards() -> list[str]:
    lines = [
        "Guards bind live commands; the first that says no is the answer's `guard`. A reminder or escalation makes no",
        "command stale; anything else that a person has not seen does.\n",
        "| guard | 中文 | meaning |",
        "| --- | --- | --- |",
    ]
    return lines + [f"| `{name}` | {words.zh} | {words.en} |" for name, words in GUARDS.items()]


def _deadlines() -> list[str]:
    """Every rule of every region's file."""
    lines = [
        "Rules by region (`schemas/rules/`); the closest region's goes first. Standing: *law*, *local* (some place's",
        "rule, taken as the value here), *parameter* (nobody names one: ours). Reminders go to the lead.\n",
        "| rule | region | deadline | 期限 | within | reminded before | escalated after | standing | source |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for file in load_rules().files:
        for rule in file.deadlines:
            zh, what = DEADLINES[rule.deadline]
            whom = f" ({', '.join(rule.industries)})" if rule.industries else ""
            later = ", ".join(f"{_span(each.after)}: {each.to}" for each in rule.escalate)
            lines.append(
                f"| `{rule.id}` | {file.region}{whom} | {what} | {zh} | {_span(rule.within)} | "
                f"{', '.join(map(_span, rule.remind))} | {later} | {rule.standing} | {rule.source} |"
            )
    return lines


def _span(span: Span | None) -> str:
    if span is None:
        return "its own"
    for number, unit in ((span.hours, "h"), (span.days, "d"), (span.workdays, "working days")):
        if number is not None:
            return "at once" if not number else f"{number:g} {unit}"
    return ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
