"""What both Faust apps share: their settings, their loggers, and a Faust message as records."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

import faust
import uvloop
from faust.assignor.partition_assignor import PartitionAssignor

from schemas.settings import Settings
from schemas.topics import topics
from streams.connect import group_times
from streams.decode import Record
from streams.departure import end
from streams.fastfetch import Batch, fetch_batches
from streams.repeats import Repeats

_LOUD = ("aiokafka", "faust", "mode", "asyncio", "kafka")  # at INFO they build a record per call


class KnownTopics(PartitionAssignor):
    """Faust's assignor, sure of how many partitions our topics have.

    A broker that has just come back leaves topics out of its metadata for a moment. Faust would leave them out of the
    assignment too, for good: a whole group was seen to go on with no partition at all.
    """

    def assign(self, cluster: Any, member_metadata: Any) -> Any:
        return super().assign(_Known(cluster), member_metadata)


class _Known:
    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def partitions_for_topic(self, name: str) -> set[int] | None:
        told: set[int] | None = self._cluster.partitions_for_topic(name)
        return told or (set(range(topics()[name].partitions)) if name in topics() else None)


def faust_app(
    name: str, servers: str, settings: Settings, *, read_committed: bool = False, wait_ms: int = 250, **options: Any
) -> faust.App:
    """An app that joins its group as fast as the broker allows and fetches without Faust's 1.5 s wait.

    A fetch that waits for data leaves out the partitions whose last records are still on their way to the agent: what
    comes there meanwhile waits for as much as `wait_ms`.
    """
    times = group_times(settings)
    app = faust.App(
        name, broker=f"kafka://{servers}", store="memory://", web_enabled=False, topic_disable_leader=True,
        topic_allow_declare=False, broker_session_timeout=times.session_s,
        broker_heartbeat_interval=times.heartbeat_s, broker_commit_interval=0.5, stream_wait_empty=False,
        stream_recovery_delay=0.0, consumer_max_fetch_size=8 << 20, consumer_auto_offset_reset="earliest",
        PartitionAssignor=KnownTopics,
        broker_check_crcs=False,  # as librdkafka does not by default; TCP has its own, and frames are validated
        processing_guarantee="at_least_once", **options,
    )  # fmt: skip
    fetch_batches(app, wait_ms, read_committed=read_committed)
    app.on_worker_init.connect(_hush)
    return app


def end_without_flow(app: faust.App, limit_s: float) -> None:
    """A worker that reads nothing for so long ends: it is outside its group, or Faust has not resumed it.

    The flow is off from the start or a revocation until an assignment is sought, be it empty.
    """
    flowed = time.monotonic()

    @app.timer(min(5.0, limit_s / 4))
    async def watch() -> None:
        nonlocal flowed
        if app.consumer.flow_active:
            flowed = time.monotonic()
        elif time.monotonic() - flowed > limit_s:
            end(f"nothing is read for {limit_s:.0f} s")


def raw_channel(app: faust.App, names: Iterable[str]) -> Any:
    """One channel over topics, bytes as they came: Faust would acknowledge and drop what it cannot decode."""
    return app.topic(
        *names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", allow_empty=True
    )


def records_of(batch: Batch, logs: Mapping[str, str]) -> list[Record]:
    log_id, topic, partition = logs[batch.topic], batch.topic, batch.partition
    return [
        Record(log_id, topic, partition, each.offset, each.key, each.value, each.headers, each.timestamp * 1000)
        for each in batch.records
    ]


def size_of(batch: Batch) -> int:
    """About the bytes that the records of `batch` hold."""
    return sum(len(each.value or b"") + 64 for each in batch.records)


def run_worker(app: faust.App) -> None:
    """Run the app until SIGTERM. The exit code is 0 only after a clean stop."""
    worker = faust.Worker(app, loglevel="info", redirect_stdouts=False, override_logging=False)
    worker.execute_from_commandline()


def prepare() -> None:
    """Of this process: plain logs, and an event loop that costs half as much per wakeup as asyncio's own."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(Repeats("qingling"))
    _hush()


def _hush(*_: Any, **__: Any) -> None:
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.ERROR if name == "kafka" else logging.WARNING)
