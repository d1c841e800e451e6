"""Running the catalogue's cases: evidence through the rule, sentences through the matcher, against `expect`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.conditions import Condition, HeldFor
from schemas.criteria import Case, Catalogue, Clause
from schemas.sensor_rules import sensor_rules
from schemas.vocabulary import vocabulary
from streams.criteria import Outcome, StatedFacts, evaluate
from streams.judgement import verdict_of
from streams.matching import matcher
from streams.telling import told
from streams.why import explained


@dataclass(frozen=True)
class CaseResult:
    """`got`: true, false, missing. A sentence is true if this clause is what it is answered with, as met."""

    clause: Clause
    case: Case
    got: bool | str
    why: str

    @property
    def passed(self) -> bool:
        return self.got == self.case.expect


class _SeriesFacts(StatedFacts):
    """One point of a series; the timers run on between points."""

    def __init__(self, facts: dict[str, Any], place: str | None, since: dict[HeldFor, float]) -> None:
        super().__init__({k: v for k, v in facts.items() if k != "at_s"}, place, vocabulary())
        self._at, self._since = float(facts["at_s"]), since

    def held_s(self, node: HeldFor, now: bool | None) -> float | None:
        if now is False:
            self._since.pop(node, None)
        elif now is True:
            self._since.setdefault(node, self._at)
        return self._at - self._since[node] if node in self._since else None


def run_cases(catalogue: Catalogue) -> Iterator[CaseResult]:
    """Every case of every entry, in catalogue order."""
    for clause in catalogue.clauses.values():
        for case in clause.cases:
            yield run_case(catalogue, clause, case)


def run_case(catalogue: Catalogue, clause: Clause, case: Case) -> CaseResult:
    """What the rule or the matcher says of one case."""
    if case.text is not None:
        return _read(catalogue, clause, case)
    outcome = outcome_of(clause.condition, case)
    return CaseResult(clause, case, "missing" if outcome.value is None else outcome.value, explained(outcome)[1])


def outcome_of(rule: Condition | None, case: Case) -> Outcome:
    """What a rule says of a case of facts, or of the last moment of a series."""
    if rule is None:
        return Outcome(None)
    if case.facts is not None:
        return evaluate(rule, StatedFacts(case.facts, case.place, vocabulary()))
    outcome, since = Outcome(None), dict[HeldFor, float]()
    for facts in case.series or ():
        outcome = evaluate(rule, _SeriesFacts(facts, case.place, since))
    return outcome


def run_levels() -> Iterator[tuple[str, Case, Outcome]]:
    """Every case of every level of the sensor rules: id of the row, case, what came out."""
    for row in sensor_rules().values():
        for level in row.levels:
            for case in level.cases:
                yield row.id, case, outcome_of(level.condition, case)


def _read(catalogue: Catalogue, clause: Clause, case: Case) -> CaseResult:
    """True if an issue of the sentence is answered with this clause, as surely as the clause may ever be."""
    document = catalogue.document_of(clause)
    day = clause.effective_from or document.effective_from
    clauses = catalogue.in_force(clause.industry, day, general=True)
    answers = matcher(clauses, clause.industry, catalogue).judge(case.text or "", case.place or "")
    met = any(a.clause is not None and a.clause.id == clause.id and a.verdict is verdict_of(clause) for a in answers)
    return CaseResult(clause, case, met, told(answers, catalogue)[0])
