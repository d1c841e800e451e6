import datetime as dt
import math
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from schemas.model import Refused
from schemas.terms import Quality, UpstreamKind
from schemas.times import from_us, to_us
from streams.gateways.mtt1201 import FileName, dialect
from streams.gateways.mtt1201_abnormal import parse_abnormal
from streams.gateways.mtt1201_parcel import parcel_of
from streams.gateways.mtt1201_places import locate
from streams.gateways.mtt1201_points import parse_definitions, quantity_of, signal_of
from streams.gateways.mtt1201_text import is_complete, read_text
from streams.gateways.mtt1201_values import parse_values

MINE = "140402000123"
CST = dt.timezone(dt.timedelta(hours=8))
NOW = to_us(dt.datetime(2026, 11, 23, 10, 15, 30, tzinfo=CST))
STAMP = "2026-11-23 10:15:00"
HEADER = f"{MINE};示例煤矿;{STAMP}"
METHANE = f"{MINE}01MN0001A023"


def file(*records: str, header: str = HEADER, end: str = "~||") -> bytes:
    return ("~".join([header, *records]) + end).encode()


def value(text: str = "1.12", status: str = "1", time: str = STAMP, code: str = METHANE) -> str:
    return f"{code};甲烷;3301回风巷T2;{text};%CH4;{status};{time}"


def values_of(*records: str, **parts: str):
    return parse_values(read_text(file(*records, **parts), "a.txt", NOW), NOW)


def definition(code: str = METHANE, **given: str) -> str:
    row = dict.fromkeys(dialect().fields["CDDY"], "")
    row |= {
        "code": code, "system": f"{MINE}01", "substation": "01", "sensor_type": "0001", "value_kind": "MN",
        "unit": "%CH4",
        "range_high": "4", "range_low": "0", "alarm_high": "1.0", "release_high": "1.0", "cut_high": "1.5",
        "restore_high": "1.0", "location": "3301回风巷T2", "time": STAMP,
    } | given  # fmt: skip
    return ";".join(row.values())


def definitions_of(*records: str):
    return parse_definitions(read_text(file(*records), "a.txt", NOW), NOW)


def abnormal(kind: str = "001", end: str = "", **given: str) -> str:
    row = dict.fromkeys(dialect().fields["YCBJ"], "")
    row |= {
        "code": METHANE, "type_name": "甲烷", "location": "3301回风巷T2", "unit": "%CH4", "kind": kind,
        "start": "2026-11-23 10:12:30", "end": end, "max": "1.31", "max_time": "2026-11-23 10:14:10", "min": "0.78",
        "min_time": "2026-11-23 10:12:30", "mean": "1.05", "time": STAMP,
    } | given  # fmt: skip
    return ";".join(row.values())


def abnormal_of(*records: str):
    return parse_abnormal(read_text(file(*records), "a.txt", NOW), NOW)


@pytest.mark.parametrize(
    ("name", "mine", "kind"),
    [
        ("140402000123_CDSS_20261123101500.txt", "140402000123", "CDSS"),
        ("14040200012_CDSS_20261123101500.txt", "14040200012", "CDSS"),
        ("140402000123_CDSS_20261123101500000001.txt", "140402000123", "CDSS"),
        ("140402000123000001_CDSS_20261123101500.txt", "140402000123000001", "CDSS"),
        ("KJ101_140402000123_CDSS_20261123101500.txt", "140402000123", "CDSS"),
        ("140402000123_ycbj_20261123101500.TXT", "140402000123", "YCBJ"),
    ],
)
def test_a_file_name_is_read_whatever_its_length(name, mine, kind):
    found = FileName.parse(name)
    assert (found.mine, found.type) == (mine, kind)
    assert found.written_at == dt.datetime(2026, 11, 23, 10, 15, tzinfo=CST)


@pytest.mark.parametrize(
    "name",
    ["readme.txt", "140402000123_CDSS.txt", "1404_CDSS_20261123101500.txt", "140402000123_CDSS_20261323101500.txt"],
)
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(Refused) as refused:
        FileName.parse(name)
    assert refused.value.field == "file name"


def test_a_reading_is_read_with_its_local_time():
    found = values_of(value())
    assert found.bad == ()
    assert found.sensor_ids == (METHANE,)
    assert from_us(found.occurred_at_us[0]) == dt.datetime(2026, 11, 23, 2, 15, tzinfo=dt.UTC)
    assert (found.values, found.quality) == ((1.12,), (Quality.ALARM,))


