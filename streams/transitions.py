"""The life cycle of a hazard as data: which event moves which state where. docs/hazard-life-cycle.md prints this table.

A row is an event kind; `hazard_judged` has one row per verdict that decides. Shape: domain knowledge, kpi.md b.3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.terms import HazardState, Verdict

S = HazardState
EARLY = (S.REGISTERED, S.SUSPECTED)
ON_TRACK = (S.PLANNED, S.RECTIFYING, S.PENDING_ACCEPTANCE, S.ACCEPTED)
JUDGED = (S.JUDGED_MAJOR, S.JUDGED_GENERAL, *ON_TRACK)
OPEN = (*EARLY, *JUDGED)
SETTLED = (S.REFUTED, S.CLOSED, S.VOIDED, S.MERGED)
EVERY = (*OPEN, *SETTLED)
_RANK = {
    S.REGISTERED: 0, S.SUSPECTED: 1, S.JUDGED_GENERAL: 2, S.JUDGED_MAJOR: 2, S.PLANNED: 3, S.RECTIFYING: 4,
    S.PENDING_ACCEPTANCE: 5, S.ACCEPTED: 6, S.CLOSED: 7, S.REFUTED: 7, S.VOIDED: 7, S.MERGED: 7,
}  # fmt: skip


@dataclass(frozen=True)
class Transition:
    """`moves`: what a live command may do. `to`: where imported history goes from any other open state.

    Imported history is never refused: it goes forward only, unless `back`; `settled` says how a settled state is left.
    """

    moves: Mapping[HazardState | None, HazardState]
    to: HazardState | None = None
    back: bool = False
    settled: Mapping[HazardState, HazardState] = field(default_factory=dict)


def _stays(states: Iterable[HazardState]) -> dict[HazardState | None, HazardState]:
    return {state: state for state in states}


def _goes(states: Iterable[HazardState], to: HazardState) -> dict[HazardState | None, HazardState]:
    return dict.fromkeys(states, to)


_OUT_OF_TRACK = (*EARLY, S.JUDGED_MAJOR, S.JUDGED_GENERAL, S.REFUTED)
_WITH_DUE = (S.PLANNED, S.RECTIFYING, S.PENDING_ACCEPTANCE)

TRANSITIONS: dict[str, Transition] = {
    "hazard_registered": Transition({None: S.REGISTERED}),
    "hazard_suspected": Transition({None: S.SUSPECTED, **_stays(EVERY), S.REGISTERED: S.SUSPECTED}),
    "evidence_completed": Transition(_stays(EVERY)),
    "evidence_added": Transition(_stays(EVERY)),
    "cause_established": Transition(_stays((*OPEN, S.CLOSED))),
    "hazard_judged:major": Transition(
        {**_goes(_OUT_OF_TRACK, S.JUDGED_MAJOR), **_stays(ON_TRACK)}, to=S.JUDGED_MAJOR
    ),
    "hazard_judged:general": Transition(_goes(_OUT_OF_TRACK, S.JUDGED_GENERAL), to=S.JUDGED_GENERAL),
    "hazard_judged:none": Transition(_goes(_OUT_OF_TRACK[:-1], S.REFUTED), to=S.REFUTED),
    "hazard_reported": Transition(_stays(OPEN)),
    "responsibility_assigned": Transition(_stays(OPEN)),
    "blind_spot_raised": Transition(_stays(OPEN)),
    "interim_control_set": Transition(_stays(OPEN)),
    "plan_approved": Transition(
        {**_goes((S.JUDGED_MAJOR, S.JUDGED_GENERAL, S.PLANNED), S.PLANNED), S.RECTIFYING: S.RECTIFYING}, to=S.PLANNED
    ),
    "rectification_started": Transition(_goes((S.JUDGED_GENERAL, S.PLANNED), S.RECTIFYING), to=S.RECTIFYING),
    "rectification_done": Transition(
        _goes((S.JUDGED_GENERAL, S.PLANNED, S.RECTIFYING), S.PENDING_ACCEPTANCE), to=S.PENDING_ACCEPTANCE
    ),
    "acceptance_passed": Transition({S.PENDING_ACCEPTANCE: S.ACCEPTED}, to=S.ACCEPTED),
    "acceptance_failed": Transition({S.PENDING_ACCEPTANCE: S.RECTIFYING}, to=S.RECTIFYING, back=True),
    "hazard_closed": Transition({S.ACCEPTED: S.CLOSED}, to=S.CLOSED),
    "hazard_reopened": Transition({S.CLOSED: S.RECTIFYING}),
    "extension_requested": Transition(_stays(_WITH_DUE)),
    "extension_decided": Transition(_stays((*_WITH_DUE, S.ACCEPTED))),
    "supervision_ordered": Transition(_stays(JUDGED)),
    "supervision_lifted": Transition(_stays((*JUDGED, S.CLOSED))),
    "production_stopped": Transition(_stays(OPEN)),
    "resume_requested": Transition(_stays(OPEN)),
    "production_resumed": Transition(_stays((*OPEN, *SETTLED))),
    "deadline_neared": Transition(_stays(EVERY)),
    "deadline_missed": Transition(_stays(EVERY)),
    "similar_check_opened": Transition(_stays(EVERY)),
    "similar_check_done": Transition(_stays(EVERY)),
    "penalty_issued": Transition(_stays(EVERY)),
    "hazard_downgraded": Transition(
        _goes((S.JUDGED_MAJOR, *ON_TRACK), S.JUDGED_GENERAL), to=S.JUDGED_GENERAL, back=True
    ),
    "hazard_voided": Transition(
        _goes(OPEN, S.VOIDED), to=S.VOIDED, settled={S.CLOSED: S.VOIDED, S.REFUTED: S.VOIDED}
    ),
    "hazard_merged": Transition(
        _goes(OPEN, S.MERGED), to=S.MERGED, settled={S.CLOSED: S.MERGED, S.REFUTED: S.MERGED}
    ),
    "hazard_transferred": Transition(_stays(OPEN)),
}  # fmt: skip

# Events that say where the hazard stands: their times go forward, or `open(h, T)` could not be told from them.
MOVING = frozenset(
    {
        "hazard_registered", "hazard_judged", "plan_approved", "rectification_started", "rectification_done",
        "acceptance_passed", "acceptance_failed", "hazard_closed", "hazard_reopened", "hazard_downgraded",
        "hazard_voided", "hazard_merged",
    }
)  # fmt: skip


def row_of(kind: str, verdict: Verdict | str | None = None) -> str:
    """The table's row of an event: its kind, for a judgement with its verdict."""
    return f"{kind}:{verdict}" if kind == "hazard_judged" else kind


def is_legal(state: HazardState | None, row: str) -> bool:
    """May a live command record this event now?"""
    return row in TRANSITIONS and state in TRANSITIONS[row].moves


def next_state(state: HazardState | None, row: str) -> HazardState:
    """Where the event leads. Total: an unlisted cell is imported history, applied as it came; nothing is refused."""
    transition = TRANSITIONS.get(row)
    if transition is None or state is None:
        first = transition and (transition.moves.get(None) or transition.to)
        return state or first or S.REGISTERED
    if state in transition.moves:
        return transition.moves[state]
    if state in SETTLED:
        return transition.settled.get(state, state)
    if transition.to is None or (not transition.back and _RANK[transition.to] < _RANK[state]):
        return state
    return transition.to


def allowed_rows(state: HazardState) -> list[str]:
    """Rows a live command may record in `state`, in the table's order."""
    return [row for row, transition in TRANSITIONS.items() if state in transition.moves]
