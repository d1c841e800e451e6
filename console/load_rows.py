"""What the browser is told of the alarm load: floods, the day's figures beside their limits, and who makes them."""

import datetime as dt
from typing import Any

from console.alarm_load import AlarmLoad
from console.rows import Rows
from schemas.alarm_classes import alarm_classes
from schemas.kpis import kpis
from schemas.terms import Priority
from schemas.times import to_us
from streams.alarm_counters import SLOT_US, AlarmCounters
from streams.flood import BOARD, Flood

SLOTS = 12  # two hours of bars
NAMES = (
    "id", "site_id", "site", "site_en", "region", "simulated", "sensor_id", "sensor", "signal", "quantity", "side",
    "rule_id", "place", "priority", "state", "raised_at",
)  # fmt: skip


def load_row(load: AlarmLoad, rows: Rows) -> dict[str, Any]:
    """`day` is null until the day's events have been read; floods and rates are of the last window."""
    found: dict[str, Any] = {
        "ready": load.ready, "now": load.now and load.now.isoformat(), "rate": load.watch.rate(),
        "positions": load.watch.limits.positions(load.watch.sites), "begins": load.watch.limits.begins,
        "ends_below": load.watch.limits.ends_below, "window_s": load.watch.limits.window_s,
        "floods": [_flood(flood, load, rows) for flood in load.watch.floods], "day": None,
    }  # fmt: skip
    counters, window = load.so_far(), load.window()
    if counters is not None and window is not None:
        found["day"] = _day(counters, window, load, rows)
    return found


def _flood(flood: Flood, load: AlarmLoad, rows: Rows) -> dict[str, Any]:
    return {
        "site_id": flood.position, **(rows.site(flood.position) if flood.position != BOARD else {}),
        "since": flood.since.isoformat(), "first_at": flood.first_at.isoformat(), "alarms": flood.alarms,
        "peak": flood.peak, "rate": load.watch.rate(flood.position), "first_out": _named(flood.first_out, load, rows),
    }  # fmt: skip


def _day(
    counters: AlarmCounters, window: tuple[dt.datetime, dt.datetime], load: AlarmLoad, rows: Rows
) -> dict[str, Any]:
    start, end = window
    found = counters.rows(end)
    a1, a2, a4 = (found[kpi_id] for kpi_id in ("A1", "A2", "A4"))
    mean = a1["num"] / a1["den"] if a1["den"] else None
    raised = a1["num"]
    return {
        "from": start.isoformat(), "alarms": raised, "mean": mean, "largest": a1["detail"]["largest"],
        "floods": a1["detail"]["floods"], "flood_share": a1["detail"]["flood_share"],
        "top10_share": a1["detail"]["top10_share"], "slots": _slots(counters, load.now or end),
        "over": kpis()["A1"].over(mean, a1["detail"]),
        "limits": {limit.name: {"most": limit.most, "source": limit.source} for limit in kpis()["A1"].limits},
        "top10": [
            _named(each["alarm_id"], load, rows) | {"alarms": each["alarms"], "share": each["alarms"] / raised}
            for each in a1["detail"]["top10"]
        ],
        "priorities": _priorities(a1["detail"], raised),
        "acknowledged": a2["num"], "ack_p50_s": _seconds(a2["value"]), "ack_p95_s": _seconds(a2["detail"]["ack_p95"]),
        "handled_p50_s": _seconds(a2["detail"]["handled_p50"]),
        "chattering": a4["detail"]["chattering"], "stale": a4["detail"]["stale"],
    }  # fmt: skip


def _priorities(detail: dict[str, Any], raised: int) -> list[dict[str, Any]]:
    """Each priority's share of the day's alarms beside the share it ought to have; P4 is outside the target."""
    wanted = {row.priority: row.share for row in alarm_classes().priorities}
    return [
        {"priority": p.value, "alarms": detail[p.value], "share": detail[p.value] / raised if raised else None,
         "target": wanted[p]}
        for p in Priority
    ]  # fmt: skip


def _slots(counters: AlarmCounters, now: dt.datetime) -> list[int]:
    """Alarms of all sites in the last ten-minute slots of the clock, oldest first; the last one is not over yet."""
    last = to_us(now) // SLOT_US
    wanted = range(last - SLOTS + 1, last + 1)
    return [sum(site.slots[slot][0] for site in counters.sites.values() if slot in site.slots) for slot in wanted]


def _named(alarm_id: str, load: AlarmLoad, rows: Rows) -> dict[str, Any]:
    row = rows.alarm_named(alarm_id, load.last_raise(alarm_id))
    return {name: row[name] for name in NAMES} if row else {"id": alarm_id}


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else round(hours * 3600)
