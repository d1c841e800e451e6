"""A sentence's numbers held against the limits of a clause, and against the norms it states itself. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.clauses import Limit
from streams.lexicon import lexicon
from streams.numbers import Number, units

FARTHEST = 24  # characters between a quantity's word and its number
BEFORE = 6  # a number that stands before its word counts as this much farther
LONG = 100  # a number without a unit that follows a norm is of the norm's unit from here on
BESIDE = 15  # a design value counts as this much farther than a measured one
_SIGNS = {">": ">", ">=": "≥", "<": "<", "<=": "≤", "==": "="}
# A share of these can be computed where the sentence gives the thing and its norm.
_NORMS = ("定员", "限员", "核定", "设计", "需风量", "核载", "限量", "定量")
# Quantities that must reach what the design says, and those that must not pass it; of others nothing is known.
_FLOORS = (
    "干滩", "滩", "调洪", "风量", "间距", "距离", "宽", "埋深", "厚", "安全系数", "水封", "标高", "超高", "流量",
    "测风", "配风", "供风", "回路", "风速", "坝顶", "套管", "台数", "煤柱",
)  # fmt: skip
_CEILINGS = (
    "分层厚", "浓度", "瓦斯", "压力", "温度", "角", "坡", "人", "台阶高", "产量", "速率", "含水", "荷载", "药量",
    "称量", "重量", "限量", "堆", "储量", "存量", "升高", "沉降", "位移", "能量", "段高",
)  # fmt: skip
_SHORT = re.compile(r"(?:只|仅|才|不足|不到|不够)[^\d,]{0,3}$")


class Side(StrEnum):
    """Where a number stands to a limit."""

    MET = "met"
    BROKEN = "broken"  # on the side that is no hazard
    OPEN = "open"  # no number given, or one that may be on either side


@dataclass(frozen=True)
class Bound:
    """A limit of a clause in the forms that sentences are read in."""

    words: tuple[str, ...]
    op: str
    value: float
    dimension: str
    needed: bool
    shown: str
    where: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def asked_by(self, text: str) -> bool:
        """Whether the folded `text` speaks of what the limit is for."""
        if self.where and not any(word in text for word in self.where):
            return False
        return not any(word in text for word in self.unless)


@dataclass(frozen=True)
class Reading:
    """What was found of one limit. `text` is the number as it was written."""

    bound: Bound
    side: Side
    text: str = ""

    @property
    def shown(self) -> str:
        return f"{self.bound.words[0]} {self.text} ({_SIGNS[self.bound.op]}{self.bound.shown})"


def bound_of(limit: Limit) -> Bound:
    """`limit` with folded words and its value in the dimension's first unit."""
    dimension, factor = "count", 1.0
    if limit.unit:
        unit = lexicon().fold(limit.unit).text
        dimension, factor = units().get(unit, (limit.unit, 1.0))  # a unit nobody reads leaves the limit open
    words, where, unless = (
        tuple(dict.fromkeys(lexicon().fold(word).text for word in each))
        for each in (limit.what, limit.where, limit.unless)
    )
    shown = f"{limit.v:g}{limit.unit}"
    return Bound(words, limit.op, limit.v * factor, dimension, limit.needed, shown, where, unless)


def held_against(bounds: Sequence[Bound], text: str, found: Sequence[Number]) -> tuple[Reading, ...]:
    """One reading for every bound, from the numbers of the folded `text`."""
    return tuple(_read(bound, text, found) for bound in bounds)


def excludes(readings: Sequence[Reading]) -> Reading | None:
    """The reading that rules the clause out: a needed one on the wrong side, or another with none of its kind met."""
    for reading in readings:
        if reading.side is Side.BROKEN and reading.bound.needed:
            return reading
    if any(r.side is Side.MET and not r.bound.needed for r in readings):
        return None
    return next((r for r in readings if r.side is Side.BROKEN), None)


def _read(bound: Bound, text: str, found: Sequence[Number]) -> Reading:
    if not bound.asked_by(text):
        return Reading(bound, Side.OPEN)
    fitting = [n for n in found if _comparable(bound, n)]
    best: tuple[int, Number] | None = None
    for word in bound.words:
        at = text.find(word)
        while at >= 0:
            for number in fitting:
                far = _distance(number, at, at + len(word))
                if far <= FARTHEST and (number.dimension or far <= 8) and (best is None or far < best[0]):
                    best = (far, number)
            at = text.find(word, at + 1)
    if best is not None:
        number = best[1]
        return Reading(bound, _side(bound, number.least, number.most), number.text)
    derived = _share(bound, text, found)
    if derived is not None:
        return Reading(bound, _side(bound, derived, derived), f"{derived:.4g}%")
    alone = [n for n in fitting if n.dimension and not n.reference]
    if bound.needed and len(alone) == 1 and bound.dimension not in ("count", "people", "length"):
        number = alone[0]
        return Reading(bound, _side(bound, number.least, number.most), number.text)
    return Reading(bound, Side.OPEN)


