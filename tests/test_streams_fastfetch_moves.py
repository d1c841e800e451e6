"""Faust's consumer as we have it: what arrives while it seeks is heard though nothing more ever comes, and it joins its
group again after an error."""

import asyncio
from collections.abc import Iterable

import aiokafka
import faust
import pytest
from aiokafka.consumer import group_coordinator
from aiokafka.errors import KafkaError
from kafka import KafkaProducer

from schemas.settings import Settings
from schemas.topics import SITE_PARTITIONS, inputs
from streams.broker import Broker
from streams.connect import producer
from streams.faustapp import faust_app, raw_channel

PATIENCE_S = 20
Place = tuple[str, int, int]


def send(sender: KafkaProducer, value: bytes) -> set[Place]:
    """One record into every partition of every input."""
    acks = [sender.send(topic, value=value, partition=p) for topic in inputs() for p in range(SITE_PARTITIONS)]
    return {(at.topic, at.partition, at.offset) for at in (ack.get(30) for ack in acks)}


def listening(servers: str, ready: asyncio.Event) -> tuple[faust.App, set[Place]]:
    """An app whose agent works while `ready` is set, as ours do, and what it has heard."""
    app, heard = faust_app("seeking", servers, Settings()), set[Place]()

    @app.agent(raw_channel(app, inputs()))
    async def hear(stream: faust.StreamT) -> None:
        async for event in stream.noack().events():
            await ready.wait()
            heard.update((r.topic, r.partition, r.offset) for r in event.message.records)
            event.ack()

    return app, heard


async def heard_all(heard: set[Place], sent: Iterable[Place]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not heard.issuperset(sent):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("committed", [True, False])
def test_what_is_fetched_during_a_seek_is_not_lost(
    broker: Broker, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after two rebalances in quick succession: the second one's seek begins while the flow is on."""
    ready = asyncio.Event()
    ready.set()
    app, heard = listening(broker.servers, ready)
    ask = aiokafka.AIOKafkaConsumer.committed
    seeking = asyncio.Event()

    async def slowly(self: aiokafka.AIOKafkaConsumer, tp: aiokafka.TopicPartition) -> int | None:
        seeking.set()
        await asyncio.sleep(0.05)  # the early partitions are sought long before the last
        return await ask(self, tp)

    async def play() -> None:
        await app.start()
        try:
            first = await asyncio.to_thread(send, sender, b"first") if committed else set()
            await heard_all(heard, first)
            if committed:
                await asyncio.sleep(1.5)  # the group's offsets are committed every half a second
            else:
                async with asyncio.timeout(PATIENCE_S):
                    while not app.consumer.flow_active:
                        await asyncio.sleep(0.05)
            ready.clear()
            monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "committed", slowly)
            seek = asyncio.ensure_future(app.consumer.perform_seek())
            await asyncio.sleep(0.5)
            sent = await asyncio.to_thread(send, sender, b"while it seeks")
            await seek
            app.flow_control.resume()  # as Faust does at the end of a rebalance: it clears the agents' queues
            app.consumer.resume_flow()
            ready.set()
            await heard_all(heard, sent)
        finally:
            await app.stop()

    sender = producer(broker.servers)
    try:
        asyncio.run(play())
    finally:
        sender.close()


def test_a_worker_joins_again_after_an_error_of_the_group(ground: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's coordination waits until somebody hears of the error, and while it waits nothing is fetched."""
    ready = asyncio.Event()
    ready.set()
    app, heard = listening(ground.servers, ready)
    join = group_coordinator.GroupCoordinator._do_rejoin_group
    failed = asyncio.Event()

    async def failing_once(self: group_coordinator.GroupCoordinator, subscription: object) -> bool:
        if not failed.is_set():
            failed.set()
            raise KafkaError("not to be retried")
        return bool(await join(self, subscription))

    async def play() -> None:
        await app.start()
        try:
            await heard_all(heard, await asyncio.to_thread(send, sender, b"first"))
            monkeypatch.setattr(group_coordinator.GroupCoordinator, "_do_rejoin_group", failing_once)
            thread = app.consumer._thread
            await thread.call_thread(thread._consumer._coordinator.request_rejoin)
            async with asyncio.timeout(PATIENCE_S):
                while not failed.is_set():
                    await asyncio.sleep(0.01)
            await heard_all(heard, await asyncio.to_thread(send, sender, b"second"))
        finally:
            await app.stop()

    sender = producer(ground.servers)
    try:
        asyncio.run(play())
    finally:
        sender.close()
