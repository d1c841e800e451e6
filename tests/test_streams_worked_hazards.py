import datetime as dt
from collections import defaultdict

import pytest

from schemas.criteria import Catalogue
from schemas.events import Actor, Event
from schemas.hazards import Evidence, Finding, HazardStateRecord
from schemas.registry import Site
from schemas.terms import HazardState, Role, Verdict
from schemas.times import day_end
from streams.hazards import SiteHazards
from streams.judgement import Judgement
from streams.lifecycle import apply, major_at, open_at
from streams.refusal import Refusal
from tests.hazard_bench import asked, clause, document
from tests.worked_hazards import CATALOGUE_VERSION, VECTORS, WORKED, Worked, at, story_events

DOCUMENTS = [
    document("MEM4", dt.date(2021, 1, 1), dt.date(2026, 6, 30)),
    document("AJ121C", dt.date(2017, 11, 13)),
    document("JCG4", dt.date(2023, 9, 21)),
]
CATALOGUE = Catalogue(
    DOCUMENTS, [clause(w.criterion_id, w.document_id, title_zh=w.title) for w in WORKED], CATALOGUE_VERSION
)
EVENTS = [Event.parse(line) for line in VECTORS.read_bytes().splitlines()]
LONG_AFTER = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
STATED = {
    "H1": HazardState.CLOSED, "H2": HazardState.CLOSED, "H3": HazardState.CLOSED, "H4": HazardState.RECTIFYING,
    "H5": HazardState.CLOSED, "H6": HazardState.RECTIFYING, "H7": HazardState.CLOSED, "H8": HazardState.CLOSED,
}  # fmt: skip


def site_of(worked: Worked) -> SiteHazards:
    site = Site(
        site_id=worked.site_id, enterprise_id=worked.enterprise_id, region=worked.region, industry=worked.industry
    )
    return SiteHazards(site, CATALOGUE)


def finding_judgement(worked: Worked) -> Judgement:
    finding = Finding(
        finding_id=worked.finding_id, site_id=worked.site_id, found_at=worked.found_at, received_at=worked.found_at,
        source=worked.source, text=worked.title,
    )  # fmt: skip
    evidence = Evidence(
        evidence_id=worked.finding_id, kind="finding", began_at=worked.found_at, text=worked.title,
        coordinates=(f"worked/{worked.name}",),
    )  # fmt: skip
    return Judgement(
        verdict=Verdict.MAJOR, clause=CATALOGUE.get(worked.criterion_id), site_id=worked.site_id,
        place_id=worked.place_id, place=worked.place, evidence=(evidence,), missing=(), candidates=(), why="",
        why_zh="", occurred_at=worked.found_at, phase="finding", finding=finding,
    )  # fmt: skip


def play(worked: Worked, *, issued_at: dt.datetime | None = None) -> tuple[SiteHazards, list[Event]]:
    """The story through verdict and commands; with `issued_at` everything is entered then, by supervisors."""
    hazards = site_of(worked)
    events = hazards.on_judgement(
        finding_judgement(worked), worked.found_at, (f"worked/{worked.name}",), worked.finding_id
    )
    for n, (when, kind, actor, data) in enumerate(sorted(worked.commands, key=lambda line: line[0])):
        if kind == "judge":
            data = data | {"catalogue_version": CATALOGUE_VERSION}
        more = {"occurred_at": at(when)} if issued_at else {}
        if issued_at:
            actor = Actor(id=actor.id, role=Role.SUPERVISOR, department_id=actor.department_id)
        command = asked(
            f"{worked.name}-{n:02d}-{kind}", kind, worked.hazard_id, actor, issued_at or at(when), data,
            site_id=worked.site_id, **more,
        )  # fmt: skip
        outcome = hazards.on_command(command)
        assert not isinstance(outcome, Refusal), f"{worked.name} {kind} {when}: {outcome}"
        events += outcome
    return hazards, events


@pytest.fixture(scope="module")
def states() -> dict[str, HazardStateRecord]:
    return {w.name: play(w, issued_at=LONG_AFTER)[0].take_changed(1)[0] for w in WORKED}


@pytest.mark.parametrize("worked", WORKED, ids=lambda w: w.name)
def test_played_as_it_happened_gives_the_events_of_the_vectors_file(worked: Worked) -> None:
    _, events = play(worked)
    filed = [event for event in EVENTS if event.subject_id == worked.hazard_id]
    assert [e.model_dump() for e in events] == [e.model_dump() for e in filed]
    assert [e.event_id for e in filed] == [e.event_id for e in story_events(worked)]


def test_entered_years_later_by_supervisors_every_hazard_ends_in_its_stated_state(
    states: dict[str, HazardStateRecord],
) -> None:
    assert {name: state.state for name, state in states.items()} == STATED
    assert {name for name, s in states.items() if s.due != s.due0} == {"H1", "H3"}
    assert states["H4"].cycle == 2 and states["H4"].rectified_by is None
    assert [(c.cycle, c.reopened_at is not None) for c in states["H4"].closings] == [(1, True)]


def test_the_file_folds_to_the_same_states(states: dict[str, HazardStateRecord]) -> None:
    folded: dict[str, HazardStateRecord] = {}
    for event in EVENTS:
        folded[event.subject_id] = apply(folded.get(event.subject_id), event)
    for worked in WORKED:
        ours, theirs = folded[worked.hazard_id], states[worked.name]
        assert (ours.state, ours.due0, ours.due, ours.closings, ours.version, ours.judgements) == (
            theirs.state, theirs.due0, theirs.due, theirs.closings, theirs.version, theirs.judgements,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("day", "stock_cleared", "cleared", "found", "still_open"),
    [
        ("2024-12-31", 2, 3, 6, {"H3", "H4", "H6"}),
        ("2025-12-31", 3, 5, 8, {"H4", "H6", "H8"}),
        ("2026-11-23", 3, 6, 8, {"H4", "H6"}),
    ],
)
def test_open_and_major_at_any_day_give_the_worked_counts(
    states: dict[str, HazardStateRecord], day: str, stock_cleared: int, cleared: int, found: int, still_open: set[str]
) -> None:
    when = day_end(dt.date.fromisoformat(day)) - dt.timedelta.resolution
    known = {name for name, state in states.items() if state.found_at <= when and major_at(state, when)}
    is_open = {name for name in known if open_at(states[name], when)}
    stock = {name for name in known if states[name].found_at.year <= 2023}
    overdue = {name for name in is_open if (due := states[name].due) is not None and due < when}
    assert is_open == still_open
    assert (len(known), len(known - is_open), len(stock), len(stock - is_open)) == (found, cleared, 4, stock_cleared)
    assert overdue == {"H4", "H6"}


def test_the_file_has_every_hazard_judged_major_on_its_found_day() -> None:
    by_hazard = defaultdict(list)
    for event in EVENTS:
        by_hazard[event.subject_id].append(event)
    assert set(by_hazard) == {w.hazard_id for w in WORKED}
    for events in by_hazard.values():
        assert [e.kind for e in events[:3]] == ["hazard_registered", "hazard_suspected", "hazard_judged"]
        assert events[2].occurred_at.date() == events[0].occurred_at.date()
        assert all(e.recorded_at == e.occurred_at for e in events)
