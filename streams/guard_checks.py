"""What each kind of command must state before it is recorded. A check may fill in what goes without saying."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from schemas.commands import Command
from schemas.criteria import Catalogue
from schemas.hazards import ExtensionDecided, ExtensionRequested, HazardJudged, HazardStateRecord, PlanApproved
from schemas.model import Refused
from schemas.terms import HazardState, Verdict
from schemas.times import shanghai_day
from schemas.workdays import counted_until
from streams.guard_words import refuse
from streams.lifecycle import is_open
from streams.refusal import Refusal
from streams.surroundings import Surroundings
from streams.transitions import SETTLED

_FINAL = (Verdict.MAJOR, Verdict.GENERAL, Verdict.NONE)
_PLAN_ITEMS = {
    "responsible_person": "责任", "responsible_unit": "责任", "measures": "措施", "funds": "资金", "due_at": "时限",
    "contingency_plan": "预案", "interim_control": "临时管控",
}  # fmt: skip


@dataclass
class Ask:
    """A command on its way through the checks: `when` will be the event's occurred_at, `data` what it records."""

    state: HazardStateRecord
    command: Command
    data: dict[str, Any]
    when: dt.datetime
    catalogue: Catalogue | None
    known: Callable[[str], HazardStateRecord | None]
    around: Surroundings | None = None

    @property
    def persons(self) -> set[str]:
        """Who answers for it: the one named and the one who sent it."""
        return {self.command.actor.id, str(self.data.get("by"))}

    def says(self, name: str) -> bool:
        """Is the field filled? A number is, 0 too: no funds needed is a statement."""
        value = self.data.get(name)
        return bool(value.strip()) if isinstance(value, str) else value is not None and value not in ([], (), {})


def _judge(ask: Ask) -> Refusal | None:
    state, data = ask.state, ask.data
    data.setdefault("criterion_id", state.criterion_id)
    data.setdefault("evidence", [e.evidence_id for e in state.evidence])
    verdict = HazardJudged.parse(data).verdict
    if verdict not in _FINAL:
        return refuse("verdict_not_final", verdict)
    if verdict is Verdict.MAJOR:
        if state.downgraded_at is not None:
            return refuse("already_downgraded", f"on {shanghai_day(state.downgraded_at)}")
        return _cite(ask)
    if (verdict is Verdict.NONE or state.verdict is Verdict.MAJOR) and not ask.says("reason"):
        return refuse("reason_missing", f"verdict {verdict}")
    return None


def _cite(ask: Ask) -> Refusal | None:
    """Major needs a clause that was in force when the hazard was found; document and version are taken from it."""
    criterion_id, day = ask.data.get("criterion_id"), shanghai_day(ask.state.found_at)
    if not criterion_id:
        return refuse("criterion_missing")
    if ask.catalogue is None:
        return None
    clause = ask.catalogue.get(criterion_id)
    if clause is None:
        return refuse("criterion_unknown", criterion_id)
    if not ask.catalogue.binds(clause, day):
        root = ask.catalogue.root_of(criterion_id)
        instead = [c.id for c in ask.catalogue.in_force("", day) if ask.catalogue.root_of(c.id) == root]
        return refuse(
            "criterion_not_in_force", f"{criterion_id} on {day}" + f"; {', '.join(instead)} was" * bool(instead)
        )
    if ask.data.setdefault("document_id", clause.document_id) != clause.document_id:
        raise Refused("document_id", f"{criterion_id} belongs to {clause.document_id}")
    if ask.data.setdefault("catalogue_version", ask.catalogue.version) != ask.catalogue.version:
        return refuse("catalogue_version", f"{ask.data['catalogue_version']}, in effect is {ask.catalogue.version}")
    return None


def _explain(ask: Ask) -> Refusal | None:
    """The control has to be on the site's list, unless it is the missing one."""
    controls = ask.around.controls_of(ask.state.site_id) if ask.around else {}
    named = ask.data.get("control_id")
    if not named:
        return None if ask.data.get("control_failure") == "missing" else refuse("control_unknown", "control_id")
    if ask.around is not None and named not in controls:
        return refuse("control_unknown", str(named))
    if named in controls:
        ask.data.setdefault("risk_id", controls[named].risk_id)
    return None


def _report(ask: Ask) -> Refusal | None:
    to = ask.data.get("to")
    return refuse("already_reported", str(to)) if to in ask.state.reported_at else None


def _assign(ask: Ask) -> Refusal | None:
    if "lead_department_id" in ask.data and not ask.says("lead_department_id"):
        raise Refused("lead_department_id", "empty")
    helping = ask.data.get("cooperating_department_ids") or ()
    return _known_departments(ask, [ask.data.get("lead_department_id"), *helping])


def _known_departments(ask: Ask, named: Iterable[Any]) -> Refusal | None:
    if ask.around is None:
        return None
    day = shanghai_day(ask.when)
    unknown = [str(each) for each in named if each and not ask.around.duties.knows(str(each), day)]
    return refuse("department_unknown", f"{', '.join(unknown)} on {day}") if unknown else None


def _interim(ask: Ask) -> Refusal | None:
    if "text" in ask.data and not ask.says("text"):
        raise Refused("text", "empty")
    return None


