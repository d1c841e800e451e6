"""A simulated province: sites, places, sensors, rules, departments, matters. Pure and seeded; facts in province.yaml.

Everything says that it is simulated: Site.simulated, and 模拟 in every name.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.alarms import AlarmRule
from schemas.registry import Department, Matter, Place, Sensor, Site
from schemas.terms import Direction, Priority
from schemas.times import from_us
from streams.rules import default_rules, rule_id_of

SITES = 200
LIVELY_SHARE = 0.15  # sites in which things happen often: their frames come twice as often, their alarms are quick
CARELESS_SHARE = 0.12  # of the coal mines: there the machine is not stopped by methane
LIVELY_DELAYS_S = (2, 3, 4, 6, 10)


@cache
def facts() -> dict[str, Any]:
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load((Path(__file__).parent / "province.yaml").read_text("utf-8"), fast)  # noqa: S506
    return found


@dataclass(frozen=True)
class SimulatedSensor:
    """A sensor and the name of its behaviour in province.yaml (`sensors`)."""

    sensor: Sensor
    behaviour: str
    area: str


@dataclass(frozen=True)
class SimulatedSite:
    site: Site
    city: str
    places: tuple[Place, ...]
    sensors: tuple[SimulatedSensor, ...]
    lively: bool
    careless: bool


@dataclass(frozen=True)
class Province:
    seed: int
    sites: tuple[SimulatedSite, ...]
    departments: tuple[Department, ...]
    matters: tuple[Matter, ...] = ()

    def sensors(self) -> Iterator[SimulatedSensor]:
        return (sensor for site in self.sites for sensor in site.sensors)

    def rules(self, site: SimulatedSite) -> Iterator[AlarmRule]:
        """Short delays for what can leave its limits in a lively site, so that a board has something to show."""
        draw = random.Random(f"{self.seed}/rules/{site.site.site_id}")  # noqa: S311  a simulation wants to be repeated
        places = {place.place_id: place for place in site.places}
        usual = {rule.sensor_id: rule for rule in default_rules((each.sensor for each in site.sensors), places)
                 if rule.direction is Direction.HIGH}  # fmt: skip
        for each in site.sensors if site.lively else ():
            behaviour, sensor = facts()["sensors"][each.behaviour], each.sensor
            delay = draw.choice(LIVELY_DELAYS_S)
            if behaviour.get("burst") and sensor.alarm_high is not None:
                yield AlarmRule(
                    rule_id=rule_id_of(sensor, Direction.HIGH), site_id=sensor.site_id, sensor_id=sensor.sensor_id,
                    limit=usual[sensor.sensor_id].limit, on_delay_s=delay, off_delay_s=5,
                    deadband=5 * sensor.resolution,
                    priority=Priority.P2 if sensor.signal == "ch4_pct" else Priority.P3, basis="模拟设置 simulated",
                )  # fmt: skip

    def department_of(self, site: SimulatedSite) -> Department:
        """The lead department: the city's first one that is in charge of the industry."""
        return next(
            d for d in self.departments if d.region == site.city and site.site.industry in d.sectors
        )  # fmt: skip


def make_province(seed: int, now_us: int, sites: int = SITES) -> Province:
    """The same seed and number of sites give the same province; `now_us` is only its `received_at`."""
    draw = random.Random(f"{seed}/province")  # noqa: S311
    counties = [
        (city["code"], city["zh"], code, zh) for city in facts()["cities"] for code, zh in city["counties"].items()
    ]
    industries = _shared_out(sites)
    draw.shuffle(industries)
    made: list[SimulatedSite] = []
    for number, industry in enumerate(industries, 1):
        city, city_zh, county, county_zh = counties[(number - 1) % len(counties)]
        lively = draw.random() < LIVELY_SHARE or (industry == "coal" and not any(s.lively for s in made))
        careless = industry == "coal" and draw.random() < CARELESS_SHARE
        kind = facts()["industries"][industry]
        owner = (number + 1) // 2
        site = Site(
            site_id=f"SIM-{county}-{number:03d}", name=f"{kind['zh']}{number:03d}（{city_zh}{county_zh}）",
            name_en=f"{kind['en']} {number:03d}", enterprise_id=f"SIM-ENT-{owner:04d}",
            enterprise_name=f"模拟企业{owner:04d}", enterprise_name_en=f"Simulated enterprise {owner:04d}",
            region=county, industry=industry, simulated=True, received_at=from_us(now_us),
        )  # fmt: skip
        places, sensors = _equip(site, kind["places"], now_us)
        made.append(SimulatedSite(site, city, places, sensors, lively, careless))
    return Province(seed, tuple(made), tuple(_departments(now_us)), tuple(_matters(now_us)))


