"""The end of a span whose clause the catalogue in effect no longer has. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from schemas.hazards import Evidence
from schemas.ids import evidence_id
from schemas.terms import Verdict
from schemas.times import from_us
from streams.judgement import Judgement
from streams.signals import SiteSignals
from streams.spans import MAJOR


def gone(judgement: Judgement, clause_id: str, version: str) -> Judgement:
    """`judgement`, an end, saying that catalogue `version` does not have the clause."""
    return replace(
        judgement, why=f"{clause_id} is no longer met: catalogue {version} does not have it",
        why_zh=f"{clause_id}情形结束：目录 {version} 中已无此条",
    )  # fmt: skip


def unnamed_end(
    signals: SiteSignals, clause_id: str, place_id: str, held: dict[str, Any], at_us: int, version: str
) -> Iterator[Judgement]:
    """The end of a remembered span (`held`: Watch.memory) under a clause that no catalogue known here has.

    Nothing can be judged by it any more; the hazard that holds the evidence learns its end.
    """
    span = held["span"]
    if not span or span["state"] != MAJOR:
        return
    site_id, began = signals.site.site_id, from_us(span["began_us"])
    ended = from_us(max(at_us, span["began_us"]))
    evidence = Evidence(
        evidence_id=evidence_id(clause_id, site_id, place_id, began), kind="span", began_at=began, ended_at=ended,
        peak=span["peak"], sensor_ids=tuple(span["sensor_ids"]),
        coordinates=tuple(dict.fromkeys((span["first"], span["peaked"], span["last"]))),
    )  # fmt: skip
    place = signals.places.get(place_id)
    end = Judgement(
        verdict=Verdict.NEEDS_REVIEW, clause=None, site_id=site_id, place_id=place_id,
        place=place.name if place else "", evidence=(evidence,), missing=(), candidates=(), why="", why_zh="",
        occurred_at=ended, phase="ended", catalogue_version=version,
    )  # fmt: skip
    yield gone(end, clause_id, version)
