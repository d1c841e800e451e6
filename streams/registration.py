"""How a hazard is entered: its registration and, where no person is needed, its first judgement. Pure."""

import datetime as dt
from collections.abc import Mapping

from schemas.clauses import Clause
from schemas.commands import COMMANDS, Command
from schemas.criteria import Catalogue
from schemas.events import SYSTEM
from schemas.hazards import Evidence, HazardJudged, HazardRegistered
from schemas.registry import Control, Site
from schemas.terms import HazardSource, Scope, Verdict
from schemas.times import shanghai_day
from streams.causes import cause_of
from streams.guard_words import refuse
from streams.judgement import Judgement
from streams.refusal import Refusal


def registration(
    site: Site, judgement: Judgement, root: str, *, rebound_of: str | None, refuted_before: int,
    controls: Mapping[str, Control],
) -> HazardRegistered:  # fmt: skip
    finding, clause, found_at = judgement.finding, judgement.clause if root else None, found_at_of(judgement)
    clauses = (root, clause.id) if clause else ()
    cause = cause_of(finding, controls, clauses, judgement.place_id, shanghai_day(found_at))
    return HazardRegistered(
        found_at=found_at,
        source=finding.source if finding else HazardSource.IOT,
        enterprise_id=(finding.enterprise_id if finding else None) or site.enterprise_id,
        region=(finding.region if finding else "") or site.region,
        industry=(finding.industry if finding else "") or site.industry,
        place_id=judgement.place_id,
        place=judgement.place,
        title=clause.title_zh if clause else (finding.text[:120] if finding else ""),
        scope=_scope(clause),
        risk_id=(cause.risk_id if cause else None) or (finding.risk_id if finding else None),
        control_id=(cause.control_id if cause else None) or (finding.control_id if finding else None),
        control_failure=cause.control_failure if cause else None,
        root_criterion_id=root or None,
        rebound_of=rebound_of,
        refuted_before=refuted_before,
        deadline=finding.deadline if finding else None,
    )


def found_at_of(judgement: Judgement) -> dt.datetime:
    """When the evidence began: the finding's own time, or the start of the span."""
    if judgement.finding is not None:
        return judgement.finding.found_at
    began = [e.began_at for e in judgement.evidence if e.began_at is not None]
    return min(began, default=judgement.occurred_at)


def confirmation(judgement: Judgement, clause: Clause, fresh: tuple[Evidence, ...]) -> HazardJudged:
    """A clause marked `auto_confirm` needs no person."""
    return HazardJudged(
        verdict=judgement.verdict, criterion_id=clause.id, document_id=clause.document_id,
        catalogue_version=judgement.catalogue_version, evidence=tuple(e.evidence_id for e in fresh),
        by=SYSTEM.id, reason=judgement.why_zh or judgement.why,
    )  # fmt: skip


def generality(judgement: Judgement, fresh: tuple[Evidence, ...]) -> HazardJudged:
    """A finding whose words plainly say an ordinary fault is a general hazard; a person may judge otherwise."""
    return HazardJudged(
        verdict=Verdict.GENERAL, catalogue_version=judgement.catalogue_version or None,
        evidence=tuple(e.evidence_id for e in fresh), by=SYSTEM.id, reason=judgement.why_zh or judgement.why,
    )  # fmt: skip


def reopening(site: Site, command: Command, catalogue: Catalogue) -> HazardRegistered | Refusal:
    """An archived hazard found open again, as a new one. What it was is no longer known here: the command says it."""
    said = command.data
    if command.kind != "reopen":
        return refuse("archived", f"{command.kind} {command.target_id}")
    if command.actor.role not in COMMANDS[command.kind].roles:
        return refuse("role", f"{command.kind} is not for {command.actor.role}")
    if not str(said.get("reason") or "").strip():
        return refuse("reason_missing", command.kind)
    place_id, place = str(said.get("place_id") or ""), str(said.get("place") or "")
    if not (place_id or place):
        return refuse("archived", "place_id")
    when = command.occurred_at or command.issued_at
    root, criterion_id = "", said.get("criterion_id")
    if criterion_id:
        clause = catalogue.get(str(criterion_id))
        if clause is None:
            return refuse("criterion_unknown", str(criterion_id))
        root = catalogue.root_of(clause.id)
    return HazardRegistered(
        found_at=when, source=HazardSource.DEPARTMENT, enterprise_id=site.enterprise_id, region=site.region,
        industry=site.industry, place_id=place_id, place=place, title=str(said.get("title") or ""),
        root_criterion_id=root or None, reopens=command.target_id,
    )  # fmt: skip


def _scope(clause: Clause | None) -> Scope:
    if clause is None or not clause.scope or Scope.PRODUCTION in clause.scope:
        return Scope.PRODUCTION
    return clause.scope[0]
