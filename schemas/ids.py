"""Deterministic ids: the same facts give the same id in every run, so re-delivery and replay double nothing.

Recipe (contracts.md, Ids): uuid5 of one fixed namespace over the parts joined by `|`, times as UTC microseconds.
"""

import datetime as dt
from collections.abc import Iterable
from uuid import UUID, uuid5

from schemas.times import to_us

NAMESPACE = UUID("8d0f3a52-6f0e-5c7b-9a41-51f1c1ea2026")


def make_id(*parts: object) -> str:
    """uuid5 of the parts; an aware datetime is written as UTC microseconds, None as an empty part."""
    return str(uuid5(NAMESPACE, "|".join(_text(part) for part in parts)))


def _text(part: object) -> str:
    if isinstance(part, dt.datetime):
        return str(to_us(part))
    return "" if part is None else str(part)


def alarm_id(site_id: str, sensor_or_area: str, rule_id: str) -> str:
    return make_id("alarm", site_id, sensor_or_area, rule_id)


def occurrence_id(alarm: str, began_at: dt.datetime) -> str:
    return make_id("occurrence", alarm, began_at)


def evidence_id(criterion_id: str, site_id: str, place_id: str, began_at: dt.datetime) -> str:
    """Of a span in which a sensor rule's conditions held."""
    return make_id("evidence", criterion_id, site_id, place_id, began_at)


def verdict_id(criterion_id: str, catalogue_version: str, evidence_ids: Iterable[str]) -> str:
    return make_id("verdict", criterion_id, catalogue_version, *sorted(evidence_ids))


def hazard_id(root_criterion_id: str, site_id: str, place_id: str, found_at: dt.datetime) -> str:
    return make_id("hazard", root_criterion_id, site_id, place_id, found_at)


def event_id(subject_id: str, kind: str, cause: str, n: int = 0) -> str:
    """`cause` is a command_id, or the input's own coordinate: `frame_id/row`, finding_id, upstream alarm id.

    Not the Kafka offset: a gateway that sends a file again must cause the same events (docs/decisions/0003).
    """
    return make_id("event", subject_id, kind, cause, n)


def frame_id(site_id: str, raw_sha256: str, n: int) -> str:
    return make_id("frame", site_id, raw_sha256, n)


def upstream_alarm_id(site_id: str, sensor_id: str | None, kind: str, raised_at: dt.datetime) -> str:
    return make_id("upstream", site_id, sensor_id, kind, raised_at)
