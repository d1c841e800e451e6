"""Faust's Kafka driver as it is needed here: no 1.5 s wait in every fetch, a fetch handed on as a few batches, and
nothing fetched while positions are being set.

Faust pays 65-80 µs for every message that passes its conductor, channel and stream, whatever is in it. What a fetch
brought of one partition is therefore one Faust message with many Kafka records: Faust keeps doing what it is for
(group, assignment, flow control, acknowledgement, commit), once per batch. docs/decisions/0015.

Faust ends a rebalance by seeking to what is committed, clearing the agents' queues and resuming the flow. It does not
see to it that nothing is fetched meanwhile: after two rebalances in quick succession the flow may be on, and what was
fetched after its partition had been sought would be cleared away, unseen until that partition's next record comes.
docs/decisions/0028.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import aiokafka
import faust
import faust.transport.drivers.aiokafka as driver
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP, ConsumerMessage

ERRORS_S = 0.5  # after so long an error of the group is heard of, and a failed fetch tried again
FAILED_FETCHES = 10  # in a row, and the worker ends
FETCH_S = 0.25  # a fetch waits so long for records at most, and a seek for a fetch
BATCH_RECORDS = 128  # of one partition in one batch at most: partitions take turns


class Batch(ConsumerMessage):
    """Kafka records of one partition in order, as one Faust message: its offset is that of the last."""

    records: Sequence[Any]

    @classmethod
    def of(cls, tp: TP, records: Sequence[Any], generation_id: int) -> "Batch":
        last = records[-1]
        batch = cls(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type, None, None, b"",
            None, 0, 0, tp, generation_id=generation_id,
        )  # fmt: skip
        batch.records = records
        return batch


class BatchConsumer(driver.Consumer):
    """Faust's consumer, but for the seek and for `getmany`: a few batches of a partition, not record after record."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._moving = asyncio.Lock()  # held by who fetches and hands on, and by who sets positions
        self._failed = 0  # fetches in a row
        self.stop_flow()  # until the first assignment is sought

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.stop_flow()  # Faust leaves it on where nothing was assigned
        await super().on_partitions_revoked(revoked)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Batch]]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        async with self._moving:
            if not self.flow_active or self.should_stop:
                return
            found, active = await self._fetched(min(timeout, FETCH_S))
            generation = self.app.consumer_generation_id
            for tp, records in in_turn(found or {}, BATCH_RECORDS):
                if not self.flow_active or self.should_stop or self.app.consumer_generation_id != generation:
                    return  # what is not handed on is fetched again: no flow is resumed without a seek
                if active is None or tp in active or tp in self._buffered_partitions:
                    self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                    yield tp, Batch.of(tp, records, generation)

    async def _fetched(self, timeout: float) -> Any:
        """An error of the group is told to who is fetching, too. One that stays is raised, and ends the worker."""
        try:
            found = await self._wait_next_records(timeout)
        except KafkaError as error:
            self._failed += 1
            if self._failed >= FAILED_FETCHES:
                raise
            self.log.warning("a fetch failed, and is tried again: %r", error)
            await self.sleep(ERRORS_S)
            return None, None
        self._failed = 0
        return found

    async def perform_seek(self) -> None:
        """To what is committed, or the beginning. Nothing is fetched from now on until the flow is resumed."""
        self.stop_flow()
        async with self._moving:
            await super().perform_seek()
            # aiokafka leaves where it is what has no committed offset, though records of it may have been fetched
            fresh = [tp for tp in self.assignment() if not self._read_offset[tp]]
            if fresh:
                await self._thread.seek_to_beginning(*(TopicPartition(*tp) for tp in fresh))

    @driver.Consumer.task
    async def hear_errors(self) -> None:
        """Frees the group's coordination: after an error it stands still until somebody has heard of it.

        aiokafka tells the next caller of its `getmany`, which Faust does not use. Raises what ended the coordination.
        """
        while not self.should_stop:
            await self.sleep(ERRORS_S)
            consumer = self._thread._consumer
            coordinator = consumer and consumer._coordinator
            if coordinator is None:  # it has not started yet
                continue
            try:
                await self._thread.call_thread(coordinator.check_errors)
            except KafkaError as error:
                if coordinator._coordination_task.done():
                    raise
                self.log.warning("the group's coordination goes on after %r", error)


def in_turn(found: Mapping[TP, Sequence[Any]], size: int) -> Iterator[tuple[TP, Sequence[Any]]]:
    """The records of every partition in parts of `size`, the partitions taking turns."""
    start = 0
    while parts := [(tp, records[start : start + size]) for tp, records in found.items() if start < len(records)]:
        yield from parts
        start += size


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer


def fetch_batches(app: faust.App, wait_ms: int, *, read_committed: bool) -> None:
    """Let `app` fetch in batches; it then gets `Batch` messages. Call before anything else of the app is used.

    Every aiokafka consumer that Faust makes from now on in this process waits at most `wait_ms` in a fetch: measured on
    the embedded broker, whose waiting fetches are not woken by new data, p50 393 ms as shipped, 6-9 ms at 20 ms.
    `read_committed`: it skips records of aborted transactions, which Faust sets only for its own `exactly_once`.
    """

    class Consumer(aiokafka.AIOKafkaConsumer):
        def __init__(self, *topics: str, **options: object) -> None:
            options["fetch_max_wait_ms"] = wait_ms
            if read_committed:
                options["isolation_level"] = "read_committed"
            super().__init__(*topics, **options)

    driver.aiokafka.AIOKafkaConsumer = Consumer
    app.transport = BatchTransport(app.conf.broker_consumer, app)
