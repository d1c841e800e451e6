"""What the catalogue is made of: documents, clauses, cases. Authored by hand, so unknown fields are refused."""

import datetime as dt
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from schemas.condition_reader import parse_condition
from schemas.conditions import AnyOf, Compare, Condition, signals_of
from schemas.hazards import Measure
from schemas.model import Message
from schemas.terms import ClauseKind, Confidence, Scope
from schemas.vocabulary import vocabulary

_CITED = (
    (re.compile(r"art\. (\d+)\((\d+)\)"), "第{}条第{}项"),
    (re.compile(r"art\. (\d+)"), "第{}条"),
    (re.compile(r"section (\d+) item (\d+)"), "第{}部分第{}项"),
    (re.compile(r"item (\d+)"), "第{}项"),
)


class Authored(Message):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cited(Authored):
    """A standard that a list leans on; `newer` is an edition that has replaced it, in force from `newer_from`."""

    standard: str = Field(min_length=1)
    newer: str = ""
    newer_from: dt.date | None = None


class Document(Authored):
    """One published list in one edition. In force from `effective_from` to `effective_to`, both days included.

    `aliases` name exactly this edition; `family` is the title that several editions share. `reviewed` is the day on
    which the list was last gone through; without it, the day it came into force.
    """

    id: str = Field(min_length=1)
    title_zh: str = Field(min_length=1)
    title_en: str = Field(min_length=1)
    number: str
    family: str = ""
    aliases: tuple[str, ...] = ()
    industries: tuple[str, ...] = Field(min_length=1)
    issued: str = ""
    effective_from: dt.date
    effective_to: dt.date | None = None
    replaces: str | None = None
    scope: tuple[Scope, ...] = (Scope.PRODUCTION, Scope.OPERATION)
    confidence: Confidence
    reviewed: dt.date | None = None
    cites: tuple[Cited, ...] = ()
    note: str = ""
    source: str = ""

    def in_force(self, day: dt.date) -> bool:
        """Whether the list binds on `day` (Asia/Shanghai)."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)


class Case(Authored):
    """Evidence run through the entry, and what must come out.

    `facts` go through the rule; `series` are facts at seconds from the start, for rules with durations; `text` is a
    sentence as an inspector writes it, run through the matcher. `expect`: true, false, or missing (cannot evaluate).
    """

    name: str = Field(min_length=1)
    facts: dict[str, Any] | None = None
    series: tuple[dict[str, Any], ...] | None = None
    text: str | None = None
    place: str | None = None
    expect: bool | str


class Limit(Authored):
    """A number that a sentence must give for the clause to be judged from text, and the side of it that meets.

    `what` are the Chinese words of the quantity as inspectors write it; `unit` is that of `v` ("" for a bare count).
    It is asked only where a sentence says one of `where` (if there are any) and none of `unless`.
    """

    what: tuple[str, ...] = Field(min_length=1)
    op: str = Field(pattern="^(>|>=|<|<=|==)$")
    v: float
    unit: str = ""
    needed: bool = True  # without the number the answer is needs_review; False: only a number given can exclude
    where: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class Clause(Authored):
    """One clause of a list, in our own words.

    `trigger`: the readings that make evaluation worth while; each is one comparison of the rule, `at` the kinds of
    place where it counts (else all `places`). Without one, only findings are judged by the rule. `places`: kinds of
    place whose sensors may trigger. `supersedes`: clauses of the earlier edition whose matter this one takes over;
    `continues`: of several successors, the one that carries on the earlier clause's open hazards. `unchanged`: it asks
    for what the one clause asked that it supersedes, so that sentences of either mean both. `partial`: the rule covers
    part of the clause: it may meet it, never refute it.
    `rule_confidence`: how sure the rule is where that is less than the clause is; a number that is a site's or an
    engineer's default and no law makes it low, and what meets it is then reviewed. `sensor_rules`: rows of
    sensor_rules.yaml that the rule says. `undecided`: row -> signals (`wanted` of the vocabulary) for want of which
    the rule cannot say it. `needs`: what would have to be seen to decide the rest, or all of a clause without a rule.
    `keywords`, `phrasings`, `contrasts`, `excludes`, `mentions` and `limits` are Chinese and are what a sentence of a
    finding is matched with.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9.\-]+$")
    document_id: str
    article: str = Field(min_length=1)
    title_zh: str = Field(min_length=1)
    title_en: str = Field(min_length=1)
    industry: str
    scope: tuple[Scope, ...] = ()
    effective_from: dt.date | None = None
    effective_to: dt.date | None = None
    supersedes: tuple[str, ...] = ()
    continues: bool = False
    unchanged: bool = False
    kind: ClauseKind
    confidence: Confidence
    status: str = Field(default="current", pattern="^(current|trial)$")
    auto_confirm: bool = False
    conditions: tuple[str, ...] = ()
    rule: dict[str, Any] | None = None
    trigger: tuple[dict[str, Any], ...] = ()
    places: tuple[str, ...] = ()
    partial: bool = False
    rule_confidence: Confidence | None = None
    sensor_rules: tuple[str, ...] = ()
    undecided: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    evidence_wanted: tuple[str, ...] = ()
    deadline_days: int | None = Field(default=None, gt=0)
    measures: tuple[Measure, ...] = ()
    keywords: tuple[str, ...] = ()
    phrasings: tuple[str, ...] = ()  # how inspectors put it; what the matcher compares a sentence with
    contrasts: tuple[str, ...] = ()  # sentences near its subject that are no hazard of it
    excludes: tuple[
        Annotated[str, Field(pattern=r"^[^+|]+$|^[^+|]+(\|[^+|]+)*(\+[^+|]+(\|[^+|]+)*)+$")], ...
    ] = ()  # its exemption holds, or it was put right; `停产+通风|排水`: both are said
    regardless: bool = False  # that it happened is enough, whatever was done about it since
    mentions: tuple[str, ...] = ()  # a sentence that says none of these speaks of something else
    limits: tuple[Limit, ...] = ()
    note: str = ""
    source: str = ""
    cases: tuple[Case, ...] = ()

    @cached_property
    def article_zh(self) -> str:
        """The article as it is cited in Chinese: `第5条第2项`."""
        for form, cited in _CITED:
            if match := form.fullmatch(self.article):
                return cited.format(*match.groups())
        return self.article

    @cached_property
    def condition(self) -> Condition | None:
        """The rule as a condition; None if the clause is judged from text or by a person."""
        return None if self.rule is None else parse_condition(self.rule, vocabulary())[0]

    @cached_property
    def signals(self) -> frozenset[str]:
        """Names of the signals that the rule asks for."""
        return signals_of(self.condition) if self.condition else frozenset()

    def condition_about(self, signals: Iterable[str]) -> Condition | None:
        """The rule, as far as evidence on these signals may decide it.

        A partial rule that is an `any` of separate matters is asked only for those that the evidence speaks of: a fan
        that runs leaves nothing open about the last reversal test. A rule that may refute its clause is asked whole.
        """
        condition = self.condition
        if not self.partial or not isinstance(condition, AnyOf):
            return condition
        spoken = self.signals.intersection(signals)
        if spoken not in self._asked:
            parts = tuple(part for part in condition.parts if signals_of(part) & spoken)
            self._asked[spoken] = AnyOf(parts) if parts else condition
        return self._asked[spoken]

    @cached_property
    def _asked(self) -> dict[frozenset[str], Condition]:
        return {}

    @cached_property
    def triggers(self) -> tuple[Compare, ...]:
        """The triggering comparisons; any of them makes the rule worth evaluating."""
        return tuple(trigger for trigger, _ in self._bound_triggers)

    def triggers_at(self, place_kind: str) -> tuple[Compare, ...]:
        """The triggering comparisons that count at a kind of place: those without `at`, and those bound to it."""
        return tuple(trigger for trigger, at in self._bound_triggers if not at or place_kind in at)

    @cached_property
    def _bound_triggers(self) -> tuple[tuple[Compare, tuple[str, ...]], ...]:
        found = []
        for raw in self.trigger:
            comparison = {word: value for word, value in raw.items() if word != "at"}
            parsed, _ = parse_condition(comparison, vocabulary())
            if isinstance(parsed, Compare):
                found.append((parsed, tuple(raw.get("at", ()))))
        return tuple(found)

    def reads_at(self, place_kind: str) -> bool:
        """Whether a sensor at this kind of place may trigger the clause."""
        return place_kind in self.places or (
            "any_methane_point" in self.places and any(trigger.q == "ch4_pct" for trigger in self.triggers)
        )
