"""The layers of SQL: histories of the registry, spans of hazards against the KPI facts, marts against the KPIs."""

import datetime as dt
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

import warehouse
from schemas.registry import Sensor, Site
from schemas.tables import READINGS, TABLES
from schemas.times import MICROSECOND, day_end, day_start, shanghai_day
from tests.test_warehouse_kpis import DAY0, VECTORS, lives
from tests.test_warehouse_publish import hazard_event_rows, land
from warehouse.kpi_facts import HazardsAt
from warehouse.lake import LakeTable
from warehouse.ledger import connect_events, read_events
from warehouse.publish import publish, published
from warehouse.views import LAYERS, SQL, query_of, reads, view_names

T0 = day_start(dt.date(2026, 7, 1)) + dt.timedelta(hours=8)


def registry(data: Path, table: str, records: list[tuple[str, dict | None, dt.datetime]]) -> None:
    rows = [
        {"log_id": "log", "topic": table.replace("_", ".", 1), "partition": 0, "offset": n, "kafka_at": at, "key": key,
         "value": None if value is None else orjson.dumps(value).decode()}
        for n, (key, value, at) in enumerate(records)
    ]  # fmt: skip
    LakeTable.open(data / "lake", table).append(pa.Table.from_pylist(rows, TABLES[table]), {}, {})


def site(**said: object) -> dict:
    return Site.model_validate({"site_id": "m1", "region": "140105", "industry": "coal", **said}).model_dump(
        mode="json"
    )


def test_every_sql_file_lies_in_a_layer_and_reads_what_exists():
    assert {folder.name for folder in SQL.iterdir() if folder.is_dir()} == {*LAYERS, "build", "kpis", "reference"}
    assert set(view_names()) >= {"hazards", "dim_site", "readings", "overdue_by_county"}
    assert {"hazard_events", "hazard_states", "dim_site", "dim_region"} <= reads("hazards")


def test_a_site_keeps_its_versions_with_the_span_each_held(tmp_path):
    hour = dt.timedelta(hours=1)
    registry(tmp_path, "registry_sites", [
        ("m1", site(name="甲矿", received_at=T0.isoformat()), T0),
        ("m1", site(name="甲矿", received_at=(T0 + hour).isoformat()), T0 + hour),  # sent again: nothing new
        ("m1", site(name="乙矿", region="140121"), T0 + 2 * hour),
        ("m2", site(site_id="m2"), T0),
        ("m2", None, T0 + 3 * hour),  # taken out of the registry
    ])  # fmt: skip
    con = warehouse.connect(tmp_path)
    rows = con.execute(
        "SELECT site_key, name, region, epoch_us(valid_from), epoch_us(valid_to), is_current FROM dim_site ORDER BY ALL"
    ).fetchall()
    changed, gone = (round((T0 + n * hour).timestamp() * 1e6) for n in (2, 3))
    first, forever = -2208988800000000 - 28800000000, 253402185600000000
    assert rows == [
        ("m1@1", "甲矿", "140105", first, changed, False),
        ("m1@2", "乙矿", "140121", changed, forever, True),
        ("m2@1", "", "140105", first, gone, False),
    ]
    held = "valid_from <= ?::TIMESTAMPTZ AND valid_to > ?::TIMESTAMPTZ"
    at = f"SELECT site_key FROM dim_site WHERE site_id = 'm1' AND {held}"
    for moment, key in ((T0 - hour, "m1@1"), (T0 + hour, "m1@1"), (T0 + 2 * hour, "m1@2")):
        assert con.execute(at, [moment, moment]).fetchall() == [(key,)]


def test_an_enterprise_is_called_what_its_sites_last_said(tmp_path):
    def named(site_id: str, enterprise: str, name: str | None) -> dict:
        return site(site_id=site_id, enterprise_id=enterprise, enterprise_name=name)

    hour = dt.timedelta(hours=1)
    registry(tmp_path, "registry_sites", [
        ("m1", named("m1", "E1", "旧名"), T0), ("m2", named("m2", "E1", "新名"), T0),
        ("m2", named("m2", "E1", "更新名"), T0 + hour), ("m3", named("m3", "E1", None), T0 + 2 * hour),
        ("m4", named("m4", "E2", None), T0),
    ])  # fmt: skip
    con = warehouse.connect(tmp_path)
    rows = con.execute("SELECT enterprise_id, name, name_en, sites FROM dim_enterprise ORDER BY 1").fetchall()
    assert rows == [("E1", "更新名", None, 3), ("E2", None, None, 1)]


