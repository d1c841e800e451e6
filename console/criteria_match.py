"""One line of findings JSON in, one answer out, judged as the stream would with no registry of places."""

import datetime as dt
from typing import Any

import orjson

from schemas.criteria import Catalogue
from schemas.hazards import Finding
from schemas.model import Refused
from schemas.registry import Site
from schemas.terms import Verdict
from streams.decode import Found, Record
from streams.findings import FindingJudge

# The verdict that binds most comes first when facts meet several clauses.
_ORDER = list(Verdict)


def judged(line: bytes, catalogue: Catalogue) -> tuple[dict[str, Any], str]:
    """(answer, "") or ({}, reason): the finding's field and what is wrong with it.

    `site_id`, `received_at` and `found_at` may be left out here (they are needed on the topic): the judgement needs
    the day alone, and takes today's list without one.
    """
    try:
        raw = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return {}, f"not JSON: {error}"
    if not isinstance(raw, dict):
        return {}, f"an object is needed, not {type(raw).__name__}"
    now = dt.datetime.now(dt.UTC).isoformat()
    raw = {"site_id": "-", "found_at": now, **raw}
    raw.setdefault("received_at", raw["found_at"])
    try:
        finding = Finding.parse(raw)
    except Refused as refused:
        return {}, str(refused)
    judge = FindingJudge(Site(site_id=finding.site_id), {}, catalogue)
    record = Record("stdin", "inspection.findings", 0, 0, None, line)
    judgements = judge.judge(Found(record, finding))
    first = min(judgements, key=lambda judgement: _ORDER.index(judgement.verdict))
    named = [{"criterion_id": j.clause.id, "score": 1.0} for j in judgements if j.clause and not j.candidates]
    clause = first.clause
    if clause is None and first.candidates:
        clause = catalogue.get(first.candidates[0]["criterion_id"])
    return {
        "finding_id": finding.finding_id, "verdict": first.verdict.value,
        "candidates": named or list(first.candidates), "document_id": clause.document_id if clause else None,
        "missing": list(first.missing), "catalogue_version": catalogue.version,
        "why": first.why, "why_zh": first.why_zh,
    }, ""  # fmt: skip
