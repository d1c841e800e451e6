"""(c) From frame produced to alarm event readable, beside the bare floor: the frame itself readable, in the same run.

Every site has one sensor that leaps over its limit and back in every frame, with a rule without delays: every frame
raises one alarm and returns it. The harness stamps each frame as it is sent (linger 5 ms), reads `telemetry.frames`
(the floor: produce, broker, fetch) and `alarm.events` (read_committed) with the same client and settings.
"""

import threading
import time
from dataclasses import dataclass, replace
from statistics import quantiles
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.installation import Installation, installation
from benchmarks.workload import START_US, Workload
from schemas.alarms import AlarmRule
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.ids import frame_id
from schemas.topics import SITE_PARTITIONS, partition_of

RATE = 20  # frames per second
LINGER_MS = 5
WARM_S = 5


@dataclass(frozen=True)
class Latency:
    """Milliseconds."""

    floor: list[float]
    event: list[float]


class Arrivals(threading.Thread):
    """When what arrives: `name(message)` says which frame a message tells of."""

    def __init__(self, servers: str, topic: str, name: Any) -> None:
        super().__init__(daemon=True)
        self.at: dict[str, float] = {}
        self.halt = threading.Event()
        self._name = name
        self._consumer = Consumer({
            "bootstrap.servers": servers, "group.id": f"bench-{topic}", "enable.auto.commit": False,
            "fetch.wait.max.ms": 20, "isolation.level": "read_committed", "auto.offset.reset": "earliest",
        })  # fmt: skip
        self._consumer.assign([TopicPartition(topic, p, 0) for p in range(SITE_PARTITIONS)])

    def run(self) -> None:
        while not self.halt.is_set():
            for message in self._consumer.consume(100, 0.02):
                if message.error() is None and (name := self._name(message)):
                    self.at.setdefault(name, time.perf_counter())
        self._consumer.close()


def measure(kind: str, readings_per_s: int, seconds: int) -> Latency:
    work = replace(Workload(), sites=RATE, sensors=readings_per_s // RATE, moments=1, frames=0, share=0.0)
    with installation(kind, work) as here:
        for site_id in work.site_ids():
            _plain_rule(here, work.sensor_ids(site_id)[0], site_id)
        here.start_both()
        return _run(here, work, seconds)


def _run(here: Installation, work: Workload, seconds: int) -> Latency:
    frames = Arrivals(here.servers, "telemetry.frames", lambda m: dict(m.headers())["frame_id"].decode())
    events = Arrivals(here.servers, "alarm.events", _raised_by)
    for reader in (frames, events):
        reader.start()
    producer = Producer({"bootstrap.servers": here.servers, "linger.ms": LINGER_MS})
    sent: dict[str, float] = {}
    rng = np.random.default_rng(1)
    begins = time.perf_counter() + 0.5
    for n in range(RATE * (WARM_S + seconds)):
        site_id, turn = work.site_ids()[n % RATE], n // RATE
        name, raw, headers = _frame(work, site_id, turn, rng)
        pause = begins + n / RATE - time.perf_counter()
        producer.poll(max(0.0, pause))
        if (left := begins + n / RATE - time.perf_counter()) > 0:
            time.sleep(left)
        sent[name] = time.perf_counter()
        producer.produce("telemetry.frames", raw, site_id.encode(), partition_of(site_id), headers=headers)
        producer.poll(0)
    producer.flush()
    here.wait(lambda: len(events.at) >= len(sent), "the last event", 30)
    for reader in (frames, events):
        reader.halt.set()
        reader.join(5)
    counted = list(sent)[RATE * WARM_S :]
    return Latency(
        [1000 * (frames.at[name] - sent[name]) for name in counted],
        [1000 * (events.at[name] - sent[name]) for name in counted],
    )


def _frame(work: Workload, site_id: str, turn: int, rng: Any) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    """Frame `turn` of a site: its first sensor over the limit and back, the others calm."""
    ids = work.sensor_ids(site_id)
    at = START_US + turn * 1_000_000
    values = np.round(0.3 + 0.05 * rng.random(len(ids) + 1), 2)
    values[0] = 1.5
    times = np.array([at, *[at] * (len(ids) - 1), at + 500_000])
    raw = encode_frame(make_batch([*ids, ids[0]], times, values, np.zeros(len(values), "uint8")))
    name = frame_id(site_id, str(turn), 0)
    return name, raw, FrameHeader(site_id, name, "bench", int(times[-1])).encode()


def _raised_by(message: Any) -> str:
    """The frame whose first reading raised the alarm: found by its time and site."""
    event = orjson.loads(message.value())
    if event["kind"] != "alarm_raised":
        return ""
    second = int(np.datetime64(event["occurred_at"].replace("Z", ""), "us").astype("int64")) - START_US
    return frame_id(event["site_id"], str(second // 1_000_000), 0)


def _plain_rule(here: Installation, sensor_id: str, site_id: str) -> None:
    """The default rule of the sensor without its delays."""
    rule = AlarmRule(
        rule_id="ch4_pct.high", site_id=site_id, sensor_id=sensor_id, direction="high", limit=1.0, on_delay_s=0,
        off_delay_s=0, deadband=0.05, priority="P2",
    )  # fmt: skip
    producer = Producer({"bootstrap.servers": here.servers})
    producer.produce("registry.rules", rule.encode(), f"{sensor_id}/ch4_pct.high".encode())
    producer.flush()


def at_percent(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


def line(name: str, found: Latency) -> str:
    floor, event = found.floor, found.event
    p50, p95 = (at_percent(event, 50), at_percent(event, 95))
    f50, f95 = (at_percent(floor, 50), at_percent(floor, 95))
    return (
        f"{name:32} p50 {p50:5.1f} (floor {f50:5.1f}, +{p50 - f50:5.1f})   p95 {p95:5.1f} (floor {f95:5.1f}, "
        f"{p95 / f95:4.2f} x)   max {max(event):5.1f} ms   {len(event)} events"
    )