def test_bom_stray_newlines_and_extra_header_fields_change_nothing():
    plain = values_of(value())
    raw = (
        b"\xef\xbb\xbf\r\n"
        + file(value(), header=f"{MINE};示例煤矿;KJ101;安标;{STAMP};x;y").replace(b"~", b"~\r\n")
        + b"\r\n\n"
    )
    text = read_text(raw, "a.txt", NOW)
    assert text.header.written_at_us == to_us(dt.datetime(2026, 11, 23, 10, 15, tzinfo=CST))
    assert parse_values(text, NOW) == plain


def test_full_width_semicolons_separate_fields():
    assert values_of(value().replace(";", "；"), header=HEADER.replace(";", "；")) == values_of(value())


def test_a_full_width_semicolon_in_free_text_stays_text():
    found = abnormal_of(abnormal(cause="割煤速度快；瓦斯涌出"))
    assert found.bad == ()
    assert found.alarms[0].cause == "割煤速度快；瓦斯涌出"


def test_status_is_a_mask_of_bits():
    found = values_of(value(status="5"), value(status="128"), value(status="00"))
    assert found.quality == (Quality.ALARM | Quality.CALIBRATING, Quality.SENSOR_FAULT, 0)


def test_the_invalid_value_is_no_value_and_a_sensor_fault():
    found = values_of(value("-9999", "0"), value("-9999.0", "4"))
    assert all(math.isnan(v) for v in found.values)
    assert found.quality == (Quality.SENSOR_FAULT, Quality.SENSOR_FAULT | Quality.CALIBRATING)


def test_an_empty_value_is_not_polled_unless_the_status_says_why():
    found = values_of(value("", "0"), value("", "16"))
    assert all(math.isnan(v) for v in found.values)
    assert found.quality == (Quality.NOT_POLLED, Quality.STATION_FAULT)


@pytest.mark.parametrize(
    ("record", "field", "reason"),
    [
        (value("nan"), "value", "no number"),
        (value("1_0"), "value", "no number"),
        (value("1e999"), "value", "no number"),
        (value("１.２"), "value", "no number"),
        (value(status="256"), "status", "mask"),
        (value(status="-1"), "status", "mask"),
        (value(status=""), "status", "empty"),
        (value(time=""), "time", "empty"),
        (value(time="2026-02-30 10:00:00"), "time", "day"),
        (value(time="1999-12-31 10:00:00"), "time", "before 2000"),
        (value(time="2026-11-23 10:26:00"), "time", "future"),
        (value(code=""), "code", "empty"),
        (value() + ";extra", "record", "8 fields instead of 7"),
        (f"{METHANE};甲烷", "record", "2 fields instead of 7"),
    ],
)
def test_a_bad_record_names_line_field_and_reason_and_the_rest_is_kept(record, field, reason):
    found = values_of(value(), record, value("0.5", "0"))
    assert found.values == (1.12, 0.5)
    [bad] = found.bad
    assert (bad.row.line, bad.field, bad.row.raw.decode()) == (3, field, record)
    assert reason in bad.reason


