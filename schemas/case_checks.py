"""What the cases of an entry must show: that it can be met and be missed, on both sides of every number."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.clauses import Case
from schemas.conditions import Compare, Condition, HeldFor, LookUp, Problem, leaves, nodes
from schemas.vocabulary import Signal, vocabulary

_OUTCOMES: tuple[tuple[bool | str, str], ...] = (
    (True, "meets it"),
    (False, "comes close and does not"),
    ("missing", "lacks a signal it needs"),
)


def case_problems(rule: Condition | None, cases: Sequence[Case], *, thorough: bool = True) -> Iterator[Problem]:
    """Everything wrong with the cases of an entry; `rule` None: it is judged from sentences only.

    Not `thorough`: only that every case can be run, and that one meets the entry and one does not.
    """
    malformed = [
        p for number, case in enumerate(cases) for p in _wellformed(case, rule is not None, f"cases[{number}]")
    ]
    yield from malformed
    said = {case.expect for case in cases}
    for expect, meaning in _OUTCOMES[:2]:
        if expect not in said:
            yield Problem("cases", f"missing: no case that {meaning}")
    if rule is None or not thorough:
        return
    shown = {case.expect for case in cases if case.text is None}
    for expect, meaning in _OUTCOMES:
        if expect not in shown and (expect == "missing" or expect in said):
            yield Problem("cases", f"missing: no case of facts that {meaning}")
    if not malformed:
        yield from _both_sides(rule, cases)


def _wellformed(case: Case, has_rule: bool, at: str) -> Iterator[Problem]:
    words = vocabulary()
    if case.expect not in (True, False, "missing"):
        yield Problem(f"{at}.expect", f"true, false or missing, not {case.expect!r}")
    if sum(each is not None for each in (case.facts, case.series, case.text)) != 1:
        yield Problem(at, "exactly one of facts, series, text")
    elif case.text is None and not has_rule:
        yield Problem(at, "facts need a rule; an entry without one is shown by sentences (text)")
    elif case.text is not None and case.expect == "missing":
        yield Problem(f"{at}.expect", "a sentence is answered with this entry (true) or not (false)")
    if case.place is not None and case.place not in words.places:
        yield Problem(f"{at}.place", f"unknown place {case.place!r}")
    for facts in (case.facts or {}, *(case.series or ())):
        for name, value in facts.items():
            if name == "at_s" and case.series is not None:
                continue
            if name not in words.signals:
                yield Problem(f"{at}.facts.{name}", "unknown signal")
            elif value is not None and not _fits(words.signals[name], value):
                yield Problem(
                    f"{at}.facts.{name}", f"{value!r} is no value of this signal ({words.signals[name].type})"
                )
    times: list[Any] = [facts.get("at_s") for facts in case.series or ()]
    if any(isinstance(t, bool) or not isinstance(t, (int, float)) for t in times) or times != sorted(times):
        yield Problem(f"{at}.series", "every point has at_s, seconds from the start, in order")


def _fits(signal: Signal, value: Any) -> bool:
    if signal.type == "bool":
        return isinstance(value, bool)
    if signal.type == "enum":
        return value in signal.values
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _both_sides(rule: Condition, cases: Sequence[Case]) -> Iterator[Problem]:
    """Every number that the rule states, looks up or waits for has a case on either side of it (or at it)."""
    moments = [(case, facts) for case in cases for facts in (case.facts or {}, *(case.series or ()))]
    for leaf in leaves(rule):
        if isinstance(leaf.v, (bool, str, tuple)):
            continue
        sides = {met for case, facts in moments if (met := _met(leaf, case, facts)) is not None}
        if len(sides) < 2:
            met = sides == {True}
            side = "below" if (leaf.op in (">=", ">")) == met else "above"
            name = f"{leaf.q} per {leaf.per}" if leaf.per else leaf.q
            yield Problem("cases", f"missing: no case with {name} on the {side} side of {_number(leaf.v)}")
    for node in nodes(rule):
        if isinstance(node, HeldFor):
            held = [facts["held_s"] for _, facts in moments if isinstance(facts.get("held_s"), (int, float))]
            held += [case.series[-1]["at_s"] - case.series[0]["at_s"] for case in cases if case.series]
            for found, side in (
                (any(s > node.seconds for s in held), "more"),
                (any(s <= node.seconds for s in held), "no more"),
            ):
                if not found:
                    yield Problem("cases", f"missing: no case that holds for {side} than {node.seconds:g} s")


def _met(leaf: Compare, case: Case, facts: Mapping[str, Any]) -> bool | None:
    """Whether a case's value meets a number of the rule; None: the case has no such value, or no such number."""
    value = facts.get(leaf.q)
    limit: Any = leaf.v
    if isinstance(limit, LookUp):
        limit = facts.get(limit.signal)
        if limit is None and leaf.v.by_place and case.place:  # type: ignore[union-attr]
            _, limit = vocabulary().place_limit(case.place, leaf.v.signal)  # type: ignore[union-attr]
        limit = None if limit is None else round(limit * leaf.v.times, 9)  # type: ignore[union-attr]
    if leaf.per and value is not None:
        per = facts.get(leaf.per)
        value = round(value / per, 9) if per else None
    return None if value is None or limit is None else _meets(value, leaf.op, limit)


def _number(v: Any) -> str:
    if isinstance(v, LookUp):
        return f"{'' if v.times == 1 else f'{v.times:g} × '}${v.source}.{v.name}"
    return f"{v:g}"


def _meets(value: float, op: str, limit: float) -> bool:
    return {">=": value >= limit, ">": value > limit, "<=": value <= limit, "<": value < limit}.get(
        op, (value == limit) == (op == "==")
    )
