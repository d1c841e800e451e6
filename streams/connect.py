"""Where the broker is, what it is, and that every topic stands there as topics.yaml says."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, KafkaTimeoutError, TopicAlreadyExistsError

from schemas.settings import Settings
from schemas.topics import Topic, topics
from streams.broker import running

Answer = TypeVar("Answer")


class NotConnected(RuntimeError):
    """No broker to talk to; the message says what to start."""


@dataclass(frozen=True)
class GroupTimes:
    """Group membership: how soon a dead worker's partitions move. Seconds."""

    session_s: float
    heartbeat_s: float


_DELIVERY_MS = 120_000  # a broker that starts or elects a leader is waited for; then the send fails, and says so
_METADATA_S = 30
_ASK_AGAIN_S = 0.1
_RECONNECT_MS = 1_000  # the client would wait up to half a minute more for a broker that has long come back
# Tansu lets a member join after max(1 s, session/2) and does not wake a waiting fetch (docs/decisions/0002).
EMBEDDED_TIMES = GroupTimes(session_s=2.0, heartbeat_s=0.4)
KAFKA_TIMES = GroupTimes(session_s=6.0, heartbeat_s=2.0)


def bootstrap_servers(settings: Settings) -> str:
    """The broker's address. Raises NotConnected if the embedded broker of this data folder does not run."""
    if settings.kafka != "embedded":
        return settings.kafka
    broker = running(settings.run)
    if broker is None:
        raise NotConnected(
            f"no embedded broker runs on the data folder {settings.data}: start `qingling demo`, or set QINGLING_KAFKA"
        )
    return broker.servers


def is_embedded(settings: Settings) -> bool:
    """Whether the broker in use is the embedded one: by setting, or because its address is the recorded one."""
    broker = running(settings.run)
    return broker is not None and broker.kind == "embedded" and settings.kafka in ("embedded", broker.servers)


def group_times(settings: Settings) -> GroupTimes:
    return EMBEDDED_TIMES if is_embedded(settings) else KAFKA_TIMES


def producer(servers: str, *, linger_ms: int = 5) -> KafkaProducer:
    """A producer that waits for all replicas, keeps order, and compresses; keys are hashed with murmur2."""
    return KafkaProducer(
        bootstrap_servers=servers, acks="all", linger_ms=linger_ms, compression_type="lz4", max_request_size=8 << 20,
        enable_idempotence=False, max_in_flight_requests_per_connection=1, delivery_timeout_ms=_DELIVERY_MS,
        reconnect_backoff_max_ms=_RECONNECT_MS,
    )  # fmt: skip


def patiently(ask: Callable[[], Answer], passing: type[Exception], patience_s: float) -> Answer:
    """What `ask` gives; asked again while it raises `passing`, which is raised when patience ends. Blocking."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except passing:
            if time.monotonic() > deadline:
                raise
            time.sleep(_ASK_AGAIN_S)


def admin_client(servers: str) -> KafkaAdminClient:
    """An admin client that finds a broker soon after it has come back. Raises KafkaError after 30 s in vain."""
    return KafkaAdminClient(bootstrap_servers=servers, reconnect_backoff_max_ms=_RECONNECT_MS)


def ensure_topics(servers: str, patience_s: float = 30) -> list[str]:
    """Create what is missing and check partition counts; returns the created names. Raises NotConnected."""
    try:
        return patiently(lambda: _ensure(servers), KafkaError, patience_s)
    except KafkaError as error:
        raise NotConnected(f"the broker at {servers} does not answer: {error}") from error


def _ensure(servers: str) -> list[str]:
    admin = admin_client(servers)
    try:
        present = set(admin.list_topics())
        wanted = topics()
        missing = [topic for name, topic in wanted.items() if name not in present]
        if missing:
            with suppress(TopicAlreadyExistsError):  # another process was faster
                admin.create_topics([_new(topic) for topic in missing])
        for described in admin.describe_topics(list(wanted)):
            name, count = described["name"], len(described["partitions"])
            if count and count != wanted[name].partitions:
                raise NotConnected(f"topic {name} has {count} partitions, topics.yaml says {wanted[name].partitions}")
        return [topic.name for topic in missing]
    finally:
        admin.close()


def _new(topic: Topic) -> NewTopic:
    return NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=1, topic_configs=topic.config)


@cache
def log_ids(servers: str) -> dict[str, str]:
    """The log id of every topic: Kafka's topic id, new whenever the topic is created anew.

    A broker that has just come back leaves topics out of its metadata for a moment, and gives them an id of zeros:
    taken for a new log, what was absorbed of the old one would be absorbed again. Waits. Raises NotConnected.
    """
    admin = admin_client(servers)

    def ask() -> dict[str, str]:
        rows = admin.describe_topics(list(topics()))
        if unknown := [row["name"] for row in rows if row["error_code"]]:
            raise NotConnected(f"the broker at {servers} does not know {', '.join(unknown)}")
        return {row["name"]: str(row["topic_id"]) for row in rows}

    try:
        return patiently(ask, NotConnected, _METADATA_S)
    finally:
        admin.close()


def log_id_of(servers: str, topic: str) -> str:
    """The log id of a topic that is not ours. Raises NotConnected if the broker has none of that name."""
    admin = admin_client(servers)
    try:
        if topic not in admin.list_topics():
            raise NotConnected(f"the broker at {servers} has no topic {topic}")
        return str(admin.describe_topics([topic])[0]["topic_id"])
    finally:
        admin.close()


def begin_offsets(reader: KafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The first offset that each log still has. Raises KafkaError."""
    return _offsets(reader.beginning_offsets, list(partitions))


def end_offsets(reader: KafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last one that a reader of what is committed may come to. Raises KafkaError."""
    return _offsets(reader.end_offsets, list(partitions))


def _offsets(
    ask: Callable[[list[TopicPartition]], dict[TopicPartition, int]], partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """kafka-python 3.0 trips over a partition whose leader it has not heard of yet beside others that it knows."""
    try:
        return patiently(lambda: ask(partitions), KeyError, _METADATA_S) if partitions else {}
    except KeyError as error:
        raise KafkaTimeoutError(f"no offset of {error} within {_METADATA_S} s") from error


def consumer(servers: str, **options: object) -> KafkaConsumer:
    """A consumer without a group: for reading by assignment."""
    return KafkaConsumer(
        bootstrap_servers=servers, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", max_partition_fetch_bytes=8 << 20, check_crcs=False,
        reconnect_backoff_max_ms=_RECONNECT_MS, **options,
    )  # fmt: skip
