"""The real longwall through criteria into hazards, and on through commands to closing."""

from pathlib import Path
from typing import Any

from schemas.events import Event
from schemas.hazards import HazardStateRecord
from schemas.times import from_us
from streams.hazards import SiteHazards
from streams.judgement import Judgement
from streams.lifecycle import apply
from streams.refusal import Refusal
from tests.coal_face import CATALOGUE, SITE, criteria, longwall
from tests.hazard_bench import DAY, HOUR, LI, PLAN, SUN, WANG, asked


def told(hazards: SiteHazards, judgement: Judgement, recorded_at: Any) -> list[Event]:
    cause = f"{judgement.evidence[0].evidence_id}/{judgement.phase}"
    return hazards.on_judgement(judgement, recorded_at, judgement.evidence[0].coordinates, cause)


def test_the_real_longwall_opens_one_hazard_per_clause_and_place_and_they_can_be_cleared(real_series: Path) -> None:
    site, hazards, events = criteria(), SiteHazards(SITE, CATALOGUE), list[Event]()
    for frame in longwall(real_series):
        recorded_at = from_us(frame.header.received_at_us)
        for judgement in site.on_frame(frame):
            events += told(hazards, judgement, recorded_at)
            assert told(hazards, judgement, recorded_at) == []
    states = {s.criterion_id: s for s in hazards.take_changed(1)}
    assert {c: (s.evidence_count, s.place_id) for c, s in states.items()} == {
        "COAL21-5-2": (271, "face"), "COAL21-5-4": (20, "face"),
    }  # fmt: skip
    running = [e for s in states.values() for e in s.evidence if not e.ended_at]
    assert len(running) == 1, "the series ends within a span"
    assert {s.root_criterion_id for s in states.values()} == {CATALOGUE.root_of(c) for c in states if c}
    for state in states.values():
        ended = [e for e in state.evidence if e.ended_at]
        assert state.state == "suspected" and all(e.coordinates for e in state.evidence)
        assert state.version == 1 + state.evidence_count + len(ended)
        assert state.version == sum(e.subject_id == state.hazard_id for e in events)
    assert set(states["COAL21-5-4"].missing) >= {"zone_power_live", "zone_headcount"}
    assert len({e.event_id for e in events}) == len(events)

    for state in states.values():
        now = (state.moved_at or state.found_at) + 30 * DAY
        due = (now + 30 * DAY).isoformat()
        for n, (kind, actor, data) in enumerate(
            [
                ("judge", LI, {"verdict": "major"}),
                ("plan", WANG, PLAN | {"due_at": due}),
                ("start", SUN, {}),
                ("rectify", SUN, {}),
                ("accept", LI, {"evidence": ["验收表"]}),
                ("close", WANG, {"evidence": ["销号单"]}),
            ]
        ):
            outcome = hazards.on_command(
                asked(f"{state.hazard_id}/{n}", kind, state.hazard_id, actor, now + n * HOUR, data)
            )
            assert not isinstance(outcome, Refusal), outcome
            events += outcome
    closed = hazards.take_changed(2)
    assert [s.state for s in closed] == ["closed", "closed"]
    assert all(s.document_id == "MEM21" and s.catalogue_version == CATALOGUE.version for s in closed)

    folded: dict[str, HazardStateRecord] = {}
    for event in events:
        folded[event.subject_id] = apply(folded.get(event.subject_id), Event.parse(event.encode()))
    assert {s.hazard_id: s.model_copy(update={"step": 0}) for s in closed} == folded
