"""What every contender gets: a registry of synthetic sites, and frames whose methane is over its limit now and then."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from confluent_kafka import Producer

from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.ids import frame_id
from schemas.registry import Place, Sensor, Site
from schemas.topics import partition_of

START_US = 1_782_835_200_000_000  # 2026-07-01 00:00 Asia/Shanghai
PERIOD_US = 30_000_000
LIMIT = 1.0  # % CH4
# what the default rule of a ch4_pct sensor says (streams/rules.py)
DEADBAND, ON_DELAY_US, OFF_DELAY_US = 0.05, 60_000_000, 60_000_000
SENSORS_PER_FACE = 4


@dataclass(frozen=True)
class Workload:
    """`frames` frames of `sensors` x `moments` readings each, spread over `sites`; `share` of sensors are restless."""

    frames: int = 5_000
    sites: int = 200
    sensors: int = 500
    moments: int = 2
    share: float = 0.003
    seed: int = 20260701

    @property
    def readings(self) -> int:
        return self.frames * self.sensors * self.moments

    def site_ids(self) -> list[str]:
        return [f"bench-{n:03d}" for n in range(self.sites)]

    def sensor_ids(self, site_id: str) -> list[str]:
        return [f"{site_id}-CH4-{n:04d}" for n in range(self.sensors)]

    def registry(self) -> Iterator[tuple[str, str, bytes]]:
        """(topic, key, value) of every site, place and sensor."""
        for site_id in self.site_ids():
            yield "registry.sites", site_id, Site(site_id=site_id, industry="coal", simulated=True).encode()
            for n, sensor_id in enumerate(self.sensor_ids(site_id)):
                face = str(n // SENSORS_PER_FACE)
                place = f"{site_id}-face-{face}"
                if n % SENSORS_PER_FACE == 0:
                    found = Place(place_id=place, site_id=site_id, kind="coal_face", area=face)
                    yield "registry.places", place, found.encode()
                sensor = Sensor(
                    sensor_id=sensor_id, site_id=site_id, place_id=place, quantity="甲烷", signal="ch4_pct", unit="%",
                    alarm_high=LIMIT,
                )  # fmt: skip
                yield "registry.sensors", sensor_id, sensor.encode()

    def messages(self) -> Iterator[tuple[str, bytes, list[tuple[str, bytes]]]]:
        """(site_id, frame, headers), time going on within each site."""
        rng = np.random.default_rng(self.seed)
        restless = rng.random((self.sites, self.sensors)) < self.share
        phase = rng.random((self.sites, self.sensors)) * 2 * np.pi
        for n in range(self.frames):
            site, turn = n % self.sites, n // self.sites
            site_id = self.site_ids()[site]
            moments = np.arange(turn * self.moments, (turn + 1) * self.moments)
            calm = 0.3 + 0.05 * rng.random((self.moments, self.sensors))
            wave = 0.8 + 0.4 * np.sin(moments[:, None] / 20 + phase[site])
            values = np.round(np.where(restless[site], wave, calm), 2).ravel()
            times = np.repeat(START_US + moments * PERIOD_US, self.sensors)
            frame = encode_frame(
                make_batch(self.sensor_ids(site_id) * self.moments, times, values, np.zeros(values.size, "uint8"))
            )
            header = FrameHeader(site_id, frame_id(site_id, str(turn), 0), "bench", int(times[-1]) + 1_000_000)
            yield site_id, frame, header.encode()

    def send_registry(self, servers: str) -> None:
        """Blocking until everything is acknowledged."""
        producer = _producer(servers)
        for topic, key, value in self.registry():
            producer.produce(topic, value, key.encode())
        producer.flush()

    def send_frames(self, servers: str, messages: list[tuple[str, bytes, list[tuple[str, bytes]]]]) -> None:
        """Blocking until everything is acknowledged."""
        producer = _producer(servers)
        for site_id, frame, headers in messages:
            producer.produce(
                "telemetry.frames", frame, site_id.encode(), partition=partition_of(site_id), headers=headers
            )
            producer.poll(0)
        producer.flush()


def _producer(servers: str) -> Producer:
    return Producer({"bootstrap.servers": servers, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
