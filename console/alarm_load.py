"""Today's alarm load, kept while the events come in: the counters of the KPIs A1-A4, and the floods that stand. Pure.

Time is that of the data: the newest event or step. The window is the day (Asia/Shanghai) so far; what was raised before
and still stands is carried over midnight without being counted again.
"""

import datetime as dt
from collections import OrderedDict

from schemas.alarms import AlarmState
from schemas.events import Event
from schemas.terms import SHANGHAI, ProcessState
from schemas.times import day_start, to_us
from schemas.topics import partition_of
from streams.alarm_counters import SLOT_US, AlarmCounters
from streams.flood import FloodWatch

DAY = dt.timedelta(days=1)
REMEMBERED = 20_000  # event ids: a batch that is sent again counts once
NAMED = 5_000  # alarms whose last raise is kept, to name those that have returned
SLOT = dt.timedelta(microseconds=SLOT_US)
_ALARMS = frozenset({"alarm_raised", "alarm_returned", "alarm_acknowledged"})
_COUNTED = _ALARMS | {"hazard_suspected", "hazard_judged"}


class AlarmLoad:
    """Not thread-safe. Until `begin` events are gathered only: the past and what follows it are read by two threads."""

    def __init__(self) -> None:
        self.watch = FloodWatch()
        self.now: dt.datetime | None = None
        self.since: dt.datetime | None = None  # from when on events are known: the oldest of them, or of the steps
        self.counters: AlarmCounters | None = None
        self.changes = 0
        self._waiting: list[Event] | None = []
        self._known: OrderedDict[str, None] = OrderedDict()
        self._raised: OrderedDict[str, Event] = OrderedDict()

    @property
    def ready(self) -> bool:
        return self._waiting is None

    def take(self, event: Event) -> None:
        """One event of an alarm or hazard, again or for the first time."""
        if event.kind not in _COUNTED:
            return
        if self._waiting is not None:
            self._waiting.append(event)
        elif event.event_id not in self._known:
            self._count(event)

    def begin(self, *, whole: bool) -> None:
        """The past has been read; `whole` False: only its end, which reaches farther back in some partitions."""
        if self._waiting is None:
            return
        waiting, self._waiting = sorted(self._waiting, key=lambda e: (e.occurred_at, e.recorded_at)), None
        oldest: dict[int, dt.datetime] = {}
        for event in waiting:
            if event.kind in _ALARMS:  # a hazard's past is imported with its old dates
                oldest.setdefault(partition_of(event.site_id), event.occurred_at)
        known = [*oldest.values(), *([self.since] if self.since else [])]
        if known:
            self.since = min(known) if whole or not oldest else max(oldest.values())
        for event in waiting:
            if event.event_id not in self._known:
                self._count(event)

    def pass_to(self, now: dt.datetime) -> None:
        """The data's time has gone on to `now`; it never goes back."""
        self.since = now if self.since is None else self.since
        if self.now is not None and now <= self.now:
            return
        self.now = now
        self.watch.pass_to(now)
        start = _midnight(now)
        if self.counters is None:
            self.counters = AlarmCounters(start, start + DAY)
        elif to_us(start) > self.counters.start_us:
            self.counters = self.counters.next(start, start + DAY)

    def window(self) -> tuple[dt.datetime, dt.datetime] | None:
        """What is counted: the day, or what of it is known, until now; one slot at least, so that a rate is one."""
        if self.now is None or self.since is None:
            return None
        start = max(_midnight(self.now), self.since)
        return start, max(self.now, start + SLOT)

    def so_far(self) -> AlarmCounters | None:
        """The counters as if the window ended now; None before anything is known."""
        window = self.window()
        if self.counters is None or window is None or not self.ready:
            return None
        return self.counters.over(*window)

    def last_raise(self, alarm_id: str) -> AlarmState | None:
        """The alarm as its last raise tells of it, for one that is normal again; its version is 0."""
        event = self._raised.get(alarm_id)
        if event is None:
            return None
        data = event.data
        return AlarmState.parse(
            {
                "alarm_id": event.subject_id, "site_id": event.site_id, "sensor_id": data["sensor_id"],
                "rule_id": data["rule_id"], "process_state": ProcessState.NORMAL, "version": 0,
                "priority": data["priority"], "value": data["value"], "limit": data["limit"],
                "raised_at": event.occurred_at, "changed_at": event.occurred_at,
            }
        )  # fmt: skip

    def _count(self, event: Event) -> None:
        self._known[event.event_id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if event.kind in _ALARMS:
            self.pass_to(event.occurred_at)
        if self.counters is not None:
            self.counters.take(event)
        self.changes += 1
        if event.kind == "alarm_raised":
            self.watch.raised(event.site_id, event.subject_id, event.occurred_at)
            self._remember(event)

    def _remember(self, event: Event) -> None:
        self._raised[event.subject_id] = event
        self._raised.move_to_end(event.subject_id)
        if len(self._raised) > NAMED:
            self._raised.popitem(last=False)


def _midnight(at: dt.datetime) -> dt.datetime:
    return day_start(at.astimezone(SHANGHAI).date())
