"""What gateways send, and the one way they wait: everything is acknowledged before a file counts as done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer

from schemas.deadletters import DeadLetter
from schemas.topics import partition_of

_PATIENCE_S = 120


@dataclass(frozen=True)
class Outgoing:
    """One Kafka record to be. `partition` None leaves the choice to the hash of the key."""

    topic: str
    key: str
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None


def to_site(topic: str, site_id: str, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Outgoing:
    """A record of a site-keyed topic, sent to the site's partition by number."""
    return Outgoing(topic, site_id, value, headers, partition_of(site_id))


def dead(letter: DeadLetter, raw: bytes) -> Outgoing:
    """A refused input on its way to `dead.letters`, its bytes as they came."""
    return Outgoing("dead.letters", letter.source, raw, letter.headers())


class Outbox:
    """Sends without waiting; `settle` waits for every acknowledgement since the last one."""

    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._underway: list[tuple[str, Any]] = []

    def put(self, message: Outgoing) -> None:
        """Raises KafkaError if the broker cannot be asked at all."""
        future = self._producer.send(
            message.topic, value=message.value, key=message.key.encode(), headers=list(message.headers),
            partition=message.partition,
        )  # fmt: skip
        self._underway.append((message.topic, future))

    def settle(self) -> dict[str, int]:
        """The highest acknowledged offset by topic. Raises the first KafkaError; then nothing of it counts as sent."""
        underway, self._underway = self._underway, []
        offsets: dict[str, int] = {}
        for topic, future in underway:
            offsets[topic] = max(offsets.get(topic, -1), future.get(timeout=_PATIENCE_S).offset)
        return offsets
