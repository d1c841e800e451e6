"""Reading a topic whole: the one way every process learns registry, catalogue and states.

"To the end" = the end offset is reached and then one fetch comes back empty: the embedded broker's end offset is
too low when the last batch holds several records.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.topics import topics
from streams.connect import begin_offsets, consumer, end_offsets, log_ids
from streams.decode import Record

log = logging.getLogger("qingling.reader")

_EMPTY_FETCH_MS = 120  # long enough for a fetch of 20 ms to come back on a busy machine, several times
_FETCH_WAIT_MS = 20
_PATIENCE_S = 60  # a broker that restarts is waited for
# The embedded broker does not wake a waiting fetch: this is latency there, and everywhere its inverse is idle cost: an
# empty fetch of a few partitions is a millisecond of CPU.
_TAIL_WAIT_MS = 100


class Unread(RuntimeError):
    """The broker did not give records that stand before one it has given: nothing may be absorbed past them."""


def _record(m: Any, logs: Mapping[str, str]) -> Record:
    return Record(
        log_id=logs.get(m.topic, ""), topic=m.topic, partition=m.partition, offset=m.offset, key=m.key, value=m.value,
        headers=m.headers or (), timestamp_us=m.timestamp * 1000,
    )  # fmt: skip


def all_partitions(names: Iterable[str]) -> list[TopicPartition]:
    return [TopicPartition(name, p) for name in names for p in range(topics()[name].partitions)]


def read_to_end(
    servers: str, names: Iterable[str] = (), *, only: Iterable[TopicPartition] = (),
    start: Mapping[TopicPartition, int] | None = None,
) -> Iterator[Record]:  # fmt: skip
    """Every record of the topics `names` (all partitions) or of the partitions `only`, from `start` (default: all).

    Order is kept within a partition. Blocking; ends at the end of each log as it stood, or later.
    """
    wanted = list(only) or all_partitions(names)
    reader = consumer(servers, fetch_max_wait_ms=_FETCH_WAIT_MS, max_poll_records=5_000)
    logs = log_ids(servers)
    try:
        _seek(reader, wanted, start or {})
        ends = end_offsets(reader, wanted)
        while True:
            batch = reader.poll(timeout_ms=_EMPTY_FETCH_MS)
            for messages in batch.values():
                for message in messages:
                    yield _record(message, logs)
            if not batch and all(reader.position(tp) >= ends[tp] for tp in wanted):
                return
    finally:
        reader.close()


def near_end(servers: str, partitions: Iterable[TopicPartition], count: int) -> dict[TopicPartition, int]:
    """For each partition the offset `count` before its end as the broker gives it, or 0: where its last ones begin."""
    reader = consumer(servers)
    try:
        return {tp: max(0, end - count) for tp, end in end_offsets(reader, partitions).items()}
    finally:
        reader.close()


def newest(servers: str, partitions: Iterable[TopicPartition], count: int) -> list[Record]:
    """The last records of each partition, in order within it: those of the last `count` offsets, at least one if any.

    Offsets are no count of records: what was aborted and the transactions' own marks take some as well. Where the last
    `count` hold no record, it looks farther back.
    """
    found: list[Record] = []
    wanted = list(partitions)
    while wanted:
        start = near_end(servers, wanted, count)
        read = list(read_to_end(servers, only=wanted, start=start))
        found += read
        seen = {TopicPartition(record.topic, record.partition) for record in read}
        wanted = [tp for tp in wanted if tp not in seen and start[tp] > 0]
        count *= 16
    return found


def read_range(servers: str, partition: TopicPartition, first: int, beyond: int) -> tuple[list[Record], int]:
    """Records with offsets in [first, beyond), and the offset from which the log still has them.

    The second value is above `first` if retention has eaten the start of the range: that is loss, and the caller's to
    report. Holes (compaction, transaction markers) are natural: the read ends at the position, not at a count.
    Raises Unread if the broker does not give what must be there, KafkaError.
    """
    reader = consumer(servers, fetch_max_wait_ms=_FETCH_WAIT_MS)
    logs = log_ids(servers)
    found: list[Record] = []
    try:
        begins = max(first, begin_offsets(reader, [partition])[partition])
        _seek(reader, [partition], {partition: begins})
        last = time.monotonic()
        while reader.position(partition) < beyond:
            if time.monotonic() - last > _PATIENCE_S:
                raise Unread(
                    f"{partition.topic}/{partition.partition}: nothing from offset {reader.position(partition)}"
                )
            batch = reader.poll(timeout_ms=_EMPTY_FETCH_MS).get(partition, [])
            last = time.monotonic() if batch else last
            found += [_record(message, logs) for message in batch if message.offset < beyond]
        return found, begins
    finally:
        reader.close()


def _seek(reader: KafkaConsumer, wanted: list[TopicPartition], start: Mapping[TopicPartition, int]) -> None:
    reader.assign(wanted)
    begins = begin_offsets(reader, [tp for tp in wanted if tp not in start])
    for tp in wanted:
        reader.seek(tp, start.get(tp, begins.get(tp, 0)))


class Tail(threading.Thread):
    """Follows topics for ever in a thread: `seen(record)` is called in the thread, in order within a partition.

    `caught_up` is set once everything that stood there at the start has been seen. A lost broker is waited for; `error`
    says what is wrong meanwhile. If `seen` or `idle` raise, the thread ends, `error` says why, and it is not alive.
    """

    def __init__(
        self, servers: str, names: Iterable[str], seen: Callable[[Record], None],
        idle: Callable[[], None] = lambda: None, *, from_end: Iterable[str] = (), wait_ms: int = _TAIL_WAIT_MS,
    ) -> None:  # fmt: skip
        super().__init__(name="tail", daemon=True)
        self.caught_up = threading.Event()
        self.error: str | None = None
        self._servers, self._names, self._seen, self._idle = servers, tuple(names), seen, idle
        self._from_end, self._wait_ms = frozenset(from_end), wait_ms
        self._halt = threading.Event()

    def stop(self) -> None:
        self._halt.set()
        self.join(5)

    def run(self) -> None:
        position: dict[TopicPartition, int] = {}
        while not self._halt.is_set():
            try:
                self._follow(position)
            except KafkaError as error:
                self.error = str(error) or type(error).__name__
                self._halt.wait(1)
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
                log.exception("no longer followed: %s", ", ".join(self._names))
                return

    def _follow(self, position: dict[TopicPartition, int]) -> None:
        wanted = all_partitions(self._names)
        reader = consumer(self._servers, fetch_max_wait_ms=self._wait_ms, max_poll_records=5_000)
        logs = log_ids(self._servers)
        try:
            late = [tp for tp in wanted if tp.topic in self._from_end and tp not in position]
            if late:
                position.update(end_offsets(reader, late))
            _seek(reader, wanted, position)
            ends = end_offsets(reader, wanted)
            while not self._halt.is_set():
                batch = reader.poll(timeout_ms=2 * self._wait_ms)
                self.error = None
                for tp, messages in batch.items():
                    for message in messages:
                        self._seen(_record(message, logs))
                        position[tp] = message.offset + 1
                if not batch:
                    if not self.caught_up.is_set() and all(reader.position(tp) >= ends[tp] for tp in wanted):
                        self.caught_up.set()
                    self._idle()
        finally:
            reader.close()
