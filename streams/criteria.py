"""Evaluating a condition of the catalogue on facts, in three values: true, false, missing. Pure; no eval.

all(false, missing) = false, all(true, missing) = missing, any(true, missing) = true, any(false, missing) = missing.
A signal that cannot be seen is never taken for normal.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.conditions import (
    All,
    AnyOf,
    Compare,
    Condition,
    CountOf,
    HeldFor,
    LookUp,
    Lost,
    Not,
    PlaceIs,
    nodes,
)
from schemas.vocabulary import Signal, Vocabulary

Known = bool | float | str


@dataclass(frozen=True)
class Seen:
    """A fact, and the signal it was read from (`work_on` may be proved by `powered_work_on`)."""

    value: Known
    source: str


class Facts(Protocol):
    """What a condition may ask. None from `read`, `place_kind`, `lost` and `held_s` means: cannot be seen."""

    @property
    def place_kind(self) -> str | None: ...

    def read(self, signal: str) -> Seen | None: ...

    def lost(self, signal: str) -> bool | None:
        """Whether a signal that is expected here gives nothing; None: nobody knows whether one is expected."""

    def limit(self, lookup: LookUp) -> tuple[bool, float | None]:
        """(known, value); (True, None): the place has no such limit."""

    def held_s(self, _node: HeldFor, _now: bool | None) -> float | None:
        """Seconds for which the part of `_node` has been true without a break, told what it is now."""


@dataclass(frozen=True)
class Leaf:
    """One comparison as it came out: `value` and `limit` as compared, None where missing."""

    q: str
    op: str
    limit: Known | tuple[str | float, ...] | None
    value: Known | None
    result: bool | None
    source: str = ""
    per: str = ""


@dataclass(frozen=True)
class Outcome:
    """`value` None = missing. `missing`: what could not be seen. `decided`: the leaves that made it so."""

    value: bool | None
    missing: tuple[str, ...] = ()
    decided: tuple[Leaf, ...] = ()


def evaluate(node: Condition, facts: Facts) -> Outcome:
    """What `node` says of `facts`. Every part is evaluated, so that `missing` is complete."""
    match node:
        case Compare():
            return _compare(node, facts)
        case All(parts):
            return _joined([evaluate(part, facts) for part in parts], decisive=False)
        case AnyOf(parts):
            return _joined([evaluate(part, facts) for part in parts], decisive=True)
        case Not(part):
            inner = evaluate(part, facts)
            value = None if inner.value is None else not inner.value
            return Outcome(value, inner.missing, inner.decided)
        case HeldFor(part, seconds):
            inner = evaluate(part, facts)
            held = facts.held_s(node, inner.value)
            return _held(inner, held, seconds)
        case PlaceIs(kinds):
            kind = facts.place_kind
            result = None if kind is None else kind in kinds
            leaf = Leaf("place", "in", kinds, kind, result)
            return Outcome(result, ("place",) if result is None else (), (leaf,))
        case CountOf(parts, op, n):
            return _counted([evaluate(part, facts) for part in parts], op, n)
        case Lost(q):
            lost = facts.lost(q)
            return Outcome(lost, (q,) if lost is None else (), (Leaf(q, "missing", None, None, lost),))


def _joined(parts: list[Outcome], *, decisive: bool) -> Outcome:
    """`any` if `decisive` is True, `all` if it is False: one part of that value decides."""
    deciding = [part for part in parts if part.value is decisive]
    unseen = [part for part in parts if part.value is None]
    value = decisive if deciding else None if unseen else not decisive
    chosen = deciding or unseen or parts
    # what is missing of a part that no longer matters is not worth asking for, unless all is decided
    naming = unseen if value is None else parts
    missing = dict.fromkeys(name for part in naming for name in part.missing)
    return Outcome(value, tuple(missing), tuple(leaf for part in chosen for leaf in part.decided))


def _counted(parts: list[Outcome], op: str, n: int) -> Outcome:
    """Decided as soon as the parts that cannot be seen could not change it."""
    holding = sum(part.value is True for part in parts)
    unseen = [part for part in parts if part.value is None]
    possible = {OPERATORS[op](holding + more, n) for more in range(len(unseen) + 1)}
    value = possible.pop() if len(possible) == 1 else None
    missing = dict.fromkeys(name for part in unseen for name in part.missing)
    chosen = unseen if value is None else parts
    return Outcome(value, tuple(missing), tuple(leaf for part in chosen for leaf in part.decided))


def _held(inner: Outcome, held: float | None, seconds: float) -> Outcome:
    if inner.value is not True:
        return inner
    leaf = Leaf("held_s", ">", seconds, held, None if held is None else held > seconds)
    missing = (*inner.missing, "held_s") if held is None else inner.missing
    return Outcome(leaf.result, missing, (*inner.decided, leaf) if leaf.result else (leaf,))


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda value, limit: value >= limit,
    ">": lambda value, limit: value > limit,
    "<=": lambda value, limit: value <= limit,
    "<": lambda value, limit: value < limit,
    "==": lambda value, limit: value == limit,
    "!=": lambda value, limit: value != limit,
    "in": lambda value, limit: value in limit,
}


def _compare(node: Compare, facts: Facts) -> Outcome:
    seen = facts.read(node.q)
    value, source = (seen.value, seen.source) if seen else (None, "")
    limit: Known | tuple[str | float, ...] | None
    missing = [] if seen else [node.q]
    if node.per:
        by = facts.read(node.per)
        if by is None:
            value, missing = None, [*missing, node.per]
        elif not by.value:  # shared among nobody: there is no such ratio, so it passes nothing
            return Outcome(False, (), (Leaf(node.per, "==", 0.0, by.value, True, by.source),))
        elif value is not None:
            value = round(float(value) / float(by.value), 9)
    if isinstance(node.v, LookUp):
        known, found = facts.limit(node.v)
        limit = None if found is None else round(found * node.v.times, 9)
        if known and limit is None:  # the place has no such limit, so it cannot be passed
            return Outcome(False, (), (Leaf(node.q, node.op, None, value, False, source),))
        if not known:
            missing.append(node.v.signal)
    else:
        limit = node.v
    result = None if value is None or limit is None else OPERATORS[node.op](value, limit)
    return Outcome(result, tuple(missing), (Leaf(node.q, node.op, limit, value, result, source, node.per),))


def holds(value: float, op: str, limit: float) -> bool:
    """One comparison of numbers, as a trigger asks it."""
    return OPERATORS[op](value, limit)


def timers_of(node: Condition) -> Iterator[HeldFor]:
    """Every HeldFor of `node`, in reading order: the order timers are remembered in."""
    return (each for each in nodes(node) if isinstance(each, HeldFor))


_YES = {"true", "yes", "是", "有", "1"}
_NO = {"false", "no", "否", "无", "0"}


def stated(signal: Signal, raw: Any) -> Known | None:
    """`raw`, a fact as a finding states it, as a value of `signal`; None if it cannot be read as one."""
    if signal.type == "bool":
        word = str(raw).strip().lower()
        return True if word in _YES else False if word in _NO else None
    if signal.type == "enum":
        return raw if raw in signal.values else None
    if isinstance(raw, bool) or raw is None:
        return None
    try:
        return float(str(raw).strip().removesuffix(signal.unit).rstrip("%"))
    except ValueError:
        return None


class StatedFacts:
    """The facts of a finding or a case. `place_kind` None: the place is not known.

    A fact that is not stated is not seen; one that is stated as null is stated to give nothing (`missing`).
    """

    def __init__(self, facts: Mapping[str, Any], place_kind: str | None, words: Vocabulary) -> None:
        self.place_kind = place_kind
        self._words = words
        self._values: dict[str, Known] = {}
        self.unreadable: list[str] = []  # named by the finding, but no value of that signal
        self._absent = {name for name, raw in facts.items() if raw is None and name in words.signals}
        for name, raw in facts.items():
            if name in self._absent:
                continue
            value = stated(words.signals[name], raw) if name in words.signals else None
            if value is None:
                self.unreadable.append(name)
            else:
                self._values[name] = value

    def read(self, signal: str) -> Seen | None:
        if signal in self._values:
            return Seen(self._values[signal], signal)
        proof = next((p for p in self._words.proofs.get(signal, ()) if self._values.get(p) is True), None)
        return None if proof is None else Seen(True, proof)

    def lost(self, signal: str) -> bool | None:
        return True if signal in self._absent else False if signal in self._values else None

    def limit(self, lookup: LookUp) -> tuple[bool, float | None]:
        if lookup.signal in self._values:
            return True, float(self._values[lookup.signal])
        if lookup.by_place and self.place_kind:
            return self._words.place_limit(self.place_kind, lookup.signal)
        return False, None

    def held_s(self, _node: HeldFor, _now: bool | None) -> float | None:
        held = self._values.get("held_s")
        return None if held is None else float(held)
