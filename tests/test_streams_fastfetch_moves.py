"""Faust's consumer as we have it: what arrives while it seeks is heard though nothing more ever comes, and it joins its
group again after an error."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiokafka
import faust
import pytest
from aiokafka.consumer import group_coordinator
from aiokafka.errors import KafkaError

from schemas.settings import Settings
from schemas.topics import SITE_PARTITIONS, inputs
from streams.broker import Broker
from streams.connect import producer
from streams.faustapp import faust_app, raw_channel

PATIENCE_S = 20
PLACES = [(topic, partition) for topic in inputs() for partition in range(SITE_PARTITIONS)]


class Listener:
    """An app whose agent works while `ready` is set, as ours do, what it has heard, and who sends to it."""

    def __init__(self, servers: str) -> None:
        self.app = faust_app("moving", servers, Settings())
        self.ready = asyncio.Event()
        self.ready.set()
        self.sender = producer(servers)
        self._heard: set[tuple[str, int, int]] = set()
        self.app.agent(raw_channel(self.app, inputs()))(self._hear)

    async def _hear(self, stream: faust.StreamT) -> None:
        async for event in stream.noack().events():
            await self.ready.wait()
            self._heard.update((r.topic, r.partition, r.offset) for r in event.message.records)
            event.ack()

    async def sent(self) -> set[tuple[str, int, int]]:
        """One record into every partition of every input."""
        acks = [self.sender.send(topic, value=b"x", partition=partition) for topic, partition in PLACES]
        done = [await asyncio.to_thread(ack.get, 30) for ack in acks]
        return {(at.topic, at.partition, at.offset) for at in done}

    async def hears(self, sent: set[tuple[str, int, int]]) -> bool:
        """Whether all of it, before patience ends."""
        with suppress(TimeoutError):
            await until(lambda: self._heard >= sent)
        return self._heard >= sent


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(servers: str) -> AsyncIterator[Listener]:
    it = Listener(servers)
    await it.app.start()
    try:
        await until(lambda: it.app.consumer.flow_active)
        yield it
    finally:
        await it.app.stop()
        it.sender.close()


@pytest.mark.parametrize("committed", [True, False])
def test_what_is_fetched_during_a_seek_is_not_lost(
    broker: Broker, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after two rebalances in quick succession: the second one's seek begins while the flow is on."""
    ask = aiokafka.AIOKafkaConsumer.committed
    asked: list[aiokafka.TopicPartition] = []

    async def slowly(self: aiokafka.AIOKafkaConsumer, tp: aiokafka.TopicPartition) -> int | None:
        asked.append(tp)
        await asyncio.sleep(0.05)  # the early partitions are sought long before the last
        return await ask(self, tp)

    async def play() -> None:
        async with listening(broker.servers) as it:
            consumer = it.app.consumer
            if committed:
                assert await it.hears(await it.sent())
                await until(lambda: sum(at is not None for at in consumer._committed_offset.values()) == len(PLACES))
            it.ready.clear()
            monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "committed", slowly)
            seek = asyncio.ensure_future(consumer.perform_seek())
            await until(lambda: len(asked) > len(PLACES) / 4)
            late = await it.sent()
            await seek
            it.app.flow_control.resume()  # as Faust does at the end of a rebalance: it clears the agents' queues
            consumer.resume_flow()
            it.ready.set()
            assert await it.hears(late)

    asyncio.run(play())


def test_a_worker_joins_again_after_an_error_of_the_group(ground: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's coordination waits until somebody hears of the error, and while it waits nothing is fetched."""
    join = group_coordinator.GroupCoordinator._do_rejoin_group
    failed: list[KafkaError] = []

    async def failing_once(self: group_coordinator.GroupCoordinator, subscription: object) -> bool:
        if not failed:
            failed.append(KafkaError("not to be retried"))
            raise failed[0]
        return bool(await join(self, subscription))

    async def play() -> None:
        async with listening(ground.servers) as it:
            assert await it.hears(await it.sent())
            monkeypatch.setattr(group_coordinator.GroupCoordinator, "_do_rejoin_group", failing_once)
            thread = it.app.consumer._thread
            await thread.call_thread(thread._consumer._coordinator.request_rejoin)
            await until(lambda: bool(failed))
            assert await it.hears(await it.sent())

    asyncio.run(play())
