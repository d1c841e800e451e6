"""Where a number comes from: KPI row → hazards → events → verdict and clause → evidence → the input's coordinates.

Everything is asked of one connection to a published warehouse, so all of it belongs to one build.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import orjson

from schemas.kpis import kpis
from schemas.model import Refused
from warehouse.kpi_facts import When
from warehouse.kpi_files import kind_of, kpi_ids
from warehouse.kpis import facts_at

Found = dict[str, Any]

_JSON = frozenset({"data", "actor", "causes", "detail", "group", "documents", "extra"})
_EVENT = "event_id, kind, subject_id, site_id, occurred_at, recorded_at, actor, causes, imported, data"
_IN_ORDER = 'ORDER BY occurred_at, recorded_at, kafka_at, "offset"'  # events of one instant: as they were written
_EVENT_TABLES = {"hazard_events": "hazard", "alarm_events": "alarm", "criterion_verdicts": "verdict",
                 "programme_events": "programme"}  # fmt: skip
_HAZARDS = """
    SELECT hazard_id, title, site_id, site, county, industry, state, is_major, is_open, is_overdue, due, found_at,
        closed_at
    FROM hazards WHERE hazard_id IN (SELECT unnest(?::VARCHAR[]))
"""
_EVIDENCE = """
    SELECT evidence_id, evidence_kind, signal, any_value(began_at) AS began_at, any_value(ended_at) AS ended_at,
        any_value(peak) AS peak, any_value(sensor_ids) AS sensor_ids, any_value(text) AS text,
        any_value(event_id) AS event_id, list(coordinate ORDER BY coordinate) FILTER (coordinate <> '') AS coordinates
    FROM hazard_evidence WHERE hazard_id = ? GROUP BY evidence_id, evidence_kind, signal
    ORDER BY began_at NULLS LAST, evidence_id LIMIT ?
"""
_VERDICTS = """
    SELECT * EXCLUDE hazard_id FROM hazard_verdicts WHERE hazard_id = ? ORDER BY recorded_at DESC, event_id LIMIT ?
"""
_CLAUSE = """
    SELECT clause.criterion_id, clause.document_id, clause.article, clause.title_zh, clause.title_en,
        document.title_zh AS document_zh, document.title_en AS document_en, document.number, clause.sha256,
        version.version AS catalogue_version
    FROM criteria_clauses AS clause
    JOIN criteria_documents AS document USING (document_id, sha256)
    LEFT JOIN criteria_versions AS version
        ON version.version = $version AND version.documents->>('$."' || clause.document_id || '"') = clause.sha256
    WHERE clause.criterion_id = $criterion
    ORDER BY version.version IS NULL, document.recorded_at DESC LIMIT 1
"""
_READING = """
    SELECT 'reading' AS kind, log_id, topic, "partition", "offset", "row", sensor_id, occurred_at, value, quality,
        received_at, frame_id, raw_file, raw_sha256
    FROM readings
    WHERE log_id = $log AND topic = $topic AND "partition" = $partition AND "offset" = $offset
        AND ($row::INTEGER IS NULL OR "row" = $row) AND day BETWEEN $first AND $last
    ORDER BY "row" LIMIT 1
"""
_FINDING = """
    SELECT 'finding' AS kind, log_id, topic, "partition", "offset", finding_id, site_id, found_at AS occurred_at,
        inspector, criterion_ref, text, received_at
    FROM raw.inspection_findings
    WHERE log_id = $log AND topic = $topic AND "partition" = $partition AND "offset" = $offset
"""
_DEVICE_ALARM = """
    SELECT 'upstream_alarm' AS kind, log_id, topic, "partition", "offset", site_id, sensor_id, alarm_kind,
        raised_at AS occurred_at, ended_at, value, unit, cause, measure, received_at, raw->>'$.file' AS raw_file,
        raw->>'$.sha256' AS raw_sha256, (raw->>'$.offset')::BIGINT AS raw_offset
    FROM raw.device_alarms
    WHERE log_id = $log AND topic = $topic AND "partition" = $partition AND "offset" = $offset
