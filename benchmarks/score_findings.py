"""Scores `qingling criteria match` on one split of tests/findings/labelled.jsonl (its README says how it was made).

`python -m benchmarks.score_findings --split tune [--batch L4] [--wrong]` prints the lines that went wrong as well;
`--split held_out` and `--split blind` print tables only: no text of those is ever shown.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.criteria_match import judged
from schemas.criteria import Catalogue, load_catalogue

LABELLED = Path(__file__).parent.parent / "tests" / "findings" / "labelled.jsonl"
BLIND = LABELLED.with_name("blind.jsonl")
LABELS = ("expect", "group", "split", "note", "family")


@dataclass(frozen=True)
class Scored:
    """One labelled finding and what the matcher said of it."""

    label: dict[str, Any]
    answer: dict[str, Any]

    @property
    def wanted(self) -> set[str]:
        expect = self.label["expect"]
        return {expect["criterion_id"], *expect["also"]} - {None}

    @property
    def named(self) -> list[str]:
        return [candidate["criterion_id"] for candidate in self.answer["candidates"]]

    @property
    def verdict_right(self) -> bool:
        expect = self.label["expect"]
        return self.answer["verdict"] in {expect["verdict"], *expect.get("also_verdict", ())}

    @property
    def called_major(self) -> bool:
        return bool(self.answer["verdict"] == "major")

    def within(self, first: int) -> bool:
        return bool(self.wanted.intersection(self.named[:first]))

    @property
    def trap_right(self) -> bool:
        """A clause of the list in force comes first; where no list binds, nothing is called major.

        A clause that may be called major or not (of AQ 3067 only topics are known) comes first if it is called so.
        """
        expect = self.label["expect"]
        if expect["verdict"] == "major" or (self.called_major and self.verdict_right):
            return self.within(1)
        return not self.called_major

    @property
    def parts_found(self) -> bool:
        parts = self.label["expect"].get("parts", ())
        return {part["criterion_id"] for part in parts} - {None} <= set(self.named)


def labelled(split: str, batch: str = "") -> list[dict[str, Any]]:
    """The lines of one split (`blind` has a file of its own); of one batch (`L4`) alone where one is named."""
    path = BLIND if split == "blind" else LABELLED
    lines = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line["split"] == split and line["finding_id"].startswith(batch)]


def score(label: dict[str, Any], catalogue: Catalogue) -> Scored:
    """The finding goes in without its labels. Raises ValueError naming the finding where the matcher refuses it."""
    finding = {name: value for name, value in label.items() if name not in LABELS}
    answer, reason = judged(json.dumps(finding, ensure_ascii=False).encode(), catalogue)
    if not answer:
        raise ValueError(f"{label['finding_id']}: {reason}")
    return Scored(label, answer)


def share(scored: Iterable[Scored], right: Callable[[Scored], bool]) -> str:
    answers = [right(each) for each in scored]
    return f"{sum(answers)}/{len(answers)} = {100 * sum(answers) / len(answers):5.1f} %" if answers else "none"


def by_group(scored: list[Scored]) -> list[str]:
    groups: dict[str, list[Scored]] = defaultdict(list)
    for each in scored:
        groups[each.label["group"]].append(each)
    lines = [f"{'group':14}{'lines':>6}{'verdict right':>20}{'right clause first':>22}{'in first three':>22}"]
    for group, members in sorted(groups.items()):
        named = [each for each in members if each.wanted]
        lines.append(
            f"{group:14}{len(members):>6}{share(members, lambda s: s.verdict_right):>20}"
            f"{share(named, lambda s: s.within(1)):>22}{share(named, lambda s: s.within(3)):>22}"
        )
    return lines


def by_document(scored: list[Scored], catalogue: Catalogue) -> list[str]:
    documents: dict[str, list[Scored]] = defaultdict(list)
    for each in scored:
        if each.label["expect"]["verdict"] == "major":
            documents[catalogue.clauses[each.label["expect"]["criterion_id"]].document_id].append(each)
    return [
        f"{document:14}{share(members, lambda s: s.within(1)):>22}{share(members, lambda s: s.within(3)):>22}"
        for document, members in sorted(documents.items())
    ]


def calibration(scored: list[Scored]) -> list[str]:
    """Score of the first candidate against how often that candidate was right."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for each in scored:
        if each.named:
            value = float(each.answer["candidates"][0]["score"])
            bins[min(int(value * 10), 9)].append((value, each.within(1)))
    lines = [f"{'score':12}{'lines':>6}{'mean score':>12}{'right':>10}"]
    for step, pairs in sorted(bins.items()):
        mean = sum(value for value, _ in pairs) / len(pairs)
        right = sum(hit for _, hit in pairs) / len(pairs)
        lines.append(f"{step / 10:.1f} - {step / 10 + 0.1:.1f}   {len(pairs):>6}{mean:>12.2f}{right:>10.2f}")
    return lines


def report(scored: list[Scored], catalogue: Catalogue) -> list[str]:
    def of_group(name: str) -> list[Scored]:
        return [each for each in scored if each.label["group"] == name]

    several = [each for each in of_group("multi_issue") if each.wanted]
    major = [each for each in scored if each.label["expect"]["verdict"] == "major"]
    unbound = [each for each in scored if each.label["expect"]["verdict"] == "general"]
    return [
        f"major findings: right clause first     {share(major, lambda s: s.within(1))}",
        f"major findings: in the first three     {share(major, lambda s: s.within(3))}",
        f"major findings: called major           {share(major, lambda s: s.called_major)}",
        f"group general: called major            {share(of_group('general'), lambda s: s.called_major)}",
        f"expected general: called major         {share(unbound, lambda s: s.called_major)}",
        f"near misses: called major              {share(of_group('near_miss'), lambda s: s.called_major)}",
        f"version traps right                    {share(of_group('version_trap'), lambda s: s.trap_right)}",
        f"several issues: every major one named  {share(several, lambda s: s.parts_found)}",
        "", *by_group(scored), "", *by_document(scored, catalogue), "", *calibration(scored),
    ]  # fmt: skip


def wrong(scored: list[Scored]) -> list[str]:
    """What to read while tuning, of the tune part alone."""
    lines = []
    for each in scored:
        label, expect = each.label, each.label["expect"]
        missed = bool(each.wanted) and expect["verdict"] == "major" and not each.within(1)
        if missed or not each.verdict_right:
            got = f"{each.answer['verdict']} {','.join(each.named[:3])}"
            want = f"{expect['verdict']} {expect['criterion_id'] or '-'}"
            lines.append(f"{label['finding_id']} {label['group']}: want {want}; got {got}; {label['text']}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--split", choices=["tune", "held_out", "blind"], default="tune")
    parser.add_argument("--batch", default="", help="only the lines of one batch, e.g. L4")
    parser.add_argument("--wrong", action="store_true", help="list the lines that went wrong; tune only")
    asked = parser.parse_args()
    if asked.wrong and asked.split != "tune":
        parser.error("--wrong shows texts, and what is held out is never looked at")
    catalogue = load_catalogue()
    scored = [score(label, catalogue) for label in labelled(asked.split, asked.batch)]
    print(f"{asked.split} {asked.batch}: {len(scored)} findings, catalogue {catalogue.version}")
    print("\n".join(report(scored, catalogue)))
    if asked.wrong:
        print("\n".join(["", *wrong(scored)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
