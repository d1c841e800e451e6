"""The life of a hazard as a ledger of the past tells it: events marked `imported`, recorded as they came. Pure.

Guards bind live commands only; what a guard would have refused is counted by X1. A ledger read again with more in it
adds only what is new: an event's id is made of the finding, the fact and its day.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.events import Actor
from schemas.hazards import (
    AcceptanceDecided,
    Finding,
    HazardClosed,
    HazardJudged,
    HazardStateRecord,
    InterimControlSet,
    Measure,
    PlanApproved,
    RectificationDone,
    SupervisionOrdered,
)
from schemas.ledger import LedgerEntry
from schemas.model import Message
from schemas.table_columns import measure_kind
from schemas.terms import Role, Verdict
from schemas.times import to_us


@dataclass(frozen=True)
class Told:
    """One fact of the ledger: the event it becomes, when it happened, who did it."""

    kind: str
    at: dt.datetime
    data: Message
    actor: Actor

    def cause(self, finding: Finding) -> str:
        """Distinguishes the same kind of fact on another day: a ledger of next month may hold a later due time."""
        return f"{finding.finding_id}/{to_us(self.at)}"


def life_of(finding: Finding, claimed: HazardJudged | None) -> list[Told]:
    """What the ledger tells after the registration, in order of time; `claimed` is its own judgement, if it has one."""
    entry = finding.ledger
    if entry is None:
        return []
    inspector = Actor(id=finding.inspector or f"ledger:{entry.file}", role=Role.INSPECTOR)
    told = [Told("hazard_judged", finding.found_at, claimed, inspector)] if claimed else []
    told += _planned(finding, entry, inspector)
    told += sorted(_ended(entry, inspector), key=lambda each: each.at)
    return told


def _planned(finding: Finding, entry: LedgerEntry, inspector: Actor) -> Iterator[Told]:
    """A ledger names no day for its plan: it counts from the finding."""
    at = finding.found_at
    if entry.due_at is not None:
        measures = (Measure(kind=measure_kind(entry.measures), text=entry.measures),) if entry.measures else ()
        plan = PlanApproved(
            due_at=entry.due_at, responsible_person=entry.responsible_person,
            responsible_unit=entry.responsible_unit, measures=measures, funds=entry.funds,
            contingency_plan=entry.contingency_plan, interim_control=entry.interim_control,
        )  # fmt: skip
        yield Told("plan_approved", at, plan, inspector)
    elif entry.interim_control:
        yield Told("interim_control_set", at, InterimControlSet(text=entry.interim_control), inspector)
    if entry.supervised:
        order = SupervisionOrdered(level=entry.supervised, due_at=entry.due_at)
        yield Told("supervision_ordered", at, order, inspector)


def _ended(entry: LedgerEntry, inspector: Actor) -> Iterator[Told]:
    rectifier = entry.responsible_person or entry.responsible_unit
    where = (f"{entry.file}/{entry.sheet}/{entry.row}",)
    if entry.rectified_at is not None:
        actor = Actor(id=rectifier or inspector.id, role=Role.RECTIFIER)
        yield Told("rectification_done", entry.rectified_at, RectificationDone(by=rectifier, evidence=where), actor)
    if entry.accepted_at is not None:
        by = entry.accepted_by
        actor = Actor(id=by or inspector.id, role=Role.INSPECTOR)
        yield Told("acceptance_passed", entry.accepted_at, AcceptanceDecided(by=by, evidence=where), actor)
    if entry.closed_at is not None:
        by = entry.closed_by or entry.accepted_by
        actor = Actor(id=by or inspector.id, role=Role.SUPERVISOR)
        yield Told("hazard_closed", entry.closed_at, HazardClosed(by=by, evidence=where), actor)


def is_known(state: HazardStateRecord, told: Told) -> bool:
    """Whether the hazard's state holds this fact already."""
    match told.kind:
        case "hazard_judged":
            return any(judged.occurred_at == told.at for judged in state.judgements)
        case "plan_approved":
            assert isinstance(told.data, PlanApproved)  # noqa: S101 - the kind says so
            return any(due.due_at == told.data.due_at for due in state.dues)
        case "interim_control_set":
            return bool(state.interim_control)
        case "supervision_ordered":
            return state.counts.get("supervision_ordered", 0) > 0
        case "rectification_done":
            return state.rectified_at == told.at or bool(state.closings)
        case "acceptance_passed":
            return state.accepted_at == told.at or bool(state.closings)
        case _:
            return any(closing.closed_at == told.at for closing in state.closings)


def claim_of(finding: Finding, criterion_id: str | None, document_id: str | None, version: str) -> HazardJudged | None:
    """The ledger's own judgement; under the clause that it cites or that its words match, if one was found."""
    entry = finding.ledger
    if entry is None or entry.level is None:
        return None
    clause = criterion_id if entry.level is Verdict.MAJOR else None
    return HazardJudged(
        verdict=entry.level, criterion_id=clause, document_id=document_id if clause else None,
        catalogue_version=version if clause else None, evidence=(finding.finding_id,), by=finding.inspector,
        reason=f"台账所载 as the ledger has it: {entry.file} {entry.sheet} {entry.row}".strip(),
    )  # fmt: skip
