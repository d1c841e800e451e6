"""What the registry topics say now: sites, places, sensors, rules, controls by site; who leads. Pure; fed by record."""

import datetime as dt
import sys
from collections import defaultdict
from typing import Any, TypeVar

from schemas.alarms import AlarmRule
from schemas.model import Message, Refused
from schemas.registry import CalendarDay, Control, Department, Matter, Place, Sector, Sensor, Site
from streams.decode import Record
from streams.duties import Duties
from streams.rules import default_rules, in_force
from streams.surroundings import Surroundings

# about no site: who leads, and which days are worked
_GENERAL: dict[str, type[Message]] = {
    "registry.departments": Department, "registry.matters": Matter, "registry.sectors": Sector,
    "registry.calendar": CalendarDay,
}  # fmt: skip
REGISTRY_TOPICS = (
    "registry.sites", "registry.places", "registry.sensors", "registry.rules", "registry.controls", *_GENERAL,
)  # fmt: skip


Slim = TypeVar("Slim", bound=Message)
_FIELD_SETS: dict[frozenset[str], set[str]] = {}


def slim(message: Slim) -> Slim:
    """`message` with texts and the set of its given fields shared with all that have the same: half the memory.

    Hundreds of thousands of sensors are held, and of most fields there are few values. Messages are frozen, so sharing
    is safe.
    """
    for name, value in message.__dict__.items():
        if type(value) is str:
            message.__dict__[name] = sys.intern(value)
    given = message.model_fields_set
    object.__setattr__(message, "__pydantic_fields_set__", _FIELD_SETS.setdefault(frozenset(given), given))
    return message


class Registry:
    """`version` is the highest registry.sensors offset seen (what a frame's header refers to); -1 before the first."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.places: dict[str, dict[str, Place]] = defaultdict(dict)
        self.sensors: dict[str, dict[str, Sensor]] = defaultdict(dict)
        self.rules: dict[str, dict[tuple[str, str], AlarmRule]] = defaultdict(dict)
        self.version = -1
        self.revision: dict[str, int] = defaultdict(int)  # by site: grows with every change of it
        self._owner: dict[tuple[str, str], str] = {}  # (topic, key) -> site, to find what a tombstone removes
        self._rule_of: dict[str, tuple[str, str]] = {}  # key -> (sensor_id, rule_id)
        self.controls: dict[str, dict[str, Control]] = defaultdict(dict)
        self._departments: dict[str, Department] = {}
        self._matters: dict[str, Matter] = {}
        self._sectors: dict[str, Sector] = {}
        self._days: dict[dt.date, CalendarDay] = {}
        self.duties = Duties(self._departments, self._matters, self._sectors)
        self.surroundings = Surroundings(self.duties, self.controls, self.sites, self.places, self._days)

    def apply(self, record: Record) -> None:
        """Take one registry record. Raises Refused if it does not fit its model; the old record then stays."""
        if record.topic == "registry.sensors":
            self.version = max(self.version, record.offset)
        name = (record.key or b"").decode("utf-8", "replace")
        if record.topic in _GENERAL:
            self._take_general(record.topic, name, record.value)
            return
        if record.value is None:
            self._remove(record.topic, name)
            return
        site_id = self._take(record.topic, name, record.value)
        self._owner[record.topic, name] = site_id
        self.revision[site_id] += 1

    def _take_general(self, topic: str, name: str, value: bytes | None) -> None:
        said = None if value is None else _GENERAL[topic].parse(value)
        if topic == "registry.calendar":
            day = dt.date.fromisoformat(name) if said is None else getattr(said, "date", None)
            _put(self._days, day, said)
            return
        held: dict[str, dict[str, Any]] = {
            "registry.departments": self._departments, "registry.matters": self._matters,
            "registry.sectors": self._sectors,
        }  # fmt: skip
        _put(held[topic], name, said)
        self.duties.revision += 1

    def _take(self, topic: str, name: str, value: bytes) -> str:
        match topic:
            case "registry.sites":
                site = Site.parse(value)
                self.sites[site.site_id] = site
                return site.site_id
            case "registry.places":
                place = slim(Place.parse(value))
                self.places[place.site_id][place.place_id] = place
                return place.site_id
            case "registry.sensors":
                sensor = slim(Sensor.parse(value))
                self.sensors[sensor.site_id][sensor.sensor_id] = sensor
                return sensor.site_id
            case "registry.rules":
                rule = AlarmRule.parse(value)
                self._refuse_laxer(rule)
                self.rules[rule.site_id][rule.sensor_id, rule.rule_id] = rule
                self._rule_of[name] = (rule.sensor_id, rule.rule_id)
                return rule.site_id
            case "registry.controls":
                control = Control.parse(value)
                self.controls[control.site_id][control.control_id] = control
                return control.site_id
        raise Refused("topic", f"{topic} is no registry topic that is read here")

    def _remove(self, topic: str, name: str) -> None:
        site_id = self._owner.pop((topic, name), None)
        if site_id is None:
            return
        self.revision[site_id] += 1
        match topic:
            case "registry.sites":
                self.sites.pop(name, None)
            case "registry.places":
                self.places[site_id].pop(name, None)
            case "registry.sensors":
                self.sensors[site_id].pop(name, None)
            case "registry.controls":
                self.controls[site_id].pop(name, None)
            case "registry.rules":
                self.rules[site_id].pop(self._rule_of.pop(name, ("", "")), None)

    def alarm_rules(self, site_id: str) -> list[AlarmRule]:
        """The defaults of the alarm classes, each replaced by the site's rule of the same sensor and id if stricter."""
        return self._in_force(site_id)[0]

    def laxer_rules(self, site_id: str) -> list[Refused]:
        """Rules of the site that are not in force: they ask less than the default, and nobody approved that."""
        return self._in_force(site_id)[1]

    def _in_force(self, site_id: str) -> tuple[list[AlarmRule], list[Refused]]:
        defaults = map(slim, default_rules(self.sensors[site_id].values(), self.places[site_id]))
        return in_force(defaults, self.rules[site_id].values())

    def _refuse_laxer(self, rule: AlarmRule) -> None:
        """As far as is known now: sensor and place may come later, so `alarm_rules` looks again."""
        sensor = self.sensors[rule.site_id].get(rule.sensor_id)
        if sensor is not None:
            _, refused = in_force(default_rules([sensor], self.places[rule.site_id]), [rule])
            if refused:
                raise refused[0]


def _put(held: dict[Any, Any], key: Any, value: Message | None) -> None:
    if value is None:
        held.pop(key, None)
    else:
        held[key] = value
