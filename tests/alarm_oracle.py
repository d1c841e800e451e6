"""What contracts.md says about on-delay, off-delay and deadband, said again as plainly as possible.

Written apart from the engine: decimals, one reading at a time, every question answered by looking back.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal


@dataclass(frozen=True)
class Episode:
    began_us: int
    raised_us: int
    returned_us: int | None
    value: float
    peak: float


@dataclass(frozen=True)
class Limit:
    high: bool
    limit: Decimal
    deadband: Decimal
    on_us: int
    off_us: int
    resolution: Decimal

    def beyond(self, value: float) -> bool:
        seen = self.seen(value)
        return seen >= self.limit if self.high else seen <= self.limit

    def inside(self, value: float) -> bool:
        seen = self.seen(value)
        return seen < self.limit - self.deadband if self.high else seen > self.limit + self.deadband

    def seen(self, value: float) -> Decimal:
        steps = (Decimal(repr(value)) / self.resolution).quantize(Decimal(1), ROUND_HALF_EVEN)
        return steps * self.resolution


def in_time(readings: list[tuple[int, float | None]]) -> list[tuple[int, float]]:
    """(time, value) in the order they came; None = no usable value. Late ones go, then unusable ones."""
    kept: list[tuple[int, float | None]] = []
    for at, value in readings:
        if not kept or at > kept[-1][0]:
            kept.append((at, value))
    return [(at, value) for at, value in kept if value is not None]


def episodes(readings: list[tuple[int, float | None]], limit: Limit) -> list[Episode]:
    """Every raise-to-return span of readings in the order they came."""
    series = in_time(readings)
    found: list[Episode] = []
    i = 0
    while i < len(series):
        raised = next((j for j in range(i, len(series)) if _held(series, i, j, limit.beyond, limit.on_us)), None)
        if raised is None:
            break
        began = _run_start(series, i, raised, limit.beyond)
        after = raised + 1
        returned = next(
            (j for j in range(after, len(series)) if _held(series, after, j, limit.inside, limit.off_us)), None
        )
        span = [value for _, value in series[began : len(series) if returned is None else returned + 1]]
        found.append(
            Episode(
                series[began][0], series[raised][0], None if returned is None else series[returned][0],
                series[raised][1], max(span) if limit.high else min(span),
            )
        )  # fmt: skip
        if returned is None:
            break
        i = returned + 1
    return found


def _run_start(series, first, last, holds) -> int:
    start = last
    while start > first and holds(series[start - 1][1]):
        start -= 1
    return start


def _held(series, first, last, holds, delay_us) -> bool:
    """Whether the condition holds at `last` and has held, in every reading, for at least the delay."""
    if not holds(series[last][1]):
        return False
    return series[last][0] - series[_run_start(series, first, last, holds)][0] >= delay_us
