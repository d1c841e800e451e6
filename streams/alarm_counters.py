"""The alarm KPIs A1-A4 as counters that run with the stream: events go in one by one, figures come out at any moment.

The same figures as warehouse/sql/kpis/alarms, on the same events; a test holds the two together. Events of one alarm
come in the order of `occurred_at`, each once. `memory()` is all there is: what is built from it goes on. Pure.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.events import Event
from schemas.terms import Priority
from schemas.times import to_us
from streams.chatter import STALE_S, TRANSITIONS, WINDOW_S

SLOT_US = 600_000_000
FLOOD = 10  # alarms of one position in one slot (EEMUA 191)
TOP = 10
_SECOND_US = 1_000_000


@dataclass
class _Standing:
    """The last episode of an alarm; it may have returned. Times in microseconds."""

    occurrence_id: str
    sensor_id: str
    began_us: int
    raised_us: int
    counted: bool
    returned: bool = False
    acknowledged: bool = False
    linked: bool = False


@dataclass
class SiteCounters:
    """One site's counters over the window."""

    slots: dict[int, list[Any]] = field(default_factory=dict)  # slot -> [alarms, first at, first alarm]
    loads: Counter[str] = field(default_factory=Counter)
    priorities: Counter[str] = field(default_factory=Counter)
    ack_s: Counter[int] = field(default_factory=Counter)
    back_s: Counter[int] = field(default_factory=Counter)
    latency_s: Counter[int] = field(default_factory=Counter)
    hazards: set[str] = field(default_factory=set)
    major: set[str] = field(default_factory=set)
    chattering: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    last: dict[str, _Standing] = field(default_factory=dict)  # alarm -> its last episode
    moves: dict[str, list[int]] = field(default_factory=dict)  # alarm -> its last raises and returns
    suspected: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # sensor -> suspicions (at, hazard)


