"""How a step reaches the broker: as one Kafka transaction, or in waited-for order where there are none (design §4).

On Apache Kafka each owned partition has a producer of its own whose transactional id is app + partition. Taking the
partition initialises it: the broker then aborts what an earlier owner left open and refuses whatever that one still
sends (docs/decisions/0018).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, InvalidProducerIdMapping, KafkaError, ProducerFenced

from streams.worker import Row

log = logging.getLogger("qingling.processing")

Parts = Sequence[Sequence[Row]]  # events; states; answers and the step record: see worker.rows

# The broker aborts a transaction that stays open for so long, so that readers of its topics are not held up for ever.
_OPEN_MS = 60_000
_SLOW_S = 10.0  # after so long the log says what is waited for
_STOP_S = 5.0


class Fenced(RuntimeError):
    """The broker knows a newer owner of the partition, or gave up on its transaction: nothing of the step was written.

    What is held of the partition in memory is ahead of the log and must be dropped.
    """


class Writer(Protocol):
    """Writes the steps of the partitions it was told to take."""

    async def take(self, partitions: Iterable[int]) -> None:
        """Own `partitions`, before their states are read: on return no earlier owner can write to them any more."""

    def drop(self, partitions: Iterable[int] | None = None) -> None:
        """Own `partitions` (default: all) no longer. No write may be under way."""

    async def close(self) -> None:
        """Own nothing any more; on return nothing is open."""

    async def write(self, partition: int, parts: Parts) -> None:
        """On return all of `parts` is durable. Raises Fenced, or KafkaError: then it is not known what is."""


class Ordered:
    """For a broker without transactions: each part waits for the acknowledgements of the one before."""

    def __init__(self, send_all: Callable[[Sequence[Row]], Awaitable[None]]) -> None:
        self._send_all = send_all

    async def take(self, partitions: Iterable[int]) -> None: ...

    def drop(self, partitions: Iterable[int] | None = None) -> None: ...

    async def close(self) -> None: ...

    async def write(self, partition: int, parts: Parts) -> None:  # noqa: ARG002  (a record names its partition itself)
        for part in parts:
            await self._send_all(part)


class Transactions:
    """For Apache Kafka: readers that read what is committed see all of a step or nothing of it."""

    def __init__(self, servers: str, app: str) -> None:
        self._servers, self._app = servers, app
        self._producers: dict[int, AIOKafkaProducer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def take(self, partitions: Iterable[int]) -> None:
        wanted = list(partitions)
        self.drop(wanted)
        await asyncio.gather(*(self._start(partition) for partition in wanted))

    async def _start(self, partition: int) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._servers, transactional_id=f"{self._app}-{partition}", acks="all", linger_ms=0,
            compression_type="lz4", max_batch_size=1 << 20, max_request_size=8 << 20,
            transaction_timeout_ms=_OPEN_MS, client_id=f"{self._app}-{partition}",
        )  # fmt: skip
        self._producers[partition] = producer
        # returns once the transactions of earlier owners are ended, committed or aborted, in every topic
        await _patiently(producer.start(), f"partition {partition}: waiting for its transactional id")

    def drop(self, partitions: Iterable[int] | None = None) -> None:
        """Returns at once: a producer that was fenced takes seconds to close, and a rebalance waits for us."""
        for partition in [p for p in (self._producers if partitions is None else partitions) if p in self._producers]:
            task = asyncio.create_task(_stop(self._producers.pop(partition)))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        self.drop()
        await asyncio.gather(*self._closing)

    async def write(self, partition: int, parts: Parts) -> None:
        producer = self._producers.get(partition)
        if producer is None:
            raise Fenced(f"partition {partition} is not owned")
        try:
            await _patiently(_commit(producer, parts), f"partition {partition}: waiting for the broker to take a step")
        except (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping) as error:
            raise Fenced(f"partition {partition}: {type(error).__name__}") from error


async def _commit(producer: AIOKafkaProducer, parts: Parts) -> None:
    await producer.begin_transaction()
    acks: list[asyncio.Future[object]] = []
    refused: IllegalOperation | None = None
    try:
        for topic, key, value, partition, headers in (row for part in parts for row in part):
            acks.append(await producer.send(topic, value, key, partition, headers=headers))
    except IllegalOperation as error:  # the transaction failed while it was handed over: what was sent says why
        refused = error
    for outcome in await asyncio.gather(*acks, return_exceptions=True):
        if isinstance(outcome, BaseException):  # a commit says nothing about a record that was refused
            raise outcome
    if refused is not None:
        raise refused
    await producer.commit_transaction()


async def _patiently(work: Awaitable[None], waits_for: str) -> None:
    """Wait for as long as it takes; every _SLOW_S the log says so. A broker that restarts is waited for."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_SLOW_S)
            if not task.done():
                log.warning("%s for more than %.0f s", waits_for, _SLOW_S)
    finally:
        task.cancel()
    await task


async def _stop(producer: AIOKafkaProducer) -> None:
    """An open transaction is left to the next owner, who aborts it."""
    try:
        await asyncio.wait_for(producer.stop(), _STOP_S)
    except (TimeoutError, KafkaError) as error:
        log.warning("a producer did not stop: %s", error or type(error).__name__)
