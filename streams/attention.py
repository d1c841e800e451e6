"""Whether a partition has been read to its end, so that a sensor's silence is silence and no backlog of ours. Pure."""

from dataclasses import dataclass

from streams.decode import AHEAD_US

FRESH_US = 10_000_000  # inputs not older than this when they are read: nothing waits
QUIET_US = 60_000_000  # without any input for so long: nothing waits either
SETTLE_US = 10_000_000  # what waited when we took over has begun to come after so long


@dataclass
class Attention:
    """Times are the steps' `now`, microseconds. `since_us` goes into every step record: a replay is told it."""

    since_us: int | None = None  # since when this process has held the partition
    input_at_us: int = -1  # the last step that read something of the sites, and how old its newest input was then
    lag_us: int = 0

    def begin(self, now_us: int) -> int:
        """A step begins; since when we have been watching."""
        self.since_us = now_us if self.since_us is None else self.since_us
        return self.since_us

    def read(self, now_us: int, received_us: int) -> None:
        """The step has read frames or upstream alarms, the newest received at `received_us`."""
        self.input_at_us, self.lag_us = now_us, now_us - received_us

    def due_by(self, now_us: int) -> int:
        """Up to when alarms' timers may fall due: `now`, unless inputs are read late.

        What waits to be read may hold the return or the acknowledgement that stops a timer; so while a backlog is
        worked off time is that at which its newest input came, and a worker that was away tells what it would have.
        """
        since_us = now_us if self.since_us is None else self.since_us
        if self.input_at_us < since_us:
            return now_us if now_us - since_us >= SETTLE_US else -1
        if self.lag_us <= FRESH_US or now_us - self.input_at_us >= QUIET_US:
            return now_us
        return self.input_at_us - self.lag_us

    def caught_up(self, now_us: int) -> bool:
        """The last inputs were fresh when they were read, or nothing has come for QUIET_US while we watched.

        Never in a step that follows a recorded series: its `now` says nothing about what was received when.
        """
        if self.since_us is None or self.lag_us < -AHEAD_US:
            return False
        if self.input_at_us >= self.since_us and self.lag_us <= FRESH_US:
            return True
        return now_us - max(self.input_at_us, self.since_us) >= QUIET_US
