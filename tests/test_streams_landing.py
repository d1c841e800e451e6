import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.producer.future import FutureRecordMetadata
from kafka.structs import OffsetAndMetadata

from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.ids import frame_id
from schemas.settings import Settings
from schemas.topics import partition_of, topics
from streams.connect import log_ids, producer
from streams.lag import true_ends
from streams.landing import GROUP
from warehouse.lake import LakeTable

ROOT = Path(__file__).parent.parent
LONG = os.environ.get("QINGLING_PROOF") == "long"
ROWS = 20


class Feed:
    """Frames of five sites, findings, rules, noise, and now and then a frame that is sent twice."""

    def __init__(self, servers: str) -> None:
        self.producer = producer(servers)
        self.frames: list[str] = []
        self.findings = 0
        self.sent: list[FutureRecordMetadata] = []

    def send(self, count: int) -> None:
        for _ in range(count):
            n = len(self.frames)
            self._frame(n)
            if n % 10 == 3:
                self._frame(n)
            if n % 7 == 0:
                self.json("inspection.findings", f"site {n % 5}", b'{"finding_id": "%d"}' % n)
                self.findings += 1
        for sent in self.sent:
            sent.get(60)
        self.sent.clear()

    def json(self, topic: str, key: str, value: bytes | None) -> None:
        self.sent.append(self.producer.send(topic, key=key.encode(), value=value))

    def _frame(self, n: int) -> None:
        now = time.time_ns() // 1000
        site = f"site {n % 5}"
        header = FrameHeader(site, frame_id(site, "sha", n), "test", now)
        batch = make_batch([f"m{i}" for i in range(ROWS)], [now - i for i in range(ROWS)], [n] * ROWS, [0] * ROWS)
        self.sent.append(
            self.producer.send(
                "telemetry.frames", key=site.encode(), value=encode_frame(batch), headers=header.encode()
            )
        )
        if n == len(self.frames):
            self.frames.append(header.frame_id)


@contextmanager
def workers(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen]]:
    """Starts landing processes; whatever still runs at the end of the block is killed."""
    running: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        with (tmp_path / "landing.log").open("ab") as out:
            environment = {**os.environ, "QINGLING_FLUSH_S": "0.2"}
            command = [sys.executable, "-m", "streams", "landing"]
            running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out))
        return running[-1]

    try:
        yield start
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()


def landed(lake: Path, servers: str) -> dict[TopicPartition, int]:
    logs = log_ids(servers)
    return {
        TopicPartition(name, partition): offset
        for name, topic in topics().items()
        if LakeTable.exists(lake, topic.table)
        for partition, offset in LakeTable.open(lake, topic.table).landed(logs[name], name).items()
    }


