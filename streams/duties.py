"""Who leads: one hazard, exactly one lead department, chosen by the registry's matters; or why nobody can be. Pure.

The closest matter leads: one that names the clause before one that does not, then the scope, then the sector, then the
smaller region. 一件事一个牵头部门: where two leads fit equally close, nobody has been told that it is theirs.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.deadlines import lies_in, trunk
from schemas.hazard_duties import BlindSpotRaised, ResponsibilityAssigned
from schemas.hazards import HazardRegistered
from schemas.registry import Department, Matter, Sector
from schemas.vocabulary import vocabulary

UNRECOGNISED, UNTHOUGHT, UNREACHABLE = "unrecognised", "unthought", "unreachable"  # 认不清、想不到、管不到
LEVEL_DIGITS = {"province": 2, "city": 4, "county": 6}
Closeness = tuple[int, int, int, int]


@dataclass
class Duties:
    """What the registry says of departments, matters and sectors; `revision` grows with each change of it."""

    departments: Mapping[str, Department] = field(default_factory=dict)
    matters: Mapping[str, Matter] = field(default_factory=dict)
    sectors: Mapping[str, Sector] = field(default_factory=dict)
    revision: int = 0

    def lead(
        self, hazard: HazardRegistered, criterion_ids: Iterable[str], day: dt.date
    ) -> ResponsibilityAssigned | BlindSpotRaised:
        """The lead by rule on `day`, or the blind spot. `criterion_ids`: the clause and its root, if any."""
        names, clauses = self._names(hazard.industry, day), frozenset(filter(None, criterion_ids))
        valid = [matter for matter in self.matters.values() if matter.holds(day)]
        if not hazard.industry or not self._recognised(names, valid, day):
            said = hazard.industry or "none"
            return _blind(
                UNRECOGNISED, (), f"no sector, department or matter names the industry ({said})",
                f"没有行业领域、部门或事项包含该行业（{said}）",
            )  # fmt: skip
        fitting = [(close, m) for m in valid if (close := _closeness(m, hazard, clauses, names)) is not None]
        if not fitting:
            return _blind(UNTHOUGHT, (), "no matter covers it", "没有事项覆盖此类隐患")
        reaching = [(close, m) for close, m in fitting if self._reaches(m, hazard.region, day)]
        if not reaching:
            return _blind(
                UNREACHABLE, (m for _, m in fitting), f"no lead of these reaches region {hazard.region or '(unknown)'}",
                f"上述事项的牵头部门均管不到{hazard.region or '（地区不明）'}",
            )  # fmt: skip
        closest = max(close for close, _ in reaching)
        first = sorted((m for close, m in reaching if close == closest), key=lambda m: m.matter_id)
        if len({m.lead_department_id for m in first}) > 1:
            return _blind(UNRECOGNISED, first, "several leads fit equally close", "多个牵头部门同等适用，职能交叉")
        chosen = first[0]
        return ResponsibilityAssigned(
            lead_department_id=chosen.lead_department_id, matter_id=chosen.matter_id,
            cooperating_department_ids=chosen.cooperating_department_ids, responsible_person=chosen.responsible_person,
        )  # fmt: skip

    def knows(self, department_id: str, day: dt.date) -> bool:
        """Whether the department is there on the day; where none is registered at all, nobody can tell: yes."""
        found = self.departments.get(department_id)
        return found.holds(day) if found else not self.departments

    def committee(self, region: str, level: str, day: dt.date) -> str | None:
        """The 安委办 of the county, city or province that `region` lies in, if one is registered."""
        wanted = region[: LEVEL_DIGITS[level]]
        found = (
            d.department_id for d in self.departments.values()
            if d.kind == "committee" and d.holds(day) and d.region and d.region == wanted.ljust(6, "0")
        )  # fmt: skip
        return min(found, default=None)

    def _names(self, industry: str, day: dt.date) -> frozenset[str]:
        """Everything a matter or department may call the hazard's industry by."""
        ids = {industry, *vocabulary().industry_ids(industry)}
        in_sectors = (s.sector_id for s in self.sectors.values() if s.holds(day) and ids & set(s.industries))
        return frozenset({*ids, *in_sectors})

    def _recognised(self, names: frozenset[str], valid: list[Matter], day: dt.date) -> bool:
        if any(not matter.sectors or names & set(matter.sectors) for matter in valid):
            return True
        if any(names & set(d.sectors) for d in self.departments.values() if d.holds(day)):
            return True
        return any(s.sector_id in names for s in self.sectors.values())

    def _reaches(self, matter: Matter, region: str, day: dt.date) -> bool:
        lead = self.departments.get(matter.lead_department_id)
        if lead is None or not lead.holds(day):
            return False
        return all(not area or lies_in(region, area) for area in (matter.region, lead.region))


def _closeness(
    matter: Matter, hazard: HazardRegistered, clauses: frozenset[str], names: frozenset[str]
) -> Closeness | None:
    """How exactly the matter names the hazard, region aside from whether it reaches; None if it does not cover it."""
    if matter.sectors and not names & set(matter.sectors):
        return None
    if matter.scopes and hazard.scope not in matter.scopes:
        return None
    by_clause = max((_names_clause(each, clauses) for each in matter.criterion_ids), default=0)
    if matter.criterion_ids and not by_clause:
        return None
    return by_clause, int(bool(matter.scopes)), int(bool(matter.sectors)), len(trunk(matter.region))


def _names_clause(pattern: str, clauses: frozenset[str]) -> int:
    if pattern.endswith("*"):
        return 1 if any(each.startswith(pattern[:-1]) for each in clauses) else 0
    return 2 if pattern in clauses else 0


def _blind(reason: str, matters: Iterable[Matter], detail: str, detail_zh: str) -> BlindSpotRaised:
    named = list(matters)[:20]
    return BlindSpotRaised(
        reason=reason, matter_ids=tuple(m.matter_id for m in named), detail=detail, detail_zh=detail_zh,
        department_ids=tuple(dict.fromkeys(m.lead_department_id for m in named)),
    )  # fmt: skip
