"""The live side of the board: topics followed in a thread, the picture kept under one lock, changes handed to the feed.

Changes are gathered for COALESCE_S and sent as one message, so a burst of 500 alarms costs a browser one redraw.
"""

import asyncio
import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from console.commands import Answers
from console.feed import HEARTBEAT_S, Feed
from console.load_rows import load_row
from console.picture import EVENTS, WHOLE, Picture
from console.rows import Rows
from schemas.commands import CommandResult
from schemas.model import Refused
from streams.connect import begin_offsets, consumer, end_offsets
from streams.decode import Record
from streams.published import TOPIC as CATALOGUE_TOPIC
from streams.reader import Tail, all_partitions, read_to_end

COALESCE_S = 0.02
STALE_S = 15.0
LOAD_S = 2.0  # how soon a flood is told; counting a day of 20,000 alarms takes some 30 ms
RECENT_EVENTS = 2_000  # per partition, read back at the start; older ones are in the warehouse
RECENT_STEPS = 20


def wall() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Live:
    """Owns picture, feed and threads. `servers` is the broker's address; `data_clock` = time follows the data."""

    def __init__(
        self, servers: str, *, data_clock: bool = False, now: Callable[[], dt.datetime] = wall,
        feed: Feed | None = None,
    ) -> None:  # fmt: skip
        self.picture = Picture()
        self.rows = Rows(self.picture)
        self.feed = feed or Feed()
        self.answers = Answers()
        self.data_clock = data_clock
        self._servers, self._now = servers, now
        self._lock = threading.RLock()
        self._dirty: dict[tuple[str, str], None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = False
        self._recent = threading.Thread(target=self._read_recent, name="recent", daemon=True)
        self.recent_error: str | None = None
        self.tail = Tail(
            servers,
            (*WHOLE, CATALOGUE_TOPIC, *EVENTS, "processing.steps", "worker.heartbeats", "command.results"),
            self.seen,
            from_end=(*EVENTS, "processing.steps", "worker.heartbeats", "command.results"),
        )

    @contextmanager
    def reading(self) -> Iterator[Picture]:
        """The picture, still while the caller looks."""
        with self._lock:
            yield self.picture

    async def run(self) -> None:
        """Follow the topics and beat the heart until cancelled."""
        self._loop = asyncio.get_running_loop()
        self.tail.start()
        self._recent.start()
        try:
            await asyncio.gather(self._announce(), self._beat(), self._tell_load())
        finally:
            self._loop = None
            with contextlib.suppress(RuntimeError):
                await asyncio.to_thread(self.tail.stop)

    async def _announce(self) -> None:
        """Whoever read the picture while it was being gathered reads it again once it is whole."""
        while not self.tail.caught_up.is_set():
            await asyncio.sleep(0.1)
        self.feed.publish("reset", {})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self.feed.publish("pulse", await asyncio.to_thread(self.pulse))

    async def _tell_load(self) -> None:
        """The alarm load whenever something in it is different: floods come and go with the data's time."""
        told: dict[str, Any] | None = None
        while True:
            await asyncio.sleep(LOAD_S)
            load = await asyncio.to_thread(self.load)
            if {**load, "now": None} != told:
                told = {**load, "now": None}
                self.feed.publish("load", load)

    def load(self) -> dict[str, Any]:
        """Floods and the day's alarm figures, for the browser."""
        with self._lock:
            return load_row(self.picture.load, self.rows) | {"error": self.recent_error}

    def seen(self, record: Record) -> None:
        """One record of a followed topic; called in the tail's thread."""
        if record.topic == "command.results":
            if record.value is not None:
                with contextlib.suppress(Refused):
                    self.answers.offer(CommandResult.parse(record.value))
            return
        with self._lock:
            if record.topic == CATALOGUE_TOPIC:
                self.picture.take_catalogue(record)
                return
            change = self.picture.apply(record.topic, record.value, record.timestamp_us)
            if change is None:
                return
            self._dirty[change] = None
            loop, asked, self._asked = self._loop, self._asked, True
        if loop is not None and not asked:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(loop.call_later, COALESCE_S, self._flush)

    def _flush(self) -> None:
        with self._lock:
            dirty, self._dirty, self._asked = list(self._dirty), {}, False
            if not self.tail.caught_up.is_set():
                return
            message = self._changes(dirty)
        self.feed.publish("changes", message)

    def _changes(self, dirty: list[tuple[str, str]]) -> dict[str, Any]:
        picture, rows = self.picture, self.rows
        alarms, gone, hazards = [], [], []
        unseen = {picture.signals[subject].sensor_id for what, subject in dirty if subject in picture.signals}
        seen_again = any(what == "signal" and subject not in picture.signals for what, subject in dirty)
        told = {subject for what, subject in dirty if what == "alarm"}
        if unseen or seen_again:  # what a sensor shows counts for each of its alarms
            alarms += [
                rows.alarm(state) for state in picture.alarms.values()
                if state.alarm_id not in told and (seen_again or None in unseen or state.sensor_id in unseen)
            ]  # fmt: skip
        for what, subject in dirty:
            if what == "alarm":
                state = picture.alarms.get(subject)
                if state is None:
                    gone.append({"id": subject, "version": picture.version_of(subject)})
                else:
                    alarms.append(rows.alarm(state))
            elif what == "hazard" and subject in picture.hazards:
                hazards.append(rows.hazard(picture.hazards[subject]))
        message: dict[str, Any] = {"alarms": alarms, "gone": gone, "hazards": hazards, "pulse": self.pulse()}
        message["happened"] = [subject for what, subject in dirty if what == "event"]
        if any(what == "kpi" for what, _ in dirty):
            message["kpis"] = rows.kpis()
        # names and units on screen come from the registry: the browser reads its rows again
        if any(what == "registry" for what, _ in dirty):
            message |= {"simulated": picture.simulated, "renamed": True}
        return message

    def pulse(self) -> dict[str, Any]:
        """What every message carries: counts, and how old the stream is. Silence is never "OK"."""
        now = self._now()
        with self._lock:
            fresh = self.picture.fresh
            age = fresh.age_s(now)
            return {
                "at": now.isoformat(),
                "data_now": (self.data_now(now)).isoformat(),
                "data_clock": self.data_clock,
                "stream_age_s": age,
                "stepped_at": fresh.stepped_at and fresh.stepped_at.isoformat(),
                "stale": self.stale(now),
                "catalogue_version": fresh.catalogue_version,
                "counts": self.rows.counts(),
                "lines": self.feed.lines,
            }

    def data_now(self, now: dt.datetime) -> dt.datetime:
        """The moment against which deadlines are held: the wall clock, or the newest step of a replayed series."""
        fresh = self.picture.fresh
        return fresh.data_now if self.data_clock and fresh.data_now else now

    def stale(self, now: dt.datetime | None = None) -> str | None:
        """Why the board must not be believed, or None: `starting`, `broker`, `silent`, `old`."""
        if self.tail.error:
            return "broker"
        if not self.tail.caught_up.is_set():
            return "starting"
        age = self.picture.fresh.age_s(now or self._now())
        if age is None:
            return "silent"
        return "old" if age > STALE_S else None

    def _read_recent(self) -> None:
        """The last events of each partition, so that a freshly started board knows what just happened."""
        whole = False
        try:
            starts, whole = self._starts()
            for record in read_to_end(self._servers, only=list(starts), start=starts):
                self.seen(record)
        except KafkaError as error:
            self.recent_error = str(error) or type(error).__name__
        with self._lock:
            self.picture.load.begin(whole=whole and self.recent_error is None)

    def _starts(self) -> tuple[dict[TopicPartition, int], bool]:
        """Where the last records of each partition begin, and whether those are all the events there are."""
        wanted = all_partitions((*EVENTS, "processing.steps", "worker.heartbeats"))
        reader = consumer(self._servers)
        try:
            begins, ends = begin_offsets(reader, wanted), end_offsets(reader, wanted)
        finally:
            reader.close()
        back = {"processing.steps": RECENT_STEPS, "worker.heartbeats": RECENT_STEPS}
        starts = {tp: max(begins[tp], ends[tp] - back.get(tp.topic, RECENT_EVENTS)) for tp in wanted}
        return starts, all(starts[tp] == begins[tp] for tp in wanted if tp.topic == "alarm.events")
