"""Speed of judging findings: `python -m benchmarks.match_findings [--rounds N]`.

CPU seconds per 1,000 findings of the tune part (judged as the stream does), the ratio to the
word-overlap ranking it took over from, and what loading costs. One process, one core.
"""

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Callable

from benchmarks.score_findings import LABELS, labelled
from benchmarks.simple_matcher import matcher as simple
from schemas.criteria import Catalogue, load_catalogue
from schemas.hazards import Finding
from schemas.registry import Site
from streams.decode import Found, Record
from streams.findings import FindingJudge
from streams.lexicon import terms


def findings() -> list[Found]:
    found: list[Found] = []
    for label in labelled("tune"):
        raw = {name: value for name, value in label.items() if name not in LABELS}
        if raw.get("criterion_ref") or raw.get("facts"):
            continue
        record = Record("bench", "inspection.findings", 0, len(found), None, json.dumps(raw).encode())
        found.append(Found(record, Finding.parse(raw)))
    return found


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def judge_all(catalogue: Catalogue, items: list[Found], rounds: int) -> None:
    judge = FindingJudge(Site(site_id="bench"), {}, catalogue)
    for _ in range(rounds):
        terms.cache_clear()  # a new round is new findings
        for item in items:
            judge.judge(item)


def rank_all(catalogue: Catalogue, items: list[Found], rounds: int) -> None:
    for _ in range(rounds):
        for item in items:
            day = dt.date.fromisoformat(item.finding.found_at.date().isoformat())
            simple(catalogue.in_force(item.finding.industry, day, general=True)).rank(item.finding.text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    held: list[Catalogue] = []
    loading = cpu(lambda: held.append(load_catalogue()))
    catalogue, items = held[0], findings()
    first = next(item for item in items if item.finding.industry == "coal")
    indexing = cpu(lambda: judge_all(catalogue, [first], 1))
    every = cpu(lambda: judge_all(catalogue, items, 1))
    rank_all(catalogue, items, 1)
    judged = cpu(lambda: judge_all(catalogue, items, rounds))
    ranked = cpu(lambda: rank_all(catalogue, items, rounds))
    count = rounds * len(items)
    row = {
        "findings": count, "load_s": round(loading, 3), "first_list_s": round(indexing, 3),
        "every_list_s": round(every, 3), "cpu_s_per_1000": round(1000 * judged / count, 4),
        "findings_per_s": round(count / judged), "simple_cpu_s_per_1000": round(1000 * ranked / count, 4),
        "ratio_to_simple": round(judged / ranked, 2),
    }  # fmt: skip
    print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
