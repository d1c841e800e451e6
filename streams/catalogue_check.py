"""Everything `criteria check` says of a catalogue that can be loaded: its cases, and what they show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.criteria import Catalogue, Fault
from schemas.sensor_rules import FILE, Standing, sensor_rules, standings
from schemas.vocabulary import vocabulary
from streams.cases import CaseResult, run_cases, run_levels
from streams.turning_points import idle_numbers, unshown_limits
from streams.why import explained


@dataclass(frozen=True)
class Checked:
    """`faults`: entries whose cases show too little, levels whose cases fail. `warnings` refuse nothing."""

    results: tuple[CaseResult, ...]
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    rules: tuple[Standing, ...]

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def sound(self) -> bool:
        return not self.failed and not self.faults


def checked(catalogue: Catalogue) -> Checked:
    """Run every case, and see what the cases show. Faults name the document in place of its file."""
    rules = tuple(standings(catalogue.clauses.values()))
    return Checked(
        tuple(run_cases(catalogue)),
        (*_shown(catalogue), *_levels()),
        tuple(warnings(catalogue, rules)),
        rules,
    )


def _shown(catalogue: Catalogue) -> Iterator[Fault]:
    for clause in catalogue.clauses.values():
        problems = list(unshown_limits(clause.limits, clause.cases))
        if clause.condition is not None:
            problems += idle_numbers(clause.condition, clause.cases)
        for problem in problems:
            yield Fault(f"{clause.document_id}.yaml", clause.id, problem.field, problem.reason)


def _levels() -> Iterator[Fault]:
    for name, case, outcome in run_levels():
        got = "missing" if outcome.value is None else outcome.value
        if got != case.expect:
            yield Fault(FILE.name, name, f"case {case.name!r}", f"{got}, not {case.expect}: {explained(outcome)[1]}")
    for rule in sensor_rules().values():
        for number, level in enumerate(rule.levels):
            for problem in idle_numbers(level.condition, level.cases) if level.condition else ():
                yield Fault(FILE.name, rule.id, f"levels[{number}].{problem.field}", problem.reason)


def warnings(catalogue: Catalogue, rules: tuple[Standing, ...]) -> Iterator[Fault]:
    """What is left unsaid: a partial rule without what it lacks, a sensor rule that nothing accounts for."""
    for clause in catalogue.clauses.values():
        if clause.partial and not clause.needs:
            yield Fault(
                f"{clause.document_id}.yaml", clause.id, "needs", "a partial rule does not say what is left open"
            )
    covered = {industry.split("/")[0] for d in catalogue.documents.values() for industry in d.industries}
    for each in rules:
        if not each.executable and not each.undecided and each.rule.industry.split("/")[0] in covered:
            yield Fault(FILE.name, each.rule.id, "", "no entry says it, and none names what is missing")
    asked = {name for each in rules for missing in each.undecided.values() for name in missing}
    if all(each.executable or each.undecided for each in rules):
        for name in vocabulary().wanted.keys() - asked:
            yield Fault("vocabulary.yaml", name, "wanted", "nobody wants it")