def _plan(ask: Ask) -> Refusal | None:
    state, missing = ask.state, [name for name in _PLAN_ITEMS if not ask.says(name)]
    if missing:
        return refuse("plan_incomplete", ", ".join(f"{name} ({_PLAN_ITEMS[name]})" for name in missing))
    plan = PlanApproved.parse(ask.data)
    if plan.funds is not None and plan.funds < 0:
        raise Refused("funds", "must not be negative")
    if plan.due_at <= ask.when:
        return refuse("due_past", f"{plan.due_at.isoformat()} <= {ask.when.isoformat()}")
    # A cycle's overdue deadline stands until the work is closed; only a reopening starts a new one.
    replanned = state.due is not None and state.plan_at is not None and state.plan_at >= _cycle_began(state)
    if replanned and state.due is not None and ask.when > counted_until(state.due) and plan.due_at > state.due:
        return refuse("plan_after_due", f"due {state.due.isoformat()}")
    return None


def _cycle_began(state: HazardStateRecord) -> dt.datetime:
    return state.reopened_at if state.cycle > 1 and state.reopened_at is not None else state.found_at


def _extend(ask: Ask) -> Refusal | None:
    state = ask.state
    if state.due is None:
        return refuse("no_due")
    if ask.when > counted_until(state.due):
        return refuse("extension_after_due", f"due {state.due.isoformat()}, asked {ask.when.isoformat()}")
    missing = [name for name in ("reason", "interim_control") if not ask.says(name)]
    if missing:
        return refuse("extension_incomplete", ", ".join(missing))
    return _later(ask, ExtensionRequested.parse(ask.data).new_due_at)


def _decide_extension(ask: Ask) -> Refusal | None:
    asked = ask.state.extension
    if asked is None:
        return refuse("no_extension_pending")
    decided = ExtensionDecided.parse(ask.data)
    if not decided.approved:
        return None
    new_due = decided.new_due_at or asked.new_due_at
    ask.data["new_due_at"] = new_due
    return _later(ask, new_due)


def _later(ask: Ask, new_due: dt.datetime) -> Refusal | None:
    due = ask.state.due
    if due is not None and new_due <= due:
        return refuse("extension_not_later", f"{new_due.isoformat()} <= {due.isoformat()}")
    return None


def _accept(ask: Ask) -> Refusal | None:
    same = sorted(ask.persons & set(ask.state.rectifiers))
    if same:
        return refuse("rectifier_accepts", ", ".join(same))
    return None if ask.says("evidence") else refuse("acceptance_evidence")


def _close(ask: Ask) -> Refusal | None:
    same = sorted(ask.persons & set(ask.state.rectifiers))
    if same:
        return refuse("rectifier_closes", ", ".join(same))
    if ask.state.stopped:
        return refuse("resume_missing")
    return None if ask.says("evidence") else refuse("closing_evidence")


def _reasoned(ask: Ask) -> Refusal | None:
    return None if ask.says("reason") else refuse("reason_missing", ask.command.kind)


def _downgrade(ask: Ask) -> Refusal | None:
    return _reasoned(ask) if ask.state.verdict is Verdict.MAJOR else refuse("not_major", str(ask.state.verdict))


def _merge(ask: Ask) -> Refusal | None:
    into = ask.data.get("into")
    other = ask.known(into) if isinstance(into, str) and into != ask.state.hazard_id else None
    if other is None or not is_open(other):
        return refuse("merge_target", str(into))
    return _reasoned(ask)


def _transfer(ask: Ask) -> Refusal | None:
    if not ask.says("to_department_id"):
        return refuse("transfer_target")
    return _known_departments(ask, [ask.data["to_department_id"]]) or _reasoned(ask)


def _supervise(ask: Ask) -> Refusal | None:
    if ask.state.supervised:
        return refuse("already_supervised", ask.state.supervision_level)
    return None if ask.state.verdict is Verdict.MAJOR else refuse("not_supervisable", str(ask.state.verdict))


def _lift(ask: Ask) -> Refusal | None:
    """摘牌: after acceptance, or for a reason."""
    if not ask.state.supervised:
        return refuse("not_supervised")
    done = ask.state.state is HazardState.ACCEPTED or ask.state.state in SETTLED
    return None if done or ask.says("reason") else refuse("supervision_open")


def _similar_done(ask: Ask) -> Refusal | None:
    site = ask.data.get("similar_site_id")
    if site not in ask.state.similar_open:
        return refuse("similar_check", str(site))
    if ask.data.get("hits") is None:
        raise Refused("hits", "say how many were found, 0 if none")
    return None


def _stop(ask: Ask) -> Refusal | None:
    return refuse("already_stopped") if ask.state.stopped else None


def _resume(ask: Ask) -> Refusal | None:
    return None if ask.state.stopped else refuse("not_stopped")


CHECKS: dict[str, Callable[[Ask], Refusal | None]] = {
    "hazard_judged": _judge,
    "cause_established": _explain,
    "hazard_reported": _report,
    "responsibility_assigned": _assign,
    "interim_control_set": _interim,
    "plan_approved": _plan,
    "extension_requested": _extend,
    "extension_decided": _decide_extension,
    "acceptance_passed": _accept,
    "hazard_closed": _close,
    "hazard_reopened": _reasoned,
    "hazard_downgraded": _downgrade,
    "hazard_voided": _reasoned,
    "hazard_merged": _merge,
    "hazard_transferred": _transfer,
    "supervision_ordered": _supervise,
    "supervision_lifted": _lift,
    "similar_check_done": _similar_done,
    "production_stopped": _stop,
    "resume_requested": _resume,
    "production_resumed": _resume,
}
