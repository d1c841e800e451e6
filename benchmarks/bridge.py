"""(b) CPU seconds per million single JSON readings made into frames: the bridge, a loop by hand, Quix Streams.

All three read the same topic of one broker, one after the other; every round begins with another. Quix reads a tenth
of it: its cost is per message. What each wrote is read back and counted.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import TopicPartition

from benchmarks.installation import PATIENCE_S, ROOT
from schemas.frames import FrameHeader, decode_frame
from schemas.topics import SITE_PARTITIONS
from streams.broker import apache_kafka, embedded
from streams.connect import ensure_topics
from streams.reader import read_to_end

TOPIC, PARTITIONS = "park.readings", 4
SITES, SENSORS = 20, 50
FRAMES = "telemetry.frames"
QUIX_SHARE = 10


@dataclass(frozen=True)
class Contest:
    """CPU seconds per million readings of one round."""

    bridge: float
    by_hand: float
    quix: float
    frames: int
    frames_by_hand: int

    @property
    def to_hand(self) -> float:
        return self.bridge / self.by_hand

    @property
    def to_quix(self) -> float:
        return self.bridge / self.quix


def readings(count: int) -> Iterator[tuple[str, bytes]]:
    """(site, message) in the order of time: every sensor of every site once a second."""
    values = np.round(np.random.default_rng(20260701).random(count) * 5, 2).tolist()
    for n, value in enumerate(values):
        second, which = divmod(n, SITES * SENSORS)
        site = f"1404{which % SITES:05d}"
        yield site, orjson.dumps({
            "companyCode": site, "tagId": f"{site}G0001LT{which // SITES:03d}", "value": value, "unit": "m",
            "quality": 1, "alarm": "H" if value > 4.9 else "",
            "time": f"2026-07-01 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}",
        })  # fmt: skip


@contextmanager
def party(kind: str, count: int) -> Iterator[str]:
    """A fresh broker whose TOPIC holds `count` readings; its address."""
    with tempfile.TemporaryDirectory(prefix="qingling-bench-") as name:
        run = Path(name) / "run"
        with embedded(run) if kind == "embedded" else apache_kafka(run, ROOT / ".kafka" / "libs") as broker:
            ensure_topics(broker.servers)
            admin = AdminClient({"bootstrap.servers": broker.servers})
            admin.create_topics([NewTopic(TOPIC, PARTITIONS)])[TOPIC].result()
            producer = Producer({
                "bootstrap.servers": broker.servers, "linger.ms": 20, "compression.type": "lz4",
                "queue.buffering.max.messages": 2_000_000, "partitioner": "murmur2_random",
            })  # fmt: skip
            for site, message in readings(count):
                producer.produce(TOPIC, message, site.encode())
            producer.flush()
            yield broker.servers


class Output:
    """The frames that were written since the last look."""

    def __init__(self, servers: str) -> None:
        self._servers, self._start = servers, {TopicPartition(FRAMES, p): 0 for p in range(SITE_PARTITIONS)}

    def rows(self) -> int:
        """How many readings. Raises SystemExit if a frame is there twice."""
        count, ids = 0, set()
        for record in read_to_end(self._servers, [FRAMES], start=self._start):
            header = FrameHeader.decode(record.headers)
            if header.frame_id in ids:
                raise SystemExit(f"frame {header.frame_id} was written twice")
            ids.add(header.frame_id)
            count += decode_frame(record.value or b"").num_rows
            self._start[TopicPartition(FRAMES, record.partition)] = record.offset + 1
        return count


def measure(kind: str, count: int, rounds: int) -> list[Contest]:
    return [_round(kind, count, turn) for turn in range(rounds)]


def _round(kind: str, count: int, turn: int) -> Contest:
    few = max(1, count // QUIX_SHARE)
    order = ["by_us", "by_hand", "by_quix"]
    wanted = {"by_us": count, "by_hand": count, "by_quix": few}
    found: dict[str, dict[str, float]] = {}
    with party(kind, count) as servers:
        output = Output(servers)
        for name in order[turn % 3 :] + order[: turn % 3]:
            found[name] = _contender(name, servers, wanted[name])
            written = output.rows()
            if not written == found[name]["readings"] == wanted[name]:
                raise SystemExit(f"{name} wrote {written} readings of {wanted[name]}")
    cost = {name: it["cpu_s"] / it["readings"] * 1e6 for name, it in found.items()}
    frames = int(found["by_us"]["frames"]), int(found["by_hand"]["frames"])
    return Contest(cost["by_us"], cost["by_hand"], cost["by_quix"], *frames)


def _contender(name: str, servers: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", f"benchmarks.bridge_{name}", servers, TOPIC, str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def line(name: str, rounds: list[Contest]) -> str:
    def mid(values: Iterator[float]) -> float:
        return median(values)

    return (
        f"{name:32} {mid(c.bridge for c in rounds):6.2f}   by hand {mid(c.by_hand for c in rounds):5.2f}   "
        f"{mid(c.to_hand for c in rounds):4.2f} x ({', '.join(f'{c.to_hand:.2f}' for c in rounds)})   "
        f"Quix {mid(c.quix for c in rounds):6.1f}   1/{mid(1 / c.to_quix for c in rounds):.0f}"
        f"   frames {rounds[0].frames} / {rounds[0].frames_by_hand}"
    )
