"""The same evidence under two catalogues: whose class would change."""

import datetime as dt
from typing import Any

from schemas.hazards import Evidence, Finding, HazardRegistered, HazardStateRecord
from schemas.terms import Verdict
from streams.rejudge import Changed, SiteEvidence, as_if_in_force, changes
from tests.catalogue_topic import coal
from tests.coal_face import CATALOGUE, PLACES, SENSORS, SITE, START, S, at, criteria, frame, only

WITH, WITHOUT, TRIAL = coal(), coal(COAL21_5_2=None), coal(COAL21_5_2={"status": "trial"})
FRAMES = (
    frame(0, ("gas", 0, 1.2), ("machine", 0, 1)),
    frame(1, ("gas", 30, 1.3), ("machine", 30, 1)),
    frame(2, ("gas", 60, 0.4), ("machine", 60, 1)),
)
MET = {"ch4_pct": 1.2, "powered_work_on": True}


def finding(name: str, found_at: dt.datetime = START, **said: Any) -> Finding:
    return Finding(
        finding_id=name, site_id=S, industry="coal", found_at=found_at, received_at=found_at, text="见描述",
        place="3301综采工作面", **said,
    )  # fmt: skip


def hazard(*evidence: Evidence, **more: Any) -> HazardStateRecord:
    said = HazardRegistered(found_at=START, source="iot", place_id="face")
    fields = {"criterion_id": "COAL21-5-2", "root_criterion_id": "COAL21-5-2", "state": "suspected"} | more
    return HazardStateRecord(
        hazard_id="h", site_id=S, place_id="face", version=2, found_at=START, changed_at=START, registered=said,
        evidence=evidence, **fields,
    )  # fmt: skip


def span() -> Evidence:
    return only(criteria().on_frame(FRAMES[0])).evidence[0].model_copy(update={"ended_at": at(60)})


def asked(*hazards: HazardStateRecord, old: Any = WITH, new: Any, findings: tuple[Finding, ...] = ()) -> list[Changed]:
    return changes(SiteEvidence(SITE, PLACES, SENSORS, findings, FRAMES), hazards, old, new)


def test_the_same_catalogue_changes_nothing() -> None:
    assert asked(hazard(span()), new=WITH, findings=(finding("f", facts=MET),)) == []


def test_a_clause_on_trial_or_gone_changes_the_class_of_its_spans() -> None:
    for new, would in ((TRIAL, Verdict.NEEDS_REVIEW), (WITHOUT, Verdict.NONE)):
        (change,) = asked(hazard(span()), new=new)
        assert (change.was, change.would, change.hazard and change.hazard.hazard_id) == (Verdict.MAJOR, would, "h")


def test_what_a_person_judged_so_already_is_not_listed() -> None:
    assert asked(hazard(span(), verdict="none"), new=WITHOUT) == []
    (change,) = asked(hazard(span(), verdict="major"), new=WITHOUT)
    assert (change.judged, change.would) == (Verdict.MAJOR, Verdict.NONE)


def test_evidence_that_opens_a_hazard_only_under_the_new_catalogue_is_listed_without_one() -> None:
    (change,) = asked(old=WITHOUT, new=WITH)
    assert change.hazard is None and change.said and change.said.criterion_id == "COAL21-5-2"
    assert change.evidence_ids == (span().evidence_id,)


def test_a_finding_is_judged_again_by_its_own_day() -> None:
    piece = Evidence(evidence_id="f", kind="finding", began_at=START)
    found = (finding("f", facts=MET),)
    (change,) = asked(hazard(piece), old=WITH, new=TRIAL, findings=found)
    assert (change.was, change.would, change.evidence_ids) == (Verdict.MAJOR, Verdict.NEEDS_REVIEW, ("f",))


def test_a_list_may_be_taken_as_if_it_had_always_been_in_force() -> None:
    june = dt.date(2026, 6, 1)
    asif = as_if_in_force(CATALOGUE, "MEM21")
    assert {c.document_id for c in CATALOGUE.in_force("coal", june)} == {"MEM4"}
    assert {c.document_id for c in asif.in_force("coal", june)} == {"MEM21"}
    assert asif.in_force("fireworks", june) == CATALOGUE.in_force("fireworks", june)
