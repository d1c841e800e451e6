import datetime as dt
import random

import pytest

from console.alarm_load import DAY, AlarmLoad
from console.load_rows import load_row
from console.picture import Picture
from console.rows import Rows
from schemas.events import EVENT_DATA, SYSTEM, Event
from schemas.ids import occurrence_id
from schemas.registry import Site
from schemas.steps import Step
from schemas.times import day_start
from schemas.topics import partition_of
from streams.alarm_counters import AlarmCounters
from tests.small_mine import CH4, SITE

MIDNIGHT = day_start(dt.date(2026, 11, 24))


def event(kind: str, alarm: str, at: dt.datetime, site: str = SITE, **data) -> Event:
    return Event.of(
        kind, alarm, site, EVENT_DATA[kind].model_validate(data), cause=f"{alarm}/{at.isoformat()}", occurred_at=at,
        recorded_at=at, causes=(), actor=SYSTEM,
    )  # fmt: skip


def raised(alarm: str, at: dt.datetime, priority: str = "P3", site: str = SITE) -> Event:
    return event(
        "alarm_raised", alarm, at, site, rule_id="ch4_pct.high", sensor_id=CH4, occurrence_id=occurrence_id(alarm, at),
        began_at=at, value=1.2, limit=1.0, priority=priority,
    )  # fmt: skip


def acknowledged(alarm: str, began: dt.datetime, at: dt.datetime, site: str = SITE) -> Event:
    return event("alarm_acknowledged", alarm, at, site, occurrence_id=occurrence_id(alarm, began))


def returned(alarm: str, began: dt.datetime, at: dt.datetime, site: str = SITE) -> Event:
    return event("alarm_returned", alarm, at, site, occurrence_id=occurrence_id(alarm, began), peak=1.2, duration_s=1.0)


def suspected(at: dt.datetime) -> Event:
    return event("hazard_suspected", "h", at, criterion_id="COAL21-5-2", evidence=())


def history(seed: int) -> list[Event]:
    """Two days of episodes at three sites around midnight, some long, some fast, some never acknowledged."""
    draw, found = random.Random(seed), []
    for n in range(40):
        alarm, site = f"alarm-{n}", f"site-{n % 3}"
        at = MIDNIGHT + dt.timedelta(hours=draw.uniform(-40, 20))
        for _ in range(draw.randint(1, 4)):
            lasts = draw.choice((5, 600, 40_000, 90_000))
            found.append(raised(alarm, at, draw.choice(("P1", "P2", "P3")), site))
            if draw.random() < 0.7:
                found.append(acknowledged(alarm, at, at + dt.timedelta(seconds=lasts / 2), site))
            found.append(returned(alarm, at, at + dt.timedelta(seconds=lasts), site))
            at += dt.timedelta(seconds=lasts + draw.choice((3, 900)))
    return sorted(found, key=lambda each: each.occurred_at)


@pytest.mark.parametrize("seed", range(4))
def test_the_day_so_far_is_what_the_counters_say_of_the_whole_past(seed: int) -> None:
    load, events = AlarmLoad(), history(seed)
    load.begin(whole=True)
    until = MIDNIGHT + dt.timedelta(hours=17)
    wanted = AlarmCounters(MIDNIGHT, until)
    for each in events:
        if each.occurred_at < until:
            load.take(each)
            load.take(each)  # sent again
            wanted.take(each)
    load.pass_to(until)
    counted = load.so_far()
    assert counted is not None and load.window() == (MIDNIGHT, until)
    assert counted.rows(until) == wanted.rows(until)
    assert counted.rows(until)["A1"]["num"] > 0


def test_past_and_present_read_by_two_threads_are_counted_once_and_in_order() -> None:
    load, at = AlarmLoad(), MIDNIGHT + dt.timedelta(hours=1)
    first, ack = raised("a", at), acknowledged("a", at, at + dt.timedelta(seconds=30))
    for each in (ack, first, ack):  # the newest comes first: the follower is ahead of the reader of the past
        load.take(each)
    load.pass_to(at + dt.timedelta(minutes=1))
    assert load.so_far() is None
    load.begin(whole=True)
    load.take(first)
    counted = load.so_far()
    assert counted is not None
    rows = counted.rows(at + dt.timedelta(minutes=1))
    assert (rows["A1"]["num"], rows["A2"]["num"], rows["A2"]["value"]) == (1, 1, 30 / 3600)


def test_what_is_not_known_is_not_counted_as_quiet() -> None:
    at = MIDNIGHT + dt.timedelta(hours=6)
    new = AlarmLoad()
    new.take(suspected(MIDNIGHT - 300 * DAY))  # a hazard's past is no alarm's
    new.begin(whole=True)
    new.pass_to(at)  # the first step there ever was
    new.take(raised("a", at + dt.timedelta(minutes=1)))
    new.pass_to(at + dt.timedelta(minutes=20))
    assert new.window() == (at, at + dt.timedelta(minutes=20))
    cut = AlarmLoad()
    one, other = "140402000123", "140402000124"
    assert partition_of(one) != partition_of(other)
    for site, hours in ((one, -30), (one, 5), (other, 6), (other, 7)):
        cut.take(raised(f"{site}/{hours}", MIDNIGHT + dt.timedelta(hours=hours), site=site))
    cut.begin(whole=False)
    assert cut.window() == (at, MIDNIGHT + dt.timedelta(hours=7))
    counted = cut.so_far()
    assert counted is not None and counted.rows(at)["A1"]["den"] == 2 * 6


def test_the_browser_is_told_of_floods_limits_and_names() -> None:
    picture, noon = Picture(), MIDNIGHT + dt.timedelta(hours=12)
    rows = Rows(picture)
    picture.apply("registry.sites", Site(site_id=SITE, name="长平煤矿", region="140402").encode(), 0)
    for number, now in enumerate((dt.datetime.fromtimestamp(0, dt.UTC), noon)):  # the first one knows no time yet
        picture.apply("processing.steps", Step(step=number + 1, partition=0, now=now).encode(), 0)
    assert (load_row(picture.load, rows)["ready"], load_row(picture.load, rows)["day"]) == (False, None)
    picture.load.begin(whole=True)
    day = load_row(picture.load, rows)["day"]
    assert (day["mean"], day["from"]) == (0, noon.isoformat())
    for n in range(12):
        picture.load.take(raised(f"a{n}", noon + dt.timedelta(seconds=n), "P1" if n == 0 else "P3"))
    said = load_row(picture.load, rows)
    board, site = said["floods"]
    assert (board["site_id"], site["site"], site["first_out"]["id"], site["rate"]) == ("", "长平煤矿", "a0", 12)
    assert site["first_out"]["site"] == "长平煤矿" and site["first_out"]["state"] == "normal"
    day = said["day"]
    assert (day["alarms"], day["slots"][-1], day["floods"], day["over"]) == (
        12,
        12,
        1,
        ["value", "largest", "flood_share", "top10_share"],
    )
    assert day["limits"]["largest"]["most"] == 10
    assert {row["priority"]: (row["share"], row["target"]) for row in day["priorities"]}["P1"] == (1 / 12, 0.05)
    picture.load.pass_to(noon + dt.timedelta(minutes=11))
    assert load_row(picture.load, rows)["floods"] == []
