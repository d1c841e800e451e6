"""What the criteria say about one piece of evidence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.criteria import Clause
from schemas.hazards import Evidence, Finding
from schemas.terms import Confidence, Verdict


def verdict_of(clause: Clause) -> Verdict:
    """What a clause that is met may say: major, or, of low confidence or on trial, a person's review at most."""
    binding = clause.confidence is not Confidence.LOW and clause.status != "trial"
    return Verdict.MAJOR if binding else Verdict.NEEDS_REVIEW


def verdict_by_rule(clause: Clause) -> Verdict:
    """What a clause may say whose rule is met: no more than the clause, and no more than the rule is sure of."""
    return Verdict.NEEDS_REVIEW if clause.rule_confidence is Confidence.LOW else verdict_of(clause)


@dataclass(frozen=True)
class Judgement:
    """`phase`: began or ended (of a span of readings), finding. A span's evidence keeps its id from began to ended.

    `verdict` major from sensors means: the clause's conditions are met as far as sensors see; a person still judges.
    `missing` names the signals that could not be seen; `candidates` are {criterion_id, score} or {criterion_id}.
    """

    verdict: Verdict
    clause: Clause | None
    site_id: str
    place_id: str
    place: str
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    candidates: tuple[dict[str, Any], ...]
    why: str
    why_zh: str
    occurred_at: datetime
    phase: str
    finding: Finding | None = None
    catalogue_version: str = ""
