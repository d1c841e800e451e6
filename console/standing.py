"""How hazards stand now, for lists and their filters: overdue, nearly due, supervised, without a lead. Pure."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from schemas.hazards import HazardStateRecord
from schemas.terms import Verdict
from streams.deadlines import Standing, standing
from streams.lifecycle import is_open
from streams.surroundings import Surroundings

_RULES = Surroundings()
Told = tuple[HazardStateRecord, Standing]
# `?only=` of /api/hazards
ONLY: dict[str, Callable[[Told], bool]] = {
    "overdue": lambda told: told[1].overdue,
    "nearly_due": lambda told: told[1].nearly_due,
    "missed": lambda told: bool(told[1].missed),
    "supervised": lambda told: told[0].supervised,
    "delisted": lambda told: told[0].supervised_at is not None and not told[0].supervised,
    "stopped": lambda told: told[0].stopped,
    "major": lambda told: told[0].verdict is Verdict.MAJOR,
    "blind": lambda told: told[0].blind_spot is not None,
    "no_lead": lambda told: is_open(told[0]) and told[0].lead_department_id is None,
    "rebound": lambda told: told[0].registered.rebound_of is not None,
    "similar": lambda told: bool(told[0].similar_open),
}


def stands(state: HazardStateRecord, when: dt.datetime) -> Standing:
    """By the rules of the hazard's region and the published holidays."""
    return standing(state, _RULES.rules_for(state.registered), _RULES.calendar, when)


def stated(told: Standing) -> dict[str, Any]:
    """The standing as fields of a row."""
    return {
        "due_at": told.due_at and told.due_at.isoformat(), "overdue": told.overdue, "nearly_due": told.nearly_due,
        "days_left": told.days_left, "missed": [each.value for each in told.missed],
    }  # fmt: skip
