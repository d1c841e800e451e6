"""`qingling sql`: what people may ask, and what they may not."""

import csv
import io
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

from console.sql import sql
from schemas.tables import READINGS
from schemas.times import EPOCH, day_start, shanghai_day
from warehouse import questions
from warehouse.guard import NotAQuestion, check_question, guarded
from warehouse.lake import LakeTable
from warehouse.publish import publish

app = typer.Typer()
app.command()(sql)

NOON = day_start(shanghai_day(EPOCH))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    data = tmp_path_factory.mktemp("sql")
    rows = [
        {
            "log_id": "log", "topic": "telemetry.frames", "partition": 0, "offset": 0, "kafka_at": EPOCH, "row": n,
            "frame_id": "f", "site_id": "矿一", "sensor_id": f"s{n}", "occurred_at": NOON, "value": n / 10,
            "quality": 0, "source": "test", "received_at": NOON, "day": shanghai_day(NOON),
        }
        for n in range(5)
    ]  # fmt: skip
    LakeTable.open(data / "lake", "readings").append(pa.Table.from_pylist(rows, READINGS), {}, {})
    publish(data)
    return data


@pytest.fixture(autouse=True)
def data(built, monkeypatch) -> Path:
    monkeypatch.setenv("QINGLING_DATA", str(built))
    return built


@pytest.fixture
def guard(data):
    con = guarded(data)
    yield con
    con.close()


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


def test_a_workbook_holds_text_as_text_and_times_of_shanghai(tmp_path):
    out = tmp_path / "rows.xlsx"
    query = (
        "SELECT '=1+1' AS a, occurred_at, value, day, [1, 2] AS l, NULL AS n, 12345678901234567 AS big FROM readings"
    )
    assert ask(f"{query} ORDER BY value", "--out", str(out)).exit_code == 0
    rows = CalamineWorkbook.from_path(out).get_sheet_by_index(0).to_python()
    assert rows[0] == ["a", "occurred_at", "value", "day", "l", "n", "big"] and len(rows) == 6
    assert rows[2] == ["=1+1", NOON.date(), 0.1, NOON.date(), "[1,2]", "", "12345678901234567"]


def test_a_sheet_that_is_too_small_says_so_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("console.sql_formats.SHEET_ROWS", 3)
    out = tmp_path / "rows.xlsx"
    result = ask("FROM readings", "--out", str(out))
    assert result.exit_code == 1 and "parquet" in result.stderr and list(tmp_path.iterdir()) == []


def test_a_query_may_come_from_standard_input():
    assert "5" in ask("-", stdin="SELECT count(*) FROM readings").stdout


@pytest.mark.parametrize(
    "query",
    [
        "EXPLAIN FROM readings", "explain analyze from readings", "SHOW TABLES", "DESCRIBE hazards",
        "SUMMARIZE hazards",
        "SELECT * FROM hazards_as_of(now(), NULL)", "FROM range(3)", "SELECT unnest([1, 2])", "FROM duckdb_columns()",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 9) FROM t",
        "SELECT * FROM information_schema.tables", "-- why\nSELECT 1 -- because", "SELECT 'COPY x TO y; DROP TABLE z'",
    ],
)  # fmt: skip
def test_looking_around_is_allowed(query, guard):
    check_question(guard, query)
    guard.execute(query).fetchall()


