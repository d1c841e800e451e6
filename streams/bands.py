"""How far the readings of each sensor of a site may go without telling its rules anything new. Pure.

A sensor at rest has a band below (or above) the limits that trigger something; one that triggers a rule, the band
between the limits that lie about its last reading. Bands are narrower than the limits by the sensor's resolution, to
which rules round.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from schemas.conditions import Compare
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
        limits = [rule.limits_at(i) for rule in self._rules[sensor.signal]]
        if not isinstance(value, float) or None in limits:  # words have no between
            return self.none(i)
        all_limits = [limit for some in limits for limit in some or ()]
        low = max((limit + sensor.resolution for limit in all_limits if limit <= value), default=-np.inf)
        high = min((limit - sensor.resolution for limit in all_limits if limit > value), default=np.inf)
        if not low < value < high:  # nearer to a limit than can be told apart
            return self.none(i)
        self._low[i], self._high[i] = low, high
        return True

    def _at_rest(self) -> tuple[Floats, Floats]:
        count = len(self._signals.sensors)
        low, high = np.full(count, -np.inf), np.full(count, np.inf)
        alike: dict[tuple[tuple[int, ...], float], tuple[float, float]] = {}
        for i, sensor in enumerate(self._signals.sensors):
            triggers = [rule.triggers_of(i) for rule in self._rules.get(sensor.signal, ())]
            key = tuple(map(id, triggers)), sensor.resolution  # equal triggers are one object
            if key not in alike:
                alike[key] = _quiet([each for some in triggers for each in some], sensor.resolution)
            low[i], high[i] = alike[key]
        return low, high


def _quiet(triggers: Iterable[tuple[Compare, Limit]], margin: float) -> tuple[float, float]:
    """Between what values none of the triggers holds."""
    low, high = -np.inf, np.inf
    for trigger, limit in triggers:
        if isinstance(limit, bool):
            if limit == (trigger.op == "=="):
                high = min(high, 0.5)
            else:
                low = max(low, 0.5)
        elif isinstance(limit, float) and trigger.op in (">", ">="):
            high = min(high, limit - margin)
        elif isinstance(limit, float) and trigger.op in ("<", "<="):
            low = max(low, limit + margin)
        else:  # an unknown limit, a word of an enum, an exact number: every reading is looked at
            high = -np.inf
    return low, high
