import pytest

from schemas.alarm_classes import alarm_classes
from schemas.alarms import AlarmRule
from schemas.model import Refused
from schemas.registry import Place, Sensor
from schemas.terms import Direction, Priority
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


INTAKE = Place(place_id="P1", site_id=SITE, kind="coal_face_intake")
FACE = Place(place_id="P2", site_id=SITE, kind="coal_face")


@pytest.mark.parametrize(
    ("place", "given", "expected"),
    [
        (INTAKE, {}, [(0.5, [])]),  # the place's set-point, though the sensor has no limit of its own
        (INTAKE, {"alarm_high": 1.0}, [(0.5, [])]),  # the stricter one
        (INTAKE, {"alarm_high": 0.4}, [(0.4, [0.5])]),
        (FACE, {"alarm_high": 1.0}, [(1.0, [1.5])]),  # from the cut-off on it is P1
        (FACE, {"alarm_high": 1.0, "cut_high": 1.3}, [(1.0, [1.3])]),
        (None, {"alarm_high": 1.0}, [(1.0, [])]),
    ],
)
def test_methane_limits_go_by_the_place(place, given, expected):
    it = sensor(place_id=place.place_id if place else "", **given)
    rules = default_rules([it], {place.place_id: place} if place else {})
    assert [(each.limit, [step.limit for step in each.escalations]) for each in rules] == expected
    assert {(each.class_id, each.priority) for each in rules} == {("methane", "P2")}


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ({"limit": 1.2}, "limit 1.2 instead of 1"),
        ({"limit": 1.0, "on_delay_s": 61}, "on_delay_s 61 instead of 60"),
        ({"limit": 0.1, "kind": "rate"}, "it watches something else"),
        ({"limit": 1.2, "approval": "批〔2026〕3号"}, None),
        ({"limit": 0.8, "on_delay_s": 60}, None),
        ({"limit": 1.0}, None),
    ],
)
def test_a_laxer_rule_is_refused_without_an_approval(own, why):
    registry = Registry()
    registry.apply(Record("log", "registry.sensors", 0, 0, b"T1", sensor(alarm_high=1.0).encode()))
    asked = Record("log", "registry.rules", 0, 1, b"r", rule(**own).encode())
    if why is not None:
        with pytest.raises(Refused, match="laxer than methane without an approval") as refused:
            registry.apply(asked)
        assert why in refused.value.reason
    else:
        registry.apply(asked)
    (in_force,) = registry.alarm_rules(SITE)
    assert in_force.limit == (1.0 if why else own["limit"])
    assert in_force.priority == ("P3" if "approval" in own else "P2")  # the class's, unless a lesser one is approved
    assert (in_force.class_id, bool(in_force.action_zh)) == ("methane", True)  # what the site leaves open


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ({"escalations": [{"level": "HH", "priority": "P1", "limit": 1.6}]}, "no step to P1 at 1.5"),
        ({"escalations": [{"level": "HH", "priority": "P2", "limit": 1.5}]}, "no step to P1 at 1.5"),
        ({"escalations": [{"level": "long", "priority": "P1", "after_s": 60}]}, "no step to P1 at 1.5"),
        ({"escalations": [{"level": "HH", "priority": "P1", "limit": 1.4}]}, None),
        ({"limit": 0.8, "escalations": [
            {"level": "H2", "priority": "P2", "limit": 1.0}, {"level": "HH", "priority": "P1", "limit": 1.5},
        ]}, None),
        ({"ack_timeout_s": 86_400}, "ack_timeout_s 86400 instead of 600"),
        ({"ack_timeout_s": 60}, None),
        ({"ack_timeout_s": 86_400, "approval": "批1"}, None),
        ({"parent": "T2/fan.low"}, "masked or suppressed without an approval"),
        ({"suppressed_while": "M"}, "masked or suppressed without an approval"),
        ({"suppressed_while": "M", "approval": "批1"}, None),
    ],
)  # fmt: skip
def test_fewer_steps_more_patience_and_hiding_are_laxer_too(own, why):
    registry = Registry()
    registry.apply(Record("log", "registry.sensors", 0, 0, b"T1", sensor(alarm_high=1.0, cut_high=1.5).encode()))
    assert [step.limit for each in registry.alarm_rules(SITE) for step in each.escalations] == [1.5]
    asked = Record("log", "registry.rules", 0, 1, b"r", rule(**own).encode())
    if why is None:
        registry.apply(asked)
        assert [each.version for each in registry.alarm_rules(SITE)] != [AlarmRule.parse(rule().encode()).version]
        (held,) = registry.alarm_rules(SITE)
        assert {name: held.model_dump()[name] for name in own if name != "escalations"} == {
            name: value for name, value in own.items() if name != "escalations"
        }
    else:
        with pytest.raises(Refused, match="without an approval") as refused:
            registry.apply(asked)
        assert why in refused.value.reason


def test_a_laxer_rule_that_came_before_its_sensor_is_not_in_force_either():
    registry = Registry()
    registry.apply(Record("log", "registry.rules", 0, 0, b"r", rule(limit=1.2).encode()))
    registry.apply(Record("log", "registry.sensors", 0, 1, b"T1", sensor(alarm_high=1.0).encode()))
    assert [each.limit for each in registry.alarm_rules(SITE)] == [1.0]
    assert ["limit 1.2 instead of 1" in each.reason for each in registry.laxer_rules(SITE)] == [True]


def test_a_raise_names_the_version_of_its_definition():
    one, other, elsewhere = rule(), rule(limit=0.9), rule("T2")
    assert one.version == elsewhere.version != other.version
    (raised,) = SiteAlarms(SITE, [one], {"T1": sensor()}).on_frame(frame([(0, 1.2)]))
    assert raised.data["rule_version"] == one.version


def test_every_class_says_what_it_rests_on_and_every_alarm_has_one():
    classes = alarm_classes()
    assert len({each.id for each in classes.classes}) == len(classes.classes)
    assert all(each.basis and each.zh and each.en for each in classes.classes)
    assert {row.priority for row in classes.priorities} == set(Priority)
    for direction in Direction:
        assert classes.of(Sensor(sensor_id="x", site_id="s", signal="unheard_of"), "", direction).signals == ()
