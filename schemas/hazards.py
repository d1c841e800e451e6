"""Inspection findings, hazard event data, and the derived state of a hazard (contracts.md)."""

from typing import Any

from pydantic import Field

from schemas import hazard_duties as duties
from schemas.hazard_history import Closing, Due, Judged, RecentEvent, Told
from schemas.ledger import LedgerEntry
from schemas.model import Message
from schemas.terms import HazardSource, HazardState, MeasureKind, Scope, Verdict
from schemas.times import DueInstant, Instant


class Finding(Message):
    """`inspection.findings`: what an inspector, a worker or a self-check wrote.

    One with a `ledger` is a hazard whatever the criteria say of its words; what became of it is recorded as it came.
    """

    finding_id: str = Field(min_length=1)
    site_id: str = Field(min_length=1)
    enterprise_id: str | None = None
    region: str = ""
    industry: str = ""
    found_at: Instant
    received_at: Instant
    source: HazardSource = HazardSource.DEPARTMENT
    inspector: str = ""
    criterion_ref: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    text: str = Field(min_length=1)
    place: str = ""
    deadline: DueInstant | None = None
    status: str | None = None
    imported: bool = False
    ledger: LedgerEntry | None = None  # what became of it, where it was read from a ledger of the past
    risk_id: str | None = None
    control_id: str | None = None
    control_failure: str | None = Field(default=None, pattern=duties.CONTROL_FAILURE)


class Evidence(Message):
    """Why a clause is held to be broken: a span of readings, a finding, or an upstream alarm."""

    evidence_id: str
    kind: str  # span | finding | upstream_alarm
    began_at: Instant | None = None
    ended_at: Instant | None = None
    peak: float | None = None
    signal: str = ""
    sensor_ids: tuple[str, ...] = ()
    coordinates: tuple[str, ...] = ()  # log_id/topic/partition/offset[/row]
    text: str = ""


class Measure(Message):
    kind: MeasureKind
    text: str = Field(min_length=1)


class HazardRegistered(Message):
    found_at: Instant
    source: HazardSource
    enterprise_id: str | None = None
    region: str = ""
    industry: str = ""
    place_id: str = ""
    place: str = ""
    title: str = ""
    scope: Scope = Scope.PRODUCTION
    near_people: bool = False
    risk_id: str | None = None
    control_id: str | None = None
    control_failure: str | None = Field(default=None, pattern=duties.CONTROL_FAILURE)
    root_criterion_id: str | None = None  # the first edition of the clause, so a new edition opens no twin
    rebound_of: str | None = None  # a hazard of the same criterion and place, closed at most 180 days before
    reopens: str | None = None  # a hazard closed longer ago than that, which a person found open again
    refuted_before: int = 0  # suspicions of the same criterion and place that were refuted in the 180 days before
    deadline: DueInstant | None = None  # the time limit the finding gave; a plan's takes its place


class HazardSuspected(Message):
    criterion_id: str
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...] = ()


class EvidenceAdded(Message):
    """Evidence that raises no suspicion: what was found is a general hazard by its own words, or was known before."""

    evidence: tuple[Evidence, ...]


class HazardJudged(Message):
    verdict: Verdict
    criterion_id: str | None = None
    document_id: str | None = None
    catalogue_version: str | None = None
    evidence: tuple[Any, ...] = ()
    by: str = ""
    reason: str = ""


class HazardReported(Message):
    to: str = Field(pattern="^(regulator|workers_congress)$")


class InterimControlSet(Message):
    text: str
    by: str = ""


class PlanApproved(Message):
    """The five items (五落实): responsibility, measures, funds, time limit, contingency plan; plus interim control."""

    due_at: DueInstant
    responsible_person: str = ""
    responsible_unit: str = ""
    measures: tuple[Measure, ...] = ()
    funds: float | None = None
    contingency_plan: str = ""
    interim_control: str = ""


class RectificationDone(Message):
    by: str = ""
    evidence: tuple[Any, ...] = ()


class AcceptanceDecided(Message):
    by: str = ""
    reason: str = ""
    evidence: tuple[Any, ...] = ()


class HazardClosed(Message):
    by: str = ""
    evidence: tuple[Any, ...] = ()


class ExtensionRequested(Message):
    new_due_at: DueInstant
    reason: str = ""
    interim_control: str = ""


class ExtensionDecided(Message):
    approved: bool
    new_due_at: DueInstant | None = None
    by: str = ""


class SupervisionOrdered(Message):
    level: str = ""
    due_at: DueInstant | None = None
    reason: str = ""


class Reasoned(Message):
    """Events that carry who and why, and at most a target."""

    by: str = ""
    reason: str = ""


class HazardMerged(Reasoned):
    into: str | None = None  # hazard_id


class HazardTransferred(Reasoned):
    to_department_id: str | None = None


