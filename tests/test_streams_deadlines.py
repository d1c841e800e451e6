"""Deadlines by rule: workdays, regions, reminders before, escalation after, by event time; overdue is derived."""

import datetime as dt
from pathlib import Path

import pytest

from schemas.deadlines import Deadline, Span, load_rules, read_rules
from schemas.hazards import HazardStateRecord
from schemas.model import Refused
from schemas.registry import CalendarDay
from schemas.terms import SHANGHAI, Verdict
from schemas.times import day_end, to_us
from schemas.workdays import Calendar, load_holidays
from streams.deadlines import standing, timers
from streams.duties import Duties
from streams.hazards import SiteHazards
from streams.lifecycle_page import DEADLINES
from streams.surroundings import Surroundings
from tests.hazard_bench import (
    CATALOGUE,
    DAY,
    HOUR,
    LI,
    PLAN,
    SITE,
    SUN,
    T0,
    WANG,
    Bench,
    asked,
    found,
    sensed,
    span,
)  # fmt: skip

RULES = load_rules()
CALENDAR = Calendar(load_holidays())
MICRO = dt.timedelta(microseconds=1)


def ends(day: str) -> dt.datetime:
    return day_end(dt.date.fromisoformat(day)) - MICRO


@pytest.mark.parametrize(
    ("start", "span_", "end"),
    [
        ("2026-07-02T08:00", Span(hours=24), "2026-07-03T08:00"),
        ("2026-07-02T08:00", Span(days=1), "2026-07-03"),
        ("2026-07-02T23:59", Span(days=0), "2026-07-02"),
        ("2026-07-03T08:00", Span(workdays=1), "2026-07-06"),  # Friday to Monday
        ("2026-09-30T08:00", Span(workdays=1), "2026-10-08"),  # over the National Day week
        ("2026-10-09T08:00", Span(workdays=1), "2026-10-10"),  # a Saturday made up for
        ("2026-02-13T08:00", Span(workdays=2), "2026-02-24"),  # Saturday works, then nine days of Spring Festival
        ("2031-10-01T08:00", Span(workdays=2), "2031-10-03"),  # no list for that year: weekends only
    ],
)
def test_spans_are_counted_by_the_calendar(start: str, span_: Span, end: str) -> None:
    begins = dt.datetime.fromisoformat(start).replace(tzinfo=SHANGHAI)
    expected = ends(end) if len(end) == 10 else dt.datetime.fromisoformat(end).replace(tzinfo=SHANGHAI)
    assert CALENDAR.after(begins, span_) == expected


def test_the_registrys_own_days_go_before_the_published_ones() -> None:
    own = {dt.date(2026, 7, 3): CalendarDay(date=dt.date(2026, 7, 3), workday=False, name="停电")}
    calendar = Calendar(load_holidays(), own)
    assert not calendar.works(dt.date(2026, 7, 3)) and CALENDAR.works(dt.date(2026, 7, 3))
    assert 2031 not in calendar.years and {2024, 2025, 2026} <= calendar.years


def test_a_regions_own_rule_goes_before_the_countrys() -> None:
    everywhere, shanxi = RULES.of("110101", "coal"), RULES.of("140402", "coal")
    assert everywhere.deadlines[Deadline.RESUME_REVIEW].id == "CN-resume-review"
    assert shanxi.deadlines[Deadline.RESUME_REVIEW].id == "SX-resume-review-coal"
    assert RULES.of("140402", "chemical").deadlines[Deadline.RESUME_REVIEW].id == "CN-resume-review"
    assert shanxi.deadlines[Deadline.PLAN] is everywhere.deadlines[Deadline.PLAN]
    assert set(everywhere.deadlines) == set(Deadline)
    assert "140000@" in shanxi.version and "140000@" not in everywhere.version
    assert everywhere.penalties.windows[0].count == 3


def test_every_rule_says_where_it_comes_from() -> None:
    assert set(DEADLINES) == set(Deadline)
    for file in RULES.files:
        for rule in file.deadlines:
            assert rule.source and rule.source_date <= dt.date(2026, 11, 23)
            assert rule.remind or rule.escalate


