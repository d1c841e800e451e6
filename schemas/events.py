"""The event envelope, and which data each kind carries (contracts.md, Event envelope)."""

from typing import Any

from pydantic import Field

from schemas.alarm_events import ALARM_EVENTS
from schemas.hazards import HAZARD_EVENTS
from schemas.ids import event_id
from schemas.model import Message
from schemas.penalties import PENALTY_EVENTS
from schemas.terms import Role, Verdict
from schemas.times import Instant


class Actor(Message):
    id: str
    role: Role
    department_id: str | None = None


SYSTEM = Actor(id="qingling", role=Role.SYSTEM)


class VerdictGiven(Message):
    """`criterion.verdicts`: what the criteria in force on the day say about evidence, and why."""

    verdict: Verdict
    criterion_id: str | None = None
    article: str = ""
    document_id: str | None = None
    catalogue_version: str
    place_id: str = ""
    evidence_ids: tuple[str, ...]
    evidence: tuple[Any, ...] = ()
    missing: tuple[str, ...] = ()
    candidates: tuple[Any, ...] = ()
    why: str = ""
    why_zh: str = ""


EVENT_DATA: dict[str, type[Message]] = {
    "verdict_given": VerdictGiven, **ALARM_EVENTS, **HAZARD_EVENTS, **PENALTY_EVENTS,
}  # fmt: skip
TOPIC_OF_KIND: dict[str, str] = {
    "verdict_given": "criterion.verdicts",
    **dict.fromkeys(ALARM_EVENTS, "alarm.events"),
    **dict.fromkeys(HAZARD_EVENTS, "hazard.events"),
}


class Event(Message):
    """One thing that happened, in the past tense. `recorded_at` = latest `received_at` of the causing inputs."""

    event_id: str
    kind: str = Field(min_length=1)
    subject_id: str
    site_id: str
    occurred_at: Instant
    recorded_at: Instant
    actor: Actor
    causes: tuple[str, ...] = ()
    imported: bool = False
    data: dict[str, Any] = {}

    @property
    def topic(self) -> str:
        """The topic events of this kind go to. `programme.events` takes every kind not named elsewhere."""
        return TOPIC_OF_KIND.get(self.kind, "programme.events")

    def typed_data(self) -> Message:
        """`data` as the model of its kind. Raises Refused."""
        return EVENT_DATA.get(self.kind, Message).parse(self.data)

    @classmethod
    def of(
        cls,
        kind: str,
        subject_id: str,
        site_id: str,
        data: Message,
        *,
        cause: str,
        n: int = 0,
        occurred_at: Any,
        recorded_at: Any,
        causes: tuple[str, ...],
        actor: Actor = SYSTEM,
    ) -> "Event":
        """A new event with the deterministic id of (subject, kind, cause, n)."""
        return cls(
            event_id=event_id(subject_id, kind, cause, n), kind=kind, subject_id=subject_id, site_id=site_id,
            occurred_at=occurred_at, recorded_at=recorded_at, actor=actor, causes=causes,
            data=data.model_dump(mode="json"),
        )  # fmt: skip
