"""Is it well? `python -m streams.health GROUP` for a worker, `python -m streams.health --inbox DIR` for a gateway.

A worker is well while the broker counts a member of its consumer group on this host: one that hangs loses its
membership after the session time. Needs Apache Kafka: the embedded broker's description of a group cannot be read.
A folder gateway is well while it holds its folder and no file lies there unread for long.
"""

import argparse
import fcntl
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from schemas.settings import Settings
from streams.connect import NotConnected, bootstrap_servers
from streams.gateways.tray import OWN

UNREAD_S = 1_800.0  # three times what a gateway waits for the rest of a half-written file


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


def check_inbox(folder: Path, now_s: float) -> str | None:
    """None if a gateway holds `folder` and nothing ready has lain there for UNREAD_S, else what is wrong."""
    lock = folder / OWN / "lock"
    if not lock.is_file():
        return f"no gateway has worked on {folder}"
    with lock.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pass  # held: a gateway is at work
        else:
            return f"no gateway works on {folder}"
    old = sorted(file.name for file in folder.glob("*.txt") if now_s - file.stat().st_mtime > UNREAD_S)
    return f"{len(old)} files lie unread in {folder}, the first is {old[0]}" if old else None


def main() -> str | None:
    parser = argparse.ArgumentParser(prog="python -m streams.health", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("group", nargs="?", help="consumer group of a worker on this host")
    what.add_argument("--inbox", type=Path, help="folder of a gateway")
    chosen = parser.parse_args()
    return check_inbox(chosen.inbox, time.time()) if chosen.inbox else check(chosen.group, Settings())


if __name__ == "__main__":
    sys.exit(main())
