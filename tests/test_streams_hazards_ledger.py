"""Rows of a ledger of the past become hazards whose life is recorded as it came."""

import datetime as dt

from schemas.ledger import LedgerEntry
from schemas.terms import Role, Verdict
from schemas.times import to_us
from tests.hazard_bench import DAY, FACE, GAS, POWER, T0, Bench, found

CLOSED = LedgerEntry(
    level=Verdict.MAJOR, due_at=T0 - 400 * DAY, rectified_at=T0 - 420 * DAY, closed_at=T0 - 410 * DAY,
    closed_by="wang", responsible_person="sun", file="台账.xlsx", row=7,
)  # fmt: skip
FOUND = T0 - 500 * DAY


def test_a_row_that_tells_of_its_closing_is_a_closed_hazard_and_every_event_is_imported() -> None:
    bench = Bench()
    kinds = bench.sees(found("row7", FOUND, ledger=CLOSED))
    assert kinds == [
        "hazard_registered", "hazard_suspected", "hazard_judged", "plan_approved", "rectification_done",
        "hazard_closed",
    ]  # fmt: skip
    assert all(event.imported for event in bench.events)
    assert (bench.latest.state, bench.latest.closed_by, bench.latest.verdict) == ("closed", "wang", Verdict.MAJOR)
    assert bench.events[-1].occurred_at == T0 - 410 * DAY and bench.events[-1].actor.role is Role.SUPERVISOR


def test_a_row_is_a_hazard_whatever_the_criteria_say_of_its_words() -> None:
    for verdict in (Verdict.NEEDS_REVIEW, Verdict.NONE, Verdict.CANNOT_EVALUATE):
        bench = Bench()
        kinds = bench.sees(found("row7", FOUND, None, verdict=verdict, ledger=LedgerEntry(level=Verdict.GENERAL)))
        assert kinds == ["hazard_registered", "evidence_added", "hazard_judged"]
        assert bench.latest.state == "judged_general"


def test_the_same_row_read_again_adds_only_what_is_new_in_it() -> None:
    bench = Bench()
    started = CLOSED.model_copy(update={"rectified_at": None, "closed_at": None})
    bench.sees(found("row7", FOUND, ledger=started))
    assert bench.sees(found("row7", FOUND, ledger=started)) == []
    bench.reborn()
    assert bench.sees(found("row7", FOUND, ledger=CLOSED)) == ["rectification_done", "hazard_closed"]
    assert bench.sees(found("row7", FOUND, ledger=CLOSED)) == []
    assert len({e.event_id for e in bench.events}) == len(bench.events)


def test_the_same_row_is_the_same_hazard_under_another_clause_and_long_after() -> None:
    bench = Bench()
    bench.sees(found("row7", FOUND, ledger=CLOSED))
    (row,) = bench.ids
    assert bench.sees(found("row7", FOUND, POWER, ledger=CLOSED)) == []
    bench.hazards.take_changed(1)
    assert bench.sees(found("row7", FOUND, POWER, ledger=CLOSED)) == []
    bench.hazards.age(to_us(bench.now + 181 * DAY))
    assert bench.hazards.get(row) is None
    for clause in (GAS, POWER, None):
        assert bench.sees(found("row7", FOUND, clause, ledger=CLOSED)) == []
    assert bench.ids == [row]


def test_rows_of_one_day_clause_and_place_stay_apart() -> None:
    bench = Bench()
    bench.sees(found("row7", FOUND, ledger=CLOSED))
    assert bench.sees(found("row8", FOUND, ledger=LedgerEntry()))[0] == "hazard_registered"
    assert len(bench.ids) == 2 and [bench.state(each).state for each in bench.ids] == ["closed", "suspected"]


def test_what_is_found_now_joins_the_open_hazard_of_a_ledger() -> None:
    bench = Bench()
    bench.sees(found("row8", FOUND, ledger=LedgerEntry(level=Verdict.MAJOR)))
    assert bench.sees(found("f1", T0, GAS, place_id=FACE)) == ["hazard_suspected"]
    assert not bench.events[-1].imported and bench.latest.found_at == FOUND
    assert bench.latest.found_at < T0 - dt.timedelta(days=180)
