"""`qingling trace`: from a KPI to the bytes of the uplink file, by one command and by SQL."""

import datetime as dt
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from console.trace import trace
from schemas.tables import READINGS, TABLES
from schemas.times import day_start, shanghai_day
from tests.test_warehouse_layers import registry, site
from tests.test_warehouse_list_kpis import document
from warehouse.lake import LakeTable
from warehouse.publish import publish, published

app = typer.Typer()
app.command()(trace)

T0 = day_start(dt.date(2026, 7, 2)) + dt.timedelta(hours=8)
MINUTE = dt.timedelta(minutes=1)
SHA = "5e" * 32
FILE = "140402000123_CDSS_20260702080000.txt"
READ = [f"log/telemetry.frames/3/{offset}/2" for offset in (10, 11, 12)]


def reading(offset: int, at: dt.datetime, value: float) -> dict:
    return {
        "log_id": "log", "topic": "telemetry.frames", "partition": 3, "offset": offset, "kafka_at": at, "row": 2,
        "frame_id": f"f{offset}", "site_id": "m1", "sensor_id": "s1", "occurred_at": at, "value": value, "quality": 0,
        "source": "mtt1201", "received_at": at, "raw_file": FILE, "raw_sha256": SHA, "day": shanghai_day(at),
    }  # fmt: skip


def event(table: str, n: int, kind: str, subject: str, at: dt.datetime, causes: list[str], **data: object) -> dict:
    return {
        "log_id": "log", "topic": table.replace("_", ".", 1), "partition": 3, "offset": n, "kafka_at": at,
        "event_id": f"{table}-{n}", "kind": kind, "subject_id": subject, "site_id": "m1", "occurred_at": at,
        "recorded_at": at, "actor": '{"id":"wang","role":"inspector","department_id":null}',
        "causes": orjson.dumps(causes).decode(), "imported": False, "data": orjson.dumps(data).decode(),
    }  # fmt: skip


def land(data: Path, table: str, rows: list[dict]) -> None:
    LakeTable.open(data / "lake", table).append(pa.Table.from_pylist(rows, TABLES.get(table, READINGS)), {}, {})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("trace")
    registry(data, "registry_sites", [("m1", site(name="甲矿", region="140581"), T0)])
    published_list = document({"id": "MEM21", "industries": ["coal"], "effective_from": dt.date(2026, 7, 1),
                               "clauses": [{"id": "COAL21-5-2", "rule": True}]})  # fmt: skip
    version = {"kind": "version", "version": "v1", "effective_at": T0.isoformat(), "published_at": T0.isoformat(),
               "by": "qingling", "clauses": 1, "documents": {"MEM21": published_list.sha256}}  # fmt: skip
    registry(data, "criteria_catalogue", [
        (published_list.key, orjson.loads(published_list.encode()), T0), ("~version/v1", version, T0)
    ])  # fmt: skip
    land(data, "readings", [reading(10 + n, T0 + n * MINUTE, 0.9 + n / 10) for n in range(3)])
    span = {"evidence_id": "e1", "kind": "span", "began_at": T0.isoformat(), "ended_at": (T0 + 2 * MINUTE).isoformat(),
            "peak": 1.1, "signal": "ch4_pct", "sensor_ids": ["s1"], "coordinates": READ, "text": ""}  # fmt: skip
    lost = {**span, "evidence_id": "e2", "coordinates": ["log/telemetry.frames/3/99/0"]}
    judged = {"criterion_id": "COAL21-5-2", "document_id": "MEM21", "catalogue_version": "v1"}
    land(data, "criterion_verdicts", [
        event("criterion_verdicts", 0, "verdict_given", "v", T0, [READ[0]], verdict="major", evidence_ids=["e1"],
              article="art. 1", why="work went on", why_zh="继续作业", **judged),
    ])  # fmt: skip
    land(data, "commands", [
        {"log_id": "log", "topic": "commands", "partition": 3, "offset": 0, "kafka_at": T0, "command_id": "c1",
         "kind": "judge", "site_id": "m1", "target_id": "h1", "issued_at": T0, "occurred_at": T0, "data": "{}",
         "actor": '{"id":"wang","role":"inspector","department_id":null}'},
    ])  # fmt: skip
    found = {
        "found_at": T0.isoformat(),
        "source": "iot",
        "region": "140581",
        "industry": "coal",
        "title": "瓦斯超限作业",
    }
    land(data, "hazard_events", [
        event("hazard_events", 0, "hazard_registered", "h1", T0, [READ[0]], **found),
        event("hazard_events", 1, "hazard_suspected", "h1", T0, [READ[0]], criterion_id="COAL21-5-2",
              evidence=[span, lost]),
        event("hazard_events", 2, "hazard_judged", "h1", T0 + MINUTE, ["c1"], verdict="major", evidence=["e1"],
              **judged),
        event("hazard_events", 3, "plan_approved", "h1", T0 + 2 * MINUTE, ["c1"], due_at="2026-07-10"),
        event("hazard_events", 4, "hazard_registered", "h2", T0, [READ[0]], **found),
    ])  # fmt: skip
    publish(data)
    return data


