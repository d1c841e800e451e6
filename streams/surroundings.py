"""What registry and rules say around a hazard: who leads, which controls, which sites are alike, what is due."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.clauses import Clause
from schemas.deadlines import RegionRules, RuleBook, load_rules
from schemas.hazard_duties import DeadlineTold
from schemas.hazards import HazardRegistered, HazardStateRecord
from schemas.registry import CalendarDay, Control, Place, Site
from schemas.times import shanghai_day
from schemas.vocabulary import vocabulary
from schemas.workdays import Calendar, load_holidays
from streams.deadlines import Timer, timers
from streams.duties import Duties
from streams.similar import similar_sites


@dataclass
class Surroundings:
    """One for all sites; the registry's records are read live. `days` is what registry.calendar says."""

    duties: Duties = field(default_factory=Duties)
    controls: Mapping[str, Mapping[str, Control]] = field(default_factory=dict)  # by site
    sites: Mapping[str, Site] = field(default_factory=dict)
    places: Mapping[str, Mapping[str, Place]] = field(default_factory=dict)  # by site
    days: Mapping[dt.date, CalendarDay] = field(default_factory=dict)
    rules: RuleBook = field(default_factory=load_rules)

    def __post_init__(self) -> None:
        self.calendar = Calendar(load_holidays(), self.days)

    def rules_for(self, hazard: HazardRegistered) -> RegionRules:
        known = sorted(vocabulary().industry_ids(hazard.industry))
        return self.rules.of(hazard.region, known[0] if known else hazard.industry)

    def controls_of(self, site_id: str) -> Mapping[str, Control]:
        return self.controls.get(site_id, {})

    def timers_of(self, state: HazardStateRecord) -> list[Timer]:
        return list(timers(state, self.rules_for(state.registered), self.calendar))

    def reminder(self, state: HazardStateRecord, timer: Timer, reached: int) -> DeadlineTold:
        """What is told at the `reached`-th step of a timer, and to which department if it is known."""
        step, hazard = timer.steps[reached - 1], state.registered
        department = state.lead_department_id
        if step.to != "lead":
            department = self.duties.committee(hazard.region, step.to, shanghai_day(step.at))
        return DeadlineTold(
            deadline=timer.deadline, due_at=timer.due_at, level=step.level, step=reached, to=step.to,
            department_id=department, rule_id=timer.rule.id, rules_version=self.rules_for(hazard).version,
        )  # fmt: skip

    def similar_to(self, site: Site, state: HazardStateRecord, clause: Clause | None) -> list[str]:
        rule = self.rules_for(state.registered).similar
        return similar_sites(site, state.place_id, clause, self.sites, self.places, rule)