def _comparable(bound: Bound, number: Number) -> bool:
    if number.dimension == bound.dimension:
        return True
    if {number.dimension, bound.dimension} == {"count", "people"}:
        return True
    return not number.dimension and bound.dimension in ("parts", "count")


def _distance(number: Number, start: int, end: int) -> int:
    far = number.start - end if number.start >= end else start - number.end + BEFORE
    if far < 0:  # the word holds the number: 个水平同时生产
        far = 0
    return far + (BESIDE if number.reference and far > 2 else 0)


def _side(bound: Bound, least: float, most: float) -> Side:
    limit = bound.value
    low, high = round(least, 9), round(most, 9)
    if bound.op in (">", ">="):
        if low > limit or (low == limit and (bound.op == ">=" or high > limit)):
            return Side.MET
        return Side.BROKEN if high < limit or (high == limit and bound.op == ">" and low <= limit) else Side.OPEN
    if bound.op in ("<", "<="):
        if high < limit or (high == limit and (bound.op == "<=" or low < limit)):
            return Side.MET
        return Side.BROKEN if low > limit or (low == limit and bound.op == "<" and high >= limit) else Side.OPEN
    return Side.MET if low == high == limit else Side.BROKEN


@dataclass(frozen=True)
class Stated:
    """A thing and its own norm, both given in the sentence. `ratio` = thing / norm; `within`: the norm is kept."""

    thing: Number
    norm: Number
    ratio: float
    within: bool


def stated(text: str, found: Sequence[Number]) -> tuple[Stated, ...]:
    """Pairs of a measured number and the nearest norm of the same dimension."""
    pairs: list[Stated] = []
    norms = [n for n in found if n.reference and n.value > 0]
    for norm in norms:
        things = [n for n in found if not n.reference and _alike(n, norm)]
        if not things:
            continue
        thing = min(things, key=lambda n: (abs(n.start - norm.start), n.start))
        ceiling = norm.ceiling if norm.ceiling is not None else _direction(text, thing, norm)
        if ceiling is None or norm.dimension == "wind":  # 级 is a grade of many things
            continue
        ratio = thing.value / norm.value
        within = thing.most <= norm.value if ceiling else thing.least >= norm.value
        pairs.append(Stated(thing, norm, ratio, within))
    return tuple(pairs)


def _direction(text: str, thing: Number, norm: Number) -> bool | None:
    """Whether the norm is a ceiling (True) or a floor (False), by the words about the quantity."""
    if _SHORT.search(text[max(0, thing.start - 8) : thing.start]):
        return False
    if "超过" in text[max(0, norm.start - 10) : norm.start]:
        return True
    words = text[max(0, min(thing.start, norm.start) - 14) : max(thing.end, norm.end)]
    if any(word in words for word in _CEILINGS):
        return True
    return False if any(word in words for word in _FLOORS) else None


def _alike(number: Number, norm: Number) -> bool:
    if not norm.dimension:  # 干滩130m(设计120); 需风1400,测得1090方
        beside = 0 < norm.start - number.start < BESIDE or (0 < number.start - norm.end < BESIDE and norm.value >= LONG)
        return (bool(number.dimension) and beside) or number.dimension == "people"
    if not number.dimension:  # 设计1200m3/min,实测只有985
        return 0 < number.start - norm.end < BESIDE and number.value >= LONG
    if {number.dimension, norm.dimension} == {"mass", "yearly_mass"}:  # 99万吨,能力90万吨/年
        return True
    return number.dimension == norm.dimension or {number.dimension, norm.dimension} == {"count", "people"}


def _share(bound: Bound, text: str, found: Sequence[Number]) -> float | None:
    """The percentage that `bound` asks for, computed from a thing and its norm; above the norm for words with 超."""
    if bound.dimension != "parts" or not any(norm in word for word in bound.words for norm in _NORMS):
        return None
    pairs = stated(text, found)
    if len(pairs) != 1 or pairs[0].thing.dimension == "parts":  # a share of shares is asked for nowhere
        return None
    above = any("超" in word for word in bound.words)
    return round(100 * (pairs[0].ratio - (1 if above else 0)), 6)
