"""Every KPI on Spark gives what DuckDB gives: the same SQL files, one session, the cases' own data."""

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable

import warehouse
from schemas.registry import Sensor, Site
from schemas.tables import TABLES
from schemas.times import day_start
from tests import test_warehouse_alarm_kpis as alarm_cases
from tests import test_warehouse_kpis as hazard_cases
from tests import test_warehouse_list_kpis as list_cases
from tests import test_warehouse_programme_kpis as programme_cases
from tests import test_warehouse_quality_kpis as quality_cases
from tests.conftest import missing
from tests.test_warehouse_layers import registry
from tests.test_warehouse_publish import reading_rows
from warehouse.kpi_facts import clipped, ending
from warehouse.kpi_files import KINDS, kpi_ids
from warehouse.kpis import facts_at
from warehouse.lake import LakeTable
from warehouse.ledger import _table, connect_events, read_events
from warehouse.spark import EVERYTHING, SparkKpis, facts_view, translated
from warehouse.spark_lake import ON_SPARK, SparkLake, open_lake

HERE = Path(__file__).parent
LONG = os.environ.get("QINGLING_PROOF") == "long"
GROUPINGS = [(), ("region",)]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    if shutil.which("java") is None:
        missing("Java", "install a Java 17 runtime")
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        missing("pyspark", "run scripts/setup.sh, or install the extra `spark`")
    session = (
        SparkSession.builder.master("local[1]").appName("parity")
        .config("spark.driver.memory", "700m").config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "Asia/Shanghai")
        .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.sql.codegen.wholeStage", "false").config("spark.log.level", "OFF")
        .getOrCreate()
    )  # fmt: skip
    yield session
    session.stop()


def cases(kind: str) -> list[tuple[Path, dict[str, Any]]]:
    """The cases of a kind's KPIs, one of each KPI in the short form."""
    found = [
        (path, yaml.safe_load(path.read_text("utf-8")))
        for path in sorted((HERE / "kpis").glob("*/*.yaml")) if path.parent.name in kpi_ids(kind)
    ]  # fmt: skip
    return found if LONG else list({path.parent.name: (path, case) for path, case in found}.values())


def hand_over(spark: Any, con: duckdb.DuckDBPyConnection, name: str, query: str, folder: Path) -> None:
    """A relation of DuckDB's as a Spark view, over Parquet as the lake has it."""
    file = folder / f"{name}.parquet"
    file.unlink(missing_ok=True)
    con.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
    spark.read.parquet(str(file)).createOrReplaceTempView(name)


def key(group: dict[str, str]) -> str:
    return "".join(f"{name}={code}" for name, code in group.items()) or EVERYTHING


def compare(spark: Any, facts: Any, kpi_id: str, window: Any) -> None:
    """Both engines' rows of one KPI: the same groups, the same figures."""
    duck = {key(row.group): row for row in facts.rows_of(GROUPINGS, window, [kpi_id])}
    start, end = clipped(window, facts.as_of)
    values = {"as_of": facts.as_of, "window_from": start, "window_to": end}
    found = SparkKpis(spark).rows(kpi_id, values)
    assert set(found) == set(duck)
    for group, (num, den, value, excluded) in found.items():
        row = duck[group]
        told = (kpi_id, group, found[group], row)
        assert num == pytest.approx(row.num) and den == pytest.approx(row.den), told
        assert value == pytest.approx(row.value) and excluded == row.excluded, told


def instant(said: Any) -> Any:
    return dt.datetime.fromisoformat(said) if isinstance(said, str) else said


