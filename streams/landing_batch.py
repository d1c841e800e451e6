"""What landing does with a batch of records: skip, fill gaps, refuse, drop doubles, commit. Blocking; knows no Faust.

The truth about what has landed is the table's own `txn`, never the consumer group's offset. A table that cannot be
written (disk full, storage that refuses, another schema) makes its topics wait and nobody else: what arrives for them
meanwhile is owed, and read again from the log once the table takes rows.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.topics import topics
from streams.admission import Refusals
from streams.decode import Record
from streams.frame_ids import SPAN_US, FrameIds
from streams.landing_tables import FRAMES, Gaps, Lost, OpenTable, Place, Table, gap_row, recall, rows_for

log = logging.getLogger("qingling.landing")

_RETRY_S = (1.0, 30.0)  # first and longest pause before a table that waits is tried again


@dataclass
class Landed:
    """What landing has done since it started."""

    records: int = 0
    rows: int = 0
    commits: int = 0
    refused: int = 0
    doubles: int = 0
    reread: int = 0
    lost: int = 0
    fenced: int = 0


@dataclass(frozen=True)
class Wait:
    """Why a topic waits, and when (monotonic seconds) it is tried again."""

    reason: str
    pause_s: float
    until: float


class _Held(Exception):
    """The table of a topic does not take rows now."""


class Lander:
    """Lands records of the places it was told to take. One thread at a time."""

    def __init__(
        self,
        open_table: OpenTable,
        fenced: type[Exception],
        refuse: Callable[[Refusals], None],
        gaps: Gaps,
        natural: Callable[[Place, int, int], bool] = lambda *_: False,
        *,
        hold: tuple[type[Exception], ...] = (),
        clock: Callable[[], float] = time.monotonic,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """`refuse` must not return before the dead letters are safe: the offsets they stood at are committed next.

        `natural(place, first, beyond)`: whether it is known that no record stands there; else it is read again.
        `hold`: errors of a table that make its topics wait; every other error is raised.
        """
        self._open_table, self._fenced, self._refuse, self._gaps = open_table, fenced, refuse, gaps
        self._natural, self._hold, self._clock, self._now_us = natural, hold, clock, now_us
        self._tables: dict[str, Table] = {}
        self._log_ids: dict[str, str] = {}
        self._owned: set[Place] = set()
        self._last: dict[Place, int | None] = {}  # last landed offset; None: nothing yet; absent: not known yet
        self._owed: dict[Place, int] = {}  # the log has records up to here that will not come by themselves
        self._frame_ids = FrameIds()
        self.waiting: dict[str, Wait] = {}
        self.done = Landed()

    @property
    def owes(self) -> bool:
        """Whether records must be read again now that the consumer group believes landed."""
        return any(not self._pausing(topic) for topic, _ in self._owed)

    def take(self, places: Iterable[Place], log_ids: Mapping[str, str], committed: Mapping[Place, int]) -> None:
        """From now on land `places` only. `committed`: where the consumer group will go on; only a hint."""
        self._log_ids = dict(log_ids)
        self._owned, self._last, self.waiting = set(places), {}, {}
        self._owed = {place: offset for place, offset in committed.items() if place in self._owned}
        for topic in {topic for topic, _ in self._owned}:
            with self._waits(topic, ()):
                self._look(topic)
        self._settle()

    def drop(self) -> None:
        """Own nothing: what still arrives is somebody else's."""
        self._owned, self._last, self._owed, self.waiting = set(), {}, {}, {}

    def land(self, records: Sequence[Record]) -> None:
        """Land `records` (any order, any topics) and what is missing before them.

        On return each is landed, or its topic is in `waiting` and it is owed. Raises what the broker raises; then
        nothing is lost, only not landed yet.
        """
        by_topic: dict[str, list[Record]] = {topic: [] for topic, _ in self._owed}
        for record in records:
            if (record.topic, record.partition) in self._owned:
                by_topic.setdefault(record.topic, []).append(record)
        for topic, theirs in by_topic.items():
            if self._pausing(topic):
                self._owe(theirs)
                continue
            with self._waits(topic, theirs):
                self._land_topic(topic, theirs)
        self._settle()

    # -- waiting

    @contextmanager
    def _waits(self, topic: str, records: Sequence[Record]) -> Iterator[None]:
        """If the table does not take rows, the topic waits and `records` are owed."""
        try:
            yield
        except _Held as held:
            error = held.__cause__
            before = self.waiting.get(topic)
            pause = _RETRY_S[0] if before is None else min(before.pause_s * 2, _RETRY_S[1])
            reason = f"{type(error).__name__}: {error}"
            self.waiting[topic] = Wait(reason, pause, self._clock() + pause)
            self._owe(records)
            for table in (topics()[topic].table, "gaps"):
                self._tables.pop(table, None)  # opened anew, repaired if need be
            for place in [place for place in self._last if place[0] == topic]:
                del self._last[place]
            log.error(
                "%s waits: table %s takes no rows (%s); tried again in %.0f s. Nothing is lost: the log keeps it",
                topic, topics()[topic].table, reason, pause,
            )  # fmt: skip
        else:
            if self.waiting.pop(topic, None):
                log.warning("%s lands again", topic)

    @contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except self._hold as error:
            raise _Held from error

    def _pausing(self, topic: str) -> bool:
        return topic in self.waiting and self._clock() < self.waiting[topic].until

    def _owe(self, records: Sequence[Record]) -> None:
        for record in records:
            place = (record.topic, record.partition)
            self._owed[place] = max(self._owed.get(place, 0), record.offset + 1)

    def _settle(self) -> None:
        """Nothing is owed of what has landed."""
        self._owed = {
            place: beyond for place, beyond in self._owed.items()
            if place not in self._last or beyond > self._next(place)
        }  # fmt: skip

    # -- one topic

    def _land_topic(self, topic: str, records: list[Record]) -> None:
        if any(place not in self._last for place in self._owned if place[0] == topic):
            self._look(topic)
        self._settle()
        ranges = {place: (self._next(place), to) for place, to in self._owed.items() if place[0] == topic}
        ranges |= self._holes(records)
        if ranges:
            for found in self._gaps.fill(ranges, self._log_ids):
                if isinstance(found, Lost):
                    self._record_loss(found)
                else:
                    self.done.reread += len(found)
                    self._write(topic, found)
            # what is still missing was no record: an owed range may end in a transaction's own marks
            self._owed = {place: to for place, to in self._owed.items() if place[0] != topic}
        self._write(topic, records)

    def _look(self, topic: str) -> None:
        with self._storage():
            table = self._named(topics()[topic].table)
            landed = table.landed(self._log_ids[topic], topic)
            if topic == FRAMES:
                self._frame_ids = self._recall(table)
        self._last |= {place: landed.get(place[1]) for place in self._owned if place[0] == topic}

    def _recall(self, table: Table) -> FrameIds:
        """The frames of the last 48 h. A clock that was ahead once must not make the others forgotten."""
        now = self._now_us()
        return recall(table.recent(["frame_id", "kafka_at"], "kafka_at", SPAN_US, now), now)

    def _named(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = self._open_table(name)
        return self._tables[name]

    def _next(self, place: Place) -> int:
        last = self._last[place]
        return 0 if last is None else last + 1

    def _holes(self, records: Sequence[Record]) -> dict[Place, tuple[int, int]]:
        """Per place with a hole: from what is to land next to the record after the last hole.

        From there, not from the first missing offset: what stands before it lands with the range, in order.
        """
        offsets: dict[Place, list[int]] = {}
        for record in records:
            offsets.setdefault((record.topic, record.partition), []).append(record.offset)
        holes: dict[Place, tuple[int, int]] = {}
        for place, found in offsets.items():
            want = self._next(place)
            for offset in sorted(found):
                if offset > want and not self._natural(place, want, offset):
                    holes[place] = (self._next(place), offset)
                want = max(want, offset + 1)
        return holes

    def _write(self, topic: str, records: Sequence[Record]) -> None:
        while fresh := self._fresh(records):
            try:
                self._commit(topic, fresh)
            except self._fenced as error:
                self.done.fenced += 1
                log.warning("%s; looking again", error)
                self._look(topic)

    def _fresh(self, records: Sequence[Record]) -> list[Record]:
        """Ours, not landed yet, in order and once each."""
        ordered = sorted(records, key=lambda record: (record.partition, record.offset))
        fresh: list[Record] = []
        for record in ordered:
            place = (record.topic, record.partition)
            if place not in self._last or record.offset < self._next(place):
                continue
            if fresh and fresh[-1].partition == record.partition and fresh[-1].offset == record.offset:
                continue
            fresh.append(record)
        return fresh

    def _commit(self, topic: str, fresh: list[Record]) -> None:
        with self._storage():
            table = self._named(topics()[topic].table)
        made = rows_for(topics()[topic], fresh, self._frame_ids, table.columns)
        if made.refusals:
            self._refuse(made.refusals)
        ends: dict[Place, int] = {(record.topic, record.partition): record.offset for record in fresh}
        names = {place: f"{self._log_ids[topic]}/{topic}/{place[1]}" for place in ends}
        with self._storage():
            if made.later:
                table.widen(made.later)
            table.append(
                made.rows,
                {names[place]: end for place, end in ends.items()},
                {names[place]: self._last[place] for place in ends},
            )
        self._last |= ends
        for frame_id, kafka_us in made.frame_ids:
            self._frame_ids.add(frame_id, min(kafka_us, self._now_us()))
        self.done.records += len(fresh)
        self.done.rows += made.rows.num_rows
        self.done.commits += 1
        self.done.refused += len(made.refusals)
        self.done.doubles += made.doubles

    def _record_loss(self, lost: Lost) -> None:
        """A row in `gaps`, once: its own `txn` holds the last lost offset."""
        topic, partition = lost.place
        log.error(
            "%s/%s: offsets %s to %s are gone from the log and never landed", topic, partition, lost.first, lost.last
        )
        self.done.lost += lost.last - lost.first + 1
        log_id = self._log_ids[topic]
        with self._storage():
            gaps = self._named("gaps")
            before = gaps.landed(log_id, topic).get(partition)
            if before is None or before < lost.last:
                name = f"{log_id}/{topic}/{partition}"
                gaps.append(gap_row(log_id, lost, self._now_us()), {name: lost.last}, {name: before})