def test_a_record_that_is_not_utf8_does_not_spoil_its_neighbours():
    raw = file(value(), "XX", value()).replace(b"XX", "甲烷".encode("gb18030"))
    found = parse_values(read_text(raw, "a.txt", NOW), NOW)
    assert len(found) == 2
    assert "UTF-8" in found.bad[0].reason
    assert raw[found.bad[0].row.offset :].startswith("甲烷".encode("gb18030"))


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (file(value(), end="~"), "end mark"),
        (b"||", "header"),
        (file(value(), header=f"mine;示例煤矿;{STAMP}"), "header mine code"),
        (file(value(), header=f"{MINE};示例煤矿;yesterday"), "header time"),
        (file(value(), header=f"{MINE};示例煤矿;2026-11-23 10:26:00"), "header time"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_whole(raw, field):
    with pytest.raises(Refused) as refused:
        read_text(raw, "a.txt", NOW)
    assert refused.value.field == field


def test_a_file_without_its_end_mark_is_still_being_written():
    whole = file(value(), value())
    assert is_complete(whole)
    assert not any(is_complete(whole[:cut]) for cut in range(len(whole)))


def test_a_header_ten_minutes_ahead_is_a_fast_clock():
    assert len(values_of(value(), header=f"{MINE};示例煤矿;2026-11-23 10:25:30")) == 1


@pytest.mark.parametrize(
    ("bad", "good", "refused"), [(1, 4, False), (1, 3, True), (2, 8, False), (3, 10, True), (1, 0, True)]
)
def test_more_than_a_fifth_of_bad_records_refuses_the_file(bad, good, refused):
    raw = file(*[value("x")] * bad, *[value()] * good)
    name = FileName.parse(f"{MINE}_CDSS_20261123101500.txt")
    if refused:
        with pytest.raises(Refused, match="20 %"):
            parcel_of(name, raw, NOW, lambda mine: -1)
    else:
        parcel = parcel_of(name, raw, NOW, lambda mine: -1)
        assert (parcel.readings, len(parcel.letters)) == (good, bad)


def test_a_file_under_another_mines_name_is_refused():
    name = FileName.parse("140402000999_CDSS_20261123101500.txt")
    with pytest.raises(Refused) as refused:
        parcel_of(name, file(value()), NOW, lambda mine: -1)
    assert refused.value.field == "header mine code"


def test_the_same_bytes_make_the_same_frame_and_the_same_letters():
    name = FileName.parse(f"{MINE}_CDSS_20261123101500.txt")
    raw = file(*[value()] * 5, value("x"))
    first, again = (parcel_of(name, raw, now, lambda mine: 7) for now in (NOW, NOW + 5_000_000))
    ids = [[dict(m.headers)["frame_id"] for m in parcel.messages] for parcel in (first, again)]
    letters = [[dict(m.headers)["letter_id"] for m in parcel.letters] for parcel in (first, again)]
    assert ids[0] == ids[1]
    assert letters[0] == letters[1]
    assert dict(first.messages[0].headers)["registry_offset"] == b"7"


def test_a_definition_becomes_site_place_and_sensor():
    found = definitions_of(definition())
    assert (found.site.site_id, found.site.region, found.site.industry) == (MINE, "140402", "coal")
    [place], [sensor] = found.places, found.sensors
    assert (place.kind, place.area, place.name) == ("coal_face_return", "3301", "3301回风巷")
    assert (sensor.sensor_id, sensor.place_id) == (METHANE, place.place_id)
    assert (sensor.quantity, sensor.signal, sensor.resolution) == ("methane", "ch4_pct", 0.01)
    assert (sensor.alarm_high, sensor.release_high, sensor.cut_high, sensor.alarm_low) == (1.0, 1.0, 1.5, None)


def test_two_wordings_of_one_road_are_one_place_with_aliases():
    found = definitions_of(definition(), definition(f"{MINE}01MN0001A031", location="3301综采工作面回风流T2"))
    [place] = found.places
    assert {"3301综采工作面回风流", "3301综采工作面回风流T2"} <= set(place.aliases)
    assert {sensor.place_id for sensor in found.sensors} == {place.place_id}


def test_a_limit_at_the_bottom_of_the_range_is_none():
    [sensor] = definitions_of(definition(alarm_low="0", release_low="0", alarm_high="-9999", cut_high="0")).sensors
    assert (sensor.alarm_low, sensor.release_low, sensor.alarm_high, sensor.cut_high) == (None, None, None, None)


def test_a_point_of_another_mine_is_not_defined_by_this_one():
    found = definitions_of(definition(), definition("149902000123" + "01MN0001A001"))
    assert len(found.sensors) == 1
    assert found.bad[0].field == "code"


@pytest.mark.parametrize(
    ("location", "kind", "area"),
    [
        ("3301综采工作面T1", "coal_face", "3301"),
        ("3301综采工作面回风流T2", "coal_face_return", "3301"),
        ("3301回风巷", "coal_face_return", "3301"),
        ("3301进风巷", "coal_face_intake", "3301"),
        ("3301采煤机", "shearer", "3301"),
        ("3301回风隅角甲烷T0", "coal_face_return_corner", "3301"),
        ("217胶带巷掘进工作面甲烷T1", "heading_face", "217胶带巷"),
        ("217胶带巷掘进回风流T2", "heading_return", "217胶带巷"),
        ("西翼总回风巷", "main_return", ""),
        ("二采区回风巷甲烷", "panel_return", ""),
        ("西采变电所温度", "electrical_room", ""),
        ("1010辅运顺槽4#避险硐室激光甲烷", "other_workplace", "1010"),
    ],
)
def test_location_text_says_kind_and_area(location, kind, area):
    found = locate(location)
    assert (found.kind, found.area) == (kind, area)


def test_places_of_no_single_kind_are_told_by_name():
    one, other = locate("1010辅运顺槽4#避险硐室激光甲烷"), locate("1010辅运顺槽5#施工钻场激光甲烷")
    assert one.place_id(MINE) != other.place_id(MINE)
    assert locate("1010辅运顺槽4#避险硐室温度").place_id(MINE) == one.place_id(MINE)


def test_every_place_kind_is_of_the_criteria_vocabulary():
    from schemas.vocabulary import vocabulary

    kinds = {kind for _, kind, _ in dialect().places} | {dialect().default_place[0]}
    assert kinds <= set(vocabulary().places)


@pytest.mark.parametrize(
    ("code", "unit", "location", "quantity", "signal"),
    [
        ("0001", "%CH4", "3301回风巷", "methane", "ch4_pct"),
        ("0003", "%CH4", "3301回风巷", "methane", "ch4_pct"),
        ("0002", "m/s", "3301回风巷", "wind_speed", "wind_mps"),
        ("7777", "ppm", "西一皮带机头", "carbon_monoxide", "co_ppm"),
        ("7777", "", "瓦斯泵站烟雾", "smoke", "smoke_alarm"),
        ("1001", "", "3301采煤机", "running", "powered_work_on"),
        ("1001", "", "1号主通风机", "running", "main_fan_running"),
        ("1001", "", "3301转载机", "running", ""),
        ("7777", "", "3301", "", ""),
    ],
)
def test_what_a_point_measures(code, unit, location, quantity, signal):
    found = quantity_of(code, unit, location)
    assert (found.quantity if found else "") == quantity
    assert signal_of(found, location) == signal


def test_an_abnormal_record_becomes_an_upstream_alarm():
    [alarm] = abnormal_of(abnormal(end="2026-11-23 10:14:30")).alarms
    assert (alarm.site_id, alarm.sensor_id, alarm.area_code) == (MINE, METHANE, "3301")
    assert (alarm.alarm_kind, alarm.peak, alarm.unit) == (UpstreamKind.OVER_LIMIT, 1.31, "%CH4")
    assert alarm.raised_at == dt.datetime(2026, 11, 23, 10, 12, 30, tzinfo=CST)
    assert alarm.ended_at == dt.datetime(2026, 11, 23, 10, 14, 30, tzinfo=CST)
    assert alarm.raw.file == "a.txt"


@pytest.mark.parametrize("kind", sorted(dialect().abnormal_kinds))
def test_every_abnormal_kind_is_understood(kind):
    [alarm] = abnormal_of(abnormal(kind)).alarms
    assert alarm.ended_at is None
    assert alarm.peak == (0.78 if kind == "010" else 1.31)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (abnormal("011"), "kind"), (abnormal(""), "kind"), (abnormal(start=""), "start"),
        (abnormal(end="2026-11-23 10:12:29"), "end"), (abnormal(max="high"), "max"), (abnormal(code=""), "code"),
    ],
)  # fmt: skip
def test_a_bad_abnormal_record_names_its_field(record, field):
    [bad] = abnormal_of(abnormal(), record).bad
    assert (bad.row.line, bad.field) == (3, field)


