"""What follows from an event on a hazard without anybody asking: its lead, its cause, checks of similar sites. Pure.

Each function yields (kind, data) of the events to record by the system.
"""

import datetime as dt
from collections.abc import Iterator

from schemas.criteria import Catalogue
from schemas.hazards import HazardStateRecord, SimilarCheck
from schemas.model import Message
from schemas.registry import Site
from schemas.terms import Verdict
from schemas.times import shanghai_day
from streams.causes import cause_of
from streams.lifecycle import is_open
from streams.surroundings import Surroundings

Following = Iterator[tuple[str, Message]]


def clauses_of(state: HazardStateRecord, catalogue: Catalogue) -> tuple[str, ...]:
    """The clause as it was judged or suspected, and its root: a matter or a control may name either."""
    names = (state.criterion_id, state.root_criterion_id)
    roots = tuple(catalogue.root_of(name) for name in names if name)
    return tuple(dict.fromkeys(filter(None, (*names, *roots))))


def lead(state: HazardStateRecord, around: Surroundings, catalogue: Catalogue, when: dt.datetime) -> Following:
    """The lead by rule, or the blind spot, unless that is known already."""
    if state.lead_department_id is not None or not is_open(state):
        return
    found = around.duties.lead(state.registered, clauses_of(state, catalogue), shanghai_day(when))
    reason = getattr(found, "reason", None)
    if reason is None:
        yield "responsibility_assigned", found
    elif reason != state.blind_spot:
        yield "blind_spot_raised", found


def cause(state: HazardStateRecord, around: Surroundings, catalogue: Catalogue) -> Following:
    """The control that the clause breaks, where it was not known before."""
    if state.control_failure is not None:
        return
    found = cause_of(
        None, around.controls_of(state.site_id), clauses_of(state, catalogue), state.place_id,
        shanghai_day(state.found_at),
    )  # fmt: skip
    if found is not None:
        yield "cause_established", found


def similar(state: HazardStateRecord, around: Surroundings, catalogue: Catalogue, site: Site) -> Following:
    """A check of every similar site, once, when a hazard is first judged major.

    The event is one of this hazard and stays in its partition; it names the other site. That site's own events are
    never written from here (docs/decisions/0021).
    """
    if state.verdict is not Verdict.MAJOR or state.similar_open or state.similar_done or not is_open(state):
        return
    clause = catalogue.get(state.criterion_id or "")
    for site_id in around.similar_to(site, state, clause):
        yield "similar_check_opened", SimilarCheck(similar_site_id=site_id)
