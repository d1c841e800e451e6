"""What a step's transaction holds, on a real Apache Kafka: fencing, what readers see of it, and offsets nobody has."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiokafka
import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import ProducerFenced
from kafka import TopicPartition

from schemas.topics import SITE_PARTITIONS
from streams.broker import Broker
from streams.lag import true_ends
from streams.natural_holes import NaturalHoles, note_holes
from streams.reader import newest, read_range, read_to_end
from streams.transactions import Fenced, Transactions
from streams.worker import Row
from tests.installation import installation
from tests.small_mine import CH4, SmallMine

EVENTS, STEPS = TopicPartition("alarm.events", 0), TopicPartition("processing.steps", 0)


@pytest.fixture
def watched() -> Iterator[NaturalHoles]:
    before = fetcher.PartitionRecords
    note_holes(holes := NaturalHoles())
    yield holes
    fetcher.PartitionRecords = before


def step(name: str, partition: int = 0) -> tuple[list[Row], list[Row]]:
    return (
        [("alarm.events", b"site", f"{name} {n}".encode(), partition, None) for n in range(3)],
        [("processing.steps", b"0", name.encode(), partition, None)],
    )


def slow_down(monkeypatch: pytest.MonkeyPatch, producer: aiokafka.AIOKafkaProducer) -> None:
    """Between two sends there is time for the broker's answer to the first."""
    send = producer.send

    async def slowly(*args: Any, **options: Any) -> Any:
        sent = await send(*args, **options)
        await asyncio.sleep(0.1)
        return sent

    monkeypatch.setattr(producer, "send", slowly)


def values(servers: str, tp: TopicPartition) -> list[bytes | None]:
    return [record.value for record in read_to_end(servers, only=[tp])]


@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_all_of_a_step_or_nothing(broker: Broker, watched: NaturalHoles, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = broker.servers

    async def story() -> None:
        old, new = Transactions(servers, "app"), Transactions(servers, "app")
        await old.take(range(SITE_PARTITIONS))
        await asyncio.gather(*(old.write(p, step("first", p)) for p in range(SITE_PARTITIONS)))

        # a step that was cut off before its commit: nobody sees any of it
        producer = old._producers[0]
        await producer.begin_transaction()
        for _ in range(40):
            await (await producer.send("alarm.events", b"cut off", b"site", 0))
        assert await asyncio.to_thread(values, servers, EVENTS) == [b"first 0", b"first 1", b"first 2"]

        # a new owner ends it before it reads anything, and the old one can write no more
        await new.take([0, 2])
        assert await asyncio.to_thread(values, servers, EVENTS) == [b"first 0", b"first 1", b"first 2"]
        with pytest.raises(ProducerFenced):
            await producer.commit_transaction()
        with pytest.raises(Fenced):
            await old.write(2, step("stale", 2))
        await new.take([3])
        slow_down(monkeypatch, old._producers[3])
        with pytest.raises(Fenced):  # heard of while the step is being handed over
            await old.write(3, step("stale", 3))
        await old.write(1, step("second", 1))  # its other partitions are still its own
        await new.write(0, step("third"))
        with pytest.raises(Fenced):
            await new.write(1, step("not taken", 1))
        await asyncio.gather(old.close(), new.close())

    asyncio.run(story())
    assert values(servers, EVENTS) == [b"first 0", b"first 1", b"first 2", b"third 0", b"third 1", b"third 2"]
    assert values(servers, STEPS) == [b"first", b"third"]

    # offsets are no count: 3 records, a mark, 40 aborted, a mark, 3 records, a mark
    offsets = [record.offset for record in read_to_end(servers, only=[EVENTS])]
    assert offsets == [0, 1, 2, 45, 46, 47]
    assert true_ends(servers, ["alarm.events"])[EVENTS] == 48
    assert [record.offset for record in read_range(servers, EVENTS, 2, 46)[0]] == [2, 45]

    async def aborted_last() -> None:
        last = Transactions(servers, "app")
        await last.take([0])
        producer = last._producers[0]
        await producer.begin_transaction()
        for _ in range(30):
            await (await producer.send("processing.steps", b"cut off", b"0", 0))
        await producer.abort_transaction()
        await last.close()

    asyncio.run(aborted_last())
    assert [record.value for record in newest(servers, [STEPS], 4)][-1] == b"third"

    # the consumer that Faust uses says itself which offsets were passed over and not lost
    async def follow() -> list[int]:
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=servers, isolation_level="read_committed")
        await consumer.start()
        consumer.assign([EVENTS])
        consumer.seek(EVENTS, 0)
        found: list[int] = []
        while len(found) < len(offsets):
            found += [m.offset for some in (await consumer.getmany(timeout_ms=500)).values() for m in some]
        await consumer.stop()
        return found

    place = (EVENTS.topic, EVENTS.partition)
    assert asyncio.run(follow()) == offsets
    assert watched.covers(place, 3, 45) and watched.covers(place, 3, 3)
    assert not watched.covers(place, 2, 45) and not watched.covers(place, 3, 46)


@pytest.mark.embedded
@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_worker_that_cannot_go_on_ends_and_says_why(broker: Broker, tmp_path: Path) -> None:
    mine = SmallMine(broker.servers)
    with installation(broker, tmp_path / "data") as running:
        for fault, said in (("registry:1", "no longer followed"), ("refused:9", "was not written")):
            running.start("worker", "-m", "tests.faulty", "processing", QINGLING_FAULT=fault)
            mine.readings(*[0.4] * 6, *[1.4] * 6)
            assert running.processes["worker"].wait(90) not in (0, -9)
            assert said in (tmp_path / "data" / "logs" / "worker.log").read_text("utf-8")
        running.start("worker", "-m", "tests.faulty", "processing")
        running.wait(lambda: not running.behind(), 90)
    raised = [r.value for r in read_to_end(broker.servers, ["alarm.events"]) if b'"alarm_raised"' in (r.value or b"")]
    assert raised and all(CH4.encode() in (value or b"") for value in raised)
    mine.close()
