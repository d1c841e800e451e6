"""Whether the cases of an entry turn on every number: of its rule, and of the limits that its sentences must give.

A case on either side of a number shows nothing if another part of the rule decides it.
"""

from collections.abc import Iterator, Sequence

from schemas.clauses import Case, Limit
from schemas.conditions import (
    All,
    AnyOf,
    Compare,
    Condition,
    CountOf,
    HeldFor,
    LookUp,
    Not,
    Problem,
    nodes,
    parts_of,
)
from streams.cases import outcome_of
from streams.lexicon import lexicon
from streams.measured import Side, bound_of, held_against
from streams.numbers import numbers

ALWAYS, NEVER = All(()), AnyOf(())


def idle_numbers(rule: Condition, cases: Sequence[Case]) -> Iterator[Problem]:
    """The numbers of `rule` on one of whose sides no case depends."""
    shown = [case for case in cases if case.text is None]
    held = [outcome_of(rule, case).value for case in shown]
    for number, node in enumerate(nodes(rule)):
        if not _has_number(node):
            continue
        for instead, says in ((NEVER, "is met by"), (node.part if isinstance(node, HeldFor) else ALWAYS, "fails by")):
            other = _replaced(rule, number, instead)
            if [outcome_of(other, case).value for case in shown] == held:
                yield Problem("cases", f"missing: no case {says} {_named(node)} alone")


def unshown_limits(limits: Sequence[Limit], cases: Sequence[Case]) -> Iterator[Problem]:
    """The limits of sentences on one of whose sides no sentence gives a number."""
    texts = [lexicon().fold(case.text).text for case in cases if case.text]
    read = [(text, numbers(text)) for text in texts]
    for number, limit in enumerate(limits):
        bound = bound_of(limit)
        sides = {reading.side for text, found in read for reading in held_against([bound], text, found)}
        for side, says in ((Side.MET, "meets"), (Side.BROKEN, "misses")):
            if side not in sides:
                reason = f"missing: no sentence whose {limit.what[0]} {says} {limit.op} {limit.v:g}{limit.unit}"
                yield Problem(f"limits[{number}]", reason)


def _has_number(node: Condition) -> bool:
    if isinstance(node, Compare):
        return not isinstance(node.v, (bool, str, tuple))
    return isinstance(node, HeldFor)


def _named(node: Condition) -> str:
    if isinstance(node, Compare):
        limit = f"${node.v.source}.{node.v.name}" if isinstance(node.v, LookUp) else f"{node.v:g}"
        return f"{node.q} {node.op} {limit}"
    return f"the duration of {node.seconds:g} s" if isinstance(node, HeldFor) else ""


def _replaced(node: Condition, number: int, instead: Condition) -> Condition:
    """`node` with its number-th node, in reading order, replaced."""
    if number == 0:
        return instead
    first, parts = 1, []
    for part in parts_of(node):
        beyond = first + sum(1 for _ in nodes(part))
        parts.append(_replaced(part, number - first, instead) if first <= number < beyond else part)
        first = beyond
    return _with(node, parts)


def _with(node: Condition, parts: list[Condition]) -> Condition:
    match node:
        case All():
            return All(tuple(parts))
        case AnyOf():
            return AnyOf(tuple(parts))
        case CountOf(_, op, n):
            return CountOf(tuple(parts), op, n)
        case Not():
            return Not(parts[0])
        case HeldFor(_, seconds):
            return HeldFor(parts[0], seconds)
    return node
