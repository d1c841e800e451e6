"""The book of one site's hazards: what is held, found by clause and place, and what has changed since. Pure."""

from collections.abc import Iterable

from schemas.criteria import Catalogue
from schemas.events import Event
from schemas.hazards import HazardStateRecord
from streams.hazard_index import HazardIndex
from streams.hazard_store import HazardStore, Held
from streams.lifecycle import apply, is_open
from streams.timers import HazardTimers

_INDEXED = frozenset({"hazard_registered", "hazard_suspected", "evidence_added", "hazard_judged"})


class HazardBook:
    """`record` is the one way in. `index` and `timers` follow; `leaderless` are open ones that nobody leads."""

    def __init__(self, states: Iterable[Held], catalogue: Catalogue) -> None:
        self.store = HazardStore()
        self.store.load(states)
        self.timers = HazardTimers()
        self.leaderless: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self.configure(catalogue)
        for held in self.store.values():
            self._watch(held)

    def configure(self, catalogue: Catalogue) -> None:
        """An edition added since may give clauses an earlier root."""
        self.index = HazardIndex.of(self.store, catalogue)

    def knows(self, hazard_id: str) -> bool:
        """Whether it is held, or known to have been."""
        return self.store.brief(hazard_id) is not None or self.store.archived(hazard_id)

    def state(self, hazard_id: str) -> HazardStateRecord:
        """Raises KeyError for one that is not held."""
        state = self.store.get(hazard_id)
        if state is None:
            raise KeyError(hazard_id)
        return state

    def has_ended(self, hazard_id: str, evidence_id: str) -> bool:
        """Whether the end of a span that the hazard holds is known."""
        pieces = reversed(self.state(hazard_id).evidence)
        return any(e.evidence_id == evidence_id and e.ended_at is not None for e in pieces)

    def record(self, event: Event) -> Event:
        """Fold `event` into its hazard, and give it back."""
        state = apply(self.store.get(event.subject_id), event)
        self.store.put(state)
        self._changed[state.hazard_id] = None
        self._watch(state)
        if event.kind in _INDEXED:
            self.index.add(state)
        return event

    def take_changed(self, step: int) -> list[HazardStateRecord]:
        """States changed since the last call, in the order of their first change, marked with `step`."""
        taken = []
        for changed in self._changed:
            taken.append(self.state(changed).model_copy(update={"step": step}))
            self.store.put(taken[-1])
        self.store.settle(self._changed)
        self._changed = {}
        return taken

    def age(self, now_us: int) -> None:
        """Forget what was settled long ago."""
        if gone := self.store.age(now_us):
            self.index.forget(gone)

    def _watch(self, held: Held) -> None:
        """A stub has no timers but those of similar sites that are still to be checked."""
        if isinstance(held, HazardStateRecord):
            self.timers.touch(held.hazard_id)
            if held.lead_department_id is None and is_open(held):
                self.leaderless[held.hazard_id] = None
            else:
                self.leaderless.pop(held.hazard_id, None)
        elif held.similar_open:
            self.timers.touch(held.hazard_id)
