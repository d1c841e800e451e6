import pytest

from schemas.alarms import AlarmRule
from schemas.model import Refused
from schemas.registry import Sensor
from schemas.terms import Direction
from streams.alarms import SiteAlarms
from streams.decode import Record
from streams.registry import Registry
from streams.rules import default_rules, parse_rule, tell_apart
from tests.alarm_bench import SITE, brief, frame, rule, sensor

ROW = {"sensor_id": "T1", "direction": "high", "limit": "1.0"}


def settings_of(rule: AlarmRule) -> tuple:
    return (rule.rule_id, rule.limit, rule.on_delay_s, rule.off_delay_s, rule.deadband)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"signal": "ch4_pct", "alarm_high": 1.0}, [("ch4_pct.high", 1.0, 60, 60, 0.05)]),
        ({"signal": "ch4_pct", "alarm_high": 1.0, "release_high": 1.0}, [("ch4_pct.high", 1.0, 60, 60, 0.05)]),
        ({"signal": "ch4_pct", "alarm_high": 1.0, "release_high": 0.7}, [("ch4_pct.high", 1.0, 60, 60, 0.3)]),
        ({"signal": "co_ppm", "alarm_high": 24, "resolution": 1}, [("co_ppm.high", 24, 0, 60, 5)]),
        (
            {"signal": "", "quantity": "wind_speed", "alarm_low": 0.25, "alarm_high": 4, "resolution": 0.1},
            [("wind_speed.high", 4, 0, 60, 0.5), ("wind_speed.low", 0.25, 0, 60, 0.5)],
        ),
        ({"signal": "o2_pct", "alarm_low": 18, "release_low": 18.5}, [("o2_pct.low", 18, 0, 60, 0.5)]),
        ({"signal": "", "alarm_high": 3}, [("value.high", 3, 0, 60, 0.05)]),
        ({"signal": "ch4_pct", "alarm_high": float("nan"), "alarm_low": float("inf")}, []),
        ({"signal": "ch4_pct", "cut_high": 1.5}, []),
    ],
)
def test_a_sensor_has_one_rule_per_side_that_has_a_limit(given, expected):
    rules = default_rules([sensor(**given)])
    assert [settings_of(it) for it in rules] == expected
    assert {(it.site_id, it.sensor_id) for it in rules} <= {(SITE, "T1")}


def test_a_rule_of_the_site_takes_the_place_of_the_default():
    registry = Registry()
    topics = ("registry.sensors", sensor(alarm_high=1.0)), ("registry.sensors", sensor("T2", alarm_high=1.0))
    own = ("registry.rules", rule(limit=0.8)), ("registry.rules", rule("T2", rule_id="ch4_pct.cut", limit=1.5))
    for offset, (topic, it) in enumerate((*topics, *own)):
        registry.apply(Record("log", topic, 0, offset, f"{offset}".encode(), it.encode()))
    rules = registry.alarm_rules(SITE)
    assert sorted((it.sensor_id, it.rule_id, it.limit) for it in rules) == [
        ("T1", "ch4_pct.high", 0.8), ("T2", "ch4_pct.cut", 1.5), ("T2", "ch4_pct.high", 1.0),
    ]  # fmt: skip
    alarms = SiteAlarms(SITE, rules, registry.sensors[SITE])
    assert brief(alarms.on_frame(frame([(0, 0.8), (1, 1.6, 0, "T2")]))) == [("raised", 0), ("raised", 1)]


@pytest.mark.parametrize(
    ("word", "direction"),
    [(word, Direction.HIGH) for word in ("high", "High", " H ", "h", ">=", ">", "上限")]
    + [(word, Direction.LOW) for word in ("low", "LOW", "L", "<=", "<", "下限")],
)
def test_directions_are_written_in_many_ways(word, direction):
    assert parse_rule(ROW | {"direction": word}, {}, "here").direction is direction


def test_a_row_without_delays_has_none():
    found = parse_rule(ROW | {"on_delay_s": "", "off_delay_s": None}, {}, "here")
    assert settings_of(found) == ("value.high", 1.0, 0, 0, 0)
    assert found.site_id == "here"


def test_a_row_for_a_known_sensor_gets_the_id_of_the_default_it_replaces():
    found = parse_rule(ROW | {"on_delay_s": "60", "deadband": "0.05", "priority": "P1"}, {"T1": sensor()}, "here")
    (default,) = default_rules([sensor(alarm_high=2.0)])
    assert (found.rule_id, found.site_id) == (default.rule_id, default.site_id)
    assert (found.priority, found.deadband) == ("P1", 0.05)


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ({"sensor_id": " "}, "sensor_id", "missing"),
        ({"limit": None}, "limit", "missing"),
        ({"direction": ""}, "direction", "missing"),
        ({"direction": "sideways"}, "direction", "'sideways' is neither"),
        ({"limit": "one"}, "limit", "'one' is not a number"),
        ({"limit": "nan"}, "limit", "not a finite number"),
        ({"limit": float("inf")}, "limit", "not a finite number"),
        ({"on_delay_s": "-1"}, "on_delay_s", "greater than or equal to 0"),
        ({"deadband": "-0.05"}, "deadband", "greater than or equal to 0"),
        ({"priority": "P9"}, "priority", "'P1', 'P2'"),
    ],
)
def test_a_bad_row_says_which_field_and_why(wrong, field, reason):
    with pytest.raises(Refused) as refused:
        parse_rule(ROW | wrong, {}, "here")
    assert refused.value.field == field
    assert reason in refused.value.reason


def test_two_limits_on_one_side_are_two_alarms():
    rows = [parse_rule(ROW | {"limit": limit}, {}, SITE) for limit in ("1.0", "1.5", "2.0")]
    rules = tell_apart(rows)
    assert [it.rule_id for it in rules] == ["value.high", "value.2.high", "value.3.high"]
    alarms = SiteAlarms(SITE, rules, {"T1": Sensor(sensor_id="T1", site_id=SITE)})
    assert brief(alarms.on_frame(frame([(0, 1.7)]))) == [("raised", 0), ("raised", 0)]
