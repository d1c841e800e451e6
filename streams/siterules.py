"""The clauses of a catalogue that sensors of one site can trigger, and by which readings. Pure.

What a clause asks of a sensor depends on the sensor's signal, its kind of place and, for a limit from the registry, its
place: it is worked out once for all sensors that are alike in these.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from schemas.clauses import Clause
from schemas.conditions import (
    All,
    AnyOf,
    Compare,
    CountOf,
    HeldFor,
    LookUp,
    Lost,
    Not,
    PlaceIs,
    leaves,
    nodes,
    signals_of,
)  # fmt: skip
from schemas.criteria import Catalogue, concerns
from schemas.vocabulary import vocabulary
from streams.criteria import OPERATORS, Known, timers_of
from streams.signals import SiteSignals

# Words whose answer changes only with readings of their signals, with staleness and with timers.
_STILL = (All, AnyOf, Compare, CountOf, HeldFor, Lost, Not, PlaceIs)

Limit = float | bool | str | tuple[Any, ...] | None
Triggers = tuple[tuple[Compare, Limit], ...]
Cell = tuple[bool, ...] | None


class SiteRule:
    """One clause with a trigger, as it is read at one site. `order` is its place in the catalogue."""

    def __init__(self, clause: Clause, order: int, signals: SiteSignals) -> None:
        self.clause, self.order, self.signals = clause, order, signals
        self._by_registry = any(isinstance(t.v, LookUp) and not t.v.by_place for t in clause.triggers)
        self._triggers: dict[tuple[str, str, str], Triggers] = {}
        self._sides: dict[int, list[tuple[str, Limit]] | None] = {}

    @cached_property
    def timers(self) -> list[HeldFor]:
        condition = self.clause.condition
        return list(timers_of(condition)) if condition else []

    @cached_property
    def still(self) -> bool:
        """Whether only readings, staleness and timers change its answer; a word not known here may do anything."""
        condition = self.clause.condition
        return condition is None or all(isinstance(node, _STILL) for node in nodes(condition))

    @cached_property
    def joined(self) -> tuple[frozenset[str], frozenset[str]]:
        """Signals that the rule reads with their proofs, and those of them that it looks for in other sensors even at
        a sensor of that very signal."""
        condition = self.clause.condition
        if condition is None:
            return frozenset(), frozenset()
        names = signals_of(condition)
        proofs = vocabulary().proofs
        lost = frozenset(node.q for node in nodes(condition) if isinstance(node, Lost))
        return names | {proof for name in names for proof in proofs.get(name, ())}, lost

    def triggers_of(self, i: int) -> Triggers:
        """The comparisons that sensor i may trigger, each with its limit here; None: the limit is not known."""
        sensor = self.signals.sensors[i]
        kind = self.signals.places[sensor.place_id].kind
        key = (sensor.signal, kind, sensor.place_id if self._by_registry else "")
        if key not in self._triggers:
            self._triggers[key] = tuple(self._limited(i, sensor.signal, kind))
        return self._triggers[key]

    def is_low(self, i: int) -> bool:
        """Whether sensor i triggers by low values."""
        return any(trigger.op in ("<", "<=") for trigger, _ in self.triggers_of(i))

    def cell(self, i: int, value: Known) -> Cell:
        """On which side of every limit of the rule `value` of sensor i lies. None: the rule may look at it closer.

        Readings of one sensor in one cell say the same to the rule.
        """
        sides = self._sides_at(i)
        if sides is None:
            return None
        # the site's own alarm bit may speak for `alarm_raised`
        on_side = (limit is None or OPERATORS[op](value, limit) for op, limit in sides)
        return (bool(self.signals.alarmed[i]), *on_side)

    def limits_at(self, i: int) -> list[tuple[str, Limit]]:
        """The known limits, as comparisons, between which readings of sensor i lie in one cell; of a rule that looks
        at it closer, those of its triggers."""
        sides = self._sides_at(i) or [(each.op, limit) for each, limit in self.triggers_of(i)]
        return [(op, limit) for op, limit in sides if limit is not None]  # else every value counts as beyond it

    def _sides_at(self, i: int) -> list[tuple[str, Limit]] | None:
        """The comparisons of the rule that a reading of sensor i decides."""
        if i not in self._sides:
            self._sides[i] = self._sides_of(i)
        return self._sides[i]

    def _sides_of(self, i: int) -> list[tuple[str, Limit]] | None:
        signal, condition = self.signals.sensors[i].signal, self.clause.condition
        asked = list(leaves(condition)) if condition else []
        if not self.still or any(signal == each.per or (each.per and signal == each.q) for each in asked):
            return None
        sides: list[tuple[str, Limit]] = []
        for each in asked:
            if each.q == signal:
                limit: Limit = each.v if not isinstance(each.v, LookUp) else self._looked_up(each.v, i)
                sides.append((each.op, limit))
        return sides + [(each.op, limit) for each, limit in self.triggers_of(i)]

    def _looked_up(self, lookup: LookUp, i: int) -> float | None:
        _, limit = self.signals.limit(lookup, i)
        return None if limit is None else round(limit * lookup.times, 9)

    def _limited(self, i: int, signal: str, kind: str) -> Iterator[tuple[Compare, Limit]]:
        if not self.clause.reads_at(kind):
            return
        for trigger in self.clause.triggers_at(kind):
            if trigger.q != signal:
                continue
            if isinstance(trigger.v, LookUp):
                known, limit = self.signals.limit(trigger.v, i)
                if (known and limit is None) or (not known and trigger.v.by_place):
                    continue  # the table has no such limit for this kind of place
                yield trigger, None if limit is None else round(limit * trigger.v.times, 9)
            else:
                yield trigger, trigger.v


def site_rules(signals: SiteSignals, catalogue: Catalogue, industry: str) -> list[SiteRule]:
    """The clauses that bind the industry and have a trigger, in catalogue order."""
    wanted = set(vocabulary().industry_ids(industry)) or None
    clauses = [each for each in catalogue.clauses.values() if each.triggers and concerns(each.industry, wanted, True)]
    return [SiteRule(clause, order, signals) for order, clause in enumerate(clauses)]
