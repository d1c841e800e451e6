"""The closed vocabulary of conditions: what a rule of the catalogue may say. No eval anywhere.

A condition is a mapping with one head word (condition_reader.WORDS). `for_s_gt` may stand beside any head word:
    {all: [{q: ch4_pct, op: ">=", v: 3.0}, {q: drill_burst, op: "==", v: false}], for_s_gt: 600}
A value is a number, a bool, a word of an enum, a list (with `in`), or a look-up: `$setpoint.alarm_ge` and `$wind.max`
(by kind of place), `$site.name` or `$design.name` (a registry signal); `times` multiplies a look-up. `per` divides the
signal by another one, such as air by the people who breathe it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

OPS = (">=", ">", "<=", "<", "==", "!=", "in")
BY_PLACE = ("setpoint", "wind")
Value = bool | float | str | tuple[str | float, ...]


@dataclass(frozen=True)
class LookUp:
    """A limit that depends on the place or the design: `source` is setpoint, wind, site or design."""

    source: str
    name: str
    times: float = 1.0

    @property
    def by_place(self) -> bool:
        """Whether a table by kind of place holds it, not the registry."""
        return self.source in BY_PLACE

    @property
    def signal(self) -> str:
        """The name under which a finding's facts may state it."""
        return f"{self.source}.{self.name}" if self.by_place else self.name


@dataclass(frozen=True)
class Compare:
    """`q` (divided by `per`, if there is one) compared with `v`."""

    q: str
    op: str
    v: Value | LookUp
    per: str = ""


@dataclass(frozen=True)
class All:
    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not:
    part: "Condition"


@dataclass(frozen=True)
class HeldFor:
    """`part` has been true without a break for more than `seconds`."""

    part: "Condition"
    seconds: float


@dataclass(frozen=True)
class PlaceIs:
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class CountOf:
    """How many of `parts` are true, compared with `n`."""

    parts: tuple["Condition", ...]
    op: str
    n: int


@dataclass(frozen=True)
class Lost:
    """`q` is expected here and cannot be seen: its sensors are silent or unusable. The word is `missing`."""

    q: str


Condition = Compare | All | AnyOf | Not | HeldFor | PlaceIs | CountOf | Lost


@dataclass(frozen=True)
class Problem:
    """What is wrong with an entry: `field` is a dotted path within it."""

    field: str
    reason: str


def parts_of(node: Condition) -> tuple[Condition, ...]:
    """The conditions directly within `node`."""
    match node:
        case All(parts) | AnyOf(parts) | CountOf(parts):
            return parts
        case Not(part) | HeldFor(part):
            return (part,)
    return ()


def nodes(node: Condition) -> Iterator[Condition]:
    """`node` and everything within it, in reading order."""
    yield node
    for part in parts_of(node):
        yield from nodes(part)


def leaves(node: Condition) -> Iterator[Compare]:
    """Every comparison in `node`, in reading order."""
    return (each for each in nodes(node) if isinstance(each, Compare))


def signals_of(node: Condition) -> frozenset[str]:
    """Names of the signals that `node` asks for; look-ups are not among them."""
    asked = (each for each in nodes(node) if isinstance(each, (Compare, Lost)))
    return frozenset(name for each in asked for name in (each.q, getattr(each, "per", "")) if name)