def wait_landed(lake: Path, servers: str, log: Path, patience_s: float = 90) -> None:
    """Until the last record of every partition has landed."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        ends, done = true_ends(servers, topics()), landed(lake, servers)
        if all(done.get(tp, -1) >= end - 1 for tp, end in ends.items()):
            return
        time.sleep(0.3)
    behind = {tp: (done.get(tp), end) for tp, end in ends.items() if done.get(tp, -1) < end - 1}
    pytest.fail(f"not landed: {behind}\n{log.read_text()[-3000:]}")


def ask(lake: Path, table: str, what: str) -> tuple:
    files = LakeTable.open(lake, table).file_uris()
    with duckdb.connect() as plain:
        return plain.execute(f"select {what} from read_parquet({files})").fetchone()


def check(lake: Path, feed: Feed) -> None:
    """Every reading and every record of `feed` is in the lake once."""
    count = len(feed.frames)
    what = 'count(*), count(distinct (log_id, topic, partition, "offset", row)), count(distinct frame_id), sum(value)'
    assert ask(lake, "readings", what) == (count * ROWS, count * ROWS, count, ROWS * count * (count - 1) / 2)
    what = 'count(*), count(distinct (partition, "offset")), count(distinct finding_id)'
    assert ask(lake, "inspection_findings", what) == (feed.findings, feed.findings, feed.findings)


@pytest.mark.proof
@pytest.mark.timeout(3600 if LONG else 240)
@pytest.mark.parametrize("broker", [pytest.param("embedded", marks=pytest.mark.embedded)], indirect=True)
def test_killed_at_random_moments_it_lands_every_row_once(broker, tmp_path):
    lake, feed, dice = Settings().lake, Feed(broker.servers), random.Random(7)
    feed.json("registry.rules", "r", b'{"limit": 1}')
    feed.json("registry.rules", "r", None)
    feed.json("commands", "site 1", b"noise")
    with workers(tmp_path) as start:
        for _ in range(30 if LONG else 2):
            worker = start()
            until = time.monotonic() + dice.uniform(3, 6)
            while time.monotonic() < until:
                feed.send(20)
                time.sleep(0.1)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        worker = start()
        feed.send(50)
        wait_landed(lake, broker.servers, tmp_path / "landing.log")
        wait_landed(lake, broker.servers, tmp_path / "landing.log")  # the dead letter it made itself
        feed.send(200)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        start()
        wait_landed(lake, broker.servers, tmp_path / "landing.log")
    check(lake, feed)
    with duckdb.connect() as plain:
        files = LakeTable.open(lake, "registry_rules").file_uris()
        values = plain.execute(f'select value from read_parquet({files}) order by "offset"').fetchall()
    assert values == [('{"limit": 1}',), (None,)]
    assert ask(lake, "dead_letters", "count(distinct letter_id), any_value(raw), any_value(origin)") == (
        1, b"noise", "commands",
    )  # fmt: skip


def test_what_the_group_committed_ahead_of_the_lake_is_read_again(broker, tmp_path):
    lake, feed = Settings().lake, Feed(broker.servers)
    feed.send(60)
    tp = TopicPartition("telemetry.frames", partition_of("site 1"))
    end = true_ends(broker.servers, ["telemetry.frames"])[tp]
    liar = KafkaConsumer(bootstrap_servers=broker.servers, group_id=GROUP, enable_auto_commit=False)
    liar.assign([tp])
    liar.commit({tp: OffsetAndMetadata(end, "", -1)})
    liar.close()
    with workers(tmp_path) as start:
        start()
        wait_landed(lake, broker.servers, tmp_path / "landing.log")
        check(lake, feed)
        feed.send(5)
        wait_landed(lake, broker.servers, tmp_path / "landing.log")
    check(lake, feed)
    assert "Traceback" not in (tmp_path / "landing.log").read_text()


def test_a_frozen_worker_that_wakes_doubles_nothing(broker, tmp_path):
    lake, feed = Settings().lake, Feed(broker.servers)
    feed.send(20)
    with workers(tmp_path) as start:
        frozen = start()
        wait_landed(lake, broker.servers, tmp_path / "landing.log")
        feed.send(100)
        frozen.send_signal(signal.SIGSTOP)
        start()
        feed.send(100)
        wait_landed(lake, broker.servers, tmp_path / "landing.log")
        frozen.send_signal(signal.SIGCONT)
        feed.send(100)
        wait_landed(lake, broker.servers, tmp_path / "landing.log")
    check(lake, feed)


@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_only_committed_transactions_land_and_their_markers_are_no_gaps(broker, tmp_path):
    lake = Settings().lake
    sender = KafkaProducer(bootstrap_servers=broker.servers, transactional_id="step", acks="all")
    sender.init_transactions()
    with workers(tmp_path) as start:
        start()
        for n in range(30):
            sender.begin_transaction()
            for i in range(3):
                value = b'{"event_id": "%d/%d", "kind": "%s"}' % (n, i, b"aborted" if n % 3 == 2 else b"committed")
                sender.send("alarm.events", key=b"site", value=value, partition=0)
            sender.flush()
            if n % 3 == 2:
                sender.abort_transaction()
            else:
                sender.commit_transaction()
            time.sleep(0.1)  # so that the landing worker meets them in many batches
        sender.close()
        # three records and a marker each; the last transaction is an aborted one
        tp, last, deadline = TopicPartition("alarm.events", 0), 28 * 4 + 2, time.monotonic() + 60
        while landed(lake, broker.servers).get(tp, -1) < last and time.monotonic() < deadline:
            time.sleep(0.3)
    what = 'count(*), count(distinct event_id), count(distinct kind), min(kind), max("offset")'
    assert ask(lake, "alarm_events", what) == (60, 60, 1, "committed", last)
    assert not LakeTable.exists(lake, "gaps")
