"""How far the readings of each sensor of a site may go without telling its rules anything new. Pure.

A sensor at rest has a band below (or above) the limits that trigger something; one that triggers a rule, the band
between the limits that lie about its last reading. Rules round most readings to the sensor's resolution: a band then
ends half a step before the first one that lies beyond.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.conditions import Compare
from schemas.registry import Sensor
from streams.criteria import Known
from streams.readings import Readings
from streams.signals import SiteSignals
from streams.siterules import Limit, SiteRule

Floats = npt.NDArray[np.float64]


class Bands:
    """`rules`: those that a signal may trigger, by signal. At first every sensor is at rest."""

    def __init__(self, signals: SiteSignals, rules: Mapping[str, Sequence[SiteRule]]) -> None:
        self._signals, self._rules = signals, rules
        self._rest_low, self._rest_high = self._at_rest()
        self._low, self._high = self._rest_low.copy(), self._rest_high.copy()

    def beyond(self, read: Readings) -> npt.NDArray[np.bool_]:
        """The readings that are not within their sensor's band; one without a value is not beyond it."""
        if read.standing is not None:
            beyond = read.standing.compare(np.greater_equal, read.values, self._high)
            return beyond | read.standing.compare(np.less_equal, read.values, self._low)
        beyond = (read.values >= self._high[read.sensors]) | (read.values <= self._low[read.sensors])
        return beyond

    def now_beyond(self) -> list[int]:
        """The sensors whose latest reading is not within their band."""
        value, heard = self._signals.value, self._signals.last_us >= 0
        found: list[int] = np.flatnonzero(heard & ((value >= self._high) | (value <= self._low))).tolist()
        return found

    def rest(self, i: int) -> None:
        self._low[i], self._high[i] = self._rest_low[i], self._rest_high[i]

    def none(self, i: int) -> bool:
        """Every reading of the sensor tells something. Returns False: there is no band."""
        self._low[i], self._high[i] = np.inf, -np.inf
        return False

    def about(self, i: int, value: Known | None) -> bool:
        """The band in which readings say the same as `value`, as the rules round it, to every rule of the sensor.

        Returns whether there is one.
        """
        sensor = self._signals.sensors[i]
        limits = [each for rule in self._rules[sensor.signal] for each in rule.limits_at(i)]
        edges = [_edge(op, limit, self._step(sensor)) for op, limit in limits]
        if value is None or isinstance(value, str) or None in edges:
            return self.none(i)
        known = [edge for edge in edges if edge is not None]
        self._low[i] = max((edge.low for edge in known if value > edge.low), default=-np.inf)
        self._high[i] = min((edge.high for edge in known if value <= edge.low), default=np.inf)
        return True

    def _step(self, sensor: Sensor) -> float:
        """The step to which rules round the sensor's readings; 0: they take them as they are."""
        return sensor.resolution if self._signals.words.signals[sensor.signal].type == "number" else 0.0

    def _at_rest(self) -> tuple[Floats, Floats]:
        low, high = np.full((2, len(self._signals.sensors)), np.nan)
        alike: dict[tuple[tuple[int, ...], float], _Edge] = {}
        for i, sensor in enumerate(self._signals.sensors):
            triggers = [rule.triggers_of(i) for rule in self._rules.get(sensor.signal, ())]
            key = tuple(map(id, triggers)), self._step(sensor)  # equal triggers are one object
            if key not in alike:
                alike[key] = _quiet([each for some in triggers for each in some], self._step(sensor))
            low[i], high[i] = alike[key]
        return low, high


class _Edge(NamedTuple):
    """Readings up to `low` may lie on the lower side of a comparison, those from `high` on may lie on the upper."""

    low: float
    high: float


# By comparison: whether a value lies on the upper side of its limit.
_UPPER: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<": operator.ge, ">": operator.gt, "<=": operator.gt
}  # fmt: skip


@lru_cache(maxsize=4096, typed=True)  # True is not 1.0
def _edge(op: str, limit: Limit, step: float) -> _Edge | None:
    """Where the answer of a comparison changes, for readings rounded to `step` as SiteSignals.known rounds them.

    None: the limit is a word, or one exact number, and readings lie neither above nor below.
    """
    if isinstance(limit, bool):
        return _exact(0.5)  # Signal.from_reading
    if not isinstance(limit, float) or op not in _UPPER:
        return None
    upper = _UPPER[op]
    if not step:
        return _exact(limit if upper(limit, limit) else math.nextafter(limit, math.inf))
    first = next(n for n in count(math.floor(limit / step) - 1) if upper(round(n * step, 9), limit))
    edge = (first - 0.5) * step
    slack = 1e-9 + 1e-12 * abs(edge)  # for the noise of binary fractions
    return _Edge(edge + slack, edge - slack)


def _exact(first: float) -> _Edge:
    return _Edge(math.nextafter(first, -math.inf), first)


def _quiet(triggers: Iterable[tuple[Compare, Limit]], step: float) -> _Edge:
    """Between what values none of the triggers holds."""
    low, high = -np.inf, np.inf
    for trigger, limit in triggers:
        edge = _edge(trigger.op, limit, step)
        if edge is None:  # or the limit is not known: every reading is looked at
            high = -np.inf
        elif trigger.op in (">", ">=") or (isinstance(limit, bool) and limit == (trigger.op == "==")):
            high = min(high, edge.high)
        else:
            low = max(low, edge.low)
    return _Edge(low, high)
