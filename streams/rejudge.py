"""What the same evidence would say under another catalogue: a what-if over hazards, findings and readings. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.criteria import Catalogue
from schemas.hazards import Finding, HazardStateRecord
from schemas.registry import Place, Sensor, Site
from schemas.terms import Verdict
from streams.classify import SiteCriteria
from streams.decode import Found, Frame, Record
from streams.judgement import Judgement

_STRONGEST = (Verdict.MAJOR, Verdict.GENERAL, Verdict.NEEDS_REVIEW, Verdict.CANNOT_EVALUATE, Verdict.NONE)
_EVER = dt.date(1949, 10, 1)


@dataclass
class SiteEvidence:
    """What landed of one site. `frames` in the order they were processed; they are gone through once per catalogue."""

    site: Site
    places: Mapping[str, Place]
    sensors: Mapping[str, Sensor]
    findings: tuple[Finding, ...] = ()
    frames: Iterable[Frame] = ()


@dataclass(frozen=True)
class Said:
    """One verdict on one piece of evidence: where, when, under which root."""

    evidence_id: str
    place_id: str
    began_at: dt.datetime | None
    ended_at: dt.datetime | None
    root: str
    criterion_id: str | None
    document_id: str | None
    verdict: Verdict
    why: str
    why_zh: str


@dataclass(frozen=True)
class Changed:
    """A hazard (or, `hazard` None, evidence that opened none) whose class differs; `judged` is what a person said."""

    hazard: HazardStateRecord | None
    site_id: str
    place_id: str
    was: Verdict
    would: Verdict
    said: Said | None
    evidence_ids: tuple[str, ...] = field(default=())

    @property
    def judged(self) -> Verdict | None:
        return self.hazard.verdict if self.hazard else None


def as_if_in_force(catalogue: Catalogue, document_id: str) -> Catalogue:
    """`catalogue` with one document in force on every day, and none of the editions it replaced. Raises KeyError."""
    documents, gone = dict(catalogue.documents), documents_before(catalogue, document_id)
    documents[document_id] = documents[document_id].model_copy(update={"effective_from": _EVER, "effective_to": None})
    clauses = [
        clause.model_copy(update={"effective_from": None, "effective_to": None})
        if clause.document_id == document_id else clause
        for clause in catalogue.clauses.values()
    ]  # fmt: skip
    past = {"effective_from": _EVER, "effective_to": _EVER}
    documents |= {name: documents[name].model_copy(update=past) for name in gone}
    clauses = [clause.model_copy(update=past) if clause.document_id in gone else clause for clause in clauses]
    return Catalogue(documents.values(), clauses, catalogue.version)


def documents_before(catalogue: Catalogue, document_id: str) -> list[str]:
    """The editions that a document replaced, newest first."""
    found: list[str] = []
    replaced = catalogue.documents[document_id].replaces
    while replaced in catalogue.documents and replaced not in found:
        found.append(replaced)
        replaced = catalogue.documents[replaced].replaces
    return found


def said_of(evidence: SiteEvidence, catalogue: Catalogue) -> list[Said]:
    """Every verdict of `catalogue` on the site's findings and readings; of a span its last word."""
    criteria = SiteCriteria(evidence.site, evidence.places, evidence.sensors, catalogue)
    found: dict[tuple[str, str | None], Said] = {}
    for n, finding in enumerate(evidence.findings):
        record = Record("lake", "inspection.findings", 0, n, None, None)
        for judgement in criteria.on_finding(Found(record, finding)):
            _hear(judgement, catalogue, found)
    for frame in evidence.frames:
        for judgement in criteria.on_frame(frame):
            _hear(judgement, catalogue, found)
    return list(found.values())


def _hear(judgement: Judgement, catalogue: Catalogue, found: dict[tuple[str, str | None], Said]) -> None:
    clause, (evidence, *_) = judgement.clause, judgement.evidence
    said = Said(
        evidence.evidence_id, judgement.place_id, evidence.began_at, evidence.ended_at,
        catalogue.root_of(clause.id) if clause else "", clause.id if clause else None,
        clause.document_id if clause else None, judgement.verdict, judgement.why, judgement.why_zh,
    )  # fmt: skip
    found[said.evidence_id, said.criterion_id] = said


def changes(
    evidence: SiteEvidence, hazards: Iterable[HazardStateRecord], old: Catalogue, new: Catalogue
) -> list[Changed]:
    """Hazards of the site whose class differs between the catalogues, and evidence that would open one only by `new`.

    Both run over the same landed evidence, so what differs is the catalogue's doing. A hazard judged so already stays
    out; so does one whose evidence is not at hand.
    """
    before, after = said_of(evidence, old), said_of(evidence, new)
    found: list[Changed] = []
    taken: set[str] = set()
    for hazard in hazards:
        was, now = _of_hazard(hazard, old, before), _of_hazard(hazard, new, after)
        taken |= {said.evidence_id for said in now} | {piece.evidence_id for piece in hazard.evidence}
        if not was and not now:
            continue
        one, other = _strongest(was), _strongest(now)
        if one is not other and other is not hazard.verdict:
            best = next((said for said in now if said.verdict is other), None)
            ids = tuple(dict.fromkeys(said.evidence_id for said in now if said.verdict is other))
            found.append(Changed(hazard, hazard.site_id, hazard.place_id, one, other, best, ids))
    opened = {(said.evidence_id, said.root) for said in before if said.verdict is Verdict.MAJOR}
    for said in after:
        if said.verdict is Verdict.MAJOR and said.evidence_id not in taken:
            if (said.evidence_id, said.root) in opened or _overlaps_any(said, before):
                continue
            was_said = [each.verdict for each in before if each.evidence_id == said.evidence_id]
            was_class = min(was_said, key=_STRONGEST.index, default=Verdict.NONE)
            site_id = evidence.site.site_id
            found.append(Changed(None, site_id, said.place_id, was_class, Verdict.MAJOR, said, (said.evidence_id,)))
    return found


def _of_hazard(hazard: HazardStateRecord, catalogue: Catalogue, said: list[Said]) -> list[Said]:
    """Verdicts on the hazard's own evidence: findings by id, spans of its root at its place in the same time."""
    root = catalogue.root_of(hazard.root_criterion_id or hazard.criterion_id or "")
    findings = {piece.evidence_id for piece in hazard.evidence if piece.kind == "finding"}
    spans = [piece for piece in hazard.evidence if piece.kind == "span"]
    return [
        each for each in said
        if each.evidence_id in findings
        or (each.root == root and each.place_id == hazard.place_id
            and any(_overlap(each, piece.began_at, piece.ended_at) for piece in spans))
    ]  # fmt: skip


def _overlap(said: Said, began: dt.datetime | None, ended: dt.datetime | None) -> bool:
    if said.began_at is None or began is None:
        return False
    return (ended is None or said.began_at <= ended) and (said.ended_at is None or began <= said.ended_at)


def _overlaps_any(said: Said, before: list[Said]) -> bool:
    return any(
        each.verdict is Verdict.MAJOR and (each.root, each.place_id) == (said.root, said.place_id)
        and _overlap(said, each.began_at, each.ended_at)
        for each in before
    )  # fmt: skip


def _strongest(said: list[Said]) -> Verdict:
    return min((each.verdict for each in said), key=_STRONGEST.index, default=Verdict.NONE)
