"""`python -m streams.health GROUP`: whether a worker on this host is a member of the consumer group. For health checks.

Asks the broker, not the worker: a worker that hangs loses its membership after the session time. Needs Apache Kafka:
the embedded broker's description of a group cannot be read.
"""

import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from schemas.settings import Settings
from streams.connect import NotConnected, bootstrap_servers


def own_addresses() -> set[str]:
    """The addresses under which a broker may see this host."""
    found = {"127.0.0.1", "::1"}
    with suppress(OSError):  # a host that does not know its own name is still reached on loopback
        found.update(str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None))
    return found


def members_here(group: Mapping[str, Any], addresses: Iterable[str]) -> list[str]:
    """Ids of the group's members whose connection came from one of `addresses`."""
    wanted = set(addresses)
    return [m["member_id"] for m in group.get("members", ()) if m["client_host"].lstrip("/") in wanted]


def check(group_id: str, settings: Settings) -> str | None:
    """None if a member of the group lives on this host, else what is wrong."""
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap_servers(settings), request_timeout_ms=5_000, bootstrap_timeout_ms=5_000
        )
    except (KafkaError, NotConnected) as error:
        return f"no broker: {error}"
    try:
        group = admin.describe_groups([group_id])[group_id]
    except (KafkaError, ValueError) as error:
        return f"group {group_id}: {error}"
    finally:
        admin.close()
    return None if members_here(group, own_addresses()) else f"group {group_id} has no member on this host"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m streams.health GROUP")
    sys.exit(check(sys.argv[1], Settings()))
