"""The health check of a worker: the broker says who is a member of the group."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from schemas.settings import Settings
from streams.broker import Broker
from streams.connect import group_times
from streams.gateways.tray import Tray
from streams.health import UNREAD_S, check, check_inbox, members_here, own_addresses


def test_only_members_on_this_host_count() -> None:
    group = {
        "members": [
            {"member_id": "mine", "client_host": "/172.18.0.5"},
            {"member_id": "mine too", "client_host": "127.0.0.1"},
            {"member_id": "another's", "client_host": "/172.18.0.6"},
        ]
    }
    assert members_here(group, {"172.18.0.5", "127.0.0.1"}) == ["mine", "mine too"]
    assert members_here({"members": []}, own_addresses()) == []


ON_KAFKA = pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)


@ON_KAFKA
def test_a_group_is_well_while_a_member_lives(broker: Broker) -> None:
    assert check("bench", Settings()) is not None
    times = group_times(Settings())
    member = KafkaConsumer(
        "commands",
        bootstrap_servers=broker.servers,
        group_id="bench",
        heartbeat_interval_ms=int(times.heartbeat_s * 1000),
        session_timeout_ms=int(times.session_s * 1000),
    )
    try:
        member.poll(500)
        _until(lambda: member.poll(100) or check("bench", Settings()) is None)
        asked = subprocess.run([sys.executable, "-m", "streams.health", "bench"], capture_output=True, text=True)
        assert asked.returncode == 0, asked.stderr
    finally:
        member.close()
    _until(lambda: "has no member" in (check("bench", Settings()) or ""))


def test_without_a_broker_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QINGLING_KAFKA", "127.0.0.1:9")
    assert "no broker" in (check("bench", Settings()) or "")


def test_an_inbox_is_well_while_its_gateway_reads_it(tmp_path: Path) -> None:
    assert "no gateway has worked" in (check_inbox(tmp_path, 0) or "")
    tray = Tray(tmp_path)
    assert check_inbox(tmp_path, time.time()) is None
    (tmp_path / "waits.txt").write_text("half", "utf-8")
    assert check_inbox(tmp_path, time.time()) is None
    assert "waits.txt" in (check_inbox(tmp_path, time.time() + UNREAD_S + 1) or "")
    tray.close()
    assert "no gateway works" in (check_inbox(tmp_path, time.time()) or "")


def _until(done: Callable[[], object], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)
