"""Reading again what Faust jumped over: a plain consumer, many partitions at once."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from streams.connect import begin_offsets, consumer
from streams.decode import Record
from streams.landing_tables import Lost, Place

log = logging.getLogger("qingling.landing")

_FETCH_WAIT_MS = 20
_POLL_MS = 200
_PATIENCE = 150  # empty polls: half a minute without a record that must be there


class Unread(RuntimeError):
    """The broker did not give records that stand before one it has given: nothing may be landed past them."""


class Rereader:
    """One consumer without a group, kept open between gaps. For one thread at a time."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._reader: KafkaConsumer | None = None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def fill(
        self, ranges: Mapping[Place, tuple[int, int]], log_ids: Mapping[str, str]
    ) -> Iterator[Lost | list[Record]]:
        """The records with offsets in [first, beyond) of each place, in order within a place, in batches.

        First what is lost: the start of a range that retention has eaten. Holes (compaction, transaction markers) are
        natural: a range ends at the reader's position, not at a count. Raises Unread, KafkaError.
        """
        if self._reader is None:
            self._reader = consumer(self._servers, fetch_max_wait_ms=_FETCH_WAIT_MS, max_poll_records=5_000)
        reader = self._reader
        open_: dict[TopicPartition, int] = {TopicPartition(*place): beyond for place, (_, beyond) in ranges.items()}
        reader.assign(list(open_))
        begins = begin_offsets(reader, open_)
        reader.resume(*open_)  # a partition of the last time is still paused
        for tp in open_:
            first, beyond = ranges[tp.topic, tp.partition]
            if begins[tp] > first:
                yield Lost((tp.topic, tp.partition), first, min(begins[tp], beyond) - 1)
            reader.seek(tp, max(first, begins[tp]))
        empty = 0
        while True:
            for tp in [tp for tp, beyond in open_.items() if reader.position(tp) >= beyond]:
                reader.pause(tp)
                del open_[tp]
            if not open_:
                return
            polled = reader.poll(timeout_ms=_POLL_MS)
            empty = 0 if polled else empty + 1
            if empty > _PATIENCE:
                raise Unread(f"no record of {sorted(open_)} within {_PATIENCE * _POLL_MS / 1000:.0f} s")
            for tp, messages in polled.items():
                beyond = ranges[tp.topic, tp.partition][1]
                yield [_record(message, log_ids) for message in messages if message.offset < beyond]


def _record(m: Any, log_ids: Mapping[str, str]) -> Record:
    return Record(
        log_id=log_ids[m.topic], topic=m.topic, partition=m.partition, offset=m.offset, key=m.key, value=m.value,
        headers=m.headers or (), timestamp_us=m.timestamp * 1000,
    )  # fmt: skip
