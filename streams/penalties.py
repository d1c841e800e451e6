"""Art. 113: so many penalties for major hazards in so many days, over all sites of an enterprise. Pure.

Each penalty is looked at with those before it, so the answer does not depend on when it is asked.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.deadlines import PenaltyRule, RuleBook
from schemas.events import Event
from schemas.penalties import PenaltyWindow


@dataclass(frozen=True)
class Penalty:
    """One penalty while its hazard was a major one."""

    event_id: str
    hazard_id: str
    site_id: str
    enterprise_id: str
    region: str
    occurred_at: dt.datetime


def windows(penalties: Iterable[Penalty], rules: RuleBook, recorded_at: dt.datetime) -> Iterator[Event]:
    """An event for every penalty that brings its enterprise to the limit of a window, or `warn_before` short of it.

    The same penalties give the same event ids, whenever they are counted.
    """
    by_enterprise: dict[str, list[Penalty]] = defaultdict(list)
    for penalty in sorted(penalties, key=lambda each: (each.occurred_at, each.event_id)):
        so_far = by_enterprise[penalty.enterprise_id]
        so_far.append(penalty)
        found = rules.of(penalty.region)
        yield from _told(so_far, found.penalties, found.version, recorded_at)


def _told(so_far: list[Penalty], rule: PenaltyRule, version: str, recorded_at: dt.datetime) -> Iterator[Event]:
    latest = so_far[-1]
    for window in rule.windows:
        begins = latest.occurred_at - dt.timedelta(days=window.days)
        within = [each for each in so_far if each.occurred_at > begins]
        if len(within) < window.count - rule.warn_before:
            continue
        data = PenaltyWindow(
            enterprise_id=latest.enterprise_id, region=latest.region, days=window.days, limit=window.count,
            count=len(within), penalty_event_ids=tuple(each.event_id for each in within), rules_version=version,
            hazard_ids=tuple(dict.fromkeys(each.hazard_id for each in within)),
            site_ids=tuple(dict.fromkeys(each.site_id for each in within)),
        )  # fmt: skip
        kind = "penalty_window_reached" if len(within) >= window.count else "penalty_window_neared"
        yield Event.of(
            kind, latest.enterprise_id, latest.site_id, data, cause=f"{window.days}d/{latest.event_id}",
            occurred_at=latest.occurred_at, recorded_at=recorded_at, causes=data.penalty_event_ids,
        )  # fmt: skip
