"""The proof of landing: killed at every moment that matters, frozen and woken, while a compaction is killed as well and
readers read. Five kills by default, a hundred with `make proof`."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import duckdb
import orjson
import pytest
from kafka import KafkaProducer

import warehouse
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.ids import frame_id
from schemas.settings import Settings
from streams.broker import Broker
from streams.connect import producer
from tests.test_streams_landing import wait_landed
from warehouse.lake import LakeTable

ROOT = Path(__file__).parent.parent
LONG = os.environ.get("QINGLING_PROOF") == "long"
KILLS = 100 if LONG else 5
LANDING = ("random", "before-commit", "mid-parquet", "after-commit", "stale", "compaction", "committed")


@dataclass
class Oracle:
    """Everything that was acknowledged by the broker, and what must be in the lake because of it."""

    servers: str
    lengths: dict[str, int] = field(default_factory=dict)  # frame_id → readings
    event_ids: set[str] = field(default_factory=set)
    events: int = 0  # committed records, among them events that were sent again

    def __post_init__(self) -> None:
        self.plain = producer(self.servers)
        self.steps = KafkaProducer(bootstrap_servers=self.servers, transactional_id="proof", acks="all")
        self.steps.init_transactions()
        self.dice = random.Random(11)

    def send(self, frames: int) -> None:
        acks = []
        for _ in range(frames):
            acks += self._frame(len(self.lengths))
        for ack in acks:
            ack.get(60)
        self._step()

    def close(self) -> None:
        self.plain.close()
        self.steps.close()

    def _frame(self, n: int) -> list:
        now, site, length = time.time_ns() // 1000, f"site {n % 7}", self.dice.randint(1, 40)
        header = FrameHeader(site, frame_id(site, "proof", n), "simulated", now)
        sensors = [f"m{i}" for i in range(length)]
        raw = encode_frame(make_batch(sensors, [now - i for i in range(length)], [length] * length, [0] * length))
        self.lengths[header.frame_id] = length
        again = 2 if n % 9 == 4 else 1  # a gateway that was killed sends again
        return [
            self.plain.send("telemetry.frames", key=site.encode(), value=raw, headers=header.encode())
            for _ in range(again)
        ]

    def _step(self) -> None:
        """One transaction of events; every fourth is aborted, every third sends events of before again."""
        n = len(self.event_ids)
        ids = [f"event {n + i}" for i in range(3)] + ([f"event {n - 1}"] if n and self.events % 3 == 0 else [])
        aborted = self.dice.random() < 0.25
        self.steps.begin_transaction()
        for name in ids:
            event = {
                "event_id": name, "kind": "aborted" if aborted else "alarm_raised", "subject_id": "a", "site_id": "s",
                "occurred_at": "2026-07-01T08:00:00+08:00", "recorded_at": "2026-07-01T08:00:01+08:00",
            }  # fmt: skip
            self.steps.send("alarm.events", key=b"s", value=orjson.dumps(event), partition=n % 8)
        self.steps.flush()
        if aborted:
            self.steps.abort_transaction()
            return
        self.steps.commit_transaction()
        self.event_ids |= set(ids)
        self.events += len(ids)


class Reader(threading.Thread):
    """Reads snapshots for as long as the block runs; whatever is not whole is in `wrong`."""

    def __init__(self, lake: Path) -> None:
        super().__init__(daemon=True)
        self.lake, self.halt = lake, threading.Event()
        self.seen, self.wrong = 0, list[str]()

    def run(self) -> None:
        before = 0
        while not self.halt.wait(0.1):
            try:
                files = LakeTable.peek(self.lake, "readings")
                if not files or not files[1]:
                    continue
                rows, keys, torn = self._ask(files[1])
            except Exception as error:
                self.wrong.append(f"{type(error).__name__}: {error}")
                continue
            if rows != keys or torn or rows < before:
                self.wrong.append(f"{rows} rows, {keys} keys, {torn} torn frames, {before} rows before")
            before, self.seen = rows, self.seen + 1

    def _ask(self, files: list[str]) -> tuple[int, int, int]:
        with duckdb.connect() as con:
            return con.execute(
                f"""with r as (from read_parquet({files})) select count(*),
                count(distinct (log_id, topic, partition, "offset", row)),
                (select count(*) from (select frame_id from r group by frame_id having count(*) != any_value(value)))
                from r"""
            ).fetchone()


@contextmanager
def processes(log: Path) -> Iterator:
    running: list[subprocess.Popen[bytes]] = []

    def start(moment: str = "never", at: int = 1) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.dying_landing", moment, str(at)]
        with log.open("ab") as out:
            running.append(
                subprocess.Popen(
                    command, cwd=ROOT, env={**os.environ, "QINGLING_FLUSH_S": "0.2"}, stdout=out, stderr=out
                )
            )
        return running[-1]

    try:
        yield start
    finally:
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


def feed_until_dead(oracle: Oracle, process: "subprocess.Popen[bytes]", log: Path, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while process.poll() is None:
        assert time.monotonic() < deadline, f"it did not die:\n{log.read_text()[-2000:]}"
        oracle.send(5)
        time.sleep(0.05)
    assert process.returncode == -signal.SIGKILL, log.read_text()[-2000:]


@pytest.mark.kafka
@pytest.mark.proof
@pytest.mark.timeout(3600 if LONG else 240)
@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_killed_at_every_moment_it_lands_every_row_once(broker: Broker, tmp_path: Path) -> None:
    lake, log, oracle, dice = Settings().lake, tmp_path / "landing.log", Oracle(broker.servers), random.Random(3)
    reader = Reader(lake)
    reader.start()
    with processes(log) as start:
        worker = None
        for moment in islice(cycle(LANDING), KILLS):
            if moment in ("compaction", "committed"):
                worker = worker or start()
                feed_until_dead(oracle, start(moment, dice.randint(1, 2)), log)
            elif moment == "stale":
                worker = worker or start()
                oracle.send(10)
                worker.send_signal(signal.SIGSTOP)
                fresh = start()
                oracle.send(20)
                time.sleep(dice.uniform(7, 9))  # the session of the frozen one ends, the other takes over
                worker.send_signal(signal.SIGCONT)
                oracle.send(20)
                time.sleep(dice.uniform(0, 1))
                worker.kill()
                worker.wait()
                worker = fresh
            else:
                if worker:
                    worker.kill()
                    worker.wait()
                dying = start("never" if moment == "random" else moment, dice.randint(1, 4))
                if moment == "random":
                    until = time.monotonic() + dice.uniform(3, 6)
                    while time.monotonic() < until:
                        oracle.send(5)
                    dying.kill()
                    dying.wait()
                else:
                    feed_until_dead(oracle, dying, log)
                worker = None
        worker = worker or start()
        oracle.send(20)
        oracle.close()
        wait_landed(lake, broker.servers, log)
    reader.halt.set()
    reader.join(60)
    check(oracle, lake, tmp_path / "data")
    assert reader.wrong == []
    assert reader.seen > KILLS


def check(oracle: Oracle, lake: Path, data: Path) -> None:
    """0 lost, 0 doubled: in the lake's own rows by coordinate, in the views by id."""
    with warehouse.connect(data) as con:
        rows, keys = con.execute(
            'select count(*), count(distinct (log_id, topic, partition, "offset", row)) from raw.readings'
        ).fetchone()
        lengths = dict(con.execute("select frame_id, count(*) from raw.readings group by all").fetchall())
        assert lengths == oracle.lengths
        assert rows == keys == sum(oracle.lengths.values())
        rows, keys, kinds = con.execute(
            'select count(*), count(distinct (log_id, partition, "offset")), list(distinct kind) from raw.alarm_events'
        ).fetchone()
        assert (rows, keys, kinds) == (oracle.events, oracle.events, ["alarm_raised"])
        seen = [row[0] for row in con.execute("select event_id from alarm_events").fetchall()]
        assert len(seen) == len(set(seen))
        assert set(seen) == oracle.event_ids
        assert con.execute("select count(*) from raw.gaps").fetchall() == [(0,)]
    assert not LakeTable.exists(lake, "dead_letters") or not LakeTable.open(lake, "dead_letters").file_uris()
