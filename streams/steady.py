"""Between which times a look at the readings of some sensors says the same, if none of them is read meanwhile. Pure.

Time alone makes readings stale, lets timers run out and ends the day on which a list is in force. Times are UTC
microseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from streams.regular import Ints
from streams.signals import SiteSignals

NEVER, ALWAYS = -(1 << 62), 1 << 62


@dataclass(frozen=True, slots=True)
class Steady:
    """Above `lo` and up to `hi` a look says what it said. `age`: the day, and which readings were stale then; None if
    timers run or nothing is known of the time between looks."""

    lo: int = ALWAYS
    hi: int = NEVER
    age: tuple[int, bytes] | None = None

    @classmethod
    def at(cls, at_us: int, signals: SiteSignals, sensors: Ints, timers: Iterable[int], day: tuple[int, int]) -> Self:
        """After a look at `at_us` that read `sensors`, with `timers` that run out at these times; `day`: its first and
        last microsecond."""
        begins, ends = day
        known = sensors[~np.isnan(signals.value[sensors])]
        due = signals.last_us[known] + signals.stale_us[known]
        stale = due < at_us
        lo = max(begins - 1, int(due[stale].max(initial=NEVER)))
        hi = min(ends, int(due[~stale].min(initial=ALWAYS)))
        age: tuple[int, bytes] | None = (begins, stale.tobytes())
        for out_us in timers:  # to the microsecond it is not certain when
            age = None
            if at_us < out_us:
                hi = min(hi, out_us - 1)
            else:
                lo, hi = max(lo, out_us + 1), hi if at_us > out_us + 1 else NEVER
        return cls(lo, hi, age)

    def holds(self, at_us: int) -> bool:
        return self.lo < at_us <= self.hi

    def goes_on(self, later: Self) -> bool:
        """Whether at the time of `later` nothing has become stale, or is so no longer, and it is the same day.

        Readings may have come meanwhile, if they say nothing new.
        """
        return self.age is not None and self.age == later.age