class SimilarCheck(Reasoned):
    similar_site_id: str | None = None
    hits: int | None = Field(default=None, ge=0)


class PenaltyIssued(Reasoned):
    kind: str = ""
    amount: float | None = Field(default=None, ge=0)  # yuan
    article: str = ""


HAZARD_EVENTS: dict[str, type[Message]] = {
    "hazard_registered": HazardRegistered,
    "hazard_suspected": HazardSuspected,
    "evidence_completed": HazardSuspected,  # a span named earlier has ended: its peak and end are now known
    "evidence_added": EvidenceAdded,
    "cause_established": duties.CauseEstablished,
    "hazard_judged": HazardJudged,
    "hazard_reported": HazardReported,
    "responsibility_assigned": duties.ResponsibilityAssigned,
    "blind_spot_raised": duties.BlindSpotRaised,
    "interim_control_set": InterimControlSet,
    "plan_approved": PlanApproved,
    "rectification_started": RectificationDone,
    "rectification_done": RectificationDone,
    "acceptance_passed": AcceptanceDecided,
    "acceptance_failed": AcceptanceDecided,
    "hazard_closed": HazardClosed,
    "hazard_reopened": Reasoned,
    "extension_requested": ExtensionRequested,
    "extension_decided": ExtensionDecided,
    "supervision_ordered": SupervisionOrdered,
    "supervision_lifted": SupervisionOrdered,
    "production_stopped": Reasoned,
    "resume_requested": RectificationDone,
    "production_resumed": Reasoned,
    "deadline_neared": duties.DeadlineTold,
    "deadline_missed": duties.DeadlineTold,
    "similar_check_opened": SimilarCheck,
    "similar_check_done": SimilarCheck,
    "penalty_issued": PenaltyIssued,
    "hazard_downgraded": Reasoned,
    "hazard_voided": Reasoned,
    "hazard_merged": HazardMerged,
    "hazard_transferred": HazardTransferred,
}


class HazardStateRecord(Message):
    """`hazard.states`: the latest derived state of one hazard. `version` = number of its events so far.

    `moved_at` = occurred_at of the last event that may move the state; `counts` = events by kind. Rectifiers, acceptor
    and `closed_at` are those of the running cycle. `evidence` holds the newest spans only; `evidence_count` counts all.
    """

    hazard_id: str
    site_id: str
    root_criterion_id: str | None = None
    criterion_id: str | None = None
    place_id: str = ""
    state: HazardState
    version: int
    found_at: Instant
    registered: HazardRegistered
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    verdict: Verdict | None = None
    document_id: str | None = None
    catalogue_version: str | None = None
    judged_at: Instant | None = None
    reported_to: tuple[str, ...] = ()
    lead_department_id: str | None = None
    plan: PlanApproved | None = None
    due0: Instant | None = None
    due: Instant | None = None
    rectified_by: str | None = None
    rectified_at: Instant | None = None
    attempts: int = 0
    accepted_by: str | None = None
    accepted_at: Instant | None = None
    stopped: bool = False
    resumed: bool = False
    supervised: bool = False
    closed_at: Instant | None = None
    reopened_at: Instant | None = None
    cycle: int = 1
    changed_at: Instant
    step: int = 0
    registered_at: Instant | None = None
    moved_at: Instant | None = None
    recent: tuple[RecentEvent, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    evidence_count: int = 0
    judgements: tuple[Judged, ...] = ()
    reported_at: dict[str, Instant] = Field(default_factory=dict)
    cooperating_department_ids: tuple[str, ...] = ()
    responsible_person: str = ""
    assigned_at: Instant | None = None
    interim_control: str = ""
    dues: tuple[Due, ...] = ()
    plan_at: Instant | None = None
    extension: ExtensionRequested | None = None  # asked for and not yet decided
    extension_asked_at: Instant | None = None
    supervision_level: str = ""
    supervision_due: Instant | None = None
    stopped_at: Instant | None = None
    resumed_at: Instant | None = None
    rectifiers: tuple[str, ...] = ()
    closed_by: str | None = None
    closings: tuple[Closing, ...] = ()
    downgraded_at: Instant | None = None
    voided_at: Instant | None = None
    merged_at: Instant | None = None
    merged_into: str | None = None
    risk_id: str | None = None
    control_id: str | None = None
    control_failure: str | None = None
    matter_id: str | None = None
    blind_spot: str | None = None  # why nobody leads: unrecognised, unthought, unreachable
    resume_asked_at: Instant | None = None
    supervised_at: Instant | None = None
    told: dict[str, Told] = Field(default_factory=dict)  # deadline -> what has been told about it
    similar_open: dict[str, Instant] = Field(default_factory=dict)  # site -> since when
    similar_done: dict[str, int] = Field(default_factory=dict)  # site -> hits