def _shared_out(sites: int) -> list[str]:
    """One industry per site, by share; the largest takes what rounding leaves."""
    shares = {name: kind["share"] for name, kind in facts()["industries"].items()}
    counts = {name: int(share * sites) for name, share in shares.items()}
    counts[max(shares, key=lambda name: shares[name])] += sites - sum(counts.values())
    return [name for name, count in counts.items() for _ in range(count)]


def _equip(
    site: Site, layout: list[dict[str, Any]], now_us: int
) -> tuple[tuple[Place, ...], tuple[SimulatedSensor, ...]]:  # fmt: skip
    places: list[Place] = []
    sensors: list[SimulatedSensor] = []
    for group in layout:
        for n in range(1, group.get("times", 1) + 1):
            area = group.get("area", "").format(n=n)
            place = Place(
                place_id=f"{site.site_id}-P{len(places) + 1:02d}", site_id=site.site_id, name=group["zh"].format(n=n),
                kind=group["kind"], area=area, received_at=from_us(now_us),
            )  # fmt: skip
            places.append(place)
            for behaviour, count in group["sensors"].items():
                for k in range(1, count + 1):
                    sensor = _sensor(site, place, behaviour, k, len(sensors) + 1, now_us)
                    sensors.append(SimulatedSensor(sensor, behaviour, area))
    return tuple(places), tuple(sensors)


def _sensor(site: Site, place: Place, behaviour: str, k: int, number: int, now_us: int) -> Sensor:
    like = facts()["sensors"][behaviour]
    low, high = like.get("range", (0, 1))
    return Sensor(
        sensor_id=f"{site.site_id}-{number:03d}", site_id=site.site_id, place_id=place.place_id,
        name=f"{place.name} T{k}", quantity=like["quantity"], signal=like["signal"], unit=like["unit"],
        resolution=like.get("step", 1), period_s=2, range_low=low, range_high=high,
        alarm_high=like.get("high"), release_high=like.get("high"), alarm_low=like.get("low"),
        release_low=like.get("low"), cut_high=like.get("cut"), restore_high=like.get("high") if "cut" in like else None,
        location=place.name, received_at=from_us(now_us),
    )  # fmt: skip


def _departments(now_us: int) -> Iterator[Department]:
    for city in facts()["cities"]:
        for kind in facts()["departments"]:
            yield Department(
                department_id=f"SIM-{city['code']}-{kind['id']}", name=f"{city['zh']}{kind['zh']}（模拟）",
                region=city["code"], sectors=tuple(kind["sectors"]), kind=kind.get("kind", "regulator"),
                received_at=from_us(now_us),
            )  # fmt: skip


def _matters(now_us: int) -> Iterator[Matter]:
    for city in facts()["cities"]:
        for each in facts()["matters"]:
            yield Matter(
                matter_id=f"SIM-{city['code']}-M-{each['id']}", name=f"{city['zh']}{each['zh']}（模拟）",
                lead_department_id=f"SIM-{city['code']}-{each['lead']}", region=city["code"],
                cooperating_department_ids=tuple(f"SIM-{city['code']}-{other}" for other in each["with"]),
                sectors=tuple(each["sectors"]), source="模拟设置 simulated", received_at=from_us(now_us),
            )  # fmt: skip
