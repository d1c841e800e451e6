"""The landing app: every topic → its lake table, exactly once (design §5).

One Faust app of its own with one agent over all topics. The agent only collects; one task lands what has been
collected, in a thread, by size or age, and acknowledges after the commit. Around a rebalance a gate and a lock keep a
batch and its partitions together.
"""

import asyncio
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import faust
import mode
import orjson
from kafka import KafkaProducer, TopicPartition
from kafka.errors import RetriableError

from schemas.settings import Settings
from schemas.topics import topics
from streams.admission import Refusals
from streams.connect import admin_client, bootstrap_servers, ensure_topics, log_ids, patiently, producer
from streams.departure import end_within
from streams.faustapp import end_without_flow, faust_app, prepare, raw_channel, records_of, run_worker, size_of
from streams.landing_batch import Lander
from streams.landing_gaps import Place, Rereader
from streams.natural_holes import NaturalHoles, note_holes
from warehouse.lake import REFUSES, Fenced, LakeTable

log = logging.getLogger("qingling.landing")

GROUP = "qingling-landing"
COORDINATOR_S = 30
ORDERLY_S = 15  # a worker that was told to stop is gone after so long: a commit may be under way
NO_FLOW_S = 30
# One batch: at about 20 bytes per reading 4 MB are 200,000 rows.
BATCH_BYTES = 4 << 20
BATCH_RECORDS = 20_000


class Letters:
    """Produces dead letters and waits until the broker has them."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._producer: KafkaProducer | None = None

    def send(self, refusals: Refusals) -> None:
        if self._producer is None:
            self._producer = producer(self._servers)
        acks = [
            self._producer.send(
                "dead.letters",
                key=letter.source.encode(),
                value=record.value or b"",
                headers=letter.headers(record.headers),
            )
            for letter, record in refusals
        ]
        for ack in acks:
            ack.get(timeout=60)
        log.warning("%s inputs refused, first: %s", len(refusals), refusals[0][0].reason)


class Inbox:
    """Events that wait to be landed; whoever fills it waits while it is full."""

    def __init__(self) -> None:
        self.events: list[faust.EventT] = []
        self.full, self.room = asyncio.Event(), asyncio.Event()
        self.room.set()
        self._bytes = self._count = 0

    async def put(self, event: faust.EventT) -> None:
        await self.room.wait()
        self.events.append(event)
        self._bytes += size_of(event.message)
        self._count += len(event.message.records)
        if self._bytes >= BATCH_BYTES or self._count >= BATCH_RECORDS:
            self.full.set()
            self.room.clear()

    def empty(self) -> list[faust.EventT]:
        events, self.events = self.events, []
        self._bytes = self._count = 0
        self.full.clear()
        self.room.set()
        return events


def make_app(settings: Settings) -> faust.App:
    """The Faust app with its one agent and its one landing task."""
    servers = bootstrap_servers(settings)
    ensure_topics(servers)
    app = faust_app(GROUP, servers, settings, read_committed=True, stream_buffer_maxsize=16)
    # One agent on purpose: with two on a topic a message counts when both have acknowledged it.
    channel = raw_channel(app, topics())
    natural = NaturalHoles()
    note_holes(natural)
    lander = Lander(
        lambda name: LakeTable.open(settings.lake_location, name), Fenced, Letters(servers).send, Rereader(servers),
        natural.covers, hold=REFUSES,
    )  # fmt: skip
    inbox, ready, busy = Inbox(), asyncio.Event(), asyncio.Lock()
    ids: dict[str, str] = {}
    owned: set[Place] = set()
    turn = 0  # counts assignments and revocations: what was begun in an earlier turn is not ours any more

    @app.on_partitions_revoked.connect  # awaited by Faust before the member rejoins
    async def revoked(_app: faust.App, _revoked: object, **_: object) -> None:
        nonlocal turn
        turn += 1
        ready.clear()
        async with busy:  # the running batch is committed before anyone else can own its partitions
            ready.clear()  # what was still being taken has made it ready
            owned.clear()
            lander.drop()
            inbox.empty()  # not acknowledged: it comes again, to us or to the next owner

    @app.on_partitions_assigned.connect
    async def assigned(_app: faust.App, assigned: Iterable[TopicPartition], **_: object) -> None:
        """Returns at once: until it does the member sends no heartbeat, and reading the lake may take longer."""
        nonlocal turn
        turn += 1
        app.add_future(take({(tp.topic, tp.partition) for tp in assigned if tp.topic in topics()}, turn))

    async def take(places: set[Place], begun: int) -> None:
        async with busy:
            if begun != turn:
                return
            found = await asyncio.to_thread(_take, lander, servers, sorted(places))
            if found != ids:
                natural.clear()
            ids.update(found)
            owned.update(places)
            ready.set()
        log.info("%s partitions taken", len(places))

    @app.agent(channel, supervisor_strategy=mode.CrashingSupervisor)
    async def collect(stream: faust.StreamT) -> None:
        async for event in stream.noack().events():
            await inbox.put(event)

    @app.task
    async def land() -> None:
        while not app.should_stop:
            with suppress(TimeoutError):
                await asyncio.wait_for(inbox.full.wait(), settings.flush_s)
            await ready.wait()
            async with busy:
                if ready.is_set() and (inbox.events or lander.owes):
                    await _flush(app, inbox.empty(), ids, owned, lander)
                    _tell(settings, lander)

    @app.on_before_shutdown.connect
    async def stopping(*_: Any, **__: Any) -> None:
        end_within(ORDERLY_S)

    end_without_flow(app, NO_FLOW_S)
    return app


async def _flush(
    app: faust.App, events: list[faust.EventT], ids: dict[str, str], owned: set[Place], lander: Lander
) -> None:  # fmt: skip
    ours = [  # what was fetched before a rebalance comes again, to us or to the next owner
        event for event in events
        if (event.message.topic, event.message.partition) in owned
        and event.message.generation_id == app.consumer_generation_id
    ]  # fmt: skip
    records = [record for event in ours for record in records_of(event.message, ids)]
    await asyncio.to_thread(lander.land, records)
    for event in ours:
        event.ack()


def _tell(settings: Settings, lander: Lander) -> None:
    """What waits stands in a file of the run folder, for `qingling doctor`; no file = nothing waits."""
    told = settings.run / f"landing-waits-{os.getpid()}.json"
    with suppress(OSError):  # the log says it too; a full disk may have no room for this
        if lander.waiting:
            told.write_bytes(orjson.dumps({topic: wait.reason for topic, wait in lander.waiting.items()}))
        else:
            told.unlink(missing_ok=True)


def _take(lander: Lander, servers: str, places: list[Place]) -> dict[str, str]:
    """Blocking: what has landed of `places`, by the log ids of now."""
    log_ids.cache_clear()  # a broker that was started anew has new logs
    ids = log_ids(servers)
    lander.take(places, ids, _committed(servers, places))
    return ids


def _committed(servers: str, places: list[Place]) -> dict[Place, int]:
    """What the group has committed. A broker that has just come back denies for a while to be the coordinator."""
    admin = admin_client(servers)
    wanted = {GROUP: [TopicPartition(*place) for place in places]}
    try:
        found = patiently(lambda: admin.list_group_offsets(wanted), RetriableError, COORDINATOR_S).get(GROUP, {})
        return {(tp.topic, tp.partition): at.offset for tp, at in found.items() if at.offset >= 0}
    finally:
        admin.close()


def main() -> None:
    """Run one landing worker until SIGTERM."""
    prepare()
    run_worker(make_app(Settings()))