def ask(data: Path, *args: str) -> dict:
    done = CliRunner().invoke(app, [*args, "--json"], env={"QINGLING_DATA": str(data)}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return orjson.loads(done.stdout)


def test_a_kpi_is_walked_down_to_the_uplink_file(data):
    found = ask(data, "K07", "--as-of", "2026-07-20", "--by", "region=140581")
    assert (found["row"]["num"], found["row"]["group"]) == (1, {"region": "140581"})
    (member,) = found["members"]
    assert (member["member_id"], member["title"], member["num"]) == ("h1", "瓦斯超限作业", 1)
    (chain,) = found["chains"]
    assert [each["kind"] for each in chain["events"]] == [
        "hazard_registered", "hazard_suspected", "hazard_judged", "plan_approved"
    ]  # fmt: skip
    assert (chain["clause"]["article"], chain["clause"]["catalogue_version"]) == ("art. 1", "v1")
    assert [each["verdict"] for each in chain["verdicts"]] == ["major"]
    span = next(each for each in chain["evidence"] if each["evidence_id"] == "e1")
    assert [each["coordinate"] for each in span["inputs"]] == READ
    assert {(each["raw_file"], each["raw_sha256"]) for each in span["inputs"]} == {(FILE, SHA)}
    assert [each["value"] for each in span["inputs"]] == [0.9, 1.0, 1.1]


def test_a_coordinate_that_is_gone_is_said_to_be(data):
    chain = ask(data, "h1")
    lost = next(each for each in chain["evidence"] if each["evidence_id"] == "e2")
    assert lost["inputs"] == [{"coordinate": "log/telemetry.frames/3/99/0", "gone": True}]
    assert {each["kpi_id"] for each in chain["counted_in"]} >= {"K05"}


def test_the_members_of_every_ungrouped_kpi_add_up_to_its_row(data):
    sums = (
        published(data)
        .execute("""
        SELECT s.kpi_id, s.num, sum(m.num), s.den, sum(m.den)
        FROM kpi_snapshot AS s JOIN kpi_members AS m USING (kpi_id, as_of)
        WHERE s."group" = '{}' AND s.kpi_id IN ('K01', 'K02', 'K05', 'K06a', 'K07') GROUP BY ALL
    """)
        .fetchall()
    )
    assert {kpi for kpi, *_ in sums} >= {"K05", "K07"}
    assert [row for row in sums if row[1] != row[2] or (row[3] or 0) != (row[4] or 0)] == []


def test_an_event_names_its_command_and_a_verdict_its_reading(data):
    judged = ask(data, "hazard_events-2")
    assert judged["causes"][0] | {"data": None} == judged["causes"][0] | {
        "kind": "command",
        "command": "judge",
        "data": None,
    }
    assert judged["hazard"]["hazard_id"] == "h1" and judged["clause"]["criterion_id"] == "COAL21-5-2"
    verdict = ask(data, "criterion_verdicts-0")
    assert verdict["hazards"] == [{"hazard_id": "h1"}] and verdict["causes"][0]["sensor_id"] == "s1"


def test_an_input_tells_what_rests_on_it(data):
    found = ask(data, READ[2])
    assert found["input"]["value"] == 1.1
    assert found["evidence_of"] == [{"hazard_id": "h1", "evidence_id": "e1"}]


def test_the_same_way_down_by_sql(data):
    rows = published(data).execute("""
        SELECT DISTINCT m.kpi_id, h.title, v.verdict, c.article, s.value, s.raw_sha256
        FROM kpi_members AS m
        JOIN hazards AS h ON h.hazard_id = m.member_id
        JOIN hazard_verdicts AS v USING (hazard_id)
        JOIN dim_criterion AS c ON c.criterion_id = v.criterion_id AND c.is_current
        JOIN evidence_sources AS s ON s.hazard_id = h.hazard_id
        WHERE m.kpi_id = 'K05' AND s.coordinate = ?
    """, [READ[2]]).fetchall()  # fmt: skip
    assert rows == [("K05", "瓦斯超限作业", "major", "art. 1", 1.1, SHA)]


@pytest.mark.parametrize("wanted", ["K07", "h1", "hazard_events-1", "criterion_verdicts-0", READ[0]])
def test_people_get_a_tree(data, wanted):
    done = CliRunner().invoke(app, [wanted], env={"QINGLING_DATA": str(data)}, catch_exceptions=False)
    assert done.exit_code == 0 and "Traceback" not in done.output
    if wanted != "hazard_events-1":
        assert "h1" in done.stdout
    assert FILE in done.stdout and SHA in done.stdout


@pytest.mark.parametrize(
    ("args", "code"),
    [(("nobody",), 2), (("K07", "--by", "region=999999"), 2), (("K99",), 2), (("log/telemetry.frames/3/99/0",), 2)],
)
def test_what_is_not_there_is_named(data, args, code):
    done = CliRunner().invoke(app, list(args), env={"QINGLING_DATA": str(data)})
    assert done.exit_code == code and "trace" in done.stderr


def test_without_a_warehouse_it_says_what_to_run(tmp_path):
    done = CliRunner().invoke(app, ["K07"], env={"QINGLING_DATA": str(tmp_path)})
    assert done.exit_code == 1 and "--once publish" in done.stderr
