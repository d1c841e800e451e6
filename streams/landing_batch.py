"""What landing does with a batch of records: skip, fill gaps, refuse, drop doubles, commit. Blocking; knows no Faust.

The truth about what has landed is the table's own `txn`, never the consumer group's offset.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from schemas.tables import GAPS
from schemas.topics import topics
from streams.admission import Refusals
from streams.decode import Record
from streams.frame_ids import SPAN_US, FrameIds
from streams.landing_frames import frame_rows, sort_frames
from streams.landing_gaps import Lost, Place
from streams.landing_rows import rows_of

log = logging.getLogger("qingling.landing")

_FRAMES = "telemetry.frames"


class Table(Protocol):
    """What landing needs of warehouse.lake.LakeTable."""

    def landed(self, log_id: str, topic: str) -> dict[int, int]: ...
    def append(self, rows: pa.Table, ends: Mapping[str, int], expected: Mapping[str, int | None]) -> int: ...
    def recent(self, columns: list[str], stamp: str, span_us: int) -> Iterator[pa.Table]: ...


class Gaps(Protocol):
    def fill(
        self, ranges: Mapping[Place, tuple[int, int]], log_ids: Mapping[str, str]
    ) -> Iterator[Lost | list[Record]]: ...


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


class Lander:
    """Lands records of the places it was told to take. One thread at a time."""

    def __init__(
        self,
        open_table: Callable[[str], Table],
        fenced: type[Exception],
        refuse: Callable[[Refusals], None],
        gaps: Gaps,
        natural: Callable[[Place, int, int], bool] = lambda *_: False,
    ) -> None:
        """`refuse` must not return before the dead letters are safe: the offsets they stood at are committed next.

        `natural(place, first, beyond)`: whether it is known that no record stands there; else it is read again.
        """
        self._open_table, self._fenced, self._refuse, self._gaps = open_table, fenced, refuse, gaps
        self._natural = natural
        self._tables: dict[str, Table] = {}
        self._log_ids: dict[str, str] = {}
        self._last: dict[Place, int | None] = {}  # last landed offset; None: nothing yet
        self._owed: dict[Place, tuple[int, int]] = {}
        self._frame_ids = FrameIds()
        self.done = Landed()

    @property
    def owes(self) -> bool:
        """Whether records must be read again that the consumer group believes landed."""
        return bool(self._owed)

    def take(self, places: Iterable[Place], log_ids: Mapping[str, str], committed: Mapping[Place, int]) -> None:
        """From now on land `places` only. `committed`: where the consumer group will go on; only a hint."""
        self._log_ids = dict(log_ids)
        self._last, self._owed = {}, {}
        places = list(places)
        for topic in {topic for topic, _ in places}:
            landed = self._table(topic).landed(self._log_ids[topic], topic)
            self._last |= {(topic, p): landed.get(p) for name, p in places if name == topic}
        for place, offset in committed.items():
            if place in self._last and offset > self._next(place):
                self._owed[place] = (self._next(place), offset)
        if any(topic == _FRAMES for topic, _ in places):
            self._recall()

    def drop(self) -> None:
        """Own nothing: what still arrives is somebody else's."""
        self._last, self._owed = {}, {}

    def land(self, records: Sequence[Record]) -> None:
        """Land `records` (any order, any topics) and what is missing before them. Returns after the commits.

        Raises what the lake or the broker raise; then nothing is lost, only not landed yet.
        """
        ranges = self._owed | self._holes(records)
        if ranges:
            for found in self._gaps.fill(ranges, self._log_ids):
                if isinstance(found, Lost):
                    self._record_loss(found)
                else:
                    self.done.reread += len(found)
                    self._land(found)
        self._owed = {}
        self._land(records)

    # -- inside

    def _table(self, topic: str) -> Table:
        return self._named(topics()[topic].table)

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
            if place not in self._last:
                continue
            want = self._next(place)
            for offset in sorted(found):
                if offset > want and not self._natural(place, want, offset):
                    holes[place] = (self._next(place), offset)
                want = max(want, offset + 1)
        return holes

    def _land(self, records: Sequence[Record]) -> None:
        by_topic: dict[str, list[Record]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        for topic, theirs in by_topic.items():
            self._land_topic(topic, theirs)

    def _land_topic(self, topic: str, records: list[Record]) -> None:
        while fresh := self._fresh(records):
            try:
                self._commit(topic, fresh)
            except self._fenced as error:
                self.done.fenced += 1
                log.warning("%s; looking again", error)
                self._look_again(topic)

    def _fresh(self, records: list[Record]) -> list[Record]:
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

    def _look_again(self, topic: str) -> None:
        landed = self._table(topic).landed(self._log_ids[topic], topic)
        for place in [place for place in self._last if place[0] == topic]:
            self._last[place] = landed.get(place[1])
        if topic == _FRAMES:
            self._recall()

    def _commit(self, topic: str, fresh: list[Record]) -> None:
        rows, refusals, frame_ids = self._rows(topic, fresh)
        if refusals:
            self._refuse(refusals)
        ends: dict[Place, int] = {(record.topic, record.partition): record.offset for record in fresh}
        names = {place: f"{self._log_ids[topic]}/{topic}/{place[1]}" for place in ends}
        self._table(topic).append(
            rows,
            {names[place]: end for place, end in ends.items()},
            {names[place]: self._last[place] for place in ends},
        )
        self._last |= ends
        for frame_id, kafka_us in frame_ids:
            self._frame_ids.add(frame_id, kafka_us)
        self.done.records += len(fresh)
        self.done.rows += rows.num_rows
        self.done.commits += 1
        self.done.refused += len(refusals)

    def _rows(self, topic: str, fresh: list[Record]) -> tuple[pa.Table, Refusals, list[tuple[str, int]]]:
        if topic != _FRAMES:
            rows, refusals = rows_of(topics()[topic], fresh)
            return rows, refusals, []
        found = sort_frames(fresh, self._frame_ids)
        self.done.doubles += len(found.doubles)
        ids = [(frame.header.frame_id, frame.record.timestamp_us) for frame in found.frames]
        return frame_rows(found.frames), found.refusals, ids

    def _recall(self) -> None:
        """Learn from the lake which frames landed in the last 48 h."""
        self._frame_ids = FrameIds()
        for rows in self._table(_FRAMES).recent(["frame_id", "kafka_at"], "kafka_at", SPAN_US):
            ids = rows["frame_id"].chunk(0) if rows.num_rows else None
            if ids is None:
                continue
            used, firsts = np.unique(ids.indices.to_numpy(), return_index=True)
            times = rows["kafka_at"].cast(pa.int64()).to_numpy()[firsts]
            for frame_id, kafka_us in zip(ids.dictionary.take(pa.array(used)).to_pylist(), times.tolist(), strict=True):
                self._frame_ids.add(frame_id, kafka_us)

    def _record_loss(self, lost: Lost) -> None:
        """A row in `gaps`, once: its own `txn` holds the last lost offset."""
        topic, partition = lost.place
        log.error(
            "%s/%s: offsets %s to %s are gone from the log and never landed", topic, partition, lost.first, lost.last
        )
        self.done.lost += lost.last - lost.first + 1
        gaps, log_id = self._named("gaps"), self._log_ids[topic]
        before = gaps.landed(log_id, topic).get(partition)
        if before is None or before < lost.last:
            now = time.time_ns() // 1000
            values = [log_id, topic, partition, lost.first, now, lost.last, now]
            row = pa.table(
                [pa.array([value]).cast(field.type) for value, field in zip(values, GAPS, strict=True)], schema=GAPS
            )
            gaps.append(row, {f"{log_id}/{topic}/{partition}": lost.last}, {f"{log_id}/{topic}/{partition}": before})
