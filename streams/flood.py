"""Alarm floods as they begin and end: a rolling window over the raises of each position, by event time. Pure.

A flood begins with the alarm that makes it `begins` within the window and ends once fewer than `ends_below` are left in
it. Its first-out is the first alarm of the window in which it began: what the others may have followed from.
Limits and their sources: flood.yaml.
"""

import datetime as dt
import math
from bisect import insort
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from schemas.model import Message

BOARD = ""  # the position of whoever looks at all sites together


class FloodLimits(Message):
    window_s: float = Field(gt=0)
    begins: int = Field(gt=0)
    ends_below: int = Field(gt=0)
    sites_per_position: int = Field(gt=0)

    def positions(self, sites: int) -> int:
        """How many operators a board over so many sites stands for."""
        return max(1, math.ceil(sites / self.sites_per_position))


@cache
def flood_limits() -> FloodLimits:
    return FloodLimits.parse(yaml.safe_load(Path(__file__).with_name("flood.yaml").read_text("utf-8")))


@dataclass
class Flood:
    """A flood that goes on. `alarms`: raised since the first-out, itself included; `peak`: the most in one window."""

    position: str
    since: dt.datetime
    first_out: str
    first_at: dt.datetime
    alarms: int
    peak: int


@dataclass
class _Window:
    raises: list[tuple[dt.datetime, str]] = field(default_factory=list)  # (at, alarm), oldest first
    flood: Flood | None = None


class FloodWatch:
    """Raises go in as they happened, time goes on by `pass_to`; `floods` is what stands. Time never goes back."""

    def __init__(self, limits: FloodLimits | None = None) -> None:
        self.limits = limits or flood_limits()
        self.at: dt.datetime | None = None
        self.sites = 1  # under the board
        self._length = dt.timedelta(seconds=self.limits.window_s)
        self._windows: dict[str, _Window] = {}

    @property
    def floods(self) -> list[Flood]:
        """The board's own first, then the longest standing."""
        for position in list(self._windows):
            self._prune(position)
        found = [window.flood for window in self._windows.values() if window.flood is not None]
        return sorted(found, key=lambda flood: (flood.position != BOARD, flood.since, flood.position))

    def rate(self, position: str = BOARD) -> int:
        """Alarms of the last window."""
        self._prune(position)
        window = self._windows.get(position)
        return len(window.raises) if window else 0

    def raised(self, site_id: str, alarm_id: str, at: dt.datetime) -> None:
        """An alarm was raised. One older than the window tells of a flood that is over: it counts for none."""
        self.pass_to(at)
        if self.at is None or at <= self.at - self._length:
            return
        for position in (site_id, BOARD):
            self._prune(position)
            window = self._windows.setdefault(position, _Window())
            insort(window.raises, (at, alarm_id))
            self._judge(position, window, at)

    def pass_to(self, now: dt.datetime) -> None:
        """Time has gone on to `now`."""
        if self.at is None or now > self.at:
            self.at = now

    def _prune(self, position: str) -> None:
        """What is older than the window leaves it, and the flood ends. Between raises a window only empties: it is
        enough to look when the next one comes, or somebody asks."""
        window = self._windows.get(position)
        if window is None or self.at is None:
            return
        edge = self.at - self._length
        left = next((n for n, (at, _) in enumerate(window.raises) if at > edge), len(window.raises))
        del window.raises[:left]
        if window.flood is not None and len(window.raises) < self.limits.ends_below * self._share(position):
            window.flood = None
        if not window.raises and window.flood is None:
            del self._windows[position]

    def _judge(self, position: str, window: _Window, at: dt.datetime) -> None:
        n = len(window.raises)
        if window.flood is not None:
            window.flood.alarms += 1
            window.flood.peak = max(window.flood.peak, n)
        elif n >= self.limits.begins * self._share(position):
            first_at, first_out = window.raises[0]
            window.flood = Flood(position, at, first_out, first_at, n, n)

    def _share(self, position: str) -> int:
        return self.limits.positions(self.sites) if position == BOARD else 1