def asks(case: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    """(as_of, known_as_of, window) of a case's questions, each once."""
    found = dict.fromkeys(
        (instant(ask["as_of"]), ask.get("known_as_of"), ask.get("window") and tuple(map(day_start, ask["window"])))
        for ask in case["expect"]
    )  # fmt: skip
    return list(found) if LONG else list(found)[:1]


def test_kpis_over_hazards_from_the_events_on(spark, tmp_path):
    """Facts too are made on Spark, of nothing but `hazard_events`: the worked vectors and every case's hazards."""
    events = read_events(hazard_cases.VECTORS)[0]
    for path, case in [(p, yaml.safe_load(p.read_text("utf-8"))) for p in hazard_cases.CASES]:
        named = {f"{path.parent.name}/{path.stem}/{name}": steps for name, steps in case["hazards"].items()}
        for event in hazard_cases.events_of(named):
            events.append(event.model_copy(update={"event_id": f"{path.stem}{event.event_id}"}))
    con = connect_events(events)
    hand_over(spark, con, "hazard_events", "FROM hazard_events", tmp_path)
    days = ["2024-12-31"] if not LONG else ["2023-12-31", "2024-06-30", "2024-12-31", "2025-12-31",
                                                          "2026-11-23"]  # fmt: skip
    for day in map(dt.date.fromisoformat, days):
        facts = facts_at(con, day, None, "hazards")
        SparkKpis(spark).hazards(ending(day), None, GROUPINGS)
        for kpi_id in kpi_ids("hazards"):
            compare(spark, facts, kpi_id, None)
        compare(spark, facts, "K12b", (day_start(day.replace(month=1, day=1)), day_start(day - dt.timedelta(days=180))))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - (set(ON_SPARK) if not LONG else {"hazards"})))
def test_kpis_over_everything_else_from_the_facts_on(kind, spark, tmp_path):
    for n, (path, case) in enumerate(cases(kind)):
        folder = tmp_path / str(n)
        folder.mkdir()
        con = {
            "clearance": lambda case, _: connect_events(hazard_cases.events_of(case["hazards"])),
            "alarms": lambda case, _: alarm_cases.warehouse_of(alarm_cases.events_of(case), case["sites"]),
            "lists": list_cases.warehouse_of, "programme": programme_cases.warehouse_of,
            "quality": quality_cases.warehouse_of,
        }[kind](case, folder)  # fmt: skip
        for as_of, known, window in asks(case):
            facts = facts_at(con, as_of, known, kind)
            kpi_id = path.parent.name
            by = [by for by in GROUPINGS if set(by) <= set(facts.groups)]
            facts.rows_of(by, window, [kpi_id])
            grp = "array_to_string(list_transform(list_zip(grp.names, grp.codes), lambda p: p[1] || '=' || p[2]), '')"
            view = facts_view(kind)
            query = f"SELECT CASE WHEN len(grp.names) = 0 THEN '' ELSE {grp} END AS grp, * EXCLUDE grp FROM {view}"
            hand_over(spark, con, view, query, folder)
            if kind == "programme":
                hand_over(spark, con, "programme_at", "FROM programme_at", folder)
            if kpi_id == "K17c":
                hand_over(spark, con, "criteria_clauses", "FROM criteria_clauses", folder)
            compare(spark, facts, kpi_id, window)


@pytest.mark.parametrize("kpi_id", kpi_ids())
def test_every_kpi_is_put_into_spark_s_words(kpi_id):
    from warehouse.kpi_files import kpi_sql

    now = dt.datetime.now(dt.UTC)
    text = translated(kpi_sql(kpi_id), {"as_of": now, "window_from": now, "window_to": now})
    words = ("shanghai_day", "epoch_us", "$as_of", "$window", "&&", "//")
    assert [word for word in words if word in text.lower()] == []


def test_the_lake_opened_by_duckdb_polars_and_spark_gives_equal_counts(spark, tmp_path):
    """The files a version of a table names, compacted once, beside superseded ones that nobody may count."""
    pl = pytest.importorskip("polars")
    table = LakeTable.open(tmp_path / "lake", "readings")
    for n in range(6):
        table.append(pa.Table.from_pylist(reading_rows(100 * n, 7), TABLES["readings"]), {}, {})
    table.compact(min_files=4)
    delta = DeltaTable(tmp_path / "lake" / "readings")
    files = [uri.removeprefix("file://") for uri in delta.file_uris()]
    counts = {
        "duckdb": duckdb.sql(f"SELECT count(*) FROM read_parquet({files})").fetchall()[0][0],
        "polars": pl.scan_delta(str(tmp_path / "lake" / "readings")).select(pl.len()).collect().item(),
        "spark": spark.read.parquet(*files).count(),
        "ours": warehouse.connect(tmp_path, views=["readings"])
        .execute("SELECT count(*) FROM readings")
        .fetchall()[0][0],
    }
    assert set(counts.values()) == {42}, counts


