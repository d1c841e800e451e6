"""What a list of hazards is told beside the state, and what a reopening needs to be told."""

import datetime as dt

import pytest

from console.picture import Picture
from console.reopening import with_what_is_known
from console.rows import Rows
from console.standing import ONLY
from schemas.hazards import HazardStateRecord
from tests.hazard_bench import DAY, LI, T0, WANG, Bench, closed, judged, planned, suspected

OVERDUE = dt.datetime(2026, 8, 2, tzinfo=T0.tzinfo)


def supervised() -> Bench:
    bench = planned()
    bench.does(WANG, "supervise", {"level": "市级"})
    return bench


def delisted() -> Bench:
    bench = supervised()
    bench.does(WANG, "lift_supervision", {"reason": "移交"})
    return bench


def stopped() -> Bench:
    bench = judged()
    bench.does(LI, "stop", {"reason": "x"})
    return bench


@pytest.fixture
def rows() -> Rows:
    picture = Picture()
    marked = {
        "h-rebound": {"registered": suspected().latest.registered.model_copy(update={"rebound_of": "h-old"})},
        "h-blind": {"blind_spot": "unthought", "lead_department_id": None},
        "h-similar": {"similar_open": {"S-2": T0}},
    }
    made: dict[str, HazardStateRecord] = {
        "h-planned": planned().latest, "h-supervised": supervised().latest, "h-delisted": delisted().latest,
        "h-stopped": stopped().latest, "h-closed": closed().latest,
        **{name: suspected().latest.model_copy(update=update) for name, update in marked.items()},
    }  # fmt: skip
    for name, state in made.items():
        lead = None if name == "h-blind" else "D-1"
        picture.hazards[name] = state.model_copy(update={"hazard_id": name, "lead_department_id": lead})
    return Rows(picture)


def named(rows: Rows, only: str, when: dt.datetime = OVERDUE) -> set[str]:
    found, matching = rows.hazards_at(when, only=only)
    assert matching == len(found)
    return {row["id"].removeprefix("h-") for row in found}


def test_every_filter_finds_what_it_says(rows: Rows) -> None:
    assert named(rows, "overdue") == {"planned", "supervised", "delisted"}
    assert named(rows, "nearly_due") == set()
    assert named(rows, "nearly_due", OVERDUE - 3 * DAY) == {"planned", "supervised", "delisted"}
    assert named(rows, "supervised") == {"supervised"}
    assert named(rows, "delisted") == {"delisted"}
    assert named(rows, "stopped") == {"stopped"}
    assert named(rows, "major") == {"planned", "supervised", "delisted", "stopped"}
    assert named(rows, "blind") == named(rows, "no_lead") == {"blind"}
    assert named(rows, "rebound") == {"rebound"}
    assert named(rows, "similar") == {"similar"}
    assert named(rows, "missed") == named(rows, "")  # a month later everything open has missed something
    assert "closed" not in named(rows, "") and len(ONLY) == 11


def test_a_row_says_how_it_stands(rows: Rows) -> None:
    (row,) = (row for row in rows.hazards_at(OVERDUE)[0] if row["id"] == "h-supervised")
    assert (row["overdue"], row["days_left"], row["supervision_level"]) == (True, -1, "市级")
    assert "rectification" in row["missed"] and row["due_at"].startswith("2026-08-01T")


def test_a_reopening_is_told_what_the_stream_may_have_forgotten() -> None:
    state = closed().latest
    told = with_what_is_known("reopen", state, {"reason": "复查"})
    assert told == {
        "reason": "复查", "criterion_id": "NEW-5-2", "place_id": "3301-face", "place": "3301综采工作面",
        "title": "NEW-5-2 标题",
    }  # fmt: skip
    assert with_what_is_known("reopen", state, {"place_id": "P-9"})["place_id"] == "P-9"
    assert with_what_is_known("void", state, {"reason": "x"}) == {"reason": "x"}
    assert with_what_is_known("reopen", None, {"reason": "x"}) == {"reason": "x"}
