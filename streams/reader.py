"""Reading a topic whole: the one way every process learns registry, catalogue and states.

"To the end" = the end offset is reached and then one fetch comes back empty: the embedded broker's end offset is
too low when the last batch holds several records.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.topics import topics
from streams.connect import consumer, log_ids
from streams.decode import Record

_EMPTY_FETCH_MS = 120  # long enough for a fetch of 20 ms to come back on a busy machine, several times
_FETCH_WAIT_MS = 20
_TAIL_WAIT_MS = 100  # the embedded broker does not wake a waiting fetch: this is latency, and its inverse is idle cost


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
        ends = reader.end_offsets(wanted)
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
        return {tp: max(0, end - count) for tp, end in reader.end_offsets(list(partitions)).items()}
    finally:
        reader.close()


def read_range(servers: str, partition: TopicPartition, first: int, beyond: int) -> tuple[list[Record], int]:
    """Records with offsets in [first, beyond), and the offset from which the log still has them.

    The second value is above `first` if retention has eaten the start of the range: that is loss, and the caller's to
    report. Holes (compaction, transaction markers) are natural: the read ends at the position, not at a count.
    """
    reader = consumer(servers, fetch_max_wait_ms=_FETCH_WAIT_MS)
    logs = log_ids(servers)
    found: list[Record] = []
    try:
        begins = max(first, reader.beginning_offsets([partition])[partition])
        _seek(reader, [partition], {partition: begins})
        empty = 0
        while reader.position(partition) < beyond and empty < 50:
            batch = reader.poll(timeout_ms=_EMPTY_FETCH_MS).get(partition, [])
            empty = 0 if batch else empty + 1
            found += [_record(message, logs) for message in batch if message.offset < beyond]
        return found, begins
    finally:
        reader.close()


def _seek(reader: KafkaConsumer, wanted: list[TopicPartition], start: Mapping[TopicPartition, int]) -> None:
    reader.assign(wanted)
    begins = reader.beginning_offsets([tp for tp in wanted if tp not in start]) if len(start) < len(wanted) else {}
    for tp in wanted:
        reader.seek(tp, start.get(tp, begins.get(tp, 0)))


class Tail(threading.Thread):
    """Follows topics for ever in a thread: `seen(record)` is called in the thread, in order within a partition.

    `caught_up` is set once everything that stood there at the start has been seen. A lost broker is waited for; `error`
    says what is wrong meanwhile.
    """

    def __init__(
        self, servers: str, names: Iterable[str], seen: Callable[[Record], None],
        idle: Callable[[], None] = lambda: None, *, from_end: Iterable[str] = (),
    ) -> None:  # fmt: skip
        super().__init__(name="tail", daemon=True)
        self.caught_up = threading.Event()
        self.error: str | None = None
        self._servers, self._names, self._seen, self._idle = servers, tuple(names), seen, idle
        self._from_end = frozenset(from_end)
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

    def _follow(self, position: dict[TopicPartition, int]) -> None:
        wanted = all_partitions(self._names)
        reader = consumer(self._servers, fetch_max_wait_ms=_TAIL_WAIT_MS, max_poll_records=5_000)
        logs = log_ids(self._servers)
        try:
            late = [tp for tp in wanted if tp.topic in self._from_end and tp not in position]
            if late:
                position.update(reader.end_offsets(late))
            _seek(reader, wanted, position)
            ends = reader.end_offsets(wanted)
            while not self._halt.is_set():
                batch = reader.poll(timeout_ms=2 * _TAIL_WAIT_MS)
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
