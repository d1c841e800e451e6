"""The processing app: one Faust app, one agent over the four site-keyed inputs, working in steps (design §4).

The step record, not the consumer group's offset, is the truth about what was absorbed. On Apache Kafka a step is one
transaction of events, states, answers and step record; elsewhere they are written in that order, and a crash in between
re-executes the step's inputs on the state they met (streams/transactions.py).
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import faust
import mode

from schemas.criteria import load_catalogue
from schemas.settings import Settings
from schemas.steps import Step
from schemas.times import from_us
from schemas.topics import SITE_PARTITIONS, inputs
from schemas.workers import Heartbeat
from streams.connect import is_embedded
from streams.departure import end, end_within
from streams.faustapp import end_without_flow, faust_app, prepare, raw_channel, records_of, run_worker
from streams.partition import PartitionState
from streams.step import Emitted
from streams.transactions import Fenced, Ordered, Transactions, Writer
from streams.worker import Row, Worker, rows

log = logging.getLogger("qingling.processing")

APP = "qingling-processing"
BATCH = 1024  # Kafka records, about, after which a step begins
FETCH_WAIT_MS = 20
WAITING = 16  # batches of records that may wait for a step
# A partition without input gets a step at least every second, so that silence and timers are seen.
TICK_S, QUIET_S = 0.25, 0.7
HEARTBEAT_S = 5.0
NO_FLOW_S = 30
# A fenced worker that has lost its partitions hears of it with its next heartbeat. One that has not (the broker gave up
# on a transaction) would keep a partition nobody works on.
FENCED_S = 30
# A killed worker's partitions are loaded when its successor joins: a load that is nearly done is let end, for what it
# brought may be kept. Far below Faust's rebalance timeout of 60 s.
LOADING_S = 10
FAILED_S, ORDERLY_S = 5, 8  # a worker that failed, and one that was told to stop, is gone after so long


def make_app(settings: Settings) -> faust.App:
    """The Faust app with its one agent. Reads the catalogue and starts following the registry."""
    worker = Worker(settings, load_catalogue())
    app = faust_app(
        APP, worker.servers, settings, topic_partitions=SITE_PARTITIONS, stream_buffer_maxsize=WAITING,
        wait_ms=FETCH_WAIT_MS,
        producer_acks=-1, producer_max_request_size=8 << 20, producer_compression_type="lz4", producer_linger=0.0,
    )  # fmt: skip
    channel = raw_channel(app, inputs())
    writer: Writer = (
        Ordered(lambda batch: send_all(app, batch)) if is_embedded(settings) else Transactions(worker.servers, APP)
    )
    ready, busy = asyncio.Event(), asyncio.Lock()
    loading: asyncio.Future[None] | None = None
    released: dict[int, PartitionState] = {}  # held until the last rebalance, and perhaps again after it
    fenced_since: float | None = None

    @app.on_partitions_revoked.connect  # awaited by Faust before the member rejoins; it stays a member meanwhile
    async def revoked(*_: Any, **__: Any) -> None:
        nonlocal fenced_since, released
        ready.clear()
        if loading is not None:
            await asyncio.wait([loading], timeout=LOADING_S)
            loading.cancel()
            ready.clear()
        async with busy:  # the running step finishes: it is written before anyone else can own the partition
            released = {**released, **worker.states}
            worker.states = {}
            writer.drop()
        fenced_since = None

    @app.on_partitions_assigned.connect
    async def assigned(*arguments: Any, **_: Any) -> None:
        """Returns at once: until it does the member sends no heartbeat, and states may take longer than a session."""
        nonlocal loading
        owned = sorted({tp.partition for tp in arguments[1] if tp.topic == inputs()[0]})
        loading = app.add_future(load(owned))  # if it fails the app crashes

    async def load(owned: list[int]) -> None:
        nonlocal released
        async with busy:
            try:
                await writer.take(owned)  # before the states are read: after this they can no longer change
                held, released = released, {}
                worker.states = await asyncio.to_thread(worker.load, owned, held)
            except Exception as error:
                log.error("partitions %s were not loaded: %r", owned, error)
                end_within(FAILED_S)
                raise
            await write(first_steps(worker.states.values()))
            ready.set()
        log.info("partitions %s loaded", owned)

    @app.agent(channel, supervisor_strategy=mode.CrashingSupervisor)
    async def process(stream: faust.StreamT) -> None:
        async for events in batches(stream, BATCH):
            await ready.wait()
            async with busy:
                # what was fetched before a rebalance comes again, to us or to the next owner
                ours = [
                    event for event in events
                    if event.message.partition in worker.states
                    and event.message.generation_id == app.consumer_generation_id
                ]  # fmt: skip
                records = [record for event in ours for record in records_of(event.message, worker.logs)]
                await write(await asyncio.to_thread(worker.step, records))
                for event in ours:
                    if event.message.partition in worker.states:  # else it was fenced, and nothing was written
                        event.ack()

    @app.task
    async def tick() -> None:
        while not app.should_stop:
            await asyncio.sleep(TICK_S)
            async with busy:
                if ready.is_set():
                    await write(await asyncio.to_thread(worker.tick, QUIET_S))

    async def write(done: Sequence[tuple[PartitionState, Emitted]]) -> None:
        """Every partition's step at once. A step that cannot be written ends the worker: its memory is ahead."""
        nonlocal fenced_since
        outcomes = await asyncio.gather(
            *(writer.write(state.number, rows(state, out)) for state, out in done), return_exceptions=True
        )
        for (state, _), outcome in zip(done, outcomes, strict=True):
            if isinstance(outcome, Fenced):
                log.warning("%s: another worker owns it, or its transaction ran out; dropped", outcome)
                worker.states.pop(state.number, None)
                writer.drop([state.number])
                fenced_since = fenced_since or time.monotonic()
            elif isinstance(outcome, BaseException):
                log.error("partition %s: step %s was not written: %r", state.number, state.step, outcome)
                end_within(FAILED_S)
                raise outcome

    @app.on_before_shutdown.connect
    async def stopping(*_: Any, **__: Any) -> None:
        """The running step is finished: cut off, its transaction would hold up readers until the next owner comes."""
        end_within(ORDERLY_S)
        ready.clear()
        async with busy:
            await writer.close()

    @app.timer(HEARTBEAT_S)
    async def beat() -> None:
        """A worker whose steps hang says nothing either: the lock is theirs."""
        async with busy:
            await send_all(app, [heartbeat(sorted(worker.states)), *worker.take_letters()])

    @app.timer(5.0)
    async def watch() -> None:
        if not worker.tail.is_alive():
            end(f"registry and catalogue are no longer followed: {worker.tail.error}")
        if fenced_since is not None and time.monotonic() - fenced_since > FENCED_S:
            end(f"fenced {FENCED_S} s ago and still in the group as before")

    end_without_flow(app, NO_FLOW_S)
    return app


