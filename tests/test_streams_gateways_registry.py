import orjson
import pytest

from schemas.model import Refused
from schemas.registry import Place, Sensor
from streams.gateways import registry, sensor_table

NOW = 1_795_400_000_000_000
HEADER = "sensor_id,site_id,location,unit,alarm_high,alarm_low"


def sent(*rows):
    return list(registry.records_of(b"\n".join(map(orjson.dumps, rows)), "r.jsonl", NOW))


def test_each_kind_goes_to_its_topic_under_its_id():
    found = sent(
        {"kind": "site", "site_id": "S", "region": "140402"},
        {"kind": "place", "place_id": "P", "site_id": "S"},
        {"kind": "sensor", "sensor_id": "T", "site_id": "S"},
        {"kind": "department", "department_id": "D", "name": "应急管理局"},
        {"kind": "rule", "rule_id": "ch4_pct.high", "site_id": "S", "sensor_id": "T", "limit": 1.0},
    )
    assert [(record.topic, record.key) for record, refused in found if refused is None] == [
        ("registry.sites", "S"), ("registry.places", "P"), ("registry.sensors", "T"), ("registry.departments", "D"),
        ("registry.rules", "S/T/ch4_pct.high"),
    ]  # fmt: skip


def test_rules_of_one_name_on_two_sensors_do_not_replace_each_other():
    rule = {"kind": "rule", "rule_id": "ch4_pct.high", "site_id": "S", "limit": 1.0}
    keys = {record.key for record, _ in sent(rule | {"sensor_id": "T1"}, rule | {"sensor_id": "T2"})}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"kind": "mine", "site_id": "S"}, "kind"),
        ({"site_id": "S"}, "kind"),
        ({"kind": "site", "site_id": "S", "region": "14"}, "region"),
        ({"kind": "sensor", "sensor_id": "T", "site_id": "S", "resolution": 0}, "resolution"),
        (
            {"kind": "rule", "rule_id": "r", "site_id": "S", "sensor_id": "T", "limit": 1, "on_delay_s": -1},
            "on_delay_s",
        ),
    ],
)
def test_a_bad_row_is_a_dead_letter_naming_the_field(row, field):
    [(record, refused)] = sent(row)
    assert (record.topic, refused.field) == ("dead.letters", field)
    headers = dict(record.headers)
    assert (headers["file"], headers["line"]) == (b"r.jsonl", b"1")


def table(*rows: str):
    return list(sensor_table.records_of("\n".join([HEADER, *rows]).encode("utf-8-sig"), "s.csv", NOW))


def test_a_table_of_sensors_brings_its_sites_and_places_once():
    found = table("A1,140402000123,3301回风巷甲烷T2,%CH4,1.0,", "A2,140402000123,3301回风巷一氧化碳,ppm,24,-0.01")
    assert [record.topic for record, _ in found] == [
        "registry.sites", "registry.places", "registry.sensors", "registry.sensors",
    ]  # fmt: skip
    place = Place.parse(found[1][0].value)
    methane, monoxide = (Sensor.parse(record.value) for record, _ in found[2:])
    assert (place.kind, place.area) == ("coal_face_return", "3301")
    assert {methane.place_id, monoxide.place_id} == {place.place_id}
    assert (methane.signal, methane.alarm_high, methane.alarm_low) == ("ch4_pct", 1.0, None)
    assert (monoxide.signal, monoxide.alarm_high, monoxide.alarm_low) == ("co_ppm", 24.0, None)


def test_a_table_row_with_a_bad_number_is_a_dead_letter():
    found = table("A1,140402000123,x,%CH4,high,", "A2,140402000123,x,%CH4,1,")
    assert [record.topic for record, _ in found] == [
        "dead.letters", "registry.sites", "registry.places", "registry.sensors",
    ]  # fmt: skip
    assert (found[0][1].field, dict(found[0][0].headers)["line"]) == ("alarm_high", b"2")


def test_a_table_without_sensor_ids_is_refused():
    with pytest.raises(Refused, match="sensor_id"):
        list(sensor_table.records_of(b"name,unit\nx,y\n", "s.csv", NOW))


def test_a_real_mines_sensor_export_is_read_whole(real_series):
    export = real_series.parents[1] / "meikuang" / "sensors.csv"
    found = list(sensor_table.records_of(export.read_bytes(), export.name, NOW))
    assert [refused for _, refused in found if refused] == []
    sensors = [Sensor.parse(record.value) for record, _ in found if record.topic == "registry.sensors"]
    assert len(sensors) == 305
    assert len({sensor.sensor_id for sensor in sensors}) == 304
    assert {s.signal: s.alarm_low for s in sensors if s.alarm_low is not None} == {"temp_c": 2.0}
    assert {limit for s in sensors if s.signal == "ch4_pct" for limit in [s.alarm_high]} == {0.5, 0.75, 1.0, 1.5}
    assert sum(s.signal == "ch4_pct" for s in sensors) == 143
