"""Readings of a simulated province, all sensors at once: slow wandering, bursts, machines on and off. Pure.

Time comes in as steps; numpy arrays of length n = number of sensors, in the order of Province.sensors().
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.province import Province, facts
from schemas.terms import Quality

Floats = npt.NDArray[np.float64]

RISE_S = 4.0  # time constant with which a burst comes and goes
FIRST_BURSTS = 10  # begin with the first step, in lively sites: a board must move at once
BURSTS_PER_S = 0.2
LIVELY_WEIGHT = 12.0
WORK_ADDS = 0.08  # %CH4 while the machine of the area cuts coal


@dataclass(frozen=True)
class Readings:
    """One step's values (NaN never) and quality bits."""

    values: Floats
    quality: npt.NDArray[np.uint8]


class Signals:
    def __init__(self, province: Province) -> None:
        self._draw = np.random.default_rng([province.seed, 1])
        like = [facts()["sensors"][each.behaviour] for each in province.sensors()]
        sensors = [each.sensor for each in province.sensors()]
        self.size = len(sensors)
        self._base, self._swing, self._settle_s = (_column(like, name, 1.0) for name in ("base", "swing", "settle_s"))
        self._step = np.array([sensor.resolution for sensor in sensors])
        self._low = np.array([sensor.range_low or 0.0 for sensor in sensors])
        self._high = np.array([1.0 if sensor.range_high is None else sensor.range_high for sensor in sensors])
        self._limit_high = _column(like, "high", np.inf)
        self._switch = np.flatnonzero([("state" in row) for row in like])
        self._on_share = _column(like, "state", 0.0)[self._switch]
        self._stays_s = _column(like, "stays_s", np.inf)[self._switch]
        self._interlock = _column(like, "interlock", np.inf)[self._switch]
        lively = np.array([site.lively for site in province.sites for _ in site.sensors])
        careless = np.array([site.careless for site in province.sites for _ in site.sensors])
        self._interlock[careless[self._switch]] = np.inf
        self._areas(province)
        self._weigh(like, lively)
        self._wander = self._draw.normal(0, 1, self.size) * self._swing
        self._wander[self._switch] = 0.0
        self._on = self._draw.random(self._switch.size) < self._on_share
        self._burst_size = np.zeros(self.size)
        self._burst_left_s = np.zeros(self.size)
        self._burst_now = np.zeros(self.size)
        self._begin(FIRST_BURSTS, soon=True)

    def step(self, seconds: float, pace: float = 1.0) -> Readings:
        """The readings `seconds` later; `pace` = how many times as often bursts begin."""
        decay = np.exp(-seconds / self._settle_s)
        noise = self._draw.standard_normal(self.size) * self._swing * np.sqrt(1 - decay**2)
        self._wander = self._wander * decay + noise
        self._begin(int(self._draw.poisson(BURSTS_PER_S * pace * seconds)))
        self._burst_left_s = np.maximum(self._burst_left_s - seconds, 0.0)
        target = np.where(self._burst_left_s > 0, self._burst_size, 0.0)
        self._burst_now += (target - self._burst_now) * (1 - np.exp(-seconds / RISE_S))
        values = self._base + self._wander + self._burst_now
        values[self._methane] += WORK_ADDS * self._working_areas()[self._methane_area]
        values = np.clip(np.round(np.round(values / self._step) * self._step, 6), self._low, self._high)
        values[self._switch] = self._machines(values, seconds)
        over = values >= self._limit_high
        return Readings(values, np.where(over, np.uint8(Quality.ALARM), np.uint8(0)))

    def _areas(self, province: Province) -> None:
        """Which methane sensors and which machines belong to one working face; area 0 is none."""
        names: dict[tuple[str, str], int] = {}
        numbers = [
            names.setdefault((each.sensor.site_id, each.area), len(names) + 1) if each.area else 0
            for each in province.sensors()
        ]
        area = np.array(numbers)
        methane = np.array([each.sensor.signal == "ch4_pct" for each in province.sensors()])
        self._methane = np.flatnonzero(methane & (area > 0))
        self._methane_area = area[self._methane]
        self._switch_area = area[self._switch]
        self._area_count = len(names) + 1

    def _weigh(self, like: list[dict[str, Any]], lively: npt.NDArray[np.bool_]) -> None:
        weight = _column(like, "burst", 0.0) * np.where(lively, LIVELY_WEIGHT, 1.0)
        weight[~np.isfinite(self._limit_high)] = 0.0
        self._chance = weight / weight.sum()
        first = weight * lively * (self._limit_high <= 1.0)
        self._first_chance = first / first.sum() if first.any() else self._chance

    def _begin(self, count: int, *, soon: bool = False) -> None:
        if not count:
            return
        chance = self._first_chance if soon else self._chance
        chosen = self._draw.choice(self.size, size=min(count, int((chance > 0).sum())), replace=False, p=chance)
        reach = self._limit_high[chosen] * self._draw.uniform(1.05, 1.7, chosen.size)
        self._burst_size[chosen] = np.minimum(reach, 0.95 * self._high[chosen]) - self._base[chosen]
        self._burst_left_s[chosen] = self._draw.uniform(18, 75, chosen.size)
        if soon:
            self._burst_now[chosen] = self._burst_size[chosen]

    def _working_areas(self) -> Floats:
        working = np.zeros(self._area_count)
        working[self._switch_area[self._on & (self._stays_s < np.inf)]] = 1.0
        working[0] = 0.0
        return working

    def _machines(self, values: Floats, seconds: float) -> Floats:
        """On and off at random around their duty; methane stops those that are interlocked."""
        worst = np.zeros(self._area_count)
        np.maximum.at(worst, self._methane_area, values[self._methane])
        turn = self._draw.random(self._switch.size)
        turns_off = turn < seconds / self._stays_s
        turns_on = turn < seconds / self._stays_s * self._on_share / np.maximum(1 - self._on_share, 1e-9)
        self._on = np.where(self._on, ~turns_off, turns_on)
        self._on &= worst[self._switch_area] < self._interlock
        return self._on.astype(np.float64)


def _column(rows: list[dict[str, Any]], name: str, default: float) -> Floats:
    return np.array([float(row.get(name, default)) for row in rows])
