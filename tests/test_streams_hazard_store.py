"""What is in memory: open hazards whole, settled ones as stubs for 180 days, then the id alone (decision 0020)."""

import datetime as dt
from typing import Any

import pytest

from schemas.events import Actor
from schemas.hazards import HazardStateRecord
from schemas.model import Refused
from schemas.times import to_us
from streams.hazard_store import HazardStore, Stub, read_held, stub_of
from streams.hazards import SiteHazards
from tests.hazard_bench import (
    CATALOGUE,
    DAY,
    LI,
    POWER,
    SITE,
    SUN,
    T0,
    WANG,
    Bench,
    asked,
    closed,
    found,
    judged,
    sensed,
    span,
)  # fmt: skip

OPENED = ["hazard_registered", "hazard_suspected"]
AGAIN = {"reason": "复查发现同一情形", "criterion_id": "NEW-5-2", "place_id": "3301-face", "place": "3301综采工作面"}


def settled() -> Bench:
    """A closed hazard, folded."""
    bench = closed()
    bench.hazards.take_changed(1)
    assert bench.hazards.counts() == {"whole": 0, "stubs": 1, "archived": 0}
    return bench


def aged(days: int) -> Bench:
    bench = settled()
    closed_at = bench.latest.closed_at
    assert closed_at is not None
    bench.now = closed_at + days * DAY
    bench.hazards.age(to_us(bench.now))
    return bench


def test_a_stub_gives_back_the_whole_record() -> None:
    state = closed().latest
    assert stub_of(state).unpack() == state
    read = read_held(state.encode())
    assert isinstance(read, Stub) and read == stub_of(state)
    opened = judged().latest
    assert read_held(opened.encode()) == opened


@pytest.mark.parametrize("raw", [b"x", b"[]", b"{}", b'{"state": "closed"}', b'{"state": "closed", "found_at": 3}'])
def test_what_is_no_state_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        read_held(raw)


def test_within_180_days_a_stub_is_reopened_and_answers_as_if_it_were_whole() -> None:
    bench = aged(179)
    assert bench.sees(sensed(span("s1", T0))) == []  # its evidence is known
    assert bench.does(LI, "reopen", {"reason": "复查"}) == "rectifying"
    assert bench.latest.cycle == 2 and bench.hazards.counts()["whole"] == 1
    bench = aged(179)
    old = bench.latest.hazard_id
    assert bench.sees(sensed(span("s2", bench.now))) == OPENED
    assert bench.latest.registered.rebound_of == old


def test_an_older_one_reopens_as_a_new_hazard_that_names_the_old() -> None:
    bench = settled()
    old = bench.latest
    bench.now = (old.closed_at or T0) + 181 * DAY
    bench.hazards.age(to_us(bench.now))
    assert bench.hazards.counts() == {"whole": 0, "stubs": 0, "archived": 1}
    assert bench.hazards.has_hazard(old.hazard_id) and bench.hazards.get(old.hazard_id) is None

    def refused(actor: Actor, kind: str, data: dict[str, Any]) -> str:
        bench.asked += 1
        item = asked(f"x{bench.asked}", kind, old.hazard_id, actor, bench.now, data)
        return getattr(bench.hazards.on_command(item), "guard", "accepted")

    assert refused(SUN, "reopen", AGAIN) == "role"
    assert refused(LI, "judge", {"verdict": "major"}) == "archived"
    assert refused(LI, "reopen", {"reason": "复查"}) == "archived"
    assert refused(LI, "reopen", AGAIN | {"reason": ""}) == "reason_missing"
    assert refused(LI, "reopen", AGAIN | {"criterion_id": "X"}) == "criterion_unknown"
    assert refused(LI, "reopen", AGAIN) == "accepted"
    (new,) = bench.hazards.take_changed(2)
    assert new.registered.reopens == old.hazard_id != new.hazard_id
    assert (new.state, new.found_at, new.root_criterion_id) == ("registered", bench.now, "OLD-5-2")
    assert refused(LI, "reopen", AGAIN) == "twin_open"


def test_evidence_told_again_after_180_days_opens_nothing_and_new_evidence_opens_a_hazard_of_its_own() -> None:
    bench = aged(181)
    assert bench.sees(sensed(span("s1", T0))) == []
    assert bench.sees(sensed(span("s1", T0, T0 + DAY), phase="ended")) == []
    assert bench.sees(sensed(span("s9", bench.now))) == OPENED
    assert bench.latest.registered.rebound_of is None


def test_a_merged_hazard_is_kept_while_the_one_it_went_into_is_there() -> None:
    bench = judged()
    bench.sees(sensed(span("p1", T0), POWER))
    gas, power = bench.ids
    bench.does(WANG, "merge", {"into": gas, "reason": "同一情形"}, target=power)
    bench.hazards.take_changed(1)
    bench.hazards.age(to_us(T0 + 300 * DAY))
    assert bench.hazards.counts() == {"whole": 1, "stubs": 1, "archived": 0}
    assert bench.sees(sensed(span("p2", T0 + 300 * DAY), POWER)) == ["hazard_suspected"]
    assert bench.events[-1].subject_id == gas
    bench.does(LI, "judge", {"verdict": "none", "reason": "误报"}, target=gas)
    bench.hazards.take_changed(2)
    bench.hazards.age(to_us(bench.now + 400 * DAY))
    assert bench.hazards.counts() == {"whole": 0, "stubs": 0, "archived": 2}


def test_read_back_from_the_topic_the_old_are_archived_at_once_and_all_goes_on_the_same() -> None:
    record = closed().latest.encode()
    for days in (179, 181):
        live = aged(days)
        held = read_held(record, to_us(live.now))
        again = SiteHazards(SITE, CATALOGUE, [held])
        again.age(to_us(live.now))
        assert again.counts() == live.hazards.counts()
        ours = live.hazards.on_judgement(sensed(span("s5", live.now)), live.now, (), "s5")
        theirs = again.on_judgement(sensed(span("s5", live.now)), live.now, (), "s5")
        assert [e.encode() for e in ours] == [e.encode() for e in theirs]


def test_the_latest_record_of_a_hazard_holds_whatever_came_before_it() -> None:
    store = HazardStore()
    old, new = judged().latest, closed().latest
    store.load([read_held(new.encode(), to_us(T0 + 999 * DAY))])
    assert store.counts()["archived"] == 1 and store.archived(new.hazard_id) and old.hazard_id == new.hazard_id


def test_refutals_and_findings_of_the_past_are_stubs_too() -> None:
    bench = Bench()
    bench.sees(found("f1", T0))
    bench.does(LI, "judge", {"verdict": "none", "reason": "误报"})
    bench.hazards.take_changed(1)
    assert bench.hazards.counts()["stubs"] == 1
    assert bench.sees(found("f1", T0)) == []
    assert bench.sees(found("f2", T0 + dt.timedelta(days=3))) == OPENED
    assert bench.latest.registered.refuted_before == 1


def test_states_survive_being_folded_and_read_again() -> None:
    bench = settled()
    (hazard_id,) = bench.ids
    record = bench.state(hazard_id)
    assert HazardStateRecord.parse(record.encode()) == record
