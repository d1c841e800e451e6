"""Overrides that rules set: children masked by a parent, alarms suppressed while a mode sensor is on."""

import pytest

from schemas.ids import alarm_id
from schemas.model import Refused
from schemas.terms import Override
from tests.alarm_bench import SITE, ask, brief, engine, frame, reborn, rule, sensor, us

FAN = rule("FAN", rule_id="fan.low", direction="low", limit=0.5)
GAS = rule(parent="FAN/fan.low")
QUIET = rule(suppressed_while="MODE")
SENSORS = (sensor("T1"), sensor("FAN", signal="main_fan_running"), sensor("MODE", signal=""))
KEY = alarm_id(SITE, "T1", "ch4_pct.high")


def test_a_standing_parent_masks_its_children_until_it_returns():
    alarms, states = engine([FAN, GAS], *SENSORS), {}
    events = alarms.on_frame(frame([(0, 0, 0, "FAN"), (30, 1.2, 0, "T1")]))
    assert sorted(brief(events)) == [("masked", 0), ("raised", 0), ("raised", 30)]
    masked = next(event for event in events if event.kind == "alarm_masked")
    assert (masked.subject_id, masked.data["parent_alarm_id"]) == (KEY, alarm_id(SITE, "FAN", "fan.low"))
    alarms = reborn(alarms, [FAN, GAS], states, *SENSORS)
    assert (states[KEY].shown, states[KEY].process_state) == ("masked", "unacknowledged")
    assert sorted(brief(alarms.on_frame(frame([(60, 1, 0, "FAN")], 1)))) == [("returned", 60), ("unmasked", 60)]


def test_a_mode_sensor_suppresses_by_design_and_leaves_alone_what_a_person_suppressed():
    alarms, states = engine([QUIET], *SENSORS), {}
    assert brief(alarms.on_frame(frame([(0, 1, 0, "MODE"), (30, 1.2, 0, "T1")]))) == [("suppressed", 0), ("raised", 30)]
    alarms = reborn(alarms, [QUIET], states, *SENSORS)
    assert states[KEY].overrides == (Override.SUPPRESSED,)
    assert brief(alarms.on_frame(frame([(60, 0, 0, "MODE")], 1))) == [("unsuppressed", 60)]
    asked = ask("suppress", KEY, 3, at=70, reason="检修")
    alarms.on_command(asked)
    assert alarms.on_frame(frame([(80, 1, 0, "MODE"), (90, 0, 0, "MODE")], 2)) == []
    assert alarms.on_tick(us(100), caught_up=False) == []


@pytest.mark.parametrize("link", [{"parent": "FAN/fan.low"}, {"suppressed_while": "MODE"}])
def test_a_p1_alarm_has_neither_parent_nor_mode_without_an_approval(link):
    with pytest.raises(Refused, match="approval"):
        type(GAS).parse(rule(priority="P1").model_dump(mode="json") | link)
    assert type(GAS).parse(rule(priority="P1").model_dump(mode="json") | link | {"approval": "批1"}).approval
