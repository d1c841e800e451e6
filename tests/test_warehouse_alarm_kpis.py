"""A1-A4: cases as data, and the stream's counters equal to the SQL over the same events, restarted half-way."""

import datetime as dt
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from schemas.events import Event
from schemas.ids import make_id, occurrence_id
from schemas.kpis import kpis
from schemas.times import day_start
from streams.alarm_counters import AlarmCounters
from warehouse.kpi_facts import AlarmsAt, ending
from warehouse.kpi_files import kpi_ids
from warehouse.ledger import _table, connect_events

HERE = Path(__file__).parent
CASES = [p for p in sorted((HERE / "kpis").glob("A*/*.yaml")) if p.parent.name in kpi_ids("alarms")]
# what the two must agree on beside num, den and value
DETAIL = {
    "A1": ("largest", "floods", "flood_share", "top10_share", "top10", "P1", "P2", "P3", "P4"),
    "A2": ("ack_p95", "handled", "handled_p50", "handled_p95"),
    "A3": ("suspected_hazards", "judged_major", "latency_p95"), "A4": ("chattering", "stale"),
}  # fmt: skip


def event(kind: str, subject: str, site: str, at: dt.datetime, **data: Any) -> Event:
    return Event.model_validate({
        "event_id": make_id(kind, subject, at, orjson.dumps(data).decode()), "kind": kind, "subject_id": subject,
        "site_id": site, "occurred_at": at, "recorded_at": at, "actor": {"id": "t", "role": "system"}, "data": data,
    })  # fmt: skip


def episode(
    alarm: str, site: str, raised: dt.datetime, returned: dt.datetime | None = None, acked: dt.datetime | None = None,
    began: dt.datetime | None = None, sensor: str = "s", priority: str = "P3",
) -> list[Event]:  # fmt: skip
    began = began or raised
    occurrence = occurrence_id(alarm, began)
    events = [event(
        "alarm_raised", alarm, site, raised, rule_id="r", sensor_id=sensor, occurrence_id=occurrence,
        began_at=began.isoformat(), value=1.0, limit=1.0, priority=priority,
    )]  # fmt: skip
    if acked is not None:
        events.append(event("alarm_acknowledged", alarm, site, acked, occurrence_id=occurrence))
    if returned is not None:
        back = {"occurrence_id": occurrence, "peak": 1.0, "duration_s": 1.0}
        events.append(event("alarm_returned", alarm, site, returned, **back))
    return events


def suspicion(hazard: str, site: str, sensors: list[str], at: dt.datetime, major: dt.datetime | None) -> list[Event]:
    piece = {"evidence_id": "e", "kind": "span", "sensor_ids": sensors}
    found = [event("hazard_suspected", hazard, site, at, criterion_id="c", evidence=[piece])]
    return found + ([event("hazard_judged", hazard, site, major, verdict="major")] if major else [])


def moment(said: Any) -> dt.datetime | None:
    return None if said is None else dt.datetime.fromisoformat(said)


def events_of(case: dict[str, Any]) -> list[Event]:
    events: list[Event] = []
    for said in case["alarms"]:
        times = [moment(said.get(name)) for name in ("raised", "returned", "acknowledged", "began")]
        for n in range(said.get("count", 1)):
            later = [at and at + dt.timedelta(seconds=said.get("every_s", 0) * n) for at in times]
            events += episode(
                said["alarm"], said["site"], *later, sensor=said.get("sensor", "s"), priority=said.get("priority", "P3")
            )
    for said in case.get("suspected", ()):
        events += suspicion(
            said["hazard"], said["site"], said["sensors"], moment(said["at"]), moment(said.get("major"))
        )  # fmt: skip
    return sorted(events, key=lambda it: (it.occurred_at, it.kind == "alarm_returned"))


def warehouse_of(events: list[Event], sites: list[dict[str, Any]]) -> Any:
    con = connect_events([it for it in events if it.kind.startswith("hazard")])
    con.register("incoming", _table(it for it in events if it.kind.startswith("alarm")))
    con.execute("CREATE TABLE alarm_events AS FROM incoming")
    names = ("site_id", "region", "city", "province", "industry", "enterprise_id")
    con.execute(f"CREATE OR REPLACE TABLE sites ({', '.join(f'{name} VARCHAR' for name in names)})")
    for site in sites:
        con.execute("INSERT INTO sites (site_id, region) VALUES (?, ?)", [site["site_id"], site["region"]])
    return con