def test_the_calendar_knows_holidays_and_the_days_made_up_for(tmp_path):
    registry(tmp_path, "registry_calendar", [
        ("2026-10-02", {"date": "2026-10-02", "workday": True, "name": "加班", "name_en": "worked"}, T0),
        ("2026-10-12", {"date": "2026-10-12", "workday": False, "name": "地方节日", "name_en": "local"}, T0),
    ])  # fmt: skip
    con = warehouse.connect(tmp_path)
    days = "SELECT is_workday, holiday_en, plan_phase FROM dim_calendar WHERE day = ?"
    assert con.execute(days, [dt.date(2026, 10, 1)]).fetchone() == (False, "National Day", "dynamic_clearance")
    assert con.execute(days, [dt.date(2026, 10, 2)]).fetchone() == (True, "worked", "dynamic_clearance")
    assert con.execute(days, [dt.date(2026, 10, 12)]).fetchone() == (False, "local", "dynamic_clearance")
    assert con.execute(days, [dt.date(2024, 2, 4)]).fetchone() == (True, "made up for", "clear_stock")
    assert con.execute(days, [dt.date(2023, 12, 30)]).fetchone() == (False, None, "stock")
    assert con.execute("SELECT count(*) FROM dim_calendar WHERE is_milestone").fetchone() == (3,)


def test_regions_have_names_and_unknown_codes_stand_for_themselves(tmp_path):
    registry(tmp_path, "registry_sites", [("m1", site(), T0), ("m9", site(site_id="m9", region="999101"), T0)])
    con = warehouse.connect(tmp_path)
    named = dict(con.execute("SELECT region, name_zh || ' ' || name_en || ' ' || level FROM dim_region").fetchall())
    assert named["140105"] == "小店区 Xiaodian county" and named["140100"] == "太原市 Taiyuan city"
    assert named["999101"] == "999101 999101 county" and named["999100"] == "999100 999100 city"
    parents = con.execute("SELECT count(*) FROM dim_region c LEFT JOIN dim_region p ON c.parent = p.region "
                          "WHERE c.parent IS NOT NULL AND p.region IS NULL").fetchone()  # fmt: skip
    assert parents == (0,)


def spans_of(events):
    con = connect_events(events)
    con.execute(f"CREATE VIEW hazard_spans AS {query_of('hazard_spans')}")
    return con


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(lives())
def test_spans_say_of_every_day_what_the_kpi_facts_say(events):
    con = spans_of(events)
    for n in range(0, 51, 7):
        day = (DAY0 + dt.timedelta(days=n)).date()
        facts = con.execute(
            "SELECT hazard_id, in_m, is_open, due, is_found FROM hazards_as_of(?::TIMESTAMPTZ, NULL) ORDER BY 1",
            [day_end(day) - MICROSECOND],
        ).fetchall()
        spans = con.execute(
            "SELECT hazard_id, is_major, is_open, due, is_found FROM hazard_spans "
            "WHERE ? BETWEEN valid_from AND valid_to ORDER BY 1", [day]
        ).fetchall()  # fmt: skip
        assert spans == facts, day


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    data = tmp_path_factory.mktemp("vectors")
    land(data, "hazard_events", hazard_event_rows())
    publish(data)
    return data


def test_overdue_in_each_county_is_one_obvious_query_and_equals_k07(vectors):
    con = published(vectors)
    counties = dict(con.execute("SELECT region, overdue FROM overdue_by_county").fetchall())
    asked = dict(
        con.execute("SELECT region, count(*) FROM hazards WHERE is_major AND is_overdue GROUP BY region").fetchall()
    )
    rows = HazardsAt(con, dt.datetime.now(dt.UTC)).rows(["region"], kpis=["K07"])
    k07 = {row.group["region"]: row.num for row in rows}
    assert counties == k07 and sum(counties.values()) == 2
    assert asked == {region: n for region, n in k07.items() if n}
    named = dict(con.execute("SELECT region, county || ' ' || county_en FROM overdue_by_county").fetchall())
    assert named["140402"] == "140402 140402" and named["140581"] == "高平市 Gaoping"


