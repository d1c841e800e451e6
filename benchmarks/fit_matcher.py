"""Fits streams/calibration.yaml: `python -m benchmarks.fit_matcher [--write]`. Deterministic.

Learns from the catalogue's own sentences (cases, asked of an index that has not seen them; what they say of an industry
is nothing of another's list), from ordinary hazards (every second one, the index knowing the others) and from the tune
part of tests/findings; the held-out part is dropped while it is read. Two models: what orders the candidates (a
conditional logit over the first ones), and whether the first is right and its hazard there (logistic). Both are ridge
regressions by Newton's method.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from schemas.criteria import Catalogue, load_catalogue
from schemas.vocabulary import vocabulary
from streams.calibration import FILE, ORDER, SURE, Calibration, calibration
from streams.candidates import Field, Issue, Prepared, ordinary_sentences, prepare
from streams.lexicon import lexicon
from streams.splitting import parts

LABELLED = Path(__file__).parent.parent / "tests" / "findings" / "labelled.jsonl"
RIDGE = {"order": 1.0, "sure": 2.0}
ROUNDS = 3  # the order decides which candidate comes first, so both models are fitted again
# Of findings that are no major hazard (near misses for the most part) at most this share may be called one.
FALSE_MAJOR = 0.05
STRANGERS = 3  # industries that an ordinary hazard is asked of
LATE = dt.date(2026, 12, 1)  # every current list binds
ALIKE = 0.5  # a stranger's sentence this near to a clause may mean the same there (hot work): it teaches nothing
LEAST_MAJOR, MOST_MAJOR = 0.5, 0.85
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """A sentence, where it is asked, the clauses that are right, and how much of it is a major hazard (0, 0.5, 1)."""

    text: str
    place: str
    industry: str
    day: dt.date
    right: frozenset[str]
    hazard: float
    seen: bool  # whether the index may hold the cases
    weight: float = 1.0


def samples(catalogue: Catalogue) -> Iterator[Sample]:
    own = {i.id for i in vocabulary().industries.values() if not i.general}
    strangers = sorted(own)
    asked = 0
    for sentence in ordinary_sentences()[1::2]:
        for _ in range(STRANGERS):
            asked += 1
            yield Sample(sentence, "", strangers[asked % len(strangers)], LATE, frozenset(), 0.0, False, 0.3)
    for clause in catalogue.clauses.values():
        day = clause.effective_from or catalogue.document_of(clause).effective_from
        for case in clause.cases:
            if case.text is not None and isinstance(case.expect, bool):
                yield Sample(case.text, case.place or "", clause.industry, day, frozenset({clause.id}),
                             float(case.expect), False)  # fmt: skip
                asked += 1
                there = strangers[asked % len(strangers)]
                if case.expect and clause.industry.split("/")[0] in own - {there}:
                    yield Sample(case.text, case.place or "", there, LATE, frozenset(), 0.0, False, 0.3)
    for line in LABELLED.read_text("utf-8").splitlines():
        label = json.loads(line)
        if label["split"] != "tune" or label.get("criterion_ref") or label.get("facts"):
            continue
        expect = label["expect"]
        if len(parts(label["text"])) > 1:
            continue
        hazard = {"major": 1.0, "needs_review": 0.5}.get(expect["verdict"], 0.0)
        right = frozenset({expect["criterion_id"], *expect["also"]} - {None})
        day = dt.datetime.fromisoformat(label["found_at"]).date()
        yield Sample(label["text"], label["place"], label["industry"], day, right, hazard, True, 2.0)


class Fields:
    """Fields by list and by whether the cases are in the index; what is prepared once serves every round."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._prepared: dict[bool, dict[str, Prepared]] = {
            seen: {c.id: prepare(c, with_cases=seen) for c in catalogue.clauses.values()} for seen in (True, False)
        }

    def read(self, asked: list[Sample], coefficients: Calibration) -> list[tuple[Sample, Issue]]:
        fields: dict[tuple[int, str, bool], Field] = {}
        found = []
        for sample in asked:
            clauses = self._catalogue.in_force(sample.industry, sample.day, general=True)
            if not clauses:
                continue
            key = (id(clauses), sample.industry, sample.seen)
            if key not in fields:
                held = self._prepared[sample.seen]
                known = None if sample.seen else ordinary_sentences()[::2]
                fields[key] = Field([held[c.id] for c in clauses], sample.industry, coefficients, known)
            place = lexicon().fold(sample.place) if sample.place else None
            found.append((sample, fields[key].read(sample.text, place)))
        return found


