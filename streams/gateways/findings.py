"""Inspection findings, one JSON object per line, to `inspection.findings`. Pure: bytes in, records to send out."""

from collections.abc import Iterator
from typing import Any

from schemas.hazards import Finding
from schemas.model import Refused
from schemas.times import from_us, to_us
from streams.decode import AHEAD_US, EARLIEST_US
from streams.gateways.lines import json_object, lines_of, sort_out
from streams.gateways.outbox import Outgoing, to_site

SOURCE = "findings"


def records_of(raw: bytes, file: str, now_us: int) -> Iterator[tuple[Outgoing, Refused | None]]:
    """What to send for each line of `raw`; a refused line is a dead letter naming file, line, field and reason."""
    return sort_out(lines_of(raw), lambda line: finding_record(line, now_us), SOURCE, file, now_us)


def finding_record(raw: bytes, now_us: int) -> Outgoing:
    """One finding as the record to send; `received_at` is now unless the line says when.

    Raises Refused: no JSON object, not a Finding, or found before 2000 or more than ten minutes ahead of `now_us`.
    """
    given: dict[str, Any] = json_object(raw)
    if given.get("received_at") is None:
        given["received_at"] = from_us(now_us).isoformat()
    finding = Finding.parse(given)
    if not EARLIEST_US <= to_us(finding.found_at) <= now_us + AHEAD_US:
        raise Refused("found_at", f"{finding.found_at.isoformat()} lies before 2000 or in the future")
    return to_site("inspection.findings", finding.site_id, finding.encode())
