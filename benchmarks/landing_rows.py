"""Simulated readings in the shape landing writes them: 2,000 sensors of 20 sites, one value every 10 s."""

from functools import cache

import numpy as np
import pyarrow as pa

from schemas.tables import STAMP
from streams.landing_frames import shanghai_days

SITES, SENSORS = 20, 2_000
PERIOD_US = 10_000_000
START_US = 1_782_835_200_000_000  # 2026-07-01 00:00 Asia/Shanghai
PER_FRAME = 1_000


@cache
def _names() -> tuple[pa.Array, pa.Array]:
    sites = [f"site-{n:03d}" for n in range(SITES)]
    return pa.array(sites), pa.array([f"{sites[n % SITES]}-CH4-{n:05d}" for n in range(SENSORS)])


def readings(first: int, count: int, seed: int = 1) -> pa.Table:
    """Readings `first` to `first + count` of the series: all sensors of a moment, then the next moment."""
    number = np.arange(first, first + count)
    sensor, moment = (number % SENSORS).astype("int32"), number // SENSORS
    times = START_US + moment * PERIOD_US
    rng = np.random.default_rng(seed + first)
    drift = 0.3 + 0.2 * np.sin(moment / 500 + sensor)
    frame = number // PER_FRAME
    frames = np.unique(frame)
    sites, sensors = _names()

    def text(codes: np.ndarray, values: pa.Array) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype("int32")), values)

    same = np.zeros(count, "int32")
    return pa.table({
        "log_id": text(same, pa.array(["simulated"])), "topic": text(same, pa.array(["telemetry.frames"])),
        "partition": pa.array(same), "offset": pa.array(frame), "kafka_at": pa.array(times + 1_500_000).view(STAMP),
        "row": pa.array((number % PER_FRAME).astype("int32")),
        "frame_id": text(frame - frames[0], pa.array([f"00000000-0000-4000-8000-{n:012x}" for n in frames])),
        "site_id": text(sensor % SITES, sites), "sensor_id": text(sensor, sensors),
        "occurred_at": pa.array(times).view(STAMP),
        "value": pa.array(np.round(drift + 0.02 * rng.standard_normal(count), 2)),
        "quality": pa.array(np.zeros(count, "uint8")), "source": text(same, pa.array(["simulated"])),
        "received_at": pa.array(times + 1_000_000).view(STAMP), "day": shanghai_days(times),
    })  # fmt: skip
