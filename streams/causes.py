"""Which control should have held, and how it failed (管控措施缺失或执行不到位), by the site's list. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping

from schemas.hazard_duties import CauseEstablished
from schemas.hazards import Finding
from schemas.registry import Control

MISSING, NOT_EXECUTED = "missing", "not_executed"


def cause_of(
    finding: Finding | None, controls: Mapping[str, Control], criterion_ids: Iterable[str], place_id: str, day: dt.date
) -> CauseEstablished | None:
    """What the finding states; else the one control in force that the clause breaks at the place; else nothing.

    A control on the list that did not hold was not executed. That one is missing cannot be read from a list that may
    be incomplete: a person says so. Several that fit are no answer.
    """
    if finding is not None and finding.control_failure:
        named = controls.get(finding.control_id or "")
        return CauseEstablished(
            risk_id=finding.risk_id or (named.risk_id if named else None), control_id=finding.control_id,
            control_failure=finding.control_failure,
        )  # fmt: skip
    clauses = frozenset(filter(None, criterion_ids))
    fitting = [
        c for c in controls.values()
        if clauses & set(c.criterion_ids) and c.holds(day) and (not c.place_ids or place_id in c.place_ids)
    ]  # fmt: skip
    here = [c for c in fitting if c.place_ids] or fitting
    if len(here) != 1:
        return None
    return CauseEstablished(risk_id=here[0].risk_id, control_id=here[0].control_id, control_failure=NOT_EXECUTED)