@pytest.mark.parametrize(
    "query",
    [
        "COPY readings TO '{lake}/evil.csv'",
        "COPY (SELECT 1) TO '{lake}/evil.parquet'",
        "EXPLAIN ANALYZE COPY readings TO '{lake}/evil.csv'",
        "explain (analyze) copy readings to '{lake}/evil.csv'",
        "/* */ EXPLAIN ANALYZE COPY readings TO '{lake}/evil.csv'",
        "EXPLAIN /* x */ ANALYZE COPY readings TO '{lake}/evil.csv'",
        "-- SELECT\nCOPY readings TO '{lake}/evil.csv'",
        "/*/**/*/ COPY readings TO '{lake}/evil.csv'",
        "SELECT 1; COPY readings TO '{lake}/evil.csv'",
        "SELECT 1;/**/DROP TABLE hazards",
        "WITH x AS (SELECT 1) INSERT INTO hazards SELECT * FROM hazards",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM READ_TEXT('{lake}/readings/_delta_log/00000000000000000000.json')",
        "SELECT (SELECT count(*) FROM read_blob('{lake}/*'))",
        "SELECT 1 WHERE EXISTS (FROM glob('{lake}/*'))",
        "WITH f AS (FROM read_parquet('{lake}/readings/**/*.parquet')) SELECT * FROM f",
        "SELECT * FROM hazards JOIN read_csv('/etc/passwd') ON true",
        "FROM '{lake}/readings/day=1970-01-01/x.parquet'",
        'FROM "{lake}/x.csv"',
        "FROM query('SELECT 1')",
        "FROM query_table('/etc/passwd')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "FROM parquet_metadata('{lake}/x.parquet')",
        "FROM sniff_csv('/etc/passwd')",
        "FROM read_duckdb('{lake}/../warehouse/warehouse-1.duckdb')",
        "FROM enable_logging(storage = 'file', storage_path = '{lake}/log')",
        "FROM enable_profiling(save_location = '{lake}/p.json')",
        "FROM duckdb_secrets()",
        "FROM duckdb_settings()",
        "SELECT current_setting('allowed_directories')",
        "SELECT getenv('HOME')",
        "SELECT write_log('x')",
        "SELECT sleep_ms(10000)",
        "ATTACH '/tmp/other.duckdb'",
        "DETACH system",
        "USE memory",
        "SET memory_limit = '100GB'",
        "RESET memory_limit",
        "SET VARIABLE x = 1",
        "INSTALL httpfs",
        "LOAD httpfs",
        "DELETE FROM hazards",
        "UPDATE hazards SET title = 'x'",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE MACRO f(x) AS x",
        "CREATE SECRET (TYPE s3)",
        "PRAGMA database_list",
        "PRAGMA enable_profiling",
        "CHECKPOINT",
        "VACUUM",
        "CALL enable_logging()",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "EXPORT DATABASE '{lake}'",
        "IMPORT DATABASE '{lake}'",
        "EXPLAIN",
        "",
        ";",
    ],
)
def test_nothing_else_is(query, guard, data):
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}
    with pytest.raises((NotAQuestion, duckdb.Error)):
        check_question(guard, query.format(lake=data / "lake"))
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "query",
    [
        "COPY readings TO '{other}/evil.csv'", "ATTACH '{other}/x.duckdb'", "FROM read_csv('/etc/passwd')",
        "INSTALL httpfs",
        "SET memory_limit = '100GB'", "SET enable_external_access = true", "RESET lock_configuration",
        "DELETE FROM hazards", "FROM rows", "FROM enable_profiling(save_location = '{other}/p.json')",
    ],
)  # fmt: skip
def test_the_connection_itself_holds_where_nobody_looked_at_the_question(query, guard, tmp_path):
    rows = pa.table({"a": [1]})  # a variable of ours is no table
    with pytest.raises(duckdb.Error):
        guard.execute(query.format(other=tmp_path))
    assert list(tmp_path.iterdir()) == [] and rows.num_rows == 1


def test_the_command_refuses_with_exit_2_and_says_why(data):
    result = ask("COPY readings TO 'evil.csv'")
    assert result.exit_code == 2 and "COPY" in result.stderr


def test_a_mistake_is_answered_with_duckdbs_own_hint():
    result = ask("SELECT * FROM hazard")
    assert result.exit_code == 2 and "hazards" in result.stderr


def test_a_query_without_end_is_stopped():
    bomb = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    result = ask(bomb, "--timeout", "0.3")
    assert result.exit_code == 1 and "0.3 s" in result.stderr


@pytest.mark.parametrize(
    "query",
    [
        "SELECT list(range) FROM range(100000000)",
        "SELECT length(repeat('x', 2000000000))",  # 4 GB that DuckDB's own limit does not count
        "SELECT list_sum(range(2000000000))",
    ],
)
def test_a_query_too_big_for_its_memory_is_refused_and_spills_nothing(query):
    result = ask(query, "--memory", "100MB")
    assert result.exit_code == 1 and "内存" in result.stderr


def test_an_answer_that_nobody_reads_to_its_end_ends_its_process():
    with questions.ask("FROM range(100000000)", seconds=60) as answer:
        first = next(answer.batches)
    assert first.num_rows > 0


def test_a_failure_midway_leaves_no_half_file(tmp_path):
    out = tmp_path / "rows.csv"
    query = "SELECT CASE WHEN range > 90000 THEN error('here') ELSE range END FROM range(100000)"
    result = ask(query, "--out", str(out))
    assert result.exit_code == 1 and "here" in result.stderr and list(tmp_path.iterdir()) == []


def test_without_a_warehouse_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("QINGLING_DATA", str(tmp_path / "none"))
    result = ask("SELECT 1")
    assert result.exit_code == 1 and "--once publish" in result.stderr


def test_an_unwritable_file_is_named(tmp_path):
    result = ask("SELECT 1", "--format", "csv", "--out", str(tmp_path / "no" / "such" / "rows.csv"))
    assert result.exit_code == 1 and "rows.csv" in result.stderr
