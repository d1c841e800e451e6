"""Readings of eight small plants, one per partition, sent for as long as a test wants, and what must come of them."""

import datetime as dt
import random
import threading
import time
from decimal import Decimal
from typing import Any

from schemas.alarms import AlarmRule
from schemas.commands import Actor, Command
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.ids import alarm_id, frame_id
from schemas.registry import Sensor, Site
from schemas.times import from_us
from schemas.topics import SITE_PARTITIONS, partition_of
from streams.connect import producer
from tests.alarm_oracle import Episode, Limit, episodes

SENSORS, MOMENTS = 4, 10  # per frame
RULE, ON_S, OFF_S = "co_ppm.high", 0.1, 0.15
LIMIT = Limit(True, Decimal(24), Decimal(1), round(ON_S * 1e6), round(OFF_S * 1e6), Decimal("0.1"))
POISON = b"no Arrow stream"


def sites() -> list[str]:
    """One site for each partition, in the order of the partitions."""
    found: dict[int, str] = {}
    names = (f"plant-{n:03d}" for n in range(1000))
    while len(found) < SITE_PARTITIONS:
        found.setdefault(partition_of(name := next(names)), name)
    return [found[p] for p in sorted(found)]


class Traffic(threading.Thread):
    """Frames by turns of the sites, `rate` a second, of readings that were just taken.

    After every tenth frame somebody acknowledges an alarm of the site, and every other of these commands is delivered
    twice; after every fortieth comes something that is no frame.
    """

    def __init__(self, servers: str, rate: float) -> None:
        super().__init__(name="traffic", daemon=True)
        self.sent: dict[str, list[tuple[int, float | None]]] = {}  # sensor → (time, value) in the order of the log
        self._rate = rate
        self._chance = random.Random(11)
        self._halt = threading.Event()
        self._acks: list[Any] = []
        self._start_us, self._step_us = time.time_ns() // 1000, round(1e6 * SITE_PARTITIONS / rate / MOMENTS)
        self._frames = 0
        self._sender = producer(servers, linger_ms=0)
        self._register()

    def _register(self) -> None:
        for site in sites():
            self._send("registry.sites", site, Site(site_id=site, industry="chemical", simulated=True).encode())
            for sensor in sensors(site):
                rule = AlarmRule(
                    rule_id=RULE,
                    site_id=site,
                    sensor_id=sensor,
                    limit=24,
                    on_delay_s=ON_S,
                    off_delay_s=OFF_S,
                    deadband=1,
                )
                known = Sensor(sensor_id=sensor, site_id=site, signal="co_ppm", unit="ppm", resolution=0.1)
                self._send("registry.sensors", sensor, known.encode())
                self._send("registry.rules", f"{sensor}/{RULE}", rule.encode())
        self.flush()

    def run(self) -> None:
        due = time.monotonic()
        while not self._halt.is_set():
            self.one_frame()
            due += 1 / self._rate
            self._halt.wait(max(0.0, due - time.monotonic()))

    def one_frame(self) -> None:
        n, site = divmod(self._frames, SITE_PARTITIONS)[0], sites_[self._frames % SITE_PARTITIONS]
        self._frames += 1
        times = [self._start_us + (n * MOMENTS + i) * self._step_us for i in range(MOMENTS)]
        columns: tuple[list[str], list[int], list[float]] = ([], [], [])
        for sensor in sensors(site):
            series = self.sent.setdefault(sensor, [])
            value = series[-1][1] if series else 22.0
            for at in times:
                value = min(28.0, max(18.0, round((value or 0) + self._chance.uniform(-0.9, 0.9), 1)))
                series.append((at, value))
                for column, cell in zip(columns, (sensor, at, value), strict=True):
                    column.append(cell)  # type: ignore[attr-defined]
        header = FrameHeader(site, frame_id(site, f"{n}", 0), "test", times[-1])
        frame = encode_frame(make_batch(*columns, [0] * len(columns[0])))
        self._send("telemetry.frames", site, frame, header.encode())
        if self._frames % 10 == 0:
            self._acknowledge(site, times[-1])
        if self._frames % 40 == 0:
            self._send("telemetry.frames", site, POISON)

    def _acknowledge(self, site: str, at_us: int) -> None:
        at = from_us(at_us).astimezone(dt.UTC)
        target = alarm_id(site, sensors(site)[self._frames % SENSORS], RULE)
        command = Command(
            command_id=f"command-{self._frames}", kind="acknowledge", site_id=site, issued_at=at, target_id=target,
            actor=Actor(id="li", role="operator"),
        )  # fmt: skip
        for _ in range(1 + self._frames // 10 % 2):
            self._send("commands", site, command.encode())

    def _send(self, topic: str, key: str, value: bytes, headers: Any = None) -> None:
        partition = 0 if topic.startswith("registry") else partition_of(key)
        self._acks.append(self._sender.send(topic, key=key.encode(), value=value, headers=headers, partition=partition))

    def flush(self) -> None:
        for ack in self._acks:
            ack.get(120)
        self._acks.clear()

    def stop(self) -> None:
        """No more; everything that was sent is acknowledged on return."""
        self._halt.set()
        if self.is_alive():
            self.join()
        self.flush()
        self._sender.close()

    def expected(self) -> dict[str, list[Episode]]:
        """By alarm, what an oracle written apart from the engine finds in the readings."""
        return {
            alarm_id(site, sensor, RULE): episodes(self.sent[sensor], LIMIT)
            for site in sites_ for sensor in sensors(site) if sensor in self.sent
        }  # fmt: skip


def sensors(site: str) -> list[str]:
    return [f"{site}-CO-{n}" for n in range(SENSORS)]


sites_ = sites()