def heartbeat(partitions: Sequence[int]) -> Row:
    name = f"{socket.gethostname()}/{os.getpid()}"
    at = from_us(time.time_ns() // 1000)
    beat = Heartbeat(worker=name, app=APP, at=at, partitions=tuple(partitions))
    return ("worker.heartbeats", name.encode(), beat.encode(), 0, None)


def first_steps(states: Iterable[PartitionState]) -> list[tuple[PartitionState, Emitted]]:
    """A first step record where none stands yet, so that states seeded from the lake count as complete.

    Its `now` is the beginning of time: what a clock says, or data will say, is not known yet.
    """
    marks = []
    for state in states:
        if state.completed is None:
            now = from_us(state.data_now_us)
            marks.append((state, Emitted(record=Step(step=state.step, partition=state.number, now=now))))
            state.completed = state.step
    return marks


async def send_all(app: faust.App, batch: Sequence[Row]) -> None:
    """Send and wait for every acknowledgement at once; a failed delivery raises, which ends the worker."""
    if not batch:
        return
    producer = await app.maybe_start_producer()
    acks = [await producer.send(topic, key, value, p, None, headers) for topic, key, value, p, headers in batch]
    await asyncio.gather(*acks)


async def batches(stream: Any, limit: int) -> AsyncIterator[list[faust.EventT]]:
    """Whatever has arrived, at once: the events that stand in the queue, until they hold `limit` records. No clock."""
    stream = stream.noack()
    queue = stream.channel.queue
    buffer: list[faust.EventT] = []
    count = 0
    async for event in stream.events():
        buffer.append(event)
        count += len(event.message.records)
        if count < limit and not queue.empty():
            continue
        yield buffer
        buffer, count = [], 0


def main(settings: Settings) -> None:
    """Run one worker until SIGTERM."""
    prepare()
    run_worker(make_app(settings))
