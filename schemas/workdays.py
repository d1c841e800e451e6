"""Which days are worked (rules/holidays.yaml, registry.calendar), and how spans of time are counted on.

A span of days or workdays ends at 24:00 Asia/Shanghai of its last day; one of hours ends to the microsecond.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.deadlines import FOLDER, Span
from schemas.model import Refused
from schemas.registry import CalendarDay
from schemas.times import DAY, MICROSECOND, day_end, shanghai_day


class Calendar:
    """`own`: what registry.calendar says, read live; it goes before the published holidays."""

    def __init__(self, published: Mapping[dt.date, CalendarDay], own: Mapping[dt.date, CalendarDay] | None = None):
        self._published = published
        self._own = {} if own is None else own
        self.years = frozenset(day.year for day in published)  # for which the holidays are known

    def works(self, day: dt.date) -> bool:
        said = self._own.get(day) or self._published.get(day)
        return day.weekday() < 5 if said is None else said.workday

    def after(self, start: dt.datetime, span: Span) -> dt.datetime:
        """The last instant of `span` counted from `start`: the day of `start` itself does not count."""
        if span.hours is not None:
            return start + dt.timedelta(hours=span.hours)
        day = shanghai_day(start)
        if span.days is not None:
            return day_end(day + span.days * DAY) - MICROSECOND
        left = span.workdays or 0
        while left:
            day += DAY
            left -= self.works(day)
        return day_end(day) - MICROSECOND


def counted_until(due: dt.datetime) -> dt.datetime:
    """A due time counts until 24:00 of its day (kpi.md a.3b)."""
    return day_end(shanghai_day(due)) - MICROSECOND


@cache
def load_holidays(path: Path = FOLDER / "holidays.yaml") -> Mapping[dt.date, CalendarDay]:
    """The published holidays and make-up workdays by date. Raises Refused naming the entry."""
    days: dict[dt.date, CalendarDay] = {}
    for year in yaml.safe_load(path.read_text("utf-8")):
        for each in _days(year, path.name):
            if each.date in days or each.date.year != year["year"]:
                raise Refused(path.name, f"{each.date}: twice, or not of {year['year']}")
            days[each.date] = each
    return days


def _days(year: dict[str, Any], file: str) -> Iterator[CalendarDay]:
    source = f"{year['source']}, {year['source_date']}"
    for name, spans in year["holidays"].items():
        zh, _, en = name.partition(" ")
        for day in (day for span in spans for day in _span(span, file)):
            yield CalendarDay(date=day, workday=False, name=zh, name_en=en, source=source)
    for day in year["workdays"]:
        yield CalendarDay(date=day, workday=True, name="调休上班", name_en="made up for", source=source)


def _span(text: str | dt.date, file: str) -> Iterator[dt.date]:
    first, _, last = str(text).partition("..")
    try:
        day, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last or first)
    except ValueError:
        raise Refused(file, f"{text!r} is no day and no span of days") from None
    while day <= end:
        yield day
        day += DAY
