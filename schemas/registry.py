"""What exists: sites, places, sensors, and who answers for what, each a compacted `registry.*` topic: latest wins."""

import datetime as dt

from pydantic import Field

from schemas.model import Message
from schemas.terms import MeasureKind, Scope
from schemas.times import Instant

_REGION = r"^(\d{6})?$"


class Site(Message):
    site_id: str = Field(min_length=1)
    name: str = ""
    name_en: str = ""
    enterprise_id: str | None = None
    enterprise_name: str | None = None  # there is no register of enterprises: a site says what its own is called
    enterprise_name_en: str | None = None
    region: str = Field(default="", pattern=r"^(\d{6})?$")
    industry: str = ""
    simulated: bool = False
    equipment: tuple[str, ...] = ()  # classes of equipment on the site, beside those of its places
    received_at: Instant | None = None


class Place(Message):
    """A place of a site. `area` groups places whose signals are read together (one working face, one tank farm)."""

    place_id: str = Field(min_length=1)
    site_id: str
    name: str = ""
    kind: str = "other_workplace"  # one of `places` in the criteria vocabulary
    area: str = ""
    aliases: tuple[str, ...] = ()
    equipment: str = ""  # the class of what stands here; empty: its kind of place says enough
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


class Lasting(Message):
    """A record that holds from a day to a day, both included; an end that is missing is open."""

    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    received_at: Instant | None = None

    def holds(self, day: dt.date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class Region(Lasting):
    """行政区划. 140402 lies in 140400, that in 140000: by the code alone."""

    region: str = Field(pattern=r"^\d{6}$")
    name: str = ""
    name_en: str = ""


class Sector(Lasting):
    """行业领域, and the industries (ids of the criteria vocabulary) that belong to it."""

    sector_id: str = Field(min_length=1)
    name: str = ""
    name_en: str = ""
    industries: tuple[str, ...] = ()


class Department(Lasting):
    """`region`: the area it reaches (empty: everywhere). `kind`: regulator, committee (安委办, 专委会), other."""

    department_id: str = Field(min_length=1)
    name: str = ""
    name_en: str = ""
    region: str = Field(default="", pattern=_REGION)
    sectors: tuple[str, ...] = ()
    kind: str = "regulator"
    parent_id: str | None = None


class Matter(Lasting):
    """一件事: one matter has exactly one lead department, and any number that cooperate.

    It covers a hazard if every list that is not empty names it. `sectors` are sector ids or industries, `criterion_ids`
    clauses (an id that ends in `*` stands for all that begin so). The closest fit leads: see streams/duties.py.
    """

    matter_id: str = Field(min_length=1)
    name: str = ""
    name_en: str = ""
    lead_department_id: str = Field(min_length=1)
    cooperating_department_ids: tuple[str, ...] = ()
    responsible_person: str = ""
    region: str = Field(default="", pattern=_REGION)
    sectors: tuple[str, ...] = ()
    criterion_ids: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    source: str = ""


class Control(Lasting):
    """One control (管控措施) with the chain it hangs on: risk object → unit → event → control.

    `criterion_ids`: clauses that are broken when it fails; `place_ids`: where (empty: anywhere on the site).
    """

    control_id: str = Field(min_length=1)
    site_id: str = Field(min_length=1)
    risk_object_id: str = ""
    risk_object: str = ""
    risk_unit_id: str = ""
    risk_unit: str = ""
    risk_id: str = Field(min_length=1)  # the risk event
    risk_event: str = ""
    kind: MeasureKind | None = None
    text: str = Field(min_length=1)
    criterion_ids: tuple[str, ...] = ()
    place_ids: tuple[str, ...] = ()
    responsible: str = ""


class CalendarDay(Message):
    """A day that is not what its weekday says: a holiday on a weekday, or a weekend day made up for by work."""

    date: dt.date
    workday: bool
    name: str = ""
    name_en: str = ""
    source: str = ""
    received_at: Instant | None = None
