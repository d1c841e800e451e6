"""Instants and dates as the contracts read them (contracts.md, first paragraph).

An instant carries an offset. A bare date is Asia/Shanghai: as a due or as-of date it ends at 24:00,
elsewhere it starts at 00:00. "Ends at 24:00" is kept as the day's last microsecond, so the instant still lies on
the day it names: written out and read again, `2024-12-01` must not become a due on 2 December.
"""

import datetime as dt
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

from schemas.terms import SHANGHAI

DAY = dt.timedelta(days=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)


def day_start(day: dt.date) -> dt.datetime:
    """00:00 Asia/Shanghai of `day`."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def day_end(day: dt.date) -> dt.datetime:
    """24:00 Asia/Shanghai of `day`."""
    return day_start(day + DAY)


def bare_date(value: Any) -> dt.date | None:
    """The date if `value` is a date without a time, else None."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and len(value) == 10:
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            return None
    return None


def _starting(value: Any) -> Any:
    day = bare_date(value)
    return value if day is None else day_start(day)


def _ending(value: Any) -> Any:
    day = bare_date(value)
    return value if day is None else day_end(day) - MICROSECOND


Instant = Annotated[AwareDatetime, BeforeValidator(_starting)]
DueInstant = Annotated[AwareDatetime, BeforeValidator(_ending)]


def to_us(when: dt.datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exact (no float on the way)."""
    return (when - EPOCH) // MICROSECOND


def from_us(us: int) -> dt.datetime:
    """The UTC instant of `us` microseconds since the epoch."""
    return EPOCH + us * MICROSECOND


def shanghai_day(when: dt.datetime) -> dt.date:
    """The calendar day on which `when` falls in Asia/Shanghai."""
    return when.astimezone(SHANGHAI).date()
