"""The timers of one site's hazards: a heap of when to look next, so a tick with nothing due costs one comparison."""

import heapq
from collections.abc import Callable, Iterable, Iterator

from schemas.hazards import HazardStateRecord
from schemas.times import to_us
from streams.deadlines import Timer

LOOKED_AT_ONCE = 500  # hazards per tick and site; what is left comes with the next tick
TimersOf = Callable[[HazardStateRecord], Iterable[Timer]]


class HazardTimers:
    """Knows when to look at which hazard; what is due then is worked out anew from its state."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._look_at: dict[str, int] = {}
        self._stale: dict[str, None] = {}

    def touch(self, hazard_id: str) -> None:
        """The hazard has changed: its timers are worked out again at the next tick."""
        self._stale[hazard_id] = None

    def due(
        self, now_us: int, get: Callable[[str], HazardStateRecord | None], timers_of: TimersOf
    ) -> Iterator[tuple[HazardStateRecord, Timer, int]]:
        """(hazard, timer, how many of its steps are reached) where something is to be told now.

        The caller records what is told, and touches what it changed.
        """
        if not self._stale and (not self._heap or self._heap[0][0] > now_us):
            return
        for hazard_id in self._take(now_us):
            state = get(hazard_id)
            if state is None:
                continue
            soonest: int | None = None
            for timer in timers_of(state):
                told = timer.told(state)
                reached = sum(to_us(step.at) <= now_us for step in timer.steps)
                if reached > told:
                    yield state, timer, reached
                if max(reached, told) < len(timer.steps):
                    at = to_us(timer.steps[max(reached, told)].at)
                    soonest = at if soonest is None else min(soonest, at)
            if soonest is not None:
                self._look_at[hazard_id] = soonest
                heapq.heappush(self._heap, (soonest, hazard_id))

    def _take(self, now_us: int) -> list[str]:
        taken = list(self._stale)[:LOOKED_AT_ONCE]
        for hazard_id in taken:
            del self._stale[hazard_id]
            self._look_at.pop(hazard_id, None)
        while self._heap and self._heap[0][0] <= now_us and len(taken) < LOOKED_AT_ONCE:
            at, hazard_id = heapq.heappop(self._heap)
            if self._look_at.get(hazard_id) == at:  # else it was worked out anew since
                del self._look_at[hazard_id]
                taken.append(hazard_id)
        return taken