def everything_landed(data: Path) -> None:
    """The inputs of the cases of every kind in ON_SPARK, in one lake; of a site or sensor the first record."""
    lake, files = data / "lake", sorted((HERE / "kpis").glob("*/*.yaml"))
    of = {kind: [(p, yaml.safe_load(p.read_text("utf-8"))) for p in files if p.parent.name in kpi_ids(kind)]
          for kind in ON_SPARK}  # fmt: skip
    events = read_events(hazard_cases.VECTORS)[0]
    for path, case in (*of["hazards"], *of["clearance"]):
        events += hazard_cases.events_of({f"{path.stem}/{name}": steps for name, steps in case["hazards"].items()})
    alarms = [event for _, case in of["alarms"] for event in alarm_cases.events_of(case)]
    events += [event for event in alarms if event.kind.startswith("hazard")]
    LakeTable.open(lake, "hazard_events").append(_table(events), {}, {})
    LakeTable.open(lake, "alarm_events").append(
        _table(event for event in alarms if event.kind.startswith("alarm")), {}, {}
    )
    sites: dict[str, Any] = {}
    sensors: dict[str, Any] = {}
    for _, case in (*of["alarms"], *of["quality"]):
        known = dt.datetime.fromisoformat(case.get("registered_at", "2026-01-01T00:00:00+08:00"))
        for site in case["sites"]:
            sites.setdefault(site["site_id"], (Site.parse(site).model_dump(mode="json"), known))
        for sensor in case.get("sensors", ()):
            sensors.setdefault(sensor["sensor_id"], (Sensor.parse(sensor).model_dump(mode="json"), known))
    registry(data, "registry_sites", [(key, *said) for key, said in sites.items()])
    changed = [(key, {**said, "period_s": 15}, at + dt.timedelta(hours=1)) for key, (said, at) in sensors.items()]
    registry(data, "registry_sensors", [*((key, *said) for key, said in sensors.items()), *changed])
    for _, case in of["quality"]:
        rows, letters = quality_cases.readings_of(case), quality_cases.letters_of(case)
        LakeTable.open(lake, "readings").append(pa.Table.from_pylist(rows, TABLES["readings"]), {}, {})
        LakeTable.open(lake, "dead_letters").append(pa.Table.from_pylist(letters, TABLES["dead_letters"]), {}, {})


def test_kpis_from_the_lake_on(spark, tmp_path):
    """Nothing of DuckDB's on the way: staging, dimensions, facts and KPIs are Spark's, over the same landed files."""
    everything_landed(tmp_path)
    con = warehouse.connect(tmp_path)
    open_lake(spark, tmp_path / "lake", {view for views in ON_SPARK.values() for view in views})
    for name in ("sites", "dim_sensor", "quality_daily"):
        assert spark.table(name).count() == con.execute(f"SELECT count(*) FROM {name}").fetchone()[0] > 0, name
    counted: dict[str, float] = {}
    for kind in ON_SPARK if LONG else sorted(set(ON_SPARK) - {"hazards"}):  # those have a test of their own
        asked = {ask for _, case in cases(kind) for ask in asks(case)}
        for as_of, known, window in sorted(asked, key=repr)[: None if LONG else 1]:
            facts = facts_at(con, as_of, known, kind)
            SparkLake(spark).facts(kind, facts.as_of, facts.known_as_of, GROUPINGS)
            for kpi_id in kpi_ids(kind):
                compare(spark, facts, kpi_id, window)
                counted[kind] = counted.get(kind, 0) + sum(row.num or 0 for row in facts.rows((), window, [kpi_id]))
    assert all(counted.values()), counted
