"""Hazards of one site: from verdicts and commands to hazard events. Pure; called once per step, in input order.

One open hazard per (root criterion, place): new evidence joins it; after it is settled, new evidence opens another.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from schemas.clauses import Clause
from schemas.criteria import Catalogue
from schemas.events import SYSTEM, Actor, Event
from schemas.hazards import Evidence, HazardJudged, HazardRegistered, HazardStateRecord, HazardSuspected
from schemas.ids import hazard_id
from schemas.model import Message
from schemas.registry import Site
from schemas.terms import HazardSource, HazardState, Scope, Verdict
from schemas.times import from_us
from streams.decode import Asked, received_at_us
from streams.guard_words import refuse
from streams.guards import decide
from streams.judgement import Judgement
from streams.lifecycle import apply, is_open
from streams.refusal import Refusal

REBOUND = dt.timedelta(days=180)
_HAZARDOUS = (Verdict.MAJOR, Verdict.GENERAL)
Key = tuple[str, str]  # root criterion, place


class SiteHazards:
    """Every hazard of a site. All it knows is in the states, so it needs no memory of its own."""

    def __init__(
        self,
        site: Site,
        catalogue: Catalogue,
        states: Iterable[HazardStateRecord] = (),
        memory: dict[str, Any] | None = None,  # noqa: ARG002 - what `memory()` gave: always empty
    ) -> None:
        self._states: dict[str, HazardStateRecord] = {state.hazard_id: state for state in states}
        self._changed: dict[str, None] = {}
        self.configure(site, catalogue)

    def configure(self, site: Site, catalogue: Catalogue) -> None:
        """Take a changed site record or catalogue; an edition added since may give clauses an earlier root."""
        self.site, self.catalogue = site, catalogue
        self._by_key: dict[Key, list[str]] = {}
        self._holder: dict[tuple[str, str], str] = {}
        self._span_holder: dict[str, str] = {}
        for state in self._states.values():
            self._index(state)

    def has_hazard(self, hazard_id: str) -> bool:
        return hazard_id in self._states

    def get(self, hazard_id: str) -> HazardStateRecord | None:
        return self._states.get(hazard_id)

    def take_changed(self, step: int) -> list[HazardStateRecord]:
        """States changed since the last call, in the order of their first change, marked with `step`."""
        for changed in self._changed:
            self._states[changed] = self._states[changed].model_copy(update={"step": step})
        taken = [self._states[changed] for changed in self._changed]
        self._changed = {}
        return taken

    def memory(self) -> dict[str, Any]:
        return {}

    def on_judgement(
        self, judgement: Judgement, recorded_at: dt.datetime, causes: tuple[str, ...], cause: str
    ) -> list[Event]:  # fmt: skip
        """Events that the verdict causes. Verdicts that need a person, or find nothing, open no hazard.

        The end of a span completes the evidence that a hazard holds whatever the verdict: its clause may have gone, or
        be on trial, since the span began.
        """
        clause = judgement.clause
        root = self.catalogue.root_of(clause.id) if clause else ""
        told = _Told(self.site.site_id, judgement.occurred_at, recorded_at, causes, cause)
        fresh = tuple(e for e in judgement.evidence if self._held_by(judgement, root, e.evidence_id) is None)
        events = self._complete(judgement, root, told)
        if fresh and judgement.verdict in _HAZARDOUS:
            events += self._suspect(judgement, root, fresh, told)
        return events

    def on_command(self, item: Asked) -> list[Event] | Refusal:
        """The one event of an accepted command, or the guard that said no."""
        command = item.command
        state = self._states.get(command.target_id)
        if state is None:
            return refuse("not_found", command.target_id)
        received = from_us(item.record.timestamp_us) if item.record.timestamp_us else None
        decision = decide(state, command, self.catalogue, now=received, known=self._states.get)
        if isinstance(decision, Refusal):
            return decision
        if not is_open(state) and decision.kind in ("hazard_reopened", "hazard_judged"):
            twin = self._open_hazard(self._key(state))
            if twin is not None:
                return refuse("twin_open", twin)
        told = _Told(
            self.site.site_id, decision.occurred_at, from_us(received_at_us(item)), (command.command_id,),
            command.command_id,
        )  # fmt: skip
        return [self._record(told.event(decision.kind, state.hazard_id, decision.data, command.actor))]

    def _suspect(
        self, judgement: Judgement, root: str, fresh: tuple[Evidence, ...], told: "_Told"
    ) -> list[Event]:  # fmt: skip
        found_at = _found_at(judgement)
        place = judgement.place_id or judgement.place
        identity = root or f"finding/{fresh[0].evidence_id}"
        target = self._open_hazard((identity, place))
        events = []
        if target is None:
            target = hazard_id(identity, self.site.site_id, place, found_at)
        if target not in self._states:
            registered = self._registration(judgement, root, found_at, (identity, place))
            events.append(self._record(told.event("hazard_registered", target, registered)))
        criterion = judgement.clause.id if judgement.clause else ""
        suspected = HazardSuspected(criterion_id=criterion, evidence=fresh, missing=judgement.missing)
        events.append(self._record(told.event("hazard_suspected", target, suspected)))
        if judgement.clause is not None and judgement.clause.auto_confirm and self._states[target].verdict is None:
            judged = self._confirmation(judgement, judgement.clause, fresh)
            events.append(self._record(told.event("hazard_judged", target, judged)))
        return events

    def _complete(self, judgement: Judgement, root: str, told: "_Told") -> list[Event]:
        """A span that was named when it began has ended: its end and peak go to the hazard that holds it."""
        if judgement.phase != "ended":
            return []
        by_holder: dict[str, list[Evidence]] = {}
        for evidence in judgement.evidence:
            holder = self._held_by(judgement, root, evidence.evidence_id)
            if holder is not None and not self._has_ended(holder, evidence.evidence_id):
                by_holder.setdefault(holder, []).append(evidence)
        return [
            self._record(
                told.event(
                    "evidence_completed", holder,
                    HazardSuspected(
                        criterion_id=self._criterion(judgement, holder), evidence=tuple(evidence),
                        missing=judgement.missing,
                    ),
                )
            )
            for holder, evidence in by_holder.items()
        ]  # fmt: skip

    def _held_by(self, judgement: Judgement, root: str, evidence_id: str) -> str | None:
        """The hazard that holds this evidence under `root`; a clause that is gone has no root to go by any more."""
        if judgement.clause is not None and judgement.clause.id in self.catalogue.clauses:
            return self._holder.get((root, evidence_id))
        return self._span_holder.get(evidence_id) or self._holder.get((root, evidence_id))

    def _criterion(self, judgement: Judgement, holder: str) -> str:
        return judgement.clause.id if judgement.clause else self._states[holder].criterion_id or ""

    def _has_ended(self, holder: str, evidence_id: str) -> bool:
        return any(
            e.evidence_id == evidence_id and e.ended_at is not None for e in reversed(self._states[holder].evidence)
        )  # fmt: skip

    def _registration(self, judgement: Judgement, root: str, found_at: dt.datetime, key: Key) -> HazardRegistered:
        site, finding, clause = self.site, judgement.finding, judgement.clause
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
            root_criterion_id=root or None,
            rebound_of=self._rebound_of(key, found_at),
        )

    def _confirmation(self, judgement: Judgement, clause: Clause, fresh: tuple[Evidence, ...]) -> HazardJudged:
        return HazardJudged(
            verdict=judgement.verdict, criterion_id=clause.id, document_id=clause.document_id,
            catalogue_version=judgement.catalogue_version, evidence=tuple(e.evidence_id for e in fresh),
            by=SYSTEM.id, reason=judgement.why_zh or judgement.why,
        )  # fmt: skip

    def _open_hazard(self, key: Key) -> str | None:
        """The open hazard that evidence of `key` belongs to: its own, else the one its own was merged into."""
        own = [self._states[each] for each in self._by_key.get(key, ())]
        for state in (*own, *filter(None, map(self._followed, own))):
            if is_open(state):
                return state.hazard_id
        return None

    def _followed(self, state: HazardStateRecord) -> HazardStateRecord | None:
        """Where a merged hazard goes on, through every merge."""
        followed: HazardStateRecord | None = state
        passed: set[str] = set()
        while followed and followed.state is HazardState.MERGED and followed.hazard_id not in passed:
            passed.add(followed.hazard_id)
            followed = self._states.get(followed.merged_into or "")
        return followed

    def _rebound_of(self, key: Key, found_at: dt.datetime) -> str | None:
        closed = [
            (state.closed_at, state.hazard_id)
            for state in map(self._states.__getitem__, self._by_key.get(key, ()))
            if state.state is HazardState.CLOSED
            and state.closed_at is not None
            and dt.timedelta(0) <= found_at - state.closed_at <= REBOUND
        ]
        return max(closed)[1] if closed else None

    def _record(self, event: Event) -> Event:
        state = apply(self._states.get(event.subject_id), event)
        self._states[state.hazard_id] = state
        self._changed[state.hazard_id] = None
        if event.kind in ("hazard_registered", "hazard_suspected"):
            self._index(state)
        return event

    def _key(self, state: HazardStateRecord) -> Key:
        root = self.catalogue.root_of(state.root_criterion_id) if state.root_criterion_id else ""
        return root or f"hazard/{state.hazard_id}", state.place_id or state.registered.place

    def _index(self, state: HazardStateRecord) -> None:
        key = self._key(state)
        hazards = self._by_key.setdefault(key, [])
        if state.hazard_id not in hazards:
            hazards.append(state.hazard_id)
            hazards.sort(key=lambda each: (self._states[each].found_at, each))
        root = key[0] if state.root_criterion_id else ""
        for evidence in state.evidence:
            self._holder.setdefault((root, evidence.evidence_id), state.hazard_id)
            if evidence.kind == "span":
                self._span_holder.setdefault(evidence.evidence_id, state.hazard_id)


class _Told:
    """What all events of one input share."""

    def __init__(
        self, site_id: str, occurred_at: dt.datetime, recorded_at: dt.datetime, causes: tuple[str, ...], cause: str
    ) -> None:  # fmt: skip
        self.shared: dict[str, Any] = {
            "cause": cause, "occurred_at": occurred_at, "recorded_at": recorded_at, "causes": causes,
        }  # fmt: skip
        self.site_id = site_id
        self._numbers: dict[tuple[str, str], int] = {}

    def event(self, kind: str, subject: str, data: Message, actor: Actor = SYSTEM) -> Event:
        n = self._numbers.get((subject, kind), 0)
        self._numbers[subject, kind] = n + 1
        return Event.of(kind, subject, self.site_id, data, n=n, actor=actor, **self.shared)


def _found_at(judgement: Judgement) -> dt.datetime:
    """When the evidence began: the finding's own time, or the start of the span."""
    if judgement.finding is not None:
        return judgement.finding.found_at
    began = [e.began_at for e in judgement.evidence if e.began_at is not None]
    return min(began, default=judgement.occurred_at)


def _scope(clause: Clause | None) -> Scope:
    if clause is None or not clause.scope or Scope.PRODUCTION in clause.scope:
        return Scope.PRODUCTION
    return clause.scope[0]
