"""Data contracts: each kind finds what it looks for, and a critical one keeps a bad build from being published."""

import datetime as dt
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from schemas.tables import TABLES
from schemas.times import day_start
from tests.test_warehouse_publish import at, hazard_event_rows, land
from warehouse.checks import checks_of
from warehouse.lake import LakeTable
from warehouse.model import Relation
from warehouse.publish import Stopped, publish, published, published_path
from warehouse.quality import told

AS_OF = day_start(dt.date(2026, 7, 10))


def counted(contract: dict, rows: str, **more: object) -> tuple[int, str | None]:
    """How many of `rows` (a VALUES list of columns a, b) break the contract, and what was found."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    con.execute(f"CREATE TABLE t AS SELECT * FROM (VALUES {rows}) AS v(a, b)")
    con.execute("CREATE TABLE other AS SELECT unnest([1, 2, 3]) AS a")
    con.execute("CREATE TABLE rows_before AS SELECT 't' AS name, 3 AS rows")
    con.execute("CREATE MACRO shanghai_day(t) AS t::DATE")
    relation = Relation("t", "facts", "表", "table", contract=(contract,) if contract else (), **more)
    (check,) = checks_of(relation)
    named = con.extract_statements(check.query)[0].named_parameters
    bad, _, found = con.execute(check.query, {"as_of": AS_OF} if "as_of" in named else {}).fetchone()
    return bad, found


def day(n: int, rows: int) -> str:
    return f"(DATE '2026-07-{n:02d}', {rows})"


@pytest.mark.parametrize(
    ("contract", "good", "bad", "n"),
    [
        ({"not_null": ["a", "b"]}, "(1, 2)", "(1, NULL), (NULL, NULL), (1, 1)", 2),
        ({"accepted": "a", "values": ["x", "y"]}, "('x', 1), (NULL, 1)", "('x', 1), ('z', 1)", 1),
        ({"range": "a", "low": 0, "high": 9}, "(0, 1), (9, 1), (NULL, 1)", "(-1, 1), (10, 1), (5, 1)", 2),
        ({"matches": "a", "pattern": r"\d{6}"}, "('140105', 1), ('', 1)", "('14010', 1), ('1401055', 1)", 2),
        ({"known": "a", "in": "other"}, "(1, 1), (NULL, 1)", "(1, 1), (9, 1), (9, 2)", 2),
        ({"rule": "a > b", "about": "甲大 | a is more"}, "(1, 2)", "(3, 2), (1, 2)", 1),
        ({"append_only": True}, "(1, 1), (1, 1), (1, 1)", "(1, 1)", 2),
        (
            {"fresh": "a", "hours": 24},
            "(TIMESTAMPTZ '2026-07-09 01:00+08', 1)",
            "(TIMESTAMPTZ '2026-07-08 23:59+08', 1)",
            1,
        ),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_each_kind_of_check_counts_what_breaks_it(contract, good, bad, n):
    assert counted(contract, good)[0] == 0
    assert counted(contract, bad)[0] == n


def test_a_key_that_stands_twice_is_found_and_shown():
    assert counted({}, "(1, 1), (2, 2)", key=("a",)) == (0, None)
    assert counted({}, "(1, 1), (1, 2), (1, 3), (2, 2)", key=("a",))[0] == 2
    assert counted({}, "(1, 1), (1, 2)", key=("a", "b")) == (0, None)


def test_a_day_with_far_less_than_usual_is_told_and_a_short_history_is_not():
    contract = {"daily_volume": "b", "low": 0.5, "high": 2}
    con_rows = ", ".join(day(n, 100) for n in range(2, 9))
    relation = "(VALUES {}) AS v(day, b)"
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    con.execute("CREATE MACRO shanghai_day(t) AS t::DATE")
    (check,) = checks_of(Relation("t", "facts", "表", "table", contract=(contract,)))

    def ask(rows: str) -> tuple:
        con.execute(f"CREATE OR REPLACE TABLE t AS SELECT * FROM {relation.format(rows)}")
        return con.execute(check.query, {"as_of": AS_OF}).fetchone()

    assert ask(f"{con_rows}, {day(9, 90)}")[0] == 0
    bad, n, found = ask(f"{con_rows}, {day(9, 40)}")
    assert (bad, n) == (1, 40) and "2026-07-09" in found
    assert ask(f"{con_rows}, {day(9, 90)}, {day(10, 1)}")[0] == 0  # the day itself is not over
    assert ask(f"{day(7, 100)}, {day(8, 100)}, {day(9, 1)}") == (0, 0, None)


@pytest.mark.parametrize("contract", [{"colour": "a"}, {"not_null": ["a"], "severity": "grave"}])
def test_a_contract_that_is_none_is_named(contract):
    with pytest.raises(ValueError, match="t"):
        list(checks_of(Relation("t", "facts", "表", "table", contract=(contract,))))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    land(tmp_path, "hazard_events", hazard_event_rows())
    return tmp_path


def bad_event(data: Path) -> None:
    row = at("hazard_events", 900, event_id="bad", kind="hazard_closed", subject_id=None, site_id="s")
    LakeTable.open(data / "lake", "hazard_events").append(pa.Table.from_pylist([row], TABLES["hazard_events"]), {}, {})


def test_a_critical_check_stops_the_publish_and_the_last_good_file_stays(data):
    good = publish(data)
    bad_event(data)
    with pytest.raises(Stopped, match=r"hazard_events\.not_null.*缺少必填值") as stopped:
        publish(data)
    assert [each.check.severity for each in stopped.value.results] == ["critical"]
    assert published_path(data) == good.path and not list((data / "warehouse").glob(".building-*"))
    last = told(data / "warehouse")[-1]
    assert not last["published"] and last["failed"][0]["bad"] == 1


def test_a_person_may_let_a_check_pass_and_the_file_says_so(data):
    publish(data)
    bad_event(data)
    with pytest.raises(Stopped) as stopped:
        publish(data)
    check_id = stopped.value.results[0].check.check_id
    publish(data, accept=[check_id])
    con = published(data)
    found = con.execute("SELECT check_id, accepted, bad FROM quality_checks WHERE severity = 'critical' AND NOT passed")
    assert found.fetchall() == [(check_id, True, 1)]
    history = con.execute(
        "SELECT build, published, check_id IS NULL FROM quality_history ORDER BY checked_at"
    ).fetchall()
    assert (1, True, False) in history or (1, True, True) in history
    assert (2, False, False) in history


def test_fewer_events_than_in_the_last_build_stop_it(data):
    publish(data)
    shutil.rmtree(data / "lake" / "hazard_events")
    land(data, "hazard_events", hazard_event_rows()[:-3])
    with pytest.raises(Stopped, match=r"hazard_events\.append_only: 3"):
        publish(data)


def test_a_warning_is_told_and_stops_nothing(data):
    publish(data)
    con = published(data)
    warned = dict(con.execute("SELECT check_id, bad FROM quality_checks WHERE NOT passed").fetchall())
    assert warned["hazard_events.known.site_id"] == len(hazard_event_rows())  # the vectors' sites are not registered
    assert con.execute("SELECT count(*) FROM quality_checks WHERE passed").fetchone()[0] > 80


def test_a_torn_line_of_the_log_is_left_out(data):
    publish(data)
    with (data / "warehouse" / "quality.jsonl").open("ab") as out:
        out.write(b'{"build": 2, "che')
    publish(data)
    assert [build["build"] for build in told(data / "warehouse")][:1] == [1]
