"""Deadlines, escalation and supervision as data: `rules/deadlines.<region>.yaml`, the closest region's rule goes first.

rules = load_rules().of("140402", "coal")
rules.deadlines[Deadline.PLAN].within
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from schemas.model import Message, Refused
from schemas.terms import HazardSource, Verdict

FOLDER = Path(__file__).parent / "rules"
To = Literal["lead", "county", "city", "province"]


class Deadline(StrEnum):
    """What somebody has to have done by then. What starts and ends each: streams/deadlines.py."""

    JUDGE = "judge"
    LEAD = "lead"
    REPORT_REGULATOR = "report_regulator"
    REPORT_WORKERS = "report_workers_congress"
    PLAN = "plan"
    RECTIFICATION = "rectification"
    ACCEPTANCE = "acceptance"
    CLOSING = "closing"
    EXTENSION = "extension_decision"
    RESUME_REVIEW = "resume_review"
    SUPERVISION_ORDER = "supervision_order"
    SUPERVISION = "supervision"
    SIMILAR_CHECK = "similar_check"


# these have a due time of their own: the plan's, the order's
OWN_DUE = frozenset({Deadline.RECTIFICATION, Deadline.SUPERVISION})


class _Strict(Message):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(_Strict):
    """Exactly one of hours (to the minute), days and workdays (each counts to 24:00 of its last day, Asia/Shanghai)."""

    hours: float | None = Field(default=None, ge=0)
    days: int | None = Field(default=None, ge=0)
    workdays: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> "Span":
        if sum(each is not None for each in (self.hours, self.days, self.workdays)) != 1:
            raise ValueError("give exactly one of hours, days, workdays")
        return self


class Escalation(_Strict):
    after: Span
    to: To


class DeadlineRule(_Strict):
    """`verdicts`, `industries` empty: any. `remind` counts back from the due time, `escalate` on from it."""

    id: str = Field(min_length=1)
    deadline: Deadline
    verdicts: tuple[Verdict, ...] = ()
    industries: tuple[str, ...] = ()
    within: Span | None = None
    remind: tuple[Span, ...] = ()
    escalate: tuple[Escalation, ...] = ()
    standing: Literal["law", "local", "parameter"]
    source: str = Field(min_length=1)
    source_date: dt.date

    @model_validator(mode="after")
    def _sound(self) -> "DeadlineRule":
        if self.within is None and self.deadline not in OWN_DUE:
            raise ValueError(f"{self.deadline} needs `within`")
        if any(span.workdays is not None for span in (*self.remind, *(e.after for e in self.escalate))):
            raise ValueError("reminders and escalations are counted in hours or days")
        return self


class Supervision(_Strict):
    """When a hazard is to be put under supervision; any one is enough."""

    overdue: bool = False
    rebound: bool = False
    sources: tuple[HazardSource, ...] = ()
    due_over_days: int | None = None  # the plan allows itself longer than this


class SimilarRule(_Strict):
    within: Literal["province", "city", "county"] = "city"
    limit: int = Field(default=100, ge=0)


class PenaltyWindow(_Strict):
    days: int = Field(gt=0)
    count: int = Field(gt=0)


class PenaltyRule(_Strict):
    windows: tuple[PenaltyWindow, ...] = ()
    warn_before: int = Field(default=1, ge=0)


class RulesFile(_Strict):
    region: str = Field(pattern=r"^\d{6}$")
    version: str = Field(min_length=1)
    deadlines: tuple[DeadlineRule, ...] = ()
    supervision: Supervision | None = None
    similar: SimilarRule | None = None
    penalties: PenaltyRule | None = None


@dataclass(frozen=True)
class RegionRules:
    """What holds for one region and industry."""

    version: str
    deadlines: dict[Deadline, DeadlineRule]
    supervision: Supervision
    similar: SimilarRule
    penalties: PenaltyRule


@dataclass
class RuleBook:
    files: tuple[RulesFile, ...]
    _made: dict[tuple[str, str], RegionRules] = field(default_factory=dict)

    def of(self, region: str, industry: str = "") -> RegionRules:
        """The closest file's rule of each deadline; within a file, one for the industry before one for all."""
        key = (region, industry)
        if key not in self._made:
            self._made[key] = self._make(region, industry)
        return self._made[key]

    def _make(self, region: str, industry: str) -> RegionRules:
        chain = [file for file in self.files if lies_in(region, file.region)]
        chain.sort(key=lambda file: len(trunk(file.region)))
        rules: dict[Deadline, DeadlineRule] = {}
        for file in chain:
            binding = [rule for rule in file.deadlines if not rule.industries or industry in rule.industries]
            for rule in sorted(binding, key=lambda rule: bool(rule.industries)):
                rules[rule.deadline] = rule

        def last(name: str, otherwise: Any) -> Any:
            return next((found for file in reversed(chain) if (found := getattr(file, name)) is not None), otherwise)

        return RegionRules(
            "+".join(f"{file.region}@{file.version}" for file in chain), rules, last("supervision", Supervision()),
            last("similar", SimilarRule(limit=0)), last("penalties", PenaltyRule()),
        )  # fmt: skip


def trunk(region: str) -> str:
    """A region's code without the pairs of zeros that stand for what lies in it: 140400 is 1404, 000000 is empty."""
    while region.endswith("00"):
        region = region[:-2]
    return region


def lies_in(region: str, other: str) -> bool:
    """Whether `region` is `other` or a part of it; everything lies in the empty code and in 000000."""
    return region.startswith(trunk(other))


def read_rules(files: Iterable[Path]) -> RuleBook:
    """The rules of `files`. Raises Refused that names the file, the field and the reason."""
    read = []
    for path in files:
        try:
            read.append(RulesFile.model_validate(yaml.safe_load(path.read_text("utf-8"))))
        except yaml.YAMLError as error:
            raise Refused(path.name, str(error)) from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise Refused(f"{path.name}: {'.'.join(map(str, first['loc']))}", first["msg"]) from None
    return RuleBook(tuple(read))


@cache
def load_rules(folder: Path = FOLDER) -> RuleBook:
    """Every `deadlines.*.yaml` of the folder. Raises Refused."""
    return read_rules(sorted(folder.glob("deadlines.*.yaml")))
