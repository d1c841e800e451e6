"""Hazards rebuilt from their events alone: a partition of hazard.events read in bulk, when its states are lost. Pure.

rebuild(raw_events_in_log_order, now_us)
"""

import gc
from collections.abc import Iterable

from schemas.events import Event
from schemas.hazards import HazardStateRecord
from schemas.model import Refused
from streams.hazard_store import Held, Stub, archive, stub_of, too_old
from streams.lifecycle import apply
from streams.transitions import SETTLED

_DOUBLES = 100_000  # a step that was done twice wrote its events twice, close by; the first recorded holds


class HazardRebuild:
    """Settled hazards are folded as soon as they settle, so memory follows the open ones.

    `events` counts what held, `refused` what is no event: it stands in the log, and cannot be mended here.
    """

    def __init__(self) -> None:
        self._whole: dict[str, HazardStateRecord] = {}
        self._stubs: dict[str, Stub] = {}
        self._seen: dict[str, None] = {}
        self.events = self.refused = 0

    def take(self, raw: bytes) -> None:
        """One record of hazard.events, in log order."""
        try:
            self._fold(Event.parse(raw))
        except Refused:
            self.refused += 1

    def _fold(self, event: Event) -> None:
        if event.event_id in self._seen:
            return
        self._seen[event.event_id] = None
        if len(self._seen) > 2 * _DOUBLES:
            self._seen = dict.fromkeys(list(self._seen)[-_DOUBLES:])
        hazard_id = event.subject_id
        before = self._whole.get(hazard_id)
        if before is None and (stub := self._stubs.get(hazard_id)) is not None:
            before = stub.unpack()
        state = apply(before, event)
        self.events += 1
        if state.state in SETTLED:
            self._whole.pop(hazard_id, None)
            self._stubs[hazard_id] = stub_of(state)
        else:
            self._stubs.pop(hazard_id, None)
            self._whole[hazard_id] = state

    def held(self, now_us: int) -> list[Held]:
        """Every hazard as a worker keeps it at `now_us`: whole, as a stub, or its id alone."""
        stubs = (archive(s) if too_old(s, now_us) and not s.merged_into else s for s in self._stubs.values())
        return [*self._whole.values(), *stubs]


def rebuild(events: Iterable[bytes], now_us: int) -> list[Held]:
    """The hazards that `events` (a partition in log order) tell of.

    Python's collector of cycles is paused: nothing here makes any, and looking for them in ever more states would take
    a quarter of the time.
    """
    book, paused = HazardRebuild(), gc.isenabled()
    gc.disable()
    try:
        for raw in events:
            book.take(raw)
        return book.held(now_us)
    finally:
        if paused:
            gc.enable()
