"""Alarm definitions as data: alarm_classes.yaml as typed rows, and the class that fits a sensor at a place."""

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import ConfigDict, Field

from schemas.model import Message
from schemas.registry import Sensor
from schemas.terms import Direction, Priority
from schemas.vocabulary import vocabulary

FILE = Path(__file__).with_name("alarm_classes.yaml")
Limit = float | Literal["setpoint.alarm_ge", "setpoint.cut_ge", "wind.min", "wind.max"] | None


class _Row(Message):
    """A misspelt field of our own file is an error, not something to keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PriorityRow(_Row):
    """`share` of the annunciated alarms that this priority ought to have; None: none is asked."""

    priority: Priority
    zh: str
    en: str
    longest_shelf_s: float = Field(gt=0)
    share: float | None = None


class SignalSettings(_Row):
    """When a sensor counts as lost, ill or tampered with; see the file for units and reasons."""

    silent_periods: float
    silent_least_s: float
    ill_periods: float
    late_s: float
    calibration_s: float
    calibrations_per_day: int
    flat_hours: int
    flat_readings: int
    clipped_hours: int
    clipped_readings: int
    clipped_share: float
    clipped_band: float
    confirm_s: float
    disagreeing_readings: int


class Step(_Row):
    level: str
    priority: Priority
    limit: Limit = None
    after_s: float | None = None


class AlarmClass(_Row):
    """One row of the master alarm database. `deadband` None: the release limit, else 5 steps of the resolution."""

    id: str
    zh: str
    en: str
    signals: tuple[str, ...]
    places: tuple[str, ...] = ()  # kinds of place; none: everywhere
    direction: Direction
    limit: Limit = None
    escalations: tuple[Step, ...] = ()
    on_delay_s: float = 0
    off_delay_s: float = 60
    deadband: float | None = None
    priority: Priority
    latches: bool = False
    flat_line: bool = False
    ack_timeout_s: float | None = None
    re_alarm_s: float | None = None
    time_to_respond_s: float | None = None
    basis: str
    consequence_zh: str = ""
    consequence_en: str = ""
    action_zh: str = ""
    action_en: str = ""

    def fits(self, sensor: Sensor, place_kind: str, direction: Direction) -> bool:
        named = not self.signals or (sensor.signal or sensor.quantity) in self.signals
        return named and self.direction is direction and (not self.places or place_kind in self.places)


class AlarmClasses(_Row):
    """The whole file."""

    version: dt.date
    priorities: tuple[PriorityRow, ...]
    longest_on_delay_s: float
    signals: SignalSettings
    classes: tuple[AlarmClass, ...]

    def of(self, sensor: Sensor, place_kind: str, direction: Direction) -> AlarmClass:
        """The first class that fits; the last two fit everything."""
        return next(each for each in self.classes if each.fits(sensor, place_kind, direction))

    def longest_shelf(self, priority: Priority) -> dt.timedelta:
        return next(dt.timedelta(seconds=row.longest_shelf_s) for row in self.priorities if row.priority is priority)


def limit_at(limit: Limit, place_kind: str) -> float | None:
    """A class's limit as a number at a kind of place; None if it has none there."""
    return vocabulary().place_limit(place_kind, limit)[1] if isinstance(limit, str) else limit


def read_classes(path: Path) -> AlarmClasses:
    """Raises Refused naming the row and field that is wrong."""
    return AlarmClasses.parse(yaml.safe_load(path.read_text("utf-8")))


@cache
def alarm_classes() -> AlarmClasses:
    return read_classes(FILE)
