"""The fields of a hazard's state that each kind of event sets. The state it leads to: streams/transitions.py."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from schemas.events import Event
from schemas.hazard_duties import DeadlineTold
from schemas.hazard_history import Closing, Due, Judged, Told
from schemas.hazards import (
    Evidence,
    EvidenceAdded,
    ExtensionDecided,
    ExtensionRequested,
    HazardJudged,
    HazardStateRecord,
    HazardSuspected,
    PlanApproved,
)
from schemas.terms import Verdict

SPANS_KEPT = 300  # spans a state carries; older ones stay in hazard.events
Update = dict[str, Any]
Fold = Callable[[HazardStateRecord, Event, Any], Update]


def latest(judgements: Sequence[Judged]) -> Judged:
    """The judgement that holds: the latest by `occurred_at`, of equals the one recorded last."""
    return max(enumerate(judgements), key=lambda pair: (pair[1].occurred_at, pair[0]))[1]


def _registered(before: HazardStateRecord, event: Event, data: Any) -> Update:
    if before.registered_at is not None:  # exactly one registration holds: the first
        return {}
    return {
        "registered": data, "registered_at": event.occurred_at, "found_at": data.found_at, "place_id": data.place_id,
        "root_criterion_id": data.root_criterion_id or before.root_criterion_id, "risk_id": data.risk_id,
        "control_id": data.control_id, "control_failure": data.control_failure,
    }  # fmt: skip


def _cause(_before: HazardStateRecord, _event: Event, data: Any) -> Update:
    return {"risk_id": data.risk_id, "control_id": data.control_id, "control_failure": data.control_failure}


def _added(before: HazardStateRecord, _event: Event, data: EvidenceAdded) -> Update:
    known = {e.evidence_id for e in before.evidence}
    fresh = [e for e in data.evidence if e.evidence_id not in known]
    return {"evidence": _kept((*before.evidence, *fresh)), "evidence_count": before.evidence_count + len(fresh)}


def _suspected(before: HazardStateRecord, event: Event, data: HazardSuspected) -> Update:
    """New evidence is added; evidence that is known is replaced by what is known of it now."""
    known = {e.evidence_id: e for e in before.evidence}
    fresh = [e for e in data.evidence if e.evidence_id not in known]
    if event.kind == "evidence_completed":
        fresh = []
    known |= {e.evidence_id: e for e in data.evidence if e.evidence_id in known}
    criterion = before.criterion_id or data.criterion_id or None
    return {
        "evidence": _kept((*known.values(), *fresh)),
        "evidence_count": before.evidence_count + len(fresh),
        "missing": tuple(dict.fromkeys((*before.missing, *data.missing))),
        "criterion_id": criterion,
        "root_criterion_id": before.root_criterion_id or criterion,
    }


def _kept(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    surplus = sum(e.kind == "span" for e in evidence) - SPANS_KEPT
    if surplus <= 0:
        return evidence
    dropped = {e.evidence_id for e in [e for e in evidence if e.kind == "span"][:surplus]}
    return tuple(e for e in evidence if e.evidence_id not in dropped)


def _judged(before: HazardStateRecord, event: Event, data: HazardJudged) -> Update:
    judgement = Judged(
        occurred_at=event.occurred_at,
        verdict=data.verdict,
        criterion_id=data.criterion_id,
        by=data.by or event.actor.id,
    )
    judgements = (*before.judgements, judgement)
    update: Update = {"judgements": judgements}
    if latest(judgements) is judgement:
        lowered = before.downgraded_at is not None and data.verdict is Verdict.MAJOR
        update |= {
            "verdict": Verdict.GENERAL if lowered else data.verdict,
            "judged_at": event.occurred_at,
            "criterion_id": data.criterion_id or before.criterion_id,
            "document_id": data.document_id,
            "catalogue_version": data.catalogue_version,
            "root_criterion_id": before.root_criterion_id or data.criterion_id,
        }
    return update


def _reported(before: HazardStateRecord, event: Event, data: Any) -> Update:
    if data.to in before.reported_at:
        return {}
    return {
        "reported_to": (*before.reported_to, data.to), "reported_at": before.reported_at | {data.to: event.occurred_at}
    }  # fmt: skip


def _assigned(before: HazardStateRecord, event: Event, data: Any) -> Update:
    return {
        "lead_department_id": data.lead_department_id,
        "cooperating_department_ids": data.cooperating_department_ids,
        "responsible_person": data.responsible_person or before.responsible_person,
        "assigned_at": event.occurred_at,
        "matter_id": data.matter_id,
        "blind_spot": None,
    }


def _transferred(before: HazardStateRecord, event: Event, data: Any) -> Update:
    department = data.to_department_id or before.lead_department_id
    return {"lead_department_id": department, "assigned_at": event.occurred_at, "matter_id": None, "blind_spot": None}


def _planned(before: HazardStateRecord, event: Event, data: PlanApproved) -> Update:
    update = _due(before, data.due_at, event)
    if before.plan_at is None or before.plan_at <= event.occurred_at:
        update |= {
            "plan": data,
            "plan_at": event.occurred_at,
            "interim_control": data.interim_control or before.interim_control,
        }
    return update


def _due(before: HazardStateRecord, due_at: dt.datetime, event: Event) -> Update:
    due = Due(due_at=due_at, approved_at=event.occurred_at, kind=event.kind)
    dues = tuple(sorted((*before.dues, due), key=lambda d: d.approved_at))
    first = next((d.due_at for d in dues if d.kind == "plan_approved"), None)
    return {"dues": dues, "due0": first, "due": dues[-1].due_at}


def _extension_asked(_before: HazardStateRecord, event: Event, data: ExtensionRequested) -> Update:
    return {"extension": data, "extension_asked_at": event.occurred_at}


def _extension_decided(before: HazardStateRecord, event: Event, data: ExtensionDecided) -> Update:
    asked = before.extension
    update: Update = {"extension": None, "extension_asked_at": None}
    new_due = data.new_due_at or (asked.new_due_at if asked else None)
    if data.approved and new_due is not None:
        update |= _due(before, new_due, event)
        update["interim_control"] = (asked.interim_control if asked else "") or before.interim_control
    return update


def _done(before: HazardStateRecord, event: Event, data: Any) -> Update:
    by = data.by or event.actor.id
    return {
        "rectified_by": by,
        "rectified_at": event.occurred_at,
        # who says that it is done answers for it too: neither accepts it
        "rectifiers": tuple(dict.fromkeys((*before.rectifiers, by, event.actor.id))),
        "attempts": before.attempts + 1,
        "accepted_by": None,
        "accepted_at": None,
    }


def _accepted(_before: HazardStateRecord, event: Event, data: Any) -> Update:
    return {"accepted_by": data.by or event.actor.id, "accepted_at": event.occurred_at}


def _closed(before: HazardStateRecord, event: Event, data: Any) -> Update:
    if before.closed_at is not None:  # a cycle has one closing
        return {}
    by = data.by or event.actor.id
    closing = Closing(cycle=before.cycle, closed_at=event.occurred_at, due=before.due, by=by)
    return {"closed_at": event.occurred_at, "closed_by": by, "closings": (*before.closings, closing)}


def _reopened(before: HazardStateRecord, event: Event, _data: Any) -> Update:
    if before.closed_at is None:
        return {}
    ended = before.closings[-1].model_copy(update={"reopened_at": event.occurred_at})
    return {
        "reopened_at": event.occurred_at, "cycle": before.cycle + 1, "closings": (*before.closings[:-1], ended),
        "closed_at": None, "closed_by": None, "rectified_by": None, "rectified_at": None, "rectifiers": (),
        "attempts": 0, "accepted_by": None, "accepted_at": None, "extension": None, "extension_asked_at": None,
    }  # fmt: skip


def _downgraded(before: HazardStateRecord, event: Event, _data: Any) -> Update:
    return {"verdict": Verdict.GENERAL, "downgraded_at": before.downgraded_at or event.occurred_at}


def _supervised(_before: HazardStateRecord, event: Event, data: Any) -> Update:
    return {
        "supervised": True, "supervision_level": data.level, "supervision_due": data.due_at,
        "supervised_at": event.occurred_at,
    }  # fmt: skip


def _told(before: HazardStateRecord, _event: Event, data: DeadlineTold) -> Update:
    return {"told": before.told | {data.deadline: Told(due_at=data.due_at, steps=data.step)}}


def _similar_opened(before: HazardStateRecord, event: Event, data: Any) -> Update:
    site = data.similar_site_id
    if site is None or site in before.similar_done:
        return {}
    return {"similar_open": {site: event.occurred_at} | before.similar_open}


def _similar_done(before: HazardStateRecord, _event: Event, data: Any) -> Update:
    if data.similar_site_id is None:
        return {}
    left = {site: since for site, since in before.similar_open.items() if site != data.similar_site_id}
    return {"similar_open": left, "similar_done": before.similar_done | {data.similar_site_id: data.hits or 0}}


def _set(**fixed: Any) -> Fold:
    return lambda _before, _event, _data: fixed


def _stamped(name: str, **fixed: Any) -> Fold:
    return lambda _before, event, _data: {name: event.occurred_at} | fixed


def _merged(_before: HazardStateRecord, event: Event, data: Any) -> Update:
    return {"merged_at": event.occurred_at, "merged_into": data.into}


FACTS: dict[str, Fold] = {
    "hazard_registered": _registered,
    "hazard_suspected": _suspected,
    "evidence_completed": _suspected,
    "evidence_added": _added,
    "cause_established": _cause,
    "hazard_judged": _judged,
    "hazard_reported": _reported,
    "responsibility_assigned": _assigned,
    "blind_spot_raised": lambda _before, _event, data: {"blind_spot": data.reason},
    "interim_control_set": lambda _before, _event, data: {"interim_control": data.text},
    "plan_approved": _planned,
    "rectification_done": _done,
    "acceptance_passed": _accepted,
    "hazard_closed": _closed,
    "hazard_reopened": _reopened,
    "extension_requested": _extension_asked,
    "extension_decided": _extension_decided,
    "supervision_ordered": _supervised,
    "supervision_lifted": _set(supervised=False),
    "production_stopped": _stamped("stopped_at", stopped=True, resumed=False, resume_asked_at=None),
    "resume_requested": _stamped("resume_asked_at"),
    "production_resumed": _stamped("resumed_at", stopped=False, resumed=True, resume_asked_at=None),
    "deadline_neared": _told,
    "deadline_missed": _told,
    "similar_check_opened": _similar_opened,
    "similar_check_done": _similar_done,
    "hazard_downgraded": _downgraded,
    "hazard_voided": _stamped("voided_at"),
    "hazard_merged": _merged,
    "hazard_transferred": _transferred,
}