"""
_INPUTS = {"telemetry.frames": _READING, "inspection.findings": _FINDING, "device.alarms": _DEVICE_ALARM}
_ALWAYS = (dt.date(1970, 1, 1), dt.date(9999, 12, 31))


class Unknown(LookupError):
    """The id is none of a KPI, a hazard, an event, an alarm or an input of this warehouse."""


def trace(
    con: duckdb.DuckDBPyConnection, wanted: str, as_of: When | None = None, group: Mapping[str, str] | None = None,
    limit: int = 20,
) -> Found:  # fmt: skip
    """What stands behind `wanted`: a KPI id, a hazard_id, an event_id, an alarm_id or a coordinate.

    The answer says its `kind`. Lists of hazards and of evidence hold at most `limit` with their whole chain; counts
    tell of all. `as_of` and `group` are for a KPI. Raises Unknown, Refused.
    """
    if wanted in kpis():
        return _kpi(con, wanted, as_of, group or {}, limit)
    if wanted.count("/") >= 3:
        return _coordinate(con, wanted)
    if _one(con, "SELECT 1 AS n FROM hazards WHERE hazard_id = ?", [wanted]):
        return hazard(con, wanted, limit)
    for table, about in _EVENT_TABLES.items():
        event = _one(con, f"SELECT {_EVENT} FROM {table} WHERE event_id = ?", [wanted])  # noqa: S608 - of ours
        if event:
            return _event(con, about, event, limit)
    if _one(con, "SELECT 1 AS n FROM alarm_events WHERE subject_id = ? LIMIT 1", [wanted]):
        return _alarm(con, wanted)
    raise Unknown(f"{wanted}: no KPI, hazard, event, alarm or input of this warehouse")


def hazard(con: duckdb.DuckDBPyConnection, hazard_id: str, limit: int) -> Found:
    """A hazard with its events, the clause that judged it, the verdicts, and its evidence down to the inputs."""
    state = _one(con, "SELECT * FROM hazards WHERE hazard_id = ?", [hazard_id])
    if state is None:
        raise Unknown(f"no hazard {hazard_id} in this warehouse")
    events = _all(
        con, f"SELECT {_EVENT} FROM hazard_events WHERE subject_id = ? {_IN_ORDER}", [hazard_id]  # noqa: S608
    )  # fmt: skip
    criterion = state["criterion_id"] or next(
        (event["data"].get("criterion_id") for event in events if event["data"].get("criterion_id")), None
    )
    evidence = _all(con, _EVIDENCE, [hazard_id, limit])
    for piece in evidence:
        piece["inputs"] = [
            _input(con, coordinate, _days(piece["began_at"], piece["ended_at"]))
            for coordinate in piece["coordinates"] or ()
        ]
    return {
        "kind": "hazard", "hazard": state, "events": events,
        "clause": _one(con, _CLAUSE, {"criterion": criterion, "version": state["catalogue_version"]}),
        "verdicts": _all(con, _VERDICTS, [hazard_id, limit]),
        "evidence": evidence,
        "evidence_count": _count(
            con, "SELECT count(DISTINCT evidence_id) AS n FROM hazard_evidence WHERE hazard_id = ?", [hazard_id]
        ),
        "counted_in": _all(
            con, "SELECT kpi_id, as_of, num, den, excluded FROM kpi_members WHERE member_id = ? ORDER BY as_of, kpi_id",
            [hazard_id],
        ),
    }  # fmt: skip


def _kpi(
    con: duckdb.DuckDBPyConnection, kpi_id: str, as_of: When | None, group: Mapping[str, str], limit: int
) -> Found:  # fmt: skip
    if kpi_id not in kpi_ids():
        raise Refused("kpi_id", f"{kpi_id} is not computed yet")
    day = as_of or _one(con, "SELECT max(as_of) AS at FROM kpi_snapshot", [])["at"]  # type: ignore[index]
    facts = facts_at(con, day, None, kind_of(kpi_id))
    names = tuple(sorted(group))
    rows = [row for row in facts.rows(names, kpis=[kpi_id]) if row.group == dict(group)]
    if not rows:
        raise Refused("by", f"{kpi_id} has no row for {dict(group)}")
    counted: list[Found] = [
        {"member_kind": facts.member, "member_id": row.group[facts.member], "num": row.num, "den": row.den,
         "excluded": row.excluded}
        for row in facts.rows((*names, facts.member) if facts.member not in names else names, kpis=[kpi_id])
        if all(row.group[name] == value for name, value in group.items()) and (row.num or row.den or row.excluded)
    ]  # fmt: skip
    counted.sort(key=lambda each: (-(each["num"] or 0), each["member_id"]))
    if facts.member == "hazard_id":
        known = {row["hazard_id"]: row for row in _all(con, _HAZARDS, [[each["member_id"] for each in counted]])}
        counted = [each | known.get(each["member_id"], {}) for each in counted]
        chains = [hazard(con, each["member_id"], limit) for each in counted[:limit] if each["member_id"] in known]
    else:
        chains = []
    entry = kpis()[kpi_id]
    return {
        "kind": "kpi", "kpi": entry.model_dump(mode="json"), "row": orjson.loads(rows[0].encode()), "members": counted,
        "chains": chains,
    }  # fmt: skip


def _event(con: duckdb.DuckDBPyConnection, about: str, event: Found, limit: int) -> Found:
    """An event with the inputs or the command that caused it, and the hazard or clause it belongs to."""
    found: Found = {"kind": "event", "about": about, "event": event}
    found["causes"] = [_cause(con, cause, event["occurred_at"]) for cause in event["causes"] or ()]
    if about == "hazard":
        found["hazard"] = _one(con, "SELECT * FROM hazards WHERE hazard_id = ?", [event["subject_id"]])
    criterion = event["data"].get("criterion_id")
    if criterion:
        found["clause"] = _one(
            con, _CLAUSE, {"criterion": criterion, "version": event["data"].get("catalogue_version")}
        )  # fmt: skip
    if about == "verdict":
        found["hazards"] = _all(
            con, "SELECT DISTINCT hazard_id FROM hazard_verdicts WHERE event_id = ? LIMIT ?", [event["event_id"], limit]
        )
    return found


def _alarm(con: duckdb.DuckDBPyConnection, alarm_id: str) -> Found:
    return {
        "kind": "alarm", "alarm_id": alarm_id,
        "episodes": _all(con, "SELECT * FROM alarm_episodes WHERE alarm_id = ? ORDER BY raised_at", [alarm_id]),
        "events": _all(con, f"SELECT {_EVENT} FROM alarm_events WHERE subject_id = ? {_IN_ORDER}", [alarm_id]),  # noqa: S608
    }  # fmt: skip


def _coordinate(con: duckdb.DuckDBPyConnection, coordinate: str) -> Found:
    """An input, and the hazards whose evidence names it."""
    found = _input(con, coordinate, _ALWAYS)
    if found.get("gone"):
        raise Unknown(f"nothing has landed at {coordinate}, or it is past its retention")
    resting = "SELECT DISTINCT hazard_id, evidence_id FROM hazard_evidence WHERE coordinate = ?"
    return {"kind": "input", "input": found, "evidence_of": _all(con, resting, [coordinate])}


def _cause(con: duckdb.DuckDBPyConnection, cause: str, at: dt.datetime) -> Found:
    command = _one(
        con, "SELECT 'command' AS kind, command_id, commands.kind AS command, actor, issued_at, data FROM commands "
        "WHERE command_id = ?", [cause],
    )  # fmt: skip
    return command or _input(con, cause, _days(at, at))


def _input(con: duckdb.DuckDBPyConnection, coordinate: str, days: tuple[dt.date, dt.date]) -> Found:
    """The input at `log/topic/partition/offset[/row]`; `gone` if it is not in the lake (any more)."""
    parts = coordinate.split("/")
    told: Found = {"coordinate": coordinate}
    query = _INPUTS.get(parts[1]) if len(parts) in (4, 5) else None
    if query is None or not all(part.isdigit() for part in parts[2:]):
        return told | {"gone": True}
    values = {
        "log": parts[0], "topic": parts[1], "partition": int(parts[2]), "offset": int(parts[3]),
        "row": int(parts[4]) if len(parts) == 5 else None, "first": days[0], "last": days[1],
    }  # fmt: skip
    try:
        found = _one(con, query, {name: value for name, value in values.items() if f"${name}" in query})
    except duckdb.CatalogException:  # the file of a lake on S3 has no readings: ask warehouse.connect() for them
        found = None
    return told | (found or {"gone": True})


def _days(began: dt.datetime | None, ended: dt.datetime | None) -> tuple[dt.date, dt.date]:
    """The days on which a span's readings may lie: the partition is known, so the rest need not be read."""
    day = dt.timedelta(days=1)
    first = began.date() - day if began else _ALWAYS[0]
    return first, (ended.date() + day if ended else _ALWAYS[1])


def _all(
    con: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] | Mapping[str, Any]
) -> list[Found]:  # fmt: skip
    found = con.execute(query, values)
    columns = [column[0] for column in found.description]
    return [_plain(dict(zip(columns, row, strict=True))) for row in found.fetchall()]


def _one(
    con: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] | Mapping[str, Any]
) -> Found | None:  # fmt: skip
    rows = _all(con, query, values)
    return rows[0] if rows else None


def _count(con: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any]) -> int:
    found = _one(con, query, values)
    return int(found["n"]) if found else 0


def _plain(row: Found) -> Found:
    """JSON columns as what they hold."""
    return {
        name: orjson.loads(value) if name in _JSON and isinstance(value, str) and value else value
        for name, value in row.items()
    }
