"""Job `penalties`: how many penalties for major hazards each enterprise has had lately, over its sites, from the lake.

What brings an enterprise to the limit of the law, or one short of it, becomes an event of the programme, once.
"""

import datetime as dt
from typing import Any

import duckdb

import warehouse
from pipelines.lineage import Datasets, lake_table, recorded, topic
from schemas.deadlines import load_rules
from schemas.events import Event
from schemas.settings import Settings
from schemas.topics import partition_of
from streams.connect import bootstrap_servers, producer
from streams.penalties import Penalty, windows

_ACK_S = 60
# M at the time of the penalty: the latest judgement by then said major, and nothing took the hazard out of it before
_PENALTIES = """
    WITH judged AS (
        SELECT subject_id, occurred_at, data->>'$.verdict' AS verdict FROM hazard_events WHERE kind = 'hazard_judged'
    ), gone AS (
        SELECT subject_id, min(occurred_at) AS at FROM hazard_events
        WHERE kind IN ('hazard_voided', 'hazard_merged', 'hazard_downgraded') GROUP BY ALL
    ), registered AS (
        SELECT subject_id, any_value(data->>'$.enterprise_id') AS enterprise_id, any_value(data->>'$.region') AS region
        FROM hazard_events WHERE kind = 'hazard_registered' GROUP BY ALL
    )
    SELECT p.event_id, p.subject_id, p.site_id, enterprise_id, coalesce(region, '') AS region, p.occurred_at
    FROM hazard_events AS p
    JOIN registered USING (subject_id)
    ASOF JOIN judged AS j ON j.subject_id = p.subject_id AND j.occurred_at <= p.occurred_at
    LEFT JOIN gone ON gone.subject_id = p.subject_id
    WHERE p.kind = 'penalty_issued' AND j.verdict = 'major' AND enterprise_id IS NOT NULL AND enterprise_id <> ''
        AND (gone.at IS NULL OR gone.at > p.occurred_at)
"""
_KNOWN = "SELECT event_id FROM programme_events WHERE kind IN ('penalty_window_neared', 'penalty_window_reached')"


def penalties_of(lake: duckdb.DuckDBPyConnection) -> list[Penalty]:
    """Every penalty that fell on a hazard while it was a major one."""
    return [Penalty(*row) for row in lake.execute(_PENALTIES).fetchall()]


def _datasets(settings: Settings, result: dict[str, Any]) -> Datasets:
    read = [lake_table(settings, name) for name in ("hazard_events", "programme_events")]
    return read, [topic(settings, "programme.events", result["neared"] + result["reached"])]


@recorded("penalty-windows", _datasets)
def count_penalties(settings: Settings) -> dict[str, Any]:
    """`{penalties, neared, reached}`; what was told before is not sent again. Raises NotConnected, KafkaError."""
    with warehouse.connect(settings.data) as lake:
        penalties = penalties_of(lake)
        known = {event_id for (event_id,) in lake.execute(_KNOWN).fetchall()}
    fresh = [e for e in windows(penalties, load_rules(), dt.datetime.now(dt.UTC)) if e.event_id not in known]
    if fresh:
        _send(bootstrap_servers(settings), fresh)
    kinds = [event.kind for event in fresh]
    return {
        "penalties": len(penalties), "neared": kinds.count("penalty_window_neared"),
        "reached": kinds.count("penalty_window_reached"),
    }  # fmt: skip


def _send(servers: str, events: list[Event]) -> None:
    sender = producer(servers)
    try:
        sent = [
            sender.send(
                event.topic,
                key=event.subject_id.encode(),
                value=event.encode(),
                partition=partition_of(event.subject_id),
            )
            for event in events
        ]
        for record in sent:
            record.get(timeout=_ACK_S)
    finally:
        sender.close()
