"""A condition on one line, as people compare two of them: `ch4_pct ≥ 1.5 and (work_on or zone_headcount > 0)`."""

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
)

_SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠"}


def spelled(node: Condition) -> str:
    """`node` in the names of the vocabulary, with signs and brackets."""
    match node:
        case Compare():
            return _compared(node)
        case All(parts):
            return " and ".join(map(_within, parts))
        case AnyOf(parts):
            return " or ".join(map(_within, parts))
        case Not(part):
            return f"not {_within(part)}"
        case HeldFor(part, seconds):
            return f"{_within(part)} for > {seconds:g} s"
        case PlaceIs(kinds):
            return f"at {'/'.join(kinds)}"
        case CountOf(parts, op, n):
            return f"{_SIGNS.get(op, op)} {n} of ({'; '.join(map(spelled, parts))})"
        case Lost(q):
            return f"{q} missing"


def _within(node: Condition) -> str:
    text = spelled(node)
    compound = isinstance(node, (All, AnyOf)) and len(node.parts) > 1
    return f"({text})" if compound or isinstance(node, HeldFor) else text


def _compared(node: Compare) -> str:
    name = f"{node.q} / {node.per}" if node.per else node.q
    if isinstance(node.v, bool):
        return name if node.v == (node.op == "==") else f"not {name}"
    return f"{name} {_SIGNS.get(node.op, node.op)} {_value(node.v)}"


def _value(v: object) -> str:
    if isinstance(v, LookUp):
        return f"{'' if v.times == 1 else f'{v.times:g} × '}{v.signal}"
    if isinstance(v, tuple):
        return "/".join(map(_value, v))
    return f"{v:g}" if isinstance(v, float) else str(v)
