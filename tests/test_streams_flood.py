import datetime as dt
import random

from streams.flood import BOARD, FloodLimits, FloodWatch, flood_limits

START = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)
LIMITS = FloodLimits(window_s=600, begins=10, ends_below=5, sites_per_position=10)


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def test_the_limits_are_data() -> None:
    assert flood_limits() == LIMITS
    assert [LIMITS.positions(sites) for sites in (0, 1, 10, 11, 200)] == [1, 1, 1, 2, 20]


def test_the_tenth_alarm_makes_the_flood_and_the_first_one_is_its_first_out() -> None:
    watch = FloodWatch(LIMITS)
    for n in range(9):
        watch.raised("a", f"alarm-{n}", at(60 * n))
        assert watch.floods == []
    watch.raised("a", "alarm-9", at(599))
    board, site = watch.floods
    assert (board.position, site.position) == (BOARD, "a")
    assert (site.first_out, site.first_at, site.since, site.alarms, site.peak) == ("alarm-0", at(0), at(599), 10, 10)


def test_ten_alarms_in_more_than_the_window_are_none() -> None:
    watch = FloodWatch(LIMITS)
    for n in range(30):
        watch.raised("a", f"alarm-{n}", at(67 * n))
    assert watch.floods == []


def test_a_flood_goes_by_the_time_of_the_data_alone_and_keeps_its_first_out() -> None:
    watch = FloodWatch(LIMITS)
    for n in range(12):
        watch.raised("a", f"alarm-{n}", at(n))
    watch.pass_to(at(607))  # alarms 8 to 11 are left
    assert watch.floods == []
    again = FloodWatch(LIMITS)
    for n in range(12):
        again.raised("a", f"alarm-{n}", at(n))
    again.pass_to(at(606))  # five are left
    again.raised("a", "later", at(606.5))
    assert [(flood.first_out, flood.alarms, flood.peak) for flood in again.floods] == [("alarm-0", 13, 12)] * 2
    again.pass_to(at(100))  # time does not go back
    assert again.rate("a") == 6


def test_a_board_over_many_sites_bears_more_than_one_of_them() -> None:
    watch = FloodWatch(LIMITS)
    watch.sites = 20
    for n in range(19):
        watch.raised(f"site-{n}", f"alarm-{n}", at(n))
    assert watch.floods == []
    watch.raised("site-19", "alarm-19", at(20))
    assert [flood.position for flood in watch.floods] == [BOARD]


def test_what_was_raised_before_the_window_counts_for_none() -> None:
    watch = FloodWatch(LIMITS)
    watch.pass_to(at(3600))
    for n in range(50):
        watch.raised("a", f"alarm-{n}", at(n))
    assert (watch.floods, watch.rate("a"), watch.rate()) == ([], 0, 0)


def test_the_rate_is_that_of_a_count_by_hand() -> None:
    draw, watch, raises, now = random.Random(5), FloodWatch(LIMITS), [], 0.0
    for n in range(500):
        now += draw.expovariate(1 / 40)
        raises.append(now - draw.choice((0, 0, 5, 30)))
        watch.raised("a", f"alarm-{n}", at(raises[-1]))
        newest = max(raises)
        assert watch.rate("a") == sum(newest - 600 < round(one, 6) for one in raises), n
