"""Readings of one sensor against one rule: the delays that run, and the changes of condition they bring. Pure.

Only readings count: after a gap a delay is judged by the times of the readings at its two ends. Times are UTC
microseconds. An *episode* began at t0, the first reading of the unbroken run beyond the limit that raised it; `peak` is
the extreme value since then (greatest for a high limit, smallest for a low one).
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.alarms import AlarmRule, Escalation
from schemas.terms import RuleKind
from streams.alarmtable import FALSE, TRUE, Trigger
from streams.limits import Threshold, Watched, threshold_of

RATE_RESOLUTION = 1e-6  # unit per minute
_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Crossing:
    """The delay has run out at `row` of the frame: the condition is now true (or false), since `began_us`.

    `step` of an escalation: the one that now holds, or holds no longer.
    """

    trigger: Trigger
    row: int
    at_us: int
    began_us: int
    value: float
    peak: float | None = None
    step: Escalation | None = None


@dataclass(slots=True)
class Further:
    """An escalation by limit, and how long the readings have been beyond it, or back inside."""

    step: Escalation
    threshold: Threshold
    beyond_since_us: int | None = None
    inside_since_us: int | None = None


@dataclass(slots=True)
class Delays:
    """`active`: the condition stands. `level`: how many of `further` hold; those beyond come one after the other."""

    rule: AlarmRule
    threshold: Threshold
    further: tuple[Further, ...]
    active: bool = False
    level: int = 0
    on_since_us: int | None = None
    off_since_us: int | None = None
    peak: float | None = None
    past: deque[tuple[int, float]] | None = None  # readings of a rate's window

    @classmethod
    def of(cls, rule: AlarmRule, resolution: float) -> "Delays":
        resolution = RATE_RESOLUTION if rule.kind is RuleKind.RATE else resolution
        further = tuple(
            Further(step, threshold_of(rule.direction, step.limit, rule.deadband, resolution))
            for step in rule.escalations if step.limit is not None
        )  # fmt: skip
        return cls(rule, threshold_of(rule.direction, rule.limit, rule.deadband, resolution), further)

    @property
    def rates(self) -> bool:
        return self.rule.kind is RuleKind.RATE

    @property
    def busy(self) -> bool:
        """Whether any next reading of the sensor may matter, not only one beyond the limit."""
        return self.active or self.on_since_us is not None or self.rates

    def crossings(self, watched: Watched) -> Iterator[Crossing]:
        """The changes of condition that these readings bring, in order."""
        if self.rates:
            watched = self._rates(watched)
        sign, beyond, inside = self.threshold.sign, self.threshold.beyond, self.threshold.inside
        on_delay, off_delay = round(self.rule.on_delay_s * 1e6), round(self.rule.off_delay_s * 1e6)
        for row, t, value, step in zip(watched.rows, watched.times_us, watched.values, watched.steps, strict=True):
            k = sign * step
            if self.active:
                self._reach(value, sign)
                if self.further:
                    yield from self._up(row, t, value, k, on_delay)
                if k >= inside:
                    self.off_since_us = None
                else:
                    if self.off_since_us is None:
                        self.off_since_us = t
                    if t - self.off_since_us >= off_delay:
                        began_us, peak = self.off_since_us, self.peak
                        self._rest()
                        yield Crossing(FALSE, row, t, began_us, value, peak)
                        continue
                if self.level:
                    yield from self._down(row, t, value, k, off_delay)
            elif k < beyond:
                if self.on_since_us is not None:
                    self._rest()
            else:
                if self.on_since_us is None:
                    self.on_since_us = t
                self._reach(value, sign)
                raised = t - self.on_since_us >= on_delay
                if raised:
                    began_us, self.on_since_us, self.active = self.on_since_us, None, True
                    yield Crossing(TRUE, row, t, began_us, value, self.peak)
                if self.further:
                    yield from self._up(row, t, value, k, on_delay)

    def _up(self, row: int, t: int, value: float, k: float, on_delay: int) -> Iterator[Crossing]:
        for n, each in enumerate(self.further):
            if k < each.threshold.beyond:
                each.beyond_since_us = None
                continue
            if each.beyond_since_us is None:
                each.beyond_since_us = t
            if self.active and n >= self.level and t - each.beyond_since_us >= on_delay:
                self.level, each.inside_since_us = n + 1, None
                yield Crossing(Trigger.MORE_SEVERE, row, t, each.beyond_since_us, value, self.peak, each.step)

    def _down(self, row: int, t: int, value: float, k: float, off_delay: int) -> Iterator[Crossing]:
        for each in reversed(self.further[: self.level]):
            if k >= each.threshold.inside:
                each.inside_since_us = None
                return
            if each.inside_since_us is None:
                each.inside_since_us = t
            if t - each.inside_since_us >= off_delay:
                began_us, each.inside_since_us = each.inside_since_us, None
                self.level -= 1
                yield Crossing(Trigger.LESS_SEVERE, row, t, began_us, value, self.peak, each.step)

    def _rest(self) -> None:
        self.active, self.level, self.on_since_us, self.off_since_us, self.peak = False, 0, None, None, None
        for each in self.further:
            each.beyond_since_us = each.inside_since_us = None

    def _reach(self, value: float, sign: int) -> None:
        if self.peak is None or sign * value > sign * self.peak:
            self.peak = value

    def _rates(self, watched: Watched) -> Watched:
        """Unit per minute since the oldest reading of the window; none before half the window is filled."""
        window_us, kept = round(self.rule.window_s * 1e6), []
        past = self.past = deque() if self.past is None else self.past
        for n, (t, value) in enumerate(zip(watched.times_us, watched.values, strict=True)):
            while past and t - past[0][0] > window_us:
                past.popleft()
            if past and t - past[0][0] >= window_us / 2:
                rate = (value - past[0][1]) / (t - past[0][0]) * _MINUTE_US
                kept.append((watched.rows[n], t, round(rate, 6), float(round(rate / RATE_RESOLUTION))))
            past.append((t, value))
        columns = [list(column) for column in zip(*kept, strict=True)] or [[], [], [], []]
        return Watched(watched.sensor_id, columns[0], columns[1], columns[2], columns[3])

    def memory(self) -> list[Any]:
        """What runs: on, off, peak, (beyond, inside) of each further limit, the window's readings."""
        sinces = [[each.beyond_since_us, each.inside_since_us] for each in self.further]
        return [self.on_since_us, self.off_since_us, self.peak, sinces, [list(pair) for pair in self.past or ()]]

    def restore(self, memory: list[Any]) -> None:
        """Takes what `memory` gave, of a rule that may have changed since: running delays go on."""
        self.on_since_us, self.off_since_us, self.peak, sinces, past = memory
        for each, (beyond, inside) in zip(self.further, sinces, strict=False):
            each.beyond_since_us, each.inside_since_us = beyond, inside
        self.past = deque((t, value) for t, value in past) if self.rates else None