def counted(events: list[Event], window: tuple[dt.datetime, dt.datetime], as_of: Any) -> AlarmCounters:
    """Counters of the events up to `as_of`, born again from their memory after every one."""
    counters = AlarmCounters(*window)
    for it in events:
        if it.occurred_at <= ending(as_of):
            counters.take(it)
            counters = AlarmCounters.restore(orjson.loads(orjson.dumps(counters.memory())))
    return counters


def agree(row: Any, ours: dict[str, Any]) -> None:
    num, den = ours["num"], ours["den"]
    value = ours.get("value", num if den is None else num / den if den else None)
    assert (row.num, row.den) == (num, den), row.kpi_id
    assert row.value == pytest.approx(value), row.kpi_id
    for name in DETAIL[row.kpi_id]:
        wanted = ours["detail"][name]
        same = wanted if isinstance(wanted, list) else pytest.approx(wanted)
        assert row.detail[name] == same, (row.kpi_id, name)


def as_of(said: Any) -> Any:
    return moment(said) if isinstance(said, str) else said


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    case, kpi_id = yaml.safe_load(path.read_text("utf-8")), path.parent.name
    events = events_of(case)
    con = warehouse_of(events, case["sites"])
    for ask in case["expect"]:
        window = (day_start(ask["window"][0]), day_start(ask["window"][1]))
        rows = AlarmsAt(con, as_of(ask["as_of"])).rows(ask.get("by", ()), window, [kpi_id])
        group = ask.get("group", {})
        row = {tuple(sorted(row.group.items())): row for row in rows}[tuple(sorted(group.items()))]
        for name in ("num", "den", "value", "excluded"):
            if name in ask:
                assert getattr(row, name) == pytest.approx(ask[name]), (ask, row)
        for name, wanted in ask.get("detail", {}).items():
            assert row.detail[name] == (wanted if isinstance(wanted, list) else pytest.approx(wanted)), (ask, row)
        counters = counted(events, window, as_of(ask["as_of"]))
        agree(row, counters.rows(ending(as_of(ask["as_of"])), group.values() or None)[kpi_id])


@pytest.mark.parametrize("seed", range(6))
def test_the_counters_of_the_stream_say_what_the_sql_says(seed: int) -> None:
    draw, start = random.Random(seed), day_start(dt.date(2026, 7, 1))
    events: list[Event] = []
    for n in range(12):
        at, site = start + dt.timedelta(seconds=draw.randrange(80_000)), f"m{n % 3}"
        for _ in range(draw.randrange(1, 15)):
            lasts = draw.choice([10, 25, 3600, 90_000])
            returned = at + dt.timedelta(seconds=lasts)
            acked = at + dt.timedelta(seconds=draw.randrange(1, lasts)) if draw.random() < 0.6 else None
            events += episode(
                f"a{n}", site, at, returned, acked, sensor=f"s{n}", priority=draw.choice(["P1", "P2", "P3", "P4"])
            )
            at = returned + dt.timedelta(seconds=draw.choice([5, 30, 600]))
        if draw.random() < 0.6:
            held = draw.choice(events)
            seen = held.occurred_at + dt.timedelta(seconds=1.5)
            later = seen + dt.timedelta(hours=1) if draw.random() < 0.5 else None
            events += suspicion(f"h{n}", site, [f"s{n}", f"s{n - 1}"], seen, later)
    events.sort(key=lambda it: (it.occurred_at, it.kind))
    con = warehouse_of(events, [{"site_id": f"m{n}", "region": "140105"} for n in range(3)])
    for days, hours in ((1, 13), (2, 48), (5, 216)):
        at, window = start + dt.timedelta(hours=hours), (start, start + dt.timedelta(days=days))
        facts, counters = AlarmsAt(con, at), counted(events, window, at)
        for row in facts.rows_of([(), ("site_id",)], window):
            agree(row, counters.rows(at, list(row.group.values()) or None)[row.kpi_id])


def test_limits_name_their_source_and_what_exceeds_them():
    limits = [limit for kpi_id in kpi_ids("alarms") for limit in kpis()[kpi_id].limits]
    assert limits
    assert all(limit.source for limit in limits)
    assert kpis()["A1"].over(0.9, {"largest": 11, "flood_share": 0.01, "top10_share": None}) == ["largest"]
    named = {limit.name for kpi_id in DETAIL for limit in kpis()[kpi_id].limits} - {"value"}
    assert named <= {name for names in DETAIL.values() for name in names}