class AlarmCounters:
    """Counters over the window [start, end); `site(...)` and `total(...)` give what the SQL rows say."""

    def __init__(self, start: dt.datetime, end: dt.datetime) -> None:
        self.start_us, self.end_us = to_us(start), to_us(end)
        self.sites: dict[str, SiteCounters] = {}

    def take(self, event: Event) -> None:
        """One alarm event, or a hazard's suspicion or judgement; others count for nothing."""
        site, at = self.sites.setdefault(event.site_id, SiteCounters()), to_us(event.occurred_at)
        match event.kind:
            case "alarm_raised":
                self._raised(site, event, at)
            case "alarm_returned":
                self._move(site, event.subject_id, at)
                self._returned(site, event, at)
            case "alarm_acknowledged":
                self._acknowledged(site, event, at)
            case "hazard_suspected":
                for sensor_id in {s for piece in event.data["evidence"] for s in piece.get("sensor_ids", ())}:
                    site.suspected.setdefault(sensor_id, []).append((at, event.subject_id))
                    for alarm_id, standing in site.last.items():
                        if standing.sensor_id == sensor_id:
                            self._link(site, alarm_id)
            case "hazard_judged" if event.data.get("verdict") == "major":
                site.major.add(event.subject_id)

    def _within(self, at_us: int) -> bool:
        return self.start_us <= at_us < self.end_us

    def _raised(self, site: SiteCounters, event: Event, at: int) -> None:
        alarm_id, data = event.subject_id, event.data
        self._age(site, alarm_id, at)
        self._move(site, alarm_id, at)
        began = to_us(dt.datetime.fromisoformat(data["began_at"]))
        held = _Standing(data["occurrence_id"], data["sensor_id"] or "", began, at, self._within(at))
        site.last[alarm_id] = held
        if held.counted:
            slot = site.slots.setdefault(at // SLOT_US, [0, at, alarm_id])
            slot[0] += 1
            slot[1:] = min((slot[1], slot[2]), (at, alarm_id))
            site.loads[alarm_id] += 1
            site.priorities[data["priority"]] += 1
        self._link(site, alarm_id)

    def _move(self, site: SiteCounters, alarm_id: str, at: int) -> None:
        moves = site.moves.setdefault(alarm_id, [])
        moves[:] = [*moves, at][-TRANSITIONS:]
        if len(moves) == TRANSITIONS and at - moves[0] <= WINDOW_S * _SECOND_US and self._within(at):
            site.chattering.add(alarm_id)

    def _returned(self, site: SiteCounters, event: Event, at: int) -> None:
        held = self._same(site, event)
        if held is None or held.returned:
            return
        self._age(site, event.subject_id, at)
        held.returned = True
        if held.counted:
            site.back_s[max(at - held.raised_us, 0) // _SECOND_US] += 1

    def _acknowledged(self, site: SiteCounters, event: Event, at: int) -> None:
        held = self._same(site, event)
        if held is not None and held.counted and not held.acknowledged:
            site.ack_s[max((at - held.raised_us) // _SECOND_US, 0)] += 1
        if held is not None:
            held.acknowledged = True

    def _same(self, site: SiteCounters, event: Event) -> _Standing | None:
        held = site.last.get(event.subject_id)
        return held if held is not None and held.occurrence_id == event.data["occurrence_id"] else None

    def _link(self, site: SiteCounters, alarm_id: str) -> None:
        """Suspicions during the alarm: from its first reading beyond the limit on, while it has not returned."""
        held = site.last[alarm_id]
        if held.returned or not held.counted:
            return
        during = [(at, hazard) for at, hazard in site.suspected.get(held.sensor_id, ()) if at >= held.began_us]
        site.hazards.update(hazard for _, hazard in during)
        if during and not held.linked:
            held.linked = True
            site.latency_s[max((min(during)[0] - held.raised_us) // _SECOND_US, 0)] += 1

    def _age(self, site: SiteCounters, alarm_id: str, now_us: int) -> None:
        held = site.last.get(alarm_id)
        if held is None or held.returned:
            return
        stale_us = held.raised_us + round(STALE_S * _SECOND_US)
        if stale_us < now_us and self._within(stale_us):
            site.stale.add(alarm_id)

    def over(self, start: dt.datetime, end: dt.datetime) -> "AlarmCounters":
        """The same counts read over the part [start, end) of the window, outside which nothing has happened yet."""
        part = AlarmCounters(start, end)
        part.sites = self.sites
        return part

    def next(self, start: dt.datetime, end: dt.datetime) -> "AlarmCounters":
        """Counters of a window that begins where this one ends, with the alarms that stand; they count no more."""
        following = AlarmCounters(start, end)
        for name, site in self.sites.items():
            standing = {alarm: replace(held, counted=False) for alarm, held in site.last.items() if not held.returned}
            moves = {alarm: list(site.moves[alarm]) for alarm in site.last if alarm in site.moves}
            recent = {  # a suspicion may come before the raise that it belongs to
                sensor: late for sensor, rows in site.suspected.items()
                if (late := [row for row in rows if row[0] >= self.start_us])
            }  # fmt: skip
            following.sites[name] = SiteCounters(major=set(site.major), last=standing, moves=moves, suspected=recent)
        return following

    def rows(self, as_of: dt.datetime, site_ids: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """KPI id -> num, den, value and detail, of these sites together (default: all that were heard of)."""
        chosen = [self.sites[s] for s in sorted(self.sites if site_ids is None else site_ids) if s in self.sites]
        for site in chosen:
            for alarm_id in site.last:
                self._age(site, alarm_id, to_us(as_of) + 1)
        raised = sum(site.loads.total() for site in chosen)
        return {
            "A1": self._load(chosen, raised),
            "A2": _times(chosen, raised),
            "A3": {
                "num": sum(site.latency_s.total() for site in chosen), "den": raised,
                "detail": {
                    "suspected_hazards": len(set().union(*(site.hazards for site in chosen))),
                    "judged_major": len(set().union(*(site.hazards & site.major for site in chosen))),
                    "latency_p95": _rank(_sum(site.latency_s for site in chosen), 0.95),
                },
            },
            "A4": _unrest(chosen),
        }  # fmt: skip

    def _load(self, chosen: list[SiteCounters], raised: int) -> dict[str, Any]:
        positions = max(sum(bool(site.slots) for site in chosen), 1)
        den = positions * (self.end_us - self.start_us) / SLOT_US
        counts = [slot[0] for site in chosen for slot in site.slots.values()]
        loads = _sum(site.loads for site in chosen)
        top = sorted(loads.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
        floods = sum(count >= FLOOD for count in counts)
        priorities = _sum(site.priorities for site in chosen)
        detail = {
            "largest": max(counts, default=0), "floods": floods, "flood_share": floods / den,
            "flood_first_outs": sorted(slot[2] for site in chosen for slot in site.slots.values() if slot[0] >= FLOOD),
            "top10_share": sum(n for _, n in top) / raised if raised else None,
            "top10": [{"alarm_id": alarm_id, "alarms": n} for alarm_id, n in top],
            **{priority.value: priorities[priority.value] for priority in Priority},
        }  # fmt: skip
        return {"num": raised, "den": den, "detail": detail}

    def memory(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        return {
            "window": [self.start_us, self.end_us],
            "sites": {name: _dumped(site) for name, site in sorted(self.sites.items())},
        }

    @classmethod
    def restore(cls, memory: dict[str, Any]) -> "AlarmCounters":
        counters = cls.__new__(cls)
        counters.start_us, counters.end_us = memory["window"]
        counters.sites = {name: _loaded(site) for name, site in memory["sites"].items()}
        return counters


def _times(chosen: list[SiteCounters], raised: int) -> dict[str, Any]:
    ack, back = _sum(site.ack_s for site in chosen), _sum(site.back_s for site in chosen)
    detail = {
        "ack_p95": _rank(ack, 0.95), "handled": back.total(), "handled_p50": _rank(back, 0.5),
        "handled_p95": _rank(back, 0.95),
    }  # fmt: skip
    return {"num": ack.total(), "den": raised, "value": _rank(ack, 0.5), "detail": detail}


def _unrest(chosen: list[SiteCounters]) -> dict[str, Any]:
    chattering, stale = (set().union(*(getattr(site, name) for site in chosen)) for name in ("chattering", "stale"))
    detail = {"chattering": len(chattering), "stale": len(stale)}
    return {"num": len(chattering) + len(stale), "den": None, "detail": detail}


def _sum(counters: Iterable[Counter[Any]]) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for each in counters:
        total.update(each)
    return total


def _rank(seconds: Counter[int], share: float) -> float | None:
    """The value at the rank (nearest rank, no interpolation), in hours."""
    rank, seen = max(math.ceil(share * seconds.total()), 1), 0
    for value in sorted(seconds):
        seen += seconds[value]
        if seen >= rank:
            return value / 3600
    return None


_SETS = ("hazards", "major", "chattering", "stale")
_SECONDS = ("ack_s", "back_s", "latency_s")


def _dumped(site: SiteCounters) -> dict[str, Any]:
    plain = dict(vars(site))
    plain |= {name: sorted(plain[name]) for name in _SETS}
    plain |= {name: sorted(plain[name].items()) for name in (*_SECONDS, "loads", "priorities", "slots")}
    return plain | {"last": {alarm_id: vars(held) for alarm_id, held in site.last.items()}}


def _loaded(plain: dict[str, Any]) -> SiteCounters:
    held = dict(plain)
    held |= {name: set(held[name]) for name in _SETS}
    held |= {name: Counter(dict(held[name])) for name in (*_SECONDS, "loads", "priorities")}
    held["slots"] = {int(slot): list(row) for slot, row in held["slots"]}
    held["last"] = {alarm_id: _Standing(**fields) for alarm_id, fields in held["last"].items()}
    held["suspected"] = {name: [(at, hazard) for at, hazard in rows] for name, rows in held["suspected"].items()}
    return SiteCounters(**held)