def test_the_real_series_comes_back_to_the_last_digit(real_series, uplink_writer, tmp_path):
    subprocess.run(
        [sys.executable, uplink_writer, tmp_path, "--rows", "200", "--from", "100"], check=True, capture_output=True
    )
    columns = ["MM116", "MM31", "AS038", "PG072", "BA13", "PD"]
    rows = pq.read_table(real_series, columns=columns).slice(100, 200).to_pylist()
    files = sorted(tmp_path.glob("*_CDSS_*.txt"))
    assert len(files) == 200
    [definitions] = tmp_path.glob("*_CDDY_*.txt")
    defined = parse_definitions(read_text(definitions.read_bytes(), definitions.name, NOW), NOW)
    assert [sensor.signal for sensor in defined.sensors] == [
        "ch4_pct", "ch4_pct", "wind_mps", "wind_mps", "", "powered_work_on",
    ]  # fmt: skip
    assert [place.kind for place in defined.places] == ["coal_face", "coal_face_return", "coal_face_intake", "shearer"]
    start = dt.datetime(2026, 7, 2, tzinfo=CST)
    for i, (path, row) in enumerate(zip(files, rows, strict=True)):
        found = parse_values(read_text(path.read_bytes(), path.name, NOW), NOW)
        assert found.bad == ()
        assert found.sensor_ids == tuple(sensor.sensor_id for sensor in defined.sensors)
        assert found.values == tuple(row[name] for name in columns)
        assert set(found.occurred_at_us) == {to_us(start + dt.timedelta(seconds=30 * i))}
        over = [row["MM116"] >= 1.0, row["MM31"] >= 1.0, False, False, False, False]
        assert found.quality == tuple(int(flag) for flag in over)
