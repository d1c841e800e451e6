"""What exists: sites, places and sensors, each a compacted `registry.*` topic where the latest record wins."""

from pydantic import Field

from schemas.model import Message
from schemas.times import Instant


class Site(Message):
    site_id: str = Field(min_length=1)
    name: str = ""
    name_en: str = ""
    enterprise_id: str | None = None
    region: str = Field(default="", pattern=r"^(\d{6})?$")
    industry: str = ""
    simulated: bool = False
    received_at: Instant | None = None


class Place(Message):
    """A place of a site. `area` groups places whose signals are read together (one working face, one tank farm)."""

    place_id: str = Field(min_length=1)
    site_id: str
    name: str = ""
    kind: str = "other_workplace"  # one of `places` in the criteria vocabulary
    area: str = ""
    aliases: tuple[str, ...] = ()
    received_at: Instant | None = None


class Sensor(Message):
    """A point. `signal` is a name of the criteria vocabulary (`ch4_pct`, `powered_work_on`, …), or empty if none fits.

    Limits in `unit`; `resolution` is the smallest step of the value, in `unit`; `period_s` the expected interval.
    """

    sensor_id: str = Field(min_length=1)
    site_id: str
    place_id: str = ""
    name: str = ""
    quantity: str = ""
    signal: str = ""
    unit: str = ""
    resolution: float = Field(default=0.01, gt=0)
    period_s: float = Field(default=30, gt=0)
    range_low: float | None = None
    range_high: float | None = None
    alarm_high: float | None = None
    release_high: float | None = None
    alarm_low: float | None = None
    release_low: float | None = None
    cut_high: float | None = None
    restore_high: float | None = None
    location: str = ""
    definition_at: Instant | None = None
    received_at: Instant | None = None


class Department(Message):
    department_id: str
    name: str = ""
    region: str = ""
    sectors: tuple[str, ...] = ()
