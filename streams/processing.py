"""The processing app: one Faust app, one agent over the four site-keyed inputs, working in steps (design §4).

The step record, not the consumer group's offset, is the truth about what was absorbed. Events, then states, then
answers and the step record are written, each wait gathered; a crash in between re-executes the step's inputs on the
state they met.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import faust
import mode

from schemas.criteria import load_catalogue
from schemas.settings import Settings
from schemas.steps import Step
from schemas.times import from_us
from schemas.topics import SITE_PARTITIONS, inputs
from schemas.workers import Heartbeat
from streams.faustapp import faust_app, log_plainly, raw_channel, record_of, run_worker
from streams.worker import Row, Worker, rows

log = logging.getLogger("qingling.processing")

BATCH = 512  # Kafka messages per step at most
HEARTBEAT_S = 5.0
NO_ASSIGNMENT_S = 30  # a worker without an assignment for so long ends; its supervisor starts it anew


def make_app(settings: Settings) -> faust.App:
    """The Faust app with its one agent. Reads the catalogue and starts following the registry."""
    worker = Worker(settings, load_catalogue())
    app = faust_app(
        "qingling-processing", worker.servers, settings, topic_partitions=SITE_PARTITIONS, stream_buffer_maxsize=BATCH,
        producer_acks=-1, producer_max_request_size=8 << 20, producer_compression_type="lz4", producer_linger=0.0,
    )  # fmt: skip
    channel = raw_channel(app, inputs())
    ready, busy = asyncio.Event(), asyncio.Lock()
    unassigned_since = time.monotonic()

    @app.on_partitions_revoked.connect  # awaited by Faust before the member rejoins
    async def revoked(*_: Any, **__: Any) -> None:
        nonlocal unassigned_since
        ready.clear()
        async with busy:  # the running step finishes: it is written before anyone else can own the partition
            worker.states.clear()
        unassigned_since = time.monotonic()

    @app.on_partitions_assigned.connect  # runs beside the restart of the streams, not before it: hence the gate
    async def assigned(*arguments: Any, **_: Any) -> None:
        owned = sorted({tp.partition for tp in arguments[1] if tp.topic == inputs()[0]})
        async with busy:
            worker.states = await asyncio.to_thread(worker.load, owned)
            await _mark_start(app, worker)
        ready.set()
        log.info("partitions %s loaded", owned)

    @app.agent(channel, supervisor_strategy=mode.CrashingSupervisor)
    async def process(stream: faust.StreamT) -> None:
        async for events in batches(stream, BATCH):
            await ready.wait()
            async with busy:
                generation = app.consumer_generation_id
                records = [
                    record_of(event.message, worker.logs) for event in events
                    if event.message.partition in worker.states and event.message.generation_id == generation
                ]  # fmt: skip
                for state, out in await asyncio.to_thread(worker.step, records):
                    for part in rows(state, out):
                        await send_all(app, part)
            for event in events:
                event.ack()

    @app.timer(HEARTBEAT_S)
    async def beat() -> None:
        """A worker whose steps hang says nothing either: the lock is theirs."""
        async with busy:
            await send_all(app, [heartbeat(sorted(worker.states)), *worker.take_letters()])

    @app.timer(5.0)
    async def watch() -> None:
        if not worker.states and time.monotonic() - unassigned_since > NO_ASSIGNMENT_S:
            log.error("no partition was assigned for %s s: ending, to be started anew", NO_ASSIGNMENT_S)
            os._exit(3)

    return app


def heartbeat(partitions: Sequence[int]) -> Row:
    name = f"{socket.gethostname()}/{os.getpid()}"
    at = from_us(time.time_ns() // 1000)
    beat = Heartbeat(worker=name, app="qingling-processing", at=at, partitions=tuple(partitions))
    return ("worker.heartbeats", name.encode(), beat.encode(), 0, None)


async def _mark_start(app: faust.App, worker: Worker) -> None:
    """A first step record where none stands yet, so that states seeded from the lake count as complete."""
    marks: list[Row] = []
    for state in worker.states.values():
        if state.completed is None:
            record = Step(step=state.step, partition=state.number, now=from_us(time.time_ns() // 1000))
            marks.append(("processing.steps", str(state.number).encode(), record.encode(), state.number, None))
            state.completed = state.step
    await send_all(app, marks)


async def send_all(app: faust.App, batch: Sequence[Row]) -> None:
    """Send and wait for every acknowledgement at once; a failed delivery raises, which ends the worker."""
    if not batch:
        return
    producer = await app.maybe_start_producer()
    acks = [await producer.send(topic, key, value, p, None, headers) for topic, key, value, p, headers in batch]
    await asyncio.gather(*acks)


async def batches(stream: Any, limit: int) -> AsyncIterator[list[faust.EventT]]:
    """Whatever has arrived, at once: as many events as stand in the queue, at most `limit`. No clock."""
    stream = stream.noack()
    queue = stream.channel.queue
    buffer: list[faust.EventT] = []
    async for event in stream.events():
        buffer.append(event)
        if len(buffer) < limit and not queue.empty():
            continue
        yield buffer
        buffer = []


def main(settings: Settings) -> None:
    """Run one worker until SIGTERM."""
    log_plainly()
    run_worker(make_app(settings))
