"""What else happens in a simulated province: alarms of the sites' own systems, inspection findings, lost links.

Pure and seeded; times come in. Rates are per second of the whole province.
"""

import random
from dataclasses import dataclass

from pipelines.province import Province, SimulatedSensor, SimulatedSite, facts
from schemas.alarms import DeviceAlarm
from schemas.hazards import Finding
from schemas.ids import make_id
from schemas.terms import HazardSource, UpstreamKind
from schemas.times import from_us

SYSTEM = "simulator"
ALARMS_PER_S = 0.08
FINDINGS_PER_S = 0.16
DROPS_PER_S = 0.1
DROP_S = (8.0, 45.0)
# Kind of upstream alarm -> how often among all, level.
_KINDS: dict[UpstreamKind, tuple[int, int]] = {
    UpstreamKind.FAULT: (30, 3),
    UpstreamKind.COMMS_LOST: (25, 3),
    UpstreamKind.CALIBRATION: (20, 4),
    UpstreamKind.PRE_WARNING: (15, 4),
    UpstreamKind.FEED_ABNORMAL: (5, 1),
    UpstreamKind.POWER_CUT: (5, 2),
}
_ALARM_S = (15.0, 90.0)
_WAIT_FOR_FIRST_S = 2.0


class Happenings:
    """`at_us` of successive calls never goes back."""

    def __init__(self, province: Province) -> None:
        self._province = province
        self._draw = random.Random(f"{province.seed}/happenings")  # noqa: S311
        self._raised: list[tuple[int, DeviceAlarm]] = []  # until when, which
        self._finding_in_s = _WAIT_FOR_FIRST_S

    def alarms(self, at_us: int, seconds: float, pace: float = 1.0) -> list[DeviceAlarm]:
        """Upstream alarms that begin now, and again, with their end, those that end now."""
        said = [self._end(alarm, at_us) for until, alarm in self._raised if until <= at_us]
        self._raised = [(until, alarm) for until, alarm in self._raised if until > at_us]
        if self._draw.random() < ALARMS_PER_S * pace * seconds:
            alarm = self._begin(at_us)
            self._raised.append((at_us + int(self._draw.uniform(*_ALARM_S) * 1e6), alarm))
            said.append(alarm)
        return said

    def findings(self, at_us: int, seconds: float, pace: float = 1.0) -> list[Finding]:
        """Inspection findings that come in now; found up to three hours before."""
        self._finding_in_s -= seconds * pace
        if self._finding_in_s > 0:
            return []
        self._finding_in_s = self._draw.expovariate(FINDINGS_PER_S)
        return [self._finding(at_us)]

    def drops(self, seconds: float, pace: float = 1.0) -> dict[str, float]:
        """Sites whose link drops out now, and for how many seconds."""
        if self._draw.random() >= DROPS_PER_S * pace * seconds:
            return {}
        return {self._site().site.site_id: self._draw.uniform(*DROP_S)}

    def _site(self) -> SimulatedSite:
        return self._draw.choice(self._province.sites)

    def _begin(self, at_us: int) -> DeviceAlarm:
        site = self._site()
        each: SimulatedSensor = self._draw.choice(site.sensors)
        kind = self._draw.choices([*_KINDS], [weight for weight, _ in _KINDS.values()])[0]
        return DeviceAlarm(
            source_system=SYSTEM, dialect=SYSTEM, site_id=site.site.site_id, sensor_id=each.sensor.sensor_id,
            area_code=each.area or None, alarm_kind=kind, level=_KINDS[kind][1], unit=each.sensor.unit,
            limit=each.sensor.alarm_high, raised_at=from_us(at_us), received_at=from_us(at_us), cause="模拟 simulated",
        )  # fmt: skip

    def _end(self, alarm: DeviceAlarm, at_us: int) -> DeviceAlarm:
        return alarm.model_copy(update={"ended_at": from_us(at_us), "received_at": from_us(at_us)})

    def _finding(self, at_us: int) -> Finding:
        site = self._site()
        said = self._draw.choice(facts()["findings"][site.site.industry])
        place = self._draw.choice([place for place in site.places if place.kind == said["kind"]])
        found = dict(said.get("facts", {}))
        days = self._draw.randint(8, 40)
        if "days" in said:
            found[said["days"]] = days
        found_at = from_us(at_us - self._draw.randrange(60, 3 * 3600) * 1_000_000)
        return Finding(
            finding_id=make_id("simulated finding", self._province.seed, site.site.site_id, found_at, said["text"]),
            site_id=site.site.site_id, enterprise_id=site.site.enterprise_id, region=site.site.region,
            industry=site.site.industry, found_at=found_at, received_at=from_us(at_us),
            source=self._draw.choice([HazardSource.SELF, HazardSource.DEPARTMENT, HazardSource.WORKER]),
            inspector="模拟检查员", criterion_ref=said.get("criterion_ref"), facts=found,
            text=said["text"].format(days=days) + "（模拟）", place=place.name,
        )  # fmt: skip


@dataclass
class Links:
    """Which sites are cut off, until when (seconds of the simulation's own clock)."""

    until: dict[str, float]

    def drop(self, drops: dict[str, float], now_s: float) -> None:
        for site_id, seconds in drops.items():
            self.until.setdefault(site_id, now_s + seconds)

    def back(self, now_s: float) -> list[str]:
        """Sites whose link is up again now; each is named once."""
        returned = [site_id for site_id, until in self.until.items() if until <= now_s]
        for site_id in returned:
            del self.until[site_id]
        return returned

    def down(self, site_id: str) -> bool:
        return site_id in self.until
