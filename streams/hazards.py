"""Hazards of one site: from verdicts, commands and the passing of time to hazard events. Pure; called in input order.

One open hazard per (root criterion, place): new evidence joins it; after it is settled, new evidence opens another.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from schemas.commands import Command
from schemas.criteria import Catalogue
from schemas.events import Event
from schemas.hazards import Evidence, EvidenceAdded, HazardStateRecord, HazardSuspected
from schemas.ids import hazard_id
from schemas.model import Message
from schemas.registry import Site
from schemas.terms import Verdict
from schemas.times import from_us, to_us
from streams import consequences
from streams.deadlines import Timer
from streams.decode import Asked, received_at_us
from streams.guard_words import refuse
from streams.guards import decide
from streams.hazard_book import HazardBook
from streams.hazard_index import Key
from streams.hazard_store import Held
from streams.judgement import Judgement
from streams.ledger_life import claim_of, is_known, life_of
from streams.lifecycle import is_open
from streams.occasion import Occasion
from streams.refusal import Refusal
from streams.registration import confirmation, found_at_of, generality, registration, reopening
from streams.surroundings import Surroundings

_HAZARDOUS = (Verdict.MAJOR, Verdict.GENERAL)


class SiteHazards:
    """Every hazard of a site. All it knows is in the states, so it needs no memory of its own.

    Without `around` there are no leads, causes, checks of similar sites and timers: verdicts and commands only.
    """

    def __init__(
        self, site: Site, catalogue: Catalogue, states: Iterable[Held] = (),
        memory: dict[str, Any] | None = None, around: Surroundings | None = None,  # noqa: ARG002 - it needs no memory
    ) -> None:  # fmt: skip
        self._book = HazardBook(states, catalogue)
        self._record = self._book.record
        self._duties_seen = around.duties.revision if around else 0
        self.site, self.catalogue, self.around = site, catalogue, around

    def configure(self, site: Site, catalogue: Catalogue) -> None:
        """Take what the registry and the catalogue say now."""
        if catalogue is not self.catalogue:
            self._book.configure(catalogue)
        self.site, self.catalogue = site, catalogue

    def has_hazard(self, hazard_id: str) -> bool:
        return self._book.knows(hazard_id)

    def get(self, hazard_id: str) -> HazardStateRecord | None:
        return self._book.store.get(hazard_id)

    def take_changed(self, step: int) -> list[HazardStateRecord]:
        """States changed since the last call, in the order of their first change, marked with `step`."""
        return self._book.take_changed(step)

    def memory(self) -> dict[str, Any]:
        return {}

    def counts(self) -> dict[str, int]:
        """Hazards in memory: whole, as stubs, and known by their id only."""
        return self._book.store.counts()

    # ---- evidence

    def on_judgement(
        self, judgement: Judgement, recorded_at: dt.datetime, causes: tuple[str, ...], cause: str
    ) -> list[Event]:  # fmt: skip
        """Events that the verdict causes. Verdicts that need a person, or find nothing, open no hazard.

        The end of a span completes the evidence that a hazard holds whatever the verdict: its clause may have gone, or
        be on trial, since the span began. A row of a ledger is a hazard whatever the verdict.
        """
        past = judgement.finding is not None and judgement.finding.ledger is not None
        # a general hazard has no clause to share: it stands for itself
        clause = None if judgement.verdict is Verdict.GENERAL else judgement.clause
        hazardous = judgement.verdict in _HAZARDOUS
        root = self.catalogue.root_of(clause.id) if clause and (hazardous or not past) else ""
        occasion = Occasion(self.site.site_id, judgement.occurred_at, recorded_at, causes, cause, imported=past)
        if past and (holder := self._book.index.finding_holder(judgement.evidence[0].evidence_id)):
            return list(self._retell(judgement, holder, occasion))  # a row is one hazard, whatever its clause
        fresh = tuple(e for e in judgement.evidence if self._held_by(judgement, root, e.evidence_id) is None)
        events = self._complete(judgement, root, occasion)
        if fresh and (hazardous or past):
            events += self._take_in(judgement, root, fresh, occasion)
        return events

    def _take_in(
        self, judgement: Judgement, root: str, fresh: tuple[Evidence, ...], occasion: Occasion
    ) -> list[Event]:  # fmt: skip
        """The evidence goes to the open hazard of its clause and place, or opens one."""
        found_at, place = found_at_of(judgement), judgement.place_id or judgement.place
        past, alone = occasion.imported, f"finding/{fresh[0].evidence_id}"
        key = (root or alone, place)
        target = None if past else self._book.index.open_hazard(key)
        if target is None:  # a ledger's dates are days: rows of one clause and place must not fall together
            target = hazard_id(alone if past else key[0], self.site.site_id, place, found_at)
        if self._book.store.archived(target):
            return []  # its evidence was told again after it was archived; the verdict stands in its topic
        events = []
        if self._book.store.brief(target) is None:
            events.append(
                self._record(occasion.event("hazard_registered", target, self._registration(judgement, root, key)))
            )
        if root:
            clause = judgement.clause
            data: Message = HazardSuspected(
                criterion_id=clause.id if clause else "", evidence=fresh, missing=judgement.missing
            )
            events.append(self._record(occasion.event("hazard_suspected", target, data)))
        else:
            events.append(self._record(occasion.event("evidence_added", target, EvidenceAdded(evidence=fresh))))
        events += self._retell(judgement, target, occasion) if past else self._judge(judgement, target, fresh, occasion)
        if past:  # what follows from it, follows now
            occasion = Occasion(
                self.site.site_id, occasion.recorded_at, occasion.recorded_at, occasion.causes, occasion.cause
            )
        return [*events, *self._follow(target, occasion)]

    def _judge(
        self, judgement: Judgement, target: str, fresh: tuple[Evidence, ...], occasion: Occasion
    ) -> Iterator[Event]:
        """What needs no person: a general hazard is one by its words, and some clauses confirm themselves."""
        if self._book.state(target).verdict is not None:
            return
        if judgement.verdict is Verdict.GENERAL:
            yield self._record(occasion.event("hazard_judged", target, generality(judgement, fresh)))
        elif judgement.clause is not None and judgement.clause.auto_confirm:
            judged = confirmation(judgement, judgement.clause, fresh)
            yield self._record(occasion.event("hazard_judged", target, judged))

    def _retell(self, judgement: Judgement, target: str, occasion: Occasion) -> Iterator[Event]:
        """What a ledger says has happened since, but what was told before; as it came, no guard is asked."""
        finding, clause = judgement.finding, judgement.clause
        if finding is None:
            return
        criterion_id, document_id = (clause.id, clause.document_id) if clause else (None, None)
        claim = claim_of(finding, criterion_id, document_id, judgement.catalogue_version)
        for told in life_of(finding, claim):
            if not is_known(self._book.state(target), told):
                instead = {"cause": told.cause(finding), "occurred_at": told.at}
                yield self._record(occasion.event(told.kind, target, told.data, told.actor, **instead))

    def _complete(self, judgement: Judgement, root: str, occasion: Occasion) -> list[Event]:
        """A span that was named when it began has ended: its end and peak go to the hazard that holds it."""
        if judgement.phase != "ended":
            return []
        by_holder: dict[str, list[Evidence]] = {}
        for evidence in judgement.evidence:
            holder = self._held_by(judgement, root, evidence.evidence_id)
            if holder is not None and not self._book.has_ended(holder, evidence.evidence_id):
                by_holder.setdefault(holder, []).append(evidence)
        return [
            self._record(
                occasion.event(
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
            return self._book.index.holder(root, evidence_id)
        return self._book.index.span_holder(evidence_id) or self._book.index.holder(root, evidence_id)

    def _criterion(self, judgement: Judgement, holder: str) -> str:
        return judgement.clause.id if judgement.clause else self._book.state(holder).criterion_id or ""

    def _registration(self, judgement: Judgement, root: str, key: Key) -> Message:
        found_at = found_at_of(judgement)
        return registration(
            self.site, judgement, root, rebound_of=self._book.index.rebound_of(key, found_at),
            refuted_before=self._book.index.refuted_before(key, found_at),
            controls=self.around.controls_of(self.site.site_id) if self.around else {},
        )  # fmt: skip

    # ---- commands

    def on_command(self, item: Asked) -> list[Event] | Refusal:
        """The event of an accepted command and what follows from it, or the guard that said no."""
        command = item.command
        received = from_us(item.record.timestamp_us) if item.record.timestamp_us else None
        state = self._book.store.get(command.target_id)
        occasion = Occasion(
            self.site.site_id, command.occurred_at or command.issued_at, from_us(received_at_us(item)),
            (command.command_id,), command.command_id,
        )  # fmt: skip
        if state is None:
            return self._reopen_anew(command, occasion) if self._book.store.archived(command.target_id) else refuse(
                "not_found", command.target_id
            )  # fmt: skip
        decision = decide(state, command, self.catalogue, now=received, known=self._book.store.get, around=self.around)
        if isinstance(decision, Refusal):
            return decision
        twin = self._twin(state, decision.kind, decision.data)
        if twin is not None:
            return refuse("twin_open", twin)
        occasion.occur(decision.occurred_at)
        event = self._record(occasion.event(decision.kind, state.hazard_id, decision.data, command.actor))
        return [event, *(self._follow(state.hazard_id, occasion) if decision.kind == "hazard_judged" else ())]

    def _twin(self, state: HazardStateRecord, kind: str, data: Message) -> str | None:
        """Another open hazard of the clause and place that this one would be open for after the event."""
        judged = getattr(data, "criterion_id", None) if kind == "hazard_judged" else None
        gains_clause = judged is not None and not state.root_criterion_id
        reopens = not is_open(state) and (kind == "hazard_reopened" or (kind == "hazard_judged" and _stands(data)))
        if not (gains_clause or reopens):
            return None
        after = state.model_copy(update={"root_criterion_id": state.root_criterion_id or judged})
        twin = self._book.index.open_hazard(self._book.index.key(after))
        return None if twin == state.hazard_id else twin

    def _reopen_anew(self, command: Command, occasion: Occasion) -> list[Event] | Refusal:
        """Closed so long ago that it is archived: the same case is a new hazard that names the old one."""
        registered = reopening(self.site, command, self.catalogue)
        if isinstance(registered, Refusal):
            return registered
        root, place = registered.root_criterion_id or f"reopened/{command.target_id}", registered.place_id
        place = place or registered.place
        twin = self._book.index.open_hazard((root, place))
        if twin is not None:
            return refuse("twin_open", twin)
        target = hazard_id(root, self.site.site_id, place, registered.found_at)
        event = self._record(occasion.event("hazard_registered", target, registered, command.actor))
        return [event, *self._follow(target, occasion)]

    # ---- time

    def age(self, now_us: int) -> None:
        """Forget what was settled long ago. Call with the step's `now` before its inputs."""
        self._book.age(now_us)

    def on_tick(self, now_us: int) -> list[Event]:
        """Reminders, escalations, and leads that a changed registry gives. Nothing due: a few comparisons."""
        self.age(now_us)
        around = self.around
        if around is None:
            return []
        events: list[Event] = []
        if around.duties.revision != self._duties_seen:
            self._duties_seen = around.duties.revision
            for leaderless in list(self._book.leaderless):
                events += self._find_lead(leaderless, around, now_us)
        for state, timer, reached in self._book.timers.due(now_us, self._book.store.get, around.timers_of):
            events.append(self._tell(state, timer, reached, around, now_us))
        return events

    def _find_lead(self, target: str, around: Surroundings, now_us: int) -> list[Event]:
        now, said = from_us(now_us), self._book.state(target).counts.get("blind_spot_raised", 0)
        occasion = Occasion(self.site.site_id, now, now, (f"registry/{target}",), f"registry/{said}")
        found = consequences.lead(self._book.state(target), around, self.catalogue, now)
        return [self._record(occasion.event(kind, target, data)) for kind, data in found]

    def _tell(self, state: HazardStateRecord, timer: Timer, reached: int, around: Surroundings, now_us: int) -> Event:
        """One event for the latest step reached: what was due while nobody looked is not told in a row."""
        step, data = timer.steps[reached - 1], around.reminder(state, timer, reached)
        cause = f"timer/{timer.deadline}/{to_us(timer.due_at)}/{reached}"
        occasion = Occasion(self.site.site_id, step.at, from_us(now_us), (cause,), cause)
        kind = "deadline_missed" if step.level else "deadline_neared"
        return self._record(occasion.event(kind, state.hazard_id, data))

    # ---- what happened

    def _follow(self, target: str, occasion: Occasion) -> Iterator[Event]:
        """What follows by itself: a lead, a cause, checks of similar sites."""
        around = self.around
        if around is None:
            return
        state = self._book.state(target)
        for kind, data in consequences.lead(state, around, self.catalogue, occasion.occurred_at):
            yield self._record(occasion.event(kind, target, data))
        for kind, data in consequences.cause(self._book.state(target), around, self.catalogue):
            yield self._record(occasion.event(kind, target, data))
        for kind, data in consequences.similar(self._book.state(target), around, self.catalogue, self.site):
            yield self._record(occasion.event(kind, target, data))


def _stands(data: Message) -> bool:
    return getattr(data, "verdict", None) is not Verdict.NONE
