"""The closed vocabulary of the criteria: signals, kinds of place, set-points, industries. Source: vocabulary.yaml."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from schemas.model import Message

FILE = Path(__file__).parent / "vocabulary.yaml"


class Signal(Message):
    """A fact a rule may ask for. A bool travels in a frame as 0/1, an enum as its position in `values`, from 1."""

    name: str
    unit: str = "-"
    type: str = Field(pattern="^(number|count|bool|enum)$")
    source: str = Field(pattern="^(reading|registry|finding)$")
    zh: str
    en: str
    values: tuple[str, ...] = ()
    reach: str = Field(default="", pattern="^(place|area)?$")  # how far one sensor speaks; a bool: its area
    context: bool = False  # says what goes on around it, not what is wrong

    @property
    def area_wide(self) -> bool:
        return self.reach == "area" or (self.type == "bool" and self.reach != "place")

    def from_reading(self, value: float) -> bool | float | str:
        """What a reading's number says of this signal. Raises ValueError for an enum position out of range."""
        if self.type == "bool":
            return value >= 0.5
        if self.type == "enum":
            position = round(value)
            if not 1 <= position <= len(self.values):
                raise ValueError(f"{self.name}: {value:g} is no position in {', '.join(self.values)}")
            return self.values[position - 1]
        return value


class PlaceKind(Message):
    id: str
    zh: str
    en: str


class SetPoint(Message):
    """Methane alarm, cut-off and restore values of a kind of place, %CH4; None: the place has no such value."""

    id: str
    places: tuple[str, ...]
    alarm_ge: float
    cut_ge: float | None
    restore_lt: float | None
    missing_is_major: bool
    zh: str
    en: str


class WindLimit(Message):
    """Lowest and highest air speed of a kind of place, m/s."""

    id: str
    places: tuple[str, ...]
    min: float | None
    max: float | None
    zh: str
    en: str


class IndustryPart(Message):
    """A sub-industry; `shared`: its clauses bind every sub-industry. `words` of a finding tell it."""

    id: str
    zh: str
    en: str
    shared: bool = False
    high_risk: bool = False
    aliases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Industry(Message):
    id: str
    zh: str
    en: str
    aliases: tuple[str, ...] = ()
    general: bool = False  # its list binds every industry (fire, special equipment)
    high_risk: bool = False  # with all its parts
    words: tuple[str, ...] = ()
    parts: tuple[IndustryPart, ...] = ()


class Implication(Message):
    """While `when` is true, so is `then`; `when` being false proves nothing."""

    when: str
    then: str


class Wanted(Message):
    """A signal that a clause would need and no installation sends."""

    name: str
    zh: str
    en: str


class PlaceWords(Message):
    """`kind` is meant where all `words` occur."""

    words: tuple[str, ...]
    kind: str


class Vocabulary:
    """Look-ups over vocabulary.yaml."""

    def __init__(
        self, signals: list[Signal], places: list[PlaceKind], setpoints: list[SetPoint],
        wind_limits: list[WindLimit], industries: list[Industry], implies: list[Implication],
        place_words: list[PlaceWords], wanted: list[Wanted],
    ) -> None:  # fmt: skip
        self.signals = {signal.name: signal for signal in signals}
        self.wanted = {each.name: each for each in wanted}
        self.places = {place.id: place for place in places}
        self.setpoints, self.wind_limits, self.place_words = setpoints, wind_limits, place_words
        self.industries = {industry.id: industry for industry in industries}
        self._named: dict[str, tuple[str, ...]] = {}  # name -> industries and sub-industries
        self._words: dict[str, tuple[str, ...]] = {}  # word of a finding -> what it tells
        self.shared: set[str] = set()
        self._high_risk: set[str] = set()
        for industry in industries:
            self._put(industry.id, industry)
            for part in industry.parts:
                self._put(f"{industry.id}/{part.id}", part)
        self._telling = re.compile("|".join(map(re.escape, sorted(self._words, key=len, reverse=True))) or r"(?!)")
        self.proofs: dict[str, tuple[str, ...]] = {}  # signal -> signals whose truth proves it
        for each in implies:
            self.proofs[each.then] = (*self.proofs.get(each.then, ()), each.when)
        self._by_place: dict[tuple[str, str], float | None] = {}
        for setpoint in setpoints:
            for name in ("alarm_ge", "cut_ge", "restore_lt"):
                self._tighten(setpoint.places, f"setpoint.{name}", getattr(setpoint, name), min)
        for wind in wind_limits:
            self._tighten(wind.places, "wind.min", wind.min, max)
            self._tighten(wind.places, "wind.max", wind.max, min)

    def _put(self, name: str, each: "Industry | IndustryPart") -> None:
        for alias in dict.fromkeys((each.zh, each.en, *each.aliases)):
            self._named[alias] = (*self._named.get(alias, ()), name)
        for word in each.words:
            self._words[word.lower()] = (*self._words.get(word.lower(), ()), name)
        if isinstance(each, IndustryPart) and each.shared:
            self.shared.add(name)
        if each.high_risk:
            self._high_risk.add(name)

    def _tighten(
        self, kinds: tuple[str, ...], name: str, value: float | None, stricter: Callable[[list[float]], float]
    ) -> None:
        for kind in kinds:
            known = [v for v in (value, self._by_place.get((kind, name))) if v is not None]
            self._by_place[kind, name] = stricter(known) if known else None

    def place_limit(self, place_kind: str, name: str) -> tuple[bool, float | None]:
        """Whether a kind of place has a limit (`setpoint.cut_ge`, `wind.max`) in the tables, and the strictest value.

        (True, None): the table has the place and says it has no such value. (False, None): the table has no such place.
        """
        key = (place_kind, name)
        return (key in self._by_place, self._by_place.get(key))

    def place_kind(self, text: str) -> str | None:
        """The kind of place that a finding's words mean; None if they name none."""
        return next((each.kind for each in self.place_words if all(word in text for word in each.words)), None)

    def industry_ids(self, text: str) -> tuple[str, ...]:
        """Industries meant by an id (`coal`, `industry-trade/dust`) or a name (`煤矿`, `炼钢企业`); () if none is."""
        text = text.strip()
        if text in self._named:
            return self._named[text]
        head, _, part = text.partition("/")
        if head in self.industries:
            return (text,)
        if part and (ids := self._named.get(head)):
            inside = [i for i in self._named.get(part, ()) if i.split("/")[0] in ids]
            return tuple(inside) or ids
        within = [name for name in self._named if name in text and len(name) > 1]
        return self._named[max(within, key=len)] if within else ()

    def is_high_risk(self, text: str) -> bool:
        """Whether an industry, by id or name, is a high-risk sector, wholly or as part of one."""
        return any(i in self._high_risk or i.split("/")[0] in self._high_risk for i in self.industry_ids(text))

    def told_by(self, text: str) -> frozenset[str]:
        """The industries and sub-industries that the words of a finding tell."""
        return frozenset(i for word in self._telling.findall(text.lower()) for i in self._words[word])


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of this installation."""
    raw = yaml.load(FILE.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return Vocabulary(
        [Signal.parse(each) for each in raw["signals"]],
        [PlaceKind.parse(each) for each in raw["places"]],
        [SetPoint.parse(each) for each in raw["setpoints"]],
        [WindLimit.parse(each) for each in raw["wind_limits"]],
        [Industry.parse(each) for each in raw["industries"]],
        [Implication.parse(each) for each in raw["implies"]],
        [PlaceWords.parse(each) for each in raw["place_words"]],
        [Wanted.parse(each) for each in raw["wanted"]],
    )
