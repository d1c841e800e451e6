"""The processing app: one Faust app, one agent over the four site-keyed inputs, working in steps (design §4).

The step record, not the consumer group's offset, is the truth about what was absorbed. Events, then states, then answers
and the step record are written, each wait gathered; a crash in between re-executes the step's inputs on the state they met.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Iterable, Sequence

import faust
import mode
from kafka import TopicPartition

from schemas.criteria import Catalogue, load_catalogue
from schemas.frames import decode_frame
from schemas.model import Refused
from schemas.settings import Settings
from schemas.steps import Step
from schemas.times import from_us
from schemas.topics import SITE_PARTITIONS, inputs
from streams.admission import times_us
from streams.connect import bootstrap_servers, consumer, group_times, log_ids
from streams.decode import Record
from streams.fastfetch import set_fetch_wait
from streams.reader import Tail, read_range, read_to_end
from streams.registry import REGISTRY_TOPICS, Registry
from streams.step import Context, Emitted, PartitionState, run_step

log = logging.getLogger("qingling.processing")

STATE_TOPICS = ("alarm.states", "hazard.states", "site.memory", "command.results")
BATCH = 512  # Kafka messages per step at most
NO_ASSIGNMENT_S = 30  # a worker without an assignment for so long ends; its supervisor starts it anew
REGISTRY_WAIT_S = 10  # a frame's registry record is on its way; after this the frame is judged by what is known
_RECENT_STEPS = 200

Row = tuple[str, bytes | None, bytes | None, int | None, list[tuple[str, bytes]] | None]


class Worker:
    """State of the partitions owned now, and everything a step needs; the Faust app below only feeds it."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.settings = settings
        self.servers = bootstrap_servers(settings)
        self.logs = log_ids(self.servers)
        self.context = Context(Registry(), catalogue)
        self.states: dict[int, PartitionState] = {}
        self.learning = threading.Lock()  # the tail's thread and a step's thread both touch the registry
        self.tail = Tail(self.servers, REGISTRY_TOPICS, self._learn)
        self.tail.start()

    def _learn(self, record: Record) -> None:
        try:
            with self.learning:
                self.context.registry.apply(record)
        except Refused as refused:
            log.warning("registry record %s refused: %s", record.coordinate, refused)

    def load(self, numbers: Iterable[int]) -> dict[int, PartitionState]:
        """The states of partitions `numbers` as of their last complete step. Blocking."""
        self.tail.caught_up.wait(60)
        states = {number: PartitionState(number) for number in numbers}
        steps = [TopicPartition("processing.steps", number) for number in states]
        for record in read_to_end(self.servers, only=steps, start=self._recent(steps)):
            states[record.partition].restore_step(record)
        kept = [TopicPartition(name, number) for name in STATE_TOPICS for number in states]
        for record in read_to_end(self.servers, only=kept):
            states[record.partition].restore(record)
        for state in states.values():
            # what another log absorbed says nothing about this one: the topic was created anew
            state.absorbed = {t: r for t, r in state.absorbed.items() if r.log_id == self.logs[t]}
        return states

    def _recent(self, steps: list[TopicPartition]) -> dict[TopicPartition, int]:
        reader = consumer(self.servers)
        try:
            return {tp: max(0, end - _RECENT_STEPS) for tp, end in reader.end_offsets(steps).items()}
        finally:
            reader.close()

    def contiguous(self, records: Sequence[Record]) -> list[Record]:
        """Without what is absorbed already, with what Faust jumped over read again. Blocking if there is a gap."""
        found: list[Record] = []
        for record in sorted(records, key=lambda r: (r.partition, r.topic, r.offset)):
            expected = self._expected(record.partition, record.topic, found)
            if record.offset < expected:
                continue
            if record.offset > expected:
                tp = TopicPartition(record.topic, record.partition)
                missed, begins = read_range(self.servers, tp, expected, record.offset)
                if begins > expected:
                    log.error("%s/%s: offsets %s to %s are lost", *tp, expected, begins - 1)
                if missed:
                    log.warning("%s/%s: read %s records again", *tp, len(missed))
                found += missed
            found.append(record)
        return found

    def _expected(self, partition: int, topic: str, found: Sequence[Record]) -> int:
        if found and found[-1].partition == partition and found[-1].topic == topic:
            return found[-1].offset + 1
        absorbed = self.states[partition].absorbed.get(topic)
        return absorbed.last + 1 if absorbed else 0

    def step(self, records: Sequence[Record]) -> list[tuple[PartitionState, Emitted]]:
        """One step per partition that has records. Blocking, pure but for reading gaps."""
        self._await_registry(records)
        by_partition: dict[int, list[Record]] = {}
        for record in self.contiguous(records):
            by_partition.setdefault(record.partition, []).append(record)
        done = []
        for number, mine in sorted(by_partition.items()):
            state = self.states[number]
            with self.learning:
                done.append((state, run_step(state, mine, self._now_us(state, mine), self.context)))
        return done

    def _now_us(self, state: PartitionState, records: Sequence[Record]) -> int:
        if self.settings.clock != "data":
            return time.time_ns() // 1000
        newest = max((newest_us(record) for record in records), default=0)
        state.data_now_us = max(state.data_now_us, newest)
        return state.data_now_us or time.time_ns() // 1000

    def _await_registry(self, records: Sequence[Record]) -> None:
        needed = max((registry_offset(record) for record in records), default=-1)
        deadline = time.monotonic() + REGISTRY_WAIT_S
        while self.context.registry.version < needed and time.monotonic() < deadline:
            time.sleep(0.01)


