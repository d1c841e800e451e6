"""The bridge: a third party's topic of one JSON reading per message becomes frames, in bulk.

A range of offsets is written down before it is sent: the group's commit of all that is done carries, as its metadata,
the end of the range that comes next. Killed in between, the next owner reads exactly that range again and makes the
same frames with the same ids (docs/decisions/0023). Killed or frozen, nothing is lost and nothing is doubled.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import aiokafka
import structlog
from aiokafka import AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, KafkaTimeoutError

from schemas.deadletters import DeadLetter
from schemas.model import Refused
from schemas.topics import topics
from streams.connect import GroupTimes, log_id_of
from streams.decode import EARLIEST_US
from streams.gateways.bridge_dialects import Dialect
from streams.gateways.bridge_frames import Plan, Range, frames
from streams.gateways.bridge_plans import Plans
from streams.gateways.bridge_readings import read
from streams.gateways.bridge_records import Run, fetch_runs
from streams.gateways.outbox import Outgoing, dead, to_site

RANGE_RECORDS = 50_000  # of one partition at most
LINGER_S = 0.01  # how long a range that is not full waits for more
_FETCH_WAIT_MS = 20  # the embedded broker does not wake a waiting fetch
_IDLE_MS = 500
_AGAIN_S = 1.0
_PATIENCE_S = 60.0  # of `once`, with a broker that does not acknowledge or gives no partition
log = structlog.get_logger("gateway.bridge")


@dataclass
class Sent:
    """What has gone through and is acknowledged."""

    readings: int = 0
    frames: int = 0
    dead_letters: int = 0


class Bridge:
    """One member of the group that bridges `topic`. `run` in an event loop of its own."""

    def __init__(
        self, servers: str, topic: str, dialect: Dialect, times: GroupTimes, *, linger_s: float = LINGER_S,
        range_records: int = RANGE_RECORDS, sent: Callable[[Range], None] = lambda _range: None,
    ) -> None:  # fmt: skip
        """`sent` is called when a range is acknowledged, before anything says so. Raises Refused for a topic of ours,
        NotConnected if there is no such topic."""
        if topic in topics():
            raise Refused("topic", f"{topic} is a topic of Qingling itself")
        self.tally = Sent()
        self._topic, self._dialect, self._linger_s, self._most = topic, dialect, linger_s, range_records
        self._log_id, self._sent = log_id_of(servers, topic), sent
        group = f"qingling-bridge-{topic}"
        self._busy = asyncio.Lock()
        # aiokafka names the old partitions as assigned until it has new ones: what was learnt of them then is stale
        self._owned: set[TopicPartition] = set()
        self._plans: dict[TopicPartition, Plan] = {}  # of those of them that are learnt
        self._waiting: dict[TopicPartition, Run] = {}  # fetched, in no range yet or in one that is not whole
        self._turn = 0  # new with every rebalance
        self._settled = True
        fetch_runs()
        self._consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=servers, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed", check_crcs=False, fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=2 << 20, fetch_max_bytes=8 << 20,
            session_timeout_ms=int(times.session_s * 1000), heartbeat_interval_ms=int(times.heartbeat_s * 1000),
        )  # fmt: skip
        self._written = Plans(servers, group, self._log_id, self._consumer)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=servers, acks="all", compression_type=None, max_request_size=8 << 20, linger_ms=0,
        )  # fmt: skip

    async def run(self, *, once: bool, stop: asyncio.Event | None = None) -> Sent:
        """Until `stop`, or (`once`) until all that stood in the topic is sent. Raises KafkaError."""
        await self._producer.start()
        try:
            self._consumer.subscribe([self._topic], listener=_Listener(self))
            await self._consumer.start()
            try:
                await self._serve(once, stop or asyncio.Event())
                await self._settle()
            finally:
                await self._written.close()
                await self._consumer.stop()
        finally:
            await self._producer.stop()
        return self.tally

    async def own(self, partitions: Iterable[TopicPartition]) -> None:
        """What is under way is finished; then only `partitions` are ours, and nothing is known of them yet."""
        async with self._busy:
            self._owned = set(partitions)
            self._forget()

    async def _serve(self, once: bool, stop: asyncio.Event) -> None:
        ends: dict[TopicPartition, int] = {}
        heard = time.monotonic()
        while not stop.is_set():
            try:
                await self._learn()
                if await self._fetch():
                    heard = time.monotonic()
                    continue
                await self._settle()
                if once and self._plans and await self._at_end(ends):
                    return
                if self._plans:
                    heard = time.monotonic()
                elif once and time.monotonic() - heard > _PATIENCE_S:
                    raise KafkaTimeoutError(f"no partition of {self._topic} in {_PATIENCE_S:.0f} s")
            except (CommitFailedError, IllegalStateError) as error:  # moved to another, or to us anew
                log.warning("a range is left to its next owner", error=str(error) or type(error).__name__)
                await self.own(self._owned)
            except KafkaError as error:
                if once and time.monotonic() - heard > _PATIENCE_S:
                    raise
                log.error("the broker does not answer, readings wait", error=str(error) or type(error).__name__)
                await self.own(self._owned)
                await asyncio.sleep(_AGAIN_S)

    async def _learn(self) -> None:
        """Partitions that have come to us: read what was committed of them, and go there."""
        fresh = self._owned - set(self._plans)
        if not fresh:
            return
        async with self._busy:
            fresh &= self._owned
            committed = await self._written.read(fresh) if fresh else {}
            begins = await self._consumer.beginning_offsets(list(fresh))
            lost = []
            for tp in fresh:
                plan = committed.get(tp, Plan(self._log_id, 0, 0))
                if plan.done < begins[tp]:
                    lost += [self._eaten(tp, plan.done, begins[tp])] if tp in committed else []
                    plan = Plan(self._log_id, begins[tp], max(plan.upto, begins[tp]))
                self._consumer.seek(tp, plan.done)
                self._plans[tp] = plan
                if plan.upto > plan.done:
                    log.info("a range is sent again", partition=tp.partition, first=plan.done, beyond=plan.upto)
            await self._deliver(lost)

    async def _fetch(self) -> bool:
        """Take in what comes within the linger and send what makes a range; whether anything came."""
        turn, came, until = self._turn, bool(self._waiting), time.monotonic() + self._linger_s
        wait_ms = 0 if came else _IDLE_MS
        while not any(len(run) >= self._most for run in self._waiting.values()):
            found = await self._consumer.getmany(timeout_ms=wait_ms)
            if self._turn != turn:
                return False  # what was fetched may be another's; _learn goes back to what is committed
            if found and not came:
                came, until = True, time.monotonic() + self._linger_s
            for tp, runs in found.items():
                for run in runs if tp in self._plans else ():
                    self._waiting.setdefault(tp, Run()).append(run)
            wait_ms = int((until - time.monotonic()) * 1000)
            if not came or wait_ms <= 0:
                break
        async with self._busy:
            if self._turn == turn:
                await self._send(self._ranges())
        return came

    def _ranges(self) -> dict[TopicPartition, tuple[Plan, Run]]:
        """Of each partition with waiting records the next range, if it is whole; its records leave `_waiting`."""
        ready = {}
        for tp, run in list(self._waiting.items()):
            plan = self._plans[tp]
            if plan.upto > plan.done:  # written down before: exactly this
                count = run.before(plan.upto)
                if count == len(run) and run.offset + 1 < plan.upto:
                    continue
            else:
                count = min(len(run), self._most)
                plan = Plan(self._log_id, plan.done, run.offsets[count - 1] + 1)
            ready[tp] = plan, run.take(count)
            if not run:
                del self._waiting[tp]
        return ready

    async def _send(self, ready: dict[TopicPartition, tuple[Plan, Run]]) -> None:
        """Written down, sent, acknowledged: in this order."""
        fresh = {tp: plan for tp, (plan, _) in ready.items() if plan != self._plans[tp]}
        if fresh:
            await self._written.write(fresh)
            self._settled = False
        messages, readings = await self._jumped(ready), 0
        for tp, (plan, run) in ready.items():
            made = self._outgoing(tp, plan, run)
            readings += len(run) - sum(message.topic == "dead.letters" for message in made)
            messages += made
        await self._deliver(messages)
        for tp, (plan, _) in ready.items():
            self._plans[tp] = Plan(self._log_id, plan.upto, plan.upto)
            self._sent(self._span(tp, plan))
        self.tally.readings += readings

    def _outgoing(self, tp: TopicPartition, plan: Plan, run: Run) -> list[Outgoing]:
        now_us = time.time_ns() // 1000
        stamp = max(run.stamps, default=0) * 1000
        received_us = stamp if EARLIEST_US <= stamp <= now_us else now_us
        span = self._span(tp, plan)
        found = read(run.values, self._dialect, received_us)
        made = [
            to_site("telemetry.frames", header.site_id, frame, header.encode())
            for header, frame in frames(
                found.batch, span, f"bridge:{self._topic}", received_us, unit=bool(self._dialect.unit)
            )
        ]
        for number, why in found.refused:
            letter = DeadLetter(
                self._topic, why.reason, f"{span.log_id}/{tp.topic}/{tp.partition}/{run.offsets[number]}", received_us,
                why.field, origin=f"bridge:{self._topic}",
            )  # fmt: skip
            made.append(dead(letter, run.values[number] or b""))
        return made

    def _span(self, tp: TopicPartition, plan: Plan) -> Range:
        return Range(self._log_id, tp.topic, tp.partition, plan.done, plan.upto)

    def _eaten(self, tp: TopicPartition, first: int, begins: int) -> Outgoing:
        """The party's topic no longer has what we have not read: a loss, and it is said."""
        span = Range(self._log_id, tp.topic, tp.partition, first, begins)
        reason = f"readings of offsets {first} to {begins - 1} are no longer in the topic: they were never read"
        return dead(DeadLetter(self._topic, reason, span.name, time.time_ns() // 1000, "offset"), b"")

    async def _jumped(self, ready: dict[TopicPartition, tuple[Plan, Run]]) -> list[Outgoing]:
        """A jump in the offsets is natural (transactions, compaction), or retention was faster than we are."""
        jumps = [tp for tp, (plan, run) in ready.items() if run and run.offsets[0] > plan.done]
        begins = await self._consumer.beginning_offsets(jumps) if jumps else {}
        return [self._eaten(tp, ready[tp][0].done, begin) for tp, begin in begins.items() if begin > ready[tp][0].done]

    async def _deliver(self, messages: Sequence[Outgoing]) -> None:
        """On return all of them are acknowledged. Raises KafkaError."""
        underway = [
            await self._producer.send(m.topic, m.value, m.key.encode(), m.partition, headers=list(m.headers))
            for m in messages
        ]
        for outcome in await asyncio.gather(*underway, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        letters = sum(message.topic == "dead.letters" for message in messages)
        self.tally.dead_letters += letters
        self.tally.frames += len(messages) - letters

    async def _settle(self) -> None:
        """Commit that nothing is under way, so that the next owner sends nothing again."""
        async with self._busy:
            if not self._settled and self._plans:
                await self._written.write({tp: plan for tp, plan in self._plans.items() if plan.done == plan.upto})
                self._settled = True

    async def _at_end(self, ends: dict[TopicPartition, int]) -> bool:
        """Whether all that stood there when this was first asked is sent; the last fetch came back empty."""
        fresh = set(self._plans) - set(ends)
        if fresh:
            ends.update(await self._consumer.end_offsets(list(fresh)))
        return not self._waiting and all([await self._consumer.position(tp) >= ends[tp] for tp in self._plans])

    def _forget(self) -> None:
        self._plans, self._waiting, self._settled = {}, {}, True
        self._turn += 1


async def serve(servers: str, topic: str, dialect: Dialect, times: GroupTimes, *, once: bool) -> Sent:
    """Bridge `topic` until all is sent (`once`), SIGTERM or Ctrl-C. Raises Refused, NotConnected, KafkaError."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await Bridge(servers, topic, dialect, times).run(once=once, stop=stop)


class _Listener(ConsumerRebalanceListener):
    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        await self._bridge.own(())

    async def on_partitions_assigned(self, assigned: Any) -> None:
        await self._bridge.own(assigned)