@pytest.mark.parametrize("day", ["2024-12-31", "2025-12-31", "2026-11-23"])
def test_clearance_on_any_day_equals_the_facts_of_that_day(vectors, day):
    con = published(vectors)
    at = day_end(dt.date.fromisoformat(day)) - MICROSECOND
    facts = con.execute(
        "SELECT count(*) FILTER (in_m AND is_open), count(*) FILTER (in_m AND is_overdue) "
        "FROM hazards_as_of(?::TIMESTAMPTZ, NULL)", [at]
    ).fetchone()  # fmt: skip
    told = "SELECT open_major, overdue, is_clear FROM clearance_daily WHERE region = '140000' AND day = ?"
    assert con.execute(told, [dt.date.fromisoformat(day)]).fetchone() == (*facts, False)
    counted = con.execute(
        "SELECT count(*) FILTER (is_major), count(*) FILTER (is_major AND is_overdue) FROM hazard_days WHERE day = ?",
        [dt.date.fromisoformat(day)],
    ).fetchone()
    assert counted == facts


def test_milestones_follow_the_worked_hazard_h4_through_its_second_cycle(vectors):
    (good, _) = read_events(VECTORS)
    (h4,) = {e.subject_id for e in good if e.kind == "hazard_reopened"}
    row = published(vectors).execute(
        "SELECT found_on, closed_on, reopened_on, due, cycle FROM hazard_milestones WHERE hazard_id = ?", [h4]
    ).fetchone()  # fmt: skip
    assert row == (dt.date(2023, 12, 31), None, dt.date(2024, 11, 5), dt.date(2024, 2, 28), 2)


# -- readings per sensor and day


def reading(offset: int, at: dt.datetime, **said: object) -> dict:
    return {
        "log_id": "log", "topic": "telemetry.frames", "partition": 0, "offset": offset, "kafka_at": at, "row": 0,
        "frame_id": f"f{offset}", "site_id": "m1", "sensor_id": "s1", "occurred_at": at, "value": 0.5, "quality": 0,
        "source": "test", "received_at": at, "day": shanghai_day(at), **said,
    }  # fmt: skip


def test_a_reading_speaks_for_three_periods_at_most_and_a_faulty_one_for_nothing(tmp_path):
    sensor = Sensor(sensor_id="s1", site_id="m1", period_s=60).model_dump(mode="json")
    registry(tmp_path, "registry_sensors", [("s1", sensor, T0)])
    start = day_start(dt.date(2026, 7, 1))
    minutes = [0, 1, 2, 20, 21]  # a gap of 18 minutes after the third, then the rest of the day is silent
    rows = [reading(n, start + dt.timedelta(minutes=m)) for n, m in enumerate(minutes)]
    rows.append(reading(9, start + dt.timedelta(hours=12), quality=128))
    rows[1]["received_at"] = rows[1]["occurred_at"] + dt.timedelta(seconds=61)
    LakeTable.open(tmp_path / "lake", "readings").append(pa.Table.from_pylist(rows, READINGS), {}, {})
    day = warehouse.connect(tmp_path).execute(
        "SELECT readings, instants, usable, in_time, online_s, lead_in_s FROM sensor_days"
    ).fetchone()  # fmt: skip
    assert day == (6, 6, 5, 5, 60 + 60 + 180 + 60 + 180, 0)


def test_a_build_takes_over_what_has_not_changed_and_counts_only_changed_days(tmp_path):
    readings = LakeTable.open(tmp_path / "lake", "readings")
    land(tmp_path, "hazard_events", hazard_event_rows())
    for n in range(2):
        readings.append(pa.Table.from_pylist([reading(n, T0 + dt.timedelta(days=n))], READINGS), {}, {})
    first = publish(tmp_path)
    assert first.carried == frozenset()
    second = publish(tmp_path)
    assert {"hazards", "sensor_days", "dim_site", "clearance_daily"} <= second.carried
    before = published(tmp_path).execute("FROM sensor_days ORDER BY day").fetchall()
    readings.append(pa.Table.from_pylist([reading(5, T0 + dt.timedelta(days=1, seconds=30))], READINGS), {}, {})
    third = publish(tmp_path)
    assert "hazards" in third.carried and "sensor_days" not in third.carried
    after = published(tmp_path).execute("FROM sensor_days ORDER BY day").fetchall()
    assert after[0] == before[0] and [row[3] for row in after] == [1, 2]
    fresh = warehouse.connect(tmp_path).execute("FROM sensor_days ORDER BY day").fetchall()
    assert fresh == after
    carried = published(tmp_path).execute("SELECT carried_over FROM build_manifest WHERE name = 'hazards'").fetchone()
    assert carried == (True,)
