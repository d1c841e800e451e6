"""The sensor rules: which readings and states matter, and where each is decided. Source: sensor_rules.yaml.

A row is said by the rule of an entry of the catalogue, or has levels of its own: an alarm or a breach of a regulation
that is never a major hazard by itself. What nothing can say yet is `undecided` in the entry that it belongs to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from schemas.case_checks import case_problems
from schemas.clauses import Authored, Case, Clause
from schemas.condition_reader import parse_condition
from schemas.conditions import Condition
from schemas.faults import CatalogueError, Fault
from schemas.terms import Confidence
from schemas.vocabulary import vocabulary

FILE = Path(__file__).parent / "sensor_rules.yaml"


class Level(Authored):
    """One figure of a row: what it means when its rule is met."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    rule: dict[str, Any]
    cases: tuple[Case, ...]

    @cached_property
    def condition(self) -> Condition | None:
        return parse_condition(self.rule, vocabulary())[0]


class SensorRule(Authored):
    """`places`: the kinds of place where the levels are asked for. `basis`: where the figures come from."""

    id: str = Field(pattern=r"^SR-[A-Z]\d\d$")
    industry: str
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    basis: str = ""
    confidence: Confidence = Confidence.HIGH
    places: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True)
class Standing:
    """Where a row is decided: by the rules of `clauses`, by its own levels; `undecided`: clause -> signals missing."""

    rule: SensorRule
    clauses: tuple[str, ...]
    undecided: dict[str, tuple[str, ...]]

    @property
    def executable(self) -> bool:
        return bool(self.clauses or self.rule.levels)


@cache
def sensor_rules(file: Path = FILE) -> dict[str, SensorRule]:
    """The rows by id, in order. Raises CatalogueError naming every fault."""
    faults: list[Fault] = []
    found: dict[str, SensorRule] = {}
    try:
        rows = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)["rules"]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise CatalogueError(
            [Fault(file.name, "", "", f"not YAML with `rules`: {' '.join(str(error).split())}")]
        ) from None
    for number, row in enumerate(rows):
        entry = str(row.get("id", f"rules[{number}]")) if isinstance(row, dict) else f"rules[{number}]"
        try:
            rule = SensorRule.model_validate(row)
        except ValidationError as error:
            faults += [Fault(file.name, entry, ".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]
            continue
        if rule.id in found:
            faults.append(Fault(file.name, entry, "id", "duplicate"))
        found[rule.id] = rule
        faults += _within(rule, file.name)
    if faults:
        raise CatalogueError(faults)
    return found


def _within(rule: SensorRule, file: str) -> Iterator[Fault]:
    words = vocabulary()
    if not words.industry_ids(rule.industry):
        yield Fault(file, rule.id, "industry", f"unknown industry {rule.industry!r}")
    for kind in rule.places:
        if kind not in words.places:
            yield Fault(file, rule.id, "places", f"unknown place {kind!r}")
    if bool(rule.levels) != bool(rule.places):
        yield Fault(
            file, rule.id, "places", "levels need the kinds of place where they are asked for, and only they do"
        )
    if rule.levels and not rule.basis:
        yield Fault(file, rule.id, "basis", "missing: where the figures come from")
    for number, level in enumerate(rule.levels):
        at = f"levels[{number}]"
        condition, problems = parse_condition(level.rule, words, f"{at}.rule")
        yield from (Fault(file, rule.id, problem.field, problem.reason) for problem in problems)
        if condition is not None:
            for problem in case_problems(condition, level.cases):
                yield Fault(file, rule.id, f"{at}.{problem.field}", problem.reason)


def standings(clauses: Iterable[Clause]) -> list[Standing]:
    """Every row with the entries of a catalogue that decide it, or that name what is missing."""
    said: dict[str, list[str]] = {}
    undecided: dict[str, dict[str, tuple[str, ...]]] = {}
    for clause in clauses:
        for name in clause.sensor_rules:
            said.setdefault(name, []).append(clause.id)
        for name, missing in clause.undecided.items():
            undecided.setdefault(name, {})[clause.id] = missing
    return [Standing(r, tuple(said.get(r.id, ())), undecided.get(r.id, {})) for r in sensor_rules().values()]