def fit_order(read: list[tuple[Sample, Issue]]) -> dict[str, float]:
    """Conditional logit: of the first candidates, the right one. Sentences without it among them teach nothing."""
    groups: list[tuple[Floats, int, float]] = []
    for sample, issue in read:
        if sample.hazard == 0.0:
            continue
        held = [n for n, c in enumerate(issue.candidates) if c.clause.id in sample.right]
        if held and len(issue.candidates) > 1:
            rows = np.array([[c.features[name] for name in ORDER] for c in issue.candidates])
            groups.append((rows, held[0], sample.weight))
    weights = np.zeros(len(ORDER))
    for _ in range(25):
        slope, curve = -RIDGE["order"] * weights, RIDGE["order"] * np.eye(len(ORDER))
        for rows, right, weight in groups:
            scores = rows @ weights
            share = np.exp(scores - scores.max())
            share /= share.sum()
            mean = share @ rows
            slope += weight * (rows[right] - mean)
            curve += weight * ((rows * share[:, None]).T @ rows - np.outer(mean, mean))
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return {name: round(float(w), 4) for name, w in zip(ORDER, weights, strict=True)}


def rows_of(read: list[tuple[Sample, Issue]]) -> tuple[Floats, Floats, Floats]:
    """(features, target, weight) of sentences whose first candidate can be said to be right or wrong."""
    rows, targets, weights = [], [], []
    for sample, issue in read:
        first = issue.candidates[0].clause.id if issue.candidates else ""
        if not sample.seen and sample.hazard == 0.0 and sample.right and first not in sample.right:
            continue  # the case says only what the sentence is not
        if not sample.seen and not sample.right and issue.features["near"] > ALIKE:
            continue
        rows.append([issue.features[name] for name in SURE])
        targets.append(sample.hazard if first in sample.right else 0.0)
        weights.append(sample.weight)
    return np.array(rows), np.array(targets), np.array(weights)


def fit_sure(read: list[tuple[Sample, Issue]]) -> dict[str, float]:
    rows, targets, sizes = rows_of(read)
    weights = np.zeros(len(SURE))
    ridge = RIDGE["sure"] * np.eye(len(SURE))
    ridge[0, 0] = 1e-6
    for _ in range(40):
        share = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (sizes * (targets - share)) - ridge @ weights
        curve = (rows * (sizes * share * (1 - share))[:, None]).T @ rows + ridge
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return {name: round(float(w), 4) for name, w in zip(SURE, weights, strict=True)}


def thresholds(read: list[tuple[Sample, Issue]], fitted: Calibration) -> tuple[float, float]:
    """(major, review): the lowest probability from which at most FALSE_MAJOR of what is no hazard is called major.

    It must hold for the tune part and for the cases that come close to a clause, each by itself.
    """
    major = LEAST_MAJOR
    for seen in (True, False):
        calm = [(s, i) for s, i in read if s.hazard == 0.0 and s.seen is seen and (seen or s.right) and i.candidates]
        passed = sorted(
            (fitted.probability(i.features) for s, i in calm if i.may_be_major and (seen or _own(s, i))), reverse=True
        )
        allowed = int(FALSE_MAJOR * len(calm))
        if allowed < len(passed):
            major = max(major, passed[allowed] + 0.001)
    major = round(min(major, MOST_MAJOR), 3)
    return major, round(major / 3, 3)


def _own(sample: Sample, issue: Issue) -> bool:
    return issue.candidates[0].clause.id in sample.right


def fitted(catalogue: Catalogue) -> tuple[Calibration, list[tuple[Sample, Issue]]]:
    fields, asked = Fields(catalogue), list(samples(catalogue))
    held = calibration()
    for _ in range(ROUNDS):
        order = fit_order(fields.read(asked, held))
        held = Calibration(order, held.sure, held.major, held.review)
        read = fields.read(asked, held)
        held = Calibration(order, fit_sure(read), held.major, held.review)
    major, review = thresholds(read, held)
    return Calibration(held.order, held.sure, major, review), read


def report(read: list[tuple[Sample, Issue]], fitted: Calibration) -> list[str]:
    lines = []
    for name, seen in (("cases", False), ("tune", True)):
        mine = [(s, i) for s, i in read if s.seen is seen and i.candidates and (seen or s.right)]
        there = [(s, i) for s, i in mine if s.hazard == 1.0]
        first = sum(i.candidates[0].clause.id in s.right for s, i in there)
        three = sum(any(c.clause.id in s.right for c in i.candidates[:3]) for s, i in there)
        calm = [
            i.may_be_major and fitted.probability(i.features) >= fitted.major
            for s, i in mine
            if s.hazard == 0.0 and (seen or _own(s, i))
        ]
        met = [i.may_be_major and fitted.probability(i.features) >= fitted.major for s, i in there]
        lines.append(
            f"{name}: right first {first}/{len(there)}, in the first three {three}/{len(there)}, "
            f"sure {sum(met)}/{len(met)}, sure of what is none {sum(calm)}/{len(calm)}"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write streams/calibration.yaml")
    asked = parser.parse_args()
    catalogue = load_catalogue()
    found, read = fitted(catalogue)
    print("\n".join(report(read, found)))
    text = (
        "# Written by benchmarks/fit_matcher.py from the catalogue's cases and the tune part of tests/findings.\n"
        f"# Catalogue {catalogue.version}, {len(read)} sentences.\n"
        + yaml.safe_dump(
            {"order": dict(found.order), "sure": dict(found.sure), "major": found.major, "review": found.review},
            sort_keys=False, width=120,
        )
    )  # fmt: skip
    print(text)
    if asked.write:
        FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
