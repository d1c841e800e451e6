"""`qingling sql`: what people may ask, and what they may not."""

import csv
import io
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from console.sql import sql
from schemas.tables import READINGS
from schemas.times import EPOCH, day_start, shanghai_day
from warehouse.lake import LakeTable
from warehouse.publish import publish

app = typer.Typer()
app.command()(sql)

NOON = day_start(shanghai_day(EPOCH))


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch) -> Path:
    rows = [
        {
            "log_id": "log", "topic": "telemetry.frames", "partition": 0, "offset": 0, "kafka_at": EPOCH, "row": n,
            "frame_id": "f", "site_id": "矿一", "sensor_id": f"s{n}", "occurred_at": NOON, "value": n / 10,
            "quality": 0, "source": "test", "received_at": NOON, "day": shanghai_day(NOON),
        }
        for n in range(5)
    ]  # fmt: skip
    LakeTable.open(tmp_path / "lake", "readings").append(pa.Table.from_pylist(rows, READINGS), {}, {})
    publish(tmp_path)
    monkeypatch.setenv("QINGLING_DATA", str(tmp_path))
    return tmp_path


def ask(*args: str, stdin: str = ""):
    return CliRunner().invoke(app, list(args), input=stdin, catch_exceptions=False)


def test_json_is_one_array_with_times_in_shanghai():
    result = ask("SELECT sensor_id, value, occurred_at FROM readings ORDER BY ALL", "--json")
    assert result.exit_code == 0
    rows = orjson.loads(result.stdout)
    assert rows[1] == {"sensor_id": "s1", "value": 0.1, "occurred_at": "1970-01-01T00:00:00+08:00"}
    assert orjson.loads(ask("SELECT 1 WHERE false", "--format", "json").stdout) == []


def test_sums_of_integers_are_integers_in_json():
    assert orjson.loads(ask("SELECT sum(quality) AS n, count(*) AS c FROM readings", "--json").stdout) == [
        {"n": 0, "c": 5}
    ]


def test_csv_and_table_show_every_row():
    text = ask("FROM readings ORDER BY sensor_id", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["sensor_id"] for row in rows] == ["s0", "s1", "s2", "s3", "s4"] and rows[0]["site_id"] == "矿一"
    table = ask("SELECT site_id, sensor_id FROM readings").stdout
    assert table.count("矿一") == 5


def test_parquet_goes_to_a_file(tmp_path):
    out = tmp_path / "rows.parquet"
    assert ask("FROM readings", "--format", "parquet", "--out", str(out)).exit_code == 0
    assert pq.read_table(out).num_rows == 5


def test_a_query_may_come_from_standard_input():
    assert "5" in ask("-", stdin="SELECT count(*) FROM readings").stdout


@pytest.mark.parametrize(
    "query", ["EXPLAIN FROM readings", "explain analyze from readings", "SHOW TABLES", "DESCRIBE hazards"]
)
def test_looking_around_is_allowed(query):
    assert ask(query).exit_code == 0


@pytest.mark.parametrize(
    "query",
    [
        "COPY readings TO '{lake}/evil.csv'",
        "EXPLAIN ANALYZE COPY readings TO '{lake}/evil.csv'",
        "explain (analyze) copy readings to '{lake}/evil.csv'",
        "/* */ EXPLAIN ANALYZE COPY readings TO '{lake}/evil.csv'",
        "SELECT 1; COPY readings TO '{lake}/evil.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{lake}/../warehouse/warehouse-1.json')",
        "ATTACH '/tmp/other.duckdb'",
        "SET memory_limit = '100GB'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "DELETE FROM hazards",
        "CREATE TEMP TABLE t AS SELECT 1",
        "PRAGMA database_list",
        "EXPORT DATABASE '{lake}'",
        "",
    ],
)
def test_nothing_else_is(query, data):
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}
    result = ask(query.format(lake=data / "lake"))
    assert result.exit_code == 2, result.output
    assert result.stderr.strip()
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()} == before


def test_a_mistake_is_answered_with_duckdbs_own_hint():
    result = ask("SELECT * FROM hazard")
    assert result.exit_code == 2 and "hazards" in result.stderr


def test_a_query_without_end_is_stopped():
    result = ask("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", "--timeout", "0.3")
    assert result.exit_code == 1 and "0.3 s" in result.stderr


def test_a_query_too_big_for_its_memory_is_refused_and_spills_nothing():
    result = ask("SELECT list(range) FROM range(100000000)", "--memory", "100MB")
    assert result.exit_code == 1 and "内存" in result.stderr


def test_without_a_warehouse_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("QINGLING_DATA", str(tmp_path / "none"))
    result = ask("SELECT 1")
    assert result.exit_code == 1 and "--once publish" in result.stderr


def test_an_unwritable_file_is_named(tmp_path):
    result = ask("SELECT 1", "--format", "csv", "--out", str(tmp_path / "no" / "such" / "rows.csv"))
    assert result.exit_code == 1 and "rows.csv" in result.stderr