RULE = "deadlines: [{{id: a, {}, standing: law, source: s, source_date: 2026-01-01}}]"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("region: '14'", "region"),
        (RULE.format("deadline: tea"), "deadlines.0.deadline"),
        (RULE.format("deadline: plan"), "deadlines.0"),
        (RULE.format("deadline: plan, within: {days: 1, hours: 2}"), "deadlines.0.within"),
        (RULE.format("deadline: plan, within: {days: 1}, remind: [{workdays: 1}]"), "deadlines.0"),
        (RULE.format("deadline: plan, within: {days: 1}, remaind: []"), "deadlines.0.remaind"),
        ("deadlines: [", ""),
    ],
)
def test_a_wrong_rules_file_is_refused_by_file_and_field(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "deadlines.x.yaml"
    path.write_text(text if text.startswith("region") else f"region: '140000'\nversion: x\n{text}", "utf-8")
    with pytest.raises(Refused) as refused:
        read_rules([path])
    assert refused.value.field == f"deadlines.x.yaml: {field}".removesuffix(": ")


def watched() -> Bench:
    bench = Bench()
    bench.hazards = SiteHazards(SITE, CATALOGUE, around=Surroundings(Duties(revision=1)))
    bench.sees(sensed(span("s1", T0)))
    return bench


def ticks(bench: Bench, *whens: dt.datetime) -> list[tuple[str, str, int]]:
    told = []
    for when in whens:
        events = bench.hazards.on_tick(to_us(when))
        bench.events += events
        told += [(e.kind.removeprefix("deadline_"), e.data["deadline"], e.data["level"]) for e in events]
    return told


def test_a_suspicion_is_reminded_of_before_its_day_is_over_and_escalated_after_it() -> None:
    bench = watched()
    assert ticks(bench, T0 + 19 * HOUR) == []
    assert ticks(bench, T0 + 20 * HOUR) == [("neared", "judge", 0)]
    assert ticks(bench, T0 + 20 * HOUR, T0 + 21 * HOUR) == []
    assert ticks(bench, T0 + 24 * HOUR) == [("missed", "judge", 1)]
    event = bench.events[-1]
    assert event.occurred_at == T0 + 24 * HOUR == bench.latest.told["judge"].due_at
    assert (event.data["rule_id"], event.data["to"]) == ("CN-judge", "lead")
    assert ticks(bench, T0 + 97 * HOUR) == [("missed", "judge", 2)]


def test_what_fell_due_while_nobody_looked_is_told_once_by_its_latest_step() -> None:
    bench = watched()
    assert ("missed", "judge", 2) in ticks(bench, T0 + 10 * DAY)
    assert [e.kind for e in bench.events].count("deadline_neared") == 0
    assert ticks(bench, T0 + 10 * DAY + HOUR) == []


def test_doing_the_work_stops_its_timer_and_starts_the_next() -> None:
    bench = watched()
    bench.does(LI, "judge", {"verdict": "major"}, when=T0 + HOUR)
    told = ticks(bench, T0 + 26 * HOUR)
    assert ("missed", "report_regulator", 1) in told and not [t for t in told if t[1] == "judge"]
    bench.does(LI, "report", {"to": "regulator"}, when=T0 + 27 * HOUR)
    assert not [t for t in ticks(bench, T0 + 60 * HOUR) if t[1] == "report_regulator"]
    assert ("missed", "plan", 1) in ticks(bench, T0 + 21 * DAY)


def test_a_new_due_time_is_reminded_of_anew() -> None:
    bench = watched()
    bench.does(LI, "judge", {"verdict": "major"}, when=T0 + HOUR)
    bench.does(WANG, "plan", PLAN | {"due_at": "2026-08-01"}, when=T0 + DAY)
    first = [t for t in ticks(bench, ends("2026-07-29") + HOUR) if t[1] == "rectification"]
    assert first == [("neared", "rectification", 0)]
    ask = {"new_due_at": "2026-09-01", "reason": "到货延迟", "interim_control": "限产"}
    bench.does(SUN, "extend", ask, when=ends("2026-07-30"))
    bench.does(WANG, "decide_extension", {"approved": True}, when=ends("2026-07-30") + HOUR)
    assert not [t for t in ticks(bench, ends("2026-08-02")) if t[1] == "rectification"]
    assert ("neared", "rectification", 0) in ticks(bench, ends("2026-08-30"))
    assert ("missed", "rectification", 1) in ticks(bench, ends("2026-09-01") + MICRO)


def test_a_resume_request_of_a_coal_mine_in_shanxi_has_sixty_days() -> None:
    bench = watched()
    bench.does(LI, "judge", {"verdict": "major"}, when=T0 + HOUR)
    bench.does(LI, "stop", {"reason": "停产整顿"}, when=T0 + 2 * HOUR)
    bench.does(SUN, "request_resume", {"evidence": ["整改报告"]}, when=T0 + DAY)
    around = bench.hazards.around
    assert around is not None
    due = {t.deadline: t.due_at for t in around.timers_of(bench.latest)}
    assert due[Deadline.RESUME_REVIEW] == ends("2026-09-01")
    bench.does(LI, "resume", when=T0 + 2 * DAY)
    assert Deadline.RESUME_REVIEW not in {t.deadline for t in around.timers_of(bench.latest)}


def test_an_industry_may_be_named_in_words() -> None:
    registered = watched().latest.registered
    named = Surroundings().rules_for(registered.model_copy(update={"industry": "煤矿"}))
    assert named is Surroundings().rules_for(registered) and "SX" in named.deadlines[Deadline.RESUME_REVIEW].id


def test_a_rebound_is_to_be_supervised_and_the_order_ends_that_timer() -> None:
    bench = watched()
    old = bench.latest
    rebound = old.model_copy(
        update={"registered": old.registered.model_copy(update={"rebound_of": "H-old"}), "verdict": "major",
                "judged_at": T0, "state": "judged_major"}
    )  # fmt: skip
    rules = RULES.of("140402", "coal")
    running = {t.deadline: t.due_at for t in timers(rebound, rules, CALENDAR)}
    assert running[Deadline.SUPERVISION_ORDER] == ends("2026-07-09")
    ordered = rebound.model_copy(update={"supervised": True, "supervised_at": T0 + DAY})
    running = {t.deadline: t.due_at for t in timers(ordered, rules, CALENDAR)}
    assert Deadline.SUPERVISION_ORDER not in running and running[Deadline.SUPERVISION] == ends("2026-09-01")
    plain = rebound.model_copy(update={"registered": old.registered})
    assert Deadline.SUPERVISION_ORDER not in {t.deadline for t in timers(plain, rules, CALENDAR)}


@pytest.mark.parametrize(
    ("when", "overdue", "near", "left"),
    [
        ("2026-07-10T12:00", False, False, 22),
        ("2026-07-25T12:00", False, True, 7),
        ("2026-08-01T23:59", False, True, 0),
        ("2026-08-02T00:00", True, False, -1),
    ],
)
def test_overdue_and_nearly_due_are_told_for_any_instant(when: str, overdue: bool, near: bool, left: int) -> None:
    bench = watched()
    bench.does(LI, "judge", {"verdict": "major"}, when=T0 + HOUR)
    bench.does(WANG, "plan", PLAN, when=T0 + DAY)
    at = dt.datetime.fromisoformat(when).replace(tzinfo=SHANGHAI)
    told = standing(bench.latest, RULES.of("140402", "coal"), CALENDAR, at)
    assert (told.overdue, told.nearly_due, told.days_left) == (overdue, near, left)
    assert told.due_at == ends("2026-08-01")


def test_the_limit_that_a_finding_gives_counts_until_a_plan_gives_another() -> None:
    bench = Bench()
    bench.hazards = SiteHazards(SITE, CATALOGUE, around=Surroundings(Duties(revision=1)))
    bench.sees(found("f1", T0, None, verdict=Verdict.GENERAL, deadline="2026-07-10"))
    assert ("missed", "rectification", 1) in ticks(bench, ends("2026-07-10") + MICRO)
    assert bench.latest.due is None  # the KPIs count plans
    bench.does(WANG, "plan", PLAN | {"due_at": "2026-08-01"}, when=T0 + 9 * DAY)
    told = standing(bench.latest, RULES.of("140402", "coal"), CALENDAR, T0 + 10 * DAY)
    assert (told.overdue, told.due_at) == (False, ends("2026-08-01"))


def test_timers_go_on_after_a_restart_and_the_same_timer_gives_the_same_event() -> None:
    steady, mortal = watched(), watched()
    mortal.hazards = SiteHazards(
        SITE, CATALOGUE, [HazardStateRecord.parse(mortal.latest.encode())], around=mortal.hazards.around
    )
    for when in (T0 + 20 * HOUR, T0 + 30 * HOUR, T0 + 9 * DAY):
        ours, theirs = steady.hazards.on_tick(to_us(when)), mortal.hazards.on_tick(to_us(when))
        assert [e.encode() for e in ours] == [e.encode() for e in theirs]
        mortal.hazards = SiteHazards(
            SITE, CATALOGUE, [HazardStateRecord.parse(mortal.latest.encode())], around=mortal.hazards.around
        )


def test_a_tick_with_nothing_due_looks_at_no_hazard(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = watched()
    ticks(bench, T0 + HOUR)
    around = bench.hazards.around
    assert around is not None

    def looked(_: object) -> list[object]:
        raise AssertionError("a hazard was looked at")

    monkeypatch.setattr(around, "timers_of", looked)
    assert ticks(bench, *(T0 + HOUR + n * dt.timedelta(seconds=1) for n in range(50))) == []


def test_a_reminder_makes_nobodys_command_stale_and_anything_else_does() -> None:
    bench = watched()
    seen = bench.latest.version
    assert ticks(bench, T0 + 20 * HOUR) == [("neared", "judge", 0)]
    bench.sees(sensed(span("s2", T0 + 20 * HOUR)))
    assert bench.does(LI, "judge", {"verdict": "major"}, seen_version=seen) == "!stale_version"
    seen = bench.latest.version
    assert ticks(bench, T0 + 24 * HOUR) == [("missed", "judge", 1)]
    assert bench.does(LI, "judge", {"verdict": "major"}, seen_version=seen) == "judged_major"
    assert bench.does(LI, "report", {"to": "regulator"}, seen_version=bench.latest.version + 1) == "!stale_version"


def test_a_settled_hazard_has_no_timers() -> None:
    bench = watched()
    command = asked("c", "judge", bench.latest.hazard_id, LI, T0 + HOUR, {"verdict": "none", "reason": "误报"})
    bench.hazards.on_command(command)
    bench.hazards.take_changed(1)
    assert ticks(bench, T0 + 90 * DAY) == []
