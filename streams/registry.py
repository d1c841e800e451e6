"""What the registry topics say now: sites, places, sensors and alarm rules, by site. Pure; fed record by record."""

from collections import defaultdict

from schemas.alarms import AlarmRule
from schemas.model import Refused
from schemas.registry import Place, Sensor, Site
from streams.decode import Record
from streams.rules import default_rules

REGISTRY_TOPICS = ("registry.sites", "registry.places", "registry.sensors", "registry.rules")


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

    def apply(self, record: Record) -> None:
        """Take one registry record. Raises Refused if it does not fit its model; the old record then stays."""
        if record.topic == "registry.sensors":
            self.version = max(self.version, record.offset)
        name = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            self._remove(record.topic, name)
            return
        site_id = self._take(record.topic, name, record.value)
        self._owner[record.topic, name] = site_id
        self.revision[site_id] += 1

    def _take(self, topic: str, name: str, value: bytes) -> str:
        match topic:
            case "registry.sites":
                site = Site.parse(value)
                self.sites[site.site_id] = site
                return site.site_id
            case "registry.places":
                place = Place.parse(value)
                self.places[place.site_id][place.place_id] = place
                return place.site_id
            case "registry.sensors":
                sensor = Sensor.parse(value)
                self.sensors[sensor.site_id][sensor.sensor_id] = sensor
                return sensor.site_id
            case "registry.rules":
                rule = AlarmRule.parse(value)
                self.rules[rule.site_id][rule.sensor_id, rule.rule_id] = rule
                self._rule_of[name] = (rule.sensor_id, rule.rule_id)
                return rule.site_id
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
            case "registry.rules":
                self.rules[site_id].pop(self._rule_of.pop(name, ("", "")), None)

    def alarm_rules(self, site_id: str) -> list[AlarmRule]:
        """The defaults from the sensors' own limits, each replaced by the site's rule of the same sensor and id."""
        own = self.rules[site_id]
        defaults = {(r.sensor_id, r.rule_id): r for r in default_rules(self.sensors[site_id].values())}
        return list((defaults | own).values())
