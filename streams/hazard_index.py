"""Which hazard a piece of evidence belongs to: by clause and place, and by what each hazard holds already. Pure."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

from schemas.criteria import Catalogue
from schemas.terms import HazardState
from streams.hazard_store import REMEMBERED, HazardStore, Held, Stub
from streams.transitions import SETTLED

Key = tuple[str, str]  # root criterion, place


class HazardIndex:
    """Built anew when a catalogue comes that may give clauses an earlier root."""

    def __init__(self, store: HazardStore, root_of: Callable[[str], str]) -> None:
        self._store, self._root_of = store, root_of
        self._by_key: dict[Key, list[str]] = {}
        self._key_of: dict[str, Key] = {}
        self._holder: dict[tuple[str, str], str] = {}
        self._span_holder: dict[str, str] = {}
        self._finding_holder: dict[str, str] = {}
        for held in store.values():
            self.add(held)

    @classmethod
    def of(cls, store: HazardStore, catalogue: Catalogue) -> "HazardIndex":
        return cls(store, catalogue.root_of)

    def key(self, held: Held) -> Key:
        """A hazard without a clause is one of its own."""
        root = self._root_of(held.root_criterion_id) if held.root_criterion_id else ""
        place = held.place if isinstance(held, Stub) else held.place_id or held.registered.place
        return root or f"hazard/{held.hazard_id}", place

    def add(self, held: Held) -> None:
        """Take a new hazard, or what has changed of one: its clause, its evidence."""
        key = self.key(held)
        if self._key_of.get(held.hazard_id) != key:
            self.remove_key(held.hazard_id)
            hazards = self._by_key.setdefault(key, [])
            hazards.append(held.hazard_id)
            hazards.sort(key=self._age)
            self._key_of[held.hazard_id] = key
        root = key[0] if held.root_criterion_id else ""
        for evidence_id, is_span in _evidence(held):
            self._holder.setdefault((root, evidence_id), held.hazard_id)
            (self._span_holder if is_span else self._finding_holder).setdefault(evidence_id, held.hazard_id)

    def _age(self, hazard_id: str) -> tuple[dt.datetime, str]:
        held = self._store.brief(hazard_id)
        return (held.found_at if held else dt.datetime.max.replace(tzinfo=dt.UTC)), hazard_id

    def remove_key(self, hazard_id: str) -> None:
        key = self._key_of.pop(hazard_id, None)
        if key is not None:
            self._by_key[key].remove(hazard_id)
            if not self._by_key[key]:
                del self._by_key[key]

    def forget(self, gone: Iterable[Stub]) -> None:
        """Take out what was archived."""
        for stub in gone:
            key = self._key_of.get(stub.hazard_id)
            self.remove_key(stub.hazard_id)
            for evidence_id, _ in stub.evidence:
                for root in ("", key[0] if key else ""):
                    if self._holder.get((root, evidence_id)) == stub.hazard_id:
                        del self._holder[root, evidence_id]
                for holders in (self._span_holder, self._finding_holder):
                    if holders.get(evidence_id) == stub.hazard_id:
                        del holders[evidence_id]

    def holder(self, root: str, evidence_id: str) -> str | None:
        return self._holder.get((root, evidence_id))

    def span_holder(self, evidence_id: str) -> str | None:
        return self._span_holder.get(evidence_id)

    def finding_holder(self, evidence_id: str) -> str | None:
        """The hazard that holds the finding, whatever clause it was held under."""
        return self._finding_holder.get(evidence_id)

    def open_hazard(self, key: Key) -> str | None:
        """The open hazard that evidence of `key` belongs to: its own, else the one its own was merged into."""
        own = list(self._held(key))
        further = [held for each in own if (held := self._followed(each)) is not None]
        for held in (*own, *further):
            if held.state not in SETTLED:
                return held.hazard_id
        return None

    def _held(self, key: Key) -> Iterator[Held]:
        for hazard_id in self._by_key.get(key, ()):
            if (held := self._store.brief(hazard_id)) is not None:
                yield held

    def _followed(self, held: Held) -> Held | None:
        """Where a merged hazard goes on, through every merge."""
        followed: Held | None = held
        passed: set[str] = set()
        while followed and followed.state is HazardState.MERGED and followed.hazard_id not in passed:
            passed.add(followed.hazard_id)
            followed = self._store.brief(followed.merged_into or "")
        return followed

    def rebound_of(self, key: Key, found_at: dt.datetime) -> str | None:
        """The hazard of `key` closed last, at most 180 days before."""
        closed = [
            (held.closed_at, held.hazard_id)
            for held in self._held(key)
            if held.state is HazardState.CLOSED and held.closed_at is not None and _lately(held.closed_at, found_at)
        ]
        return max(closed)[1] if closed else None

    def refuted_before(self, key: Key, found_at: dt.datetime) -> int:
        """Suspicions of `key` found in the 180 days before and refuted since."""
        return sum(held.state is HazardState.REFUTED and _lately(held.found_at, found_at) for held in self._held(key))


def _lately(then: dt.datetime, found_at: dt.datetime) -> bool:
    return dt.timedelta(0) <= found_at - then <= REMEMBERED


def _evidence(held: Held) -> Iterator[tuple[str, bool]]:
    if isinstance(held, Stub):
        yield from held.evidence
    else:
        for piece in held.evidence:
            yield piece.evidence_id, piece.kind == "span"