def registry_offset(record: Record) -> int:
    """The registry.sensors offset a frame relies on; -1 if it names none."""
    for name, value in record.headers:
        if name == "registry_offset" and value.lstrip(b"-").isdigit():
            return int(value)
    return -1


def newest_us(record: Record) -> int:
    """The newest event time in a frame, microseconds; what `now` follows when a recorded series is replayed."""
    if record.topic != "telemetry.frames" or record.value is None:
        return 0
    try:
        times = times_us(decode_frame(record.value))
    except Refused:
        return 0
    return int(times.max()) if len(times) else 0


def rows(state: PartitionState, out: Emitted) -> tuple[list[Row], list[Row], list[Row]]:
    """What a step writes: (events and dead letters), (states), (answers and the step record); all to its partition."""
    p = state.number
    events: list[Row] = [(e.topic, e.site_id.encode(), e.encode(), p, None) for e in out.events]
    for refusal, record in out.refused:
        events.append(("dead.letters", refusal.source.encode(), record.value or b"", None, refusal.headers(record.headers)))
    states: list[Row] = [("alarm.states", s.alarm_id.encode(), s.encode(), p, None) for s in out.alarm_states]
    states += [("hazard.states", s.hazard_id.encode(), s.encode(), p, None) for s in out.hazard_states]
    states += [("site.memory", m.site_id.encode(), m.encode(), p, None) for m in out.memories]
    last: list[Row] = [("command.results", r.command_id.encode(), r.encode(), p, None) for r in out.results]
    if out.record is not None:
        last.append(("processing.steps", str(p).encode(), out.record.encode(), p, None))
    return events, states, last


def make_app(settings: Settings) -> faust.App:
    """The Faust app with its one agent. Reads the catalogue and starts following the registry."""
    times = group_times(settings)
    set_fetch_wait(times.fetch_wait_ms)
    worker = Worker(settings, load_catalogue())
    app = faust.App(
        "qingling-processing", broker=f"kafka://{worker.servers}", store="memory://", web_enabled=False,
        topic_disable_leader=True, topic_partitions=SITE_PARTITIONS, broker_session_timeout=times.session_s,
        broker_heartbeat_interval=times.heartbeat_s, broker_commit_interval=0.5, stream_wait_empty=False,
        stream_buffer_maxsize=BATCH, stream_recovery_delay=0.0, consumer_max_fetch_size=8 << 20,
        consumer_auto_offset_reset="earliest", producer_acks=-1, producer_max_request_size=8 << 20,
        producer_compression_type="lz4", producer_linger=0.0, processing_guarantee="at_least_once",
    )  # fmt: skip
    channel = app.topic(*inputs(), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    ready, busy = asyncio.Event(), asyncio.Lock()
    unassigned_since = time.monotonic()

    @app.on_partitions_revoked.connect  # awaited by Faust before the member rejoins
    async def revoked(app: faust.App, revoked: object, **_: object) -> None:
        nonlocal unassigned_since
        ready.clear()
        async with busy:  # the running step finishes: it is written before anyone else can own the partition
            worker.states.clear()
        unassigned_since = time.monotonic()

    @app.on_partitions_assigned.connect  # runs beside the restart of the streams, not before it: hence the gate
    async def assigned(app: faust.App, assigned: Iterable[object], **_: object) -> None:
        owned = sorted({tp.partition for tp in assigned if tp.topic == inputs()[0]})
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
                    _record(event.message, worker.logs) for event in events
                    if event.message.partition in worker.states and event.message.generation_id == generation
                ]  # fmt: skip
                for state, out in await asyncio.to_thread(worker.step, records):
                    for part in rows(state, out):
                        await send_all(app, part)
            for event in events:
                event.ack()

    @app.timer(5.0)
    async def watch() -> None:
        if not worker.states and time.monotonic() - unassigned_since > NO_ASSIGNMENT_S:
            log.error("no partition was assigned for %s s: ending, to be started anew", NO_ASSIGNMENT_S)
            os._exit(3)

    @app.on_worker_init.connect
    def quiet(app: faust.App, **_: object) -> None:
        for name in ("aiokafka", "faust", "mode", "asyncio", "kafka"):
            logging.getLogger(name).setLevel(logging.WARNING)

    return app


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


async def batches(stream: faust.StreamT, limit: int) -> AsyncIterator[list[faust.EventT]]:
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


def _record(message: faust.types.Message, logs: dict[str, str]) -> Record:
    headers = message.headers or ()
    pairs = tuple(headers.items()) if isinstance(headers, dict) else tuple(headers)
    return Record(
        log_id=logs[message.topic], topic=message.topic, partition=message.partition, offset=message.offset,
        key=message.key, value=message.value, headers=pairs, timestamp_us=int(message.timestamp * 1e6),
    )  # fmt: skip


def main(settings: Settings) -> None:
    """Run one worker until SIGTERM. Its exit code is 0 only after a clean stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = make_app(settings)
    worker = faust.Worker(app, loglevel="info", redirect_stdouts=False, override_logging=False)
    worker.execute_from_commandline()
