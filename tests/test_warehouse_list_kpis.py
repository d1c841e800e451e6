"""KPIs over the published lists: cases as data, landed as the stream lands them."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

import warehouse
from schemas.catalogue_records import CatalogueDocument, CatalogueVersion, version_of
from schemas.clauses import Clause, Document
from schemas.criteria import load_catalogue
from schemas.model import Refused
from schemas.registry import Site
from schemas.tables import TABLES
from schemas.times import EPOCH, day_start
from streams.publishing import ALWAYS, version_record
from warehouse.kpi_facts import ListsAt
from warehouse.kpi_files import kpi_ids
from warehouse.kpis import rows_at
from warehouse.lake import LakeTable
from warehouse.publish import publish, published

CASES = [p for p in sorted((Path(__file__).parent / "kpis").glob("*/*.yaml")) if p.parent.name in kpi_ids("lists")]


def land(data: Path, table: str, rows: list[tuple[str, bytes | None, dt.datetime]]) -> None:
    topic = table.replace("_", ".", 1)
    landed = [
        {"log_id": "log", "topic": topic, "partition": 0, "offset": n, "kafka_at": at, "key": key,
         "value": None if value is None else value.decode()}
        for n, (key, value, at) in enumerate(rows)
    ]  # fmt: skip
    LakeTable.open(data / "lake", table).append(pa.Table.from_pylist(landed, TABLES[table]), {}, {})


def document(said: dict[str, Any]) -> CatalogueDocument:
    head = {name: value for name, value in said.items() if name != "clauses"}
    shared = {"title_zh": said["id"], "title_en": said["id"], "number": "", "confidence": "high"}
    clauses = [
        Clause(
            document_id=said["id"], article=f"art. {n}", title_zh=clause["id"], title_en=clause["id"], id=clause["id"],
            industry=clause.get("industry", "coal"), kind="inspection", confidence="high",
            effective_from=clause.get("effective_from"),
            rule={"q": "ch4_pct", "op": ">=", "v": 1.0} if clause.get("rule") else None,
        )
        for n, clause in enumerate(said.get("clauses", ()), 1)
    ]  # fmt: skip
    return CatalogueDocument.of(Document.model_validate({**shared, **head}), clauses)


def moment(day: str) -> dt.datetime:
    return day_start(dt.date.fromisoformat(day)) + dt.timedelta(hours=9)


def warehouse_of(case: dict[str, Any], data: Path) -> duckdb.DuckDBPyConnection:
    records: list[tuple[str, bytes | None, dt.datetime]] = []
    for said in case["versions"]:
        at = moment(said["recorded"])
        documents = [document(each) for each in said["documents"]]
        records += [(d.key, d.encode(), at) for d in documents if d.document_id not in said.get("lacks", ())]
        sums = {d.document_id: d.sha256 for d in documents}
        version = CatalogueVersion(
            documents=sums, version=version_of(sums), effective_at=said["effective_at"], published_at=at
        )
        records.append((version.key, version.encode(), at))
        if "withdrawn" in said:
            records.append((version.key, None, moment(said["withdrawn"])))
    land(data, "criteria_catalogue", sorted(records, key=lambda record: record[2]))
    if case["sites"]:
        sites = [Site.parse(site) for site in case["sites"]]
        land(data, "registry_sites", [(s.site_id, s.encode(), EPOCH) for s in sites])
    return warehouse.connect(data)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(path.read_text("utf-8"))
    con = warehouse_of(case, tmp_path)
    for ask in case["expect"]:
        rows = ListsAt(con, ask["as_of"], ask.get("known_as_of")).rows(ask.get("by", ()), None, [path.parent.name])
        found = {tuple(sorted(row.group.items())): row for row in rows}
        row = found[tuple(sorted(ask.get("group", {}).items()))]
        for name in ("num", "den", "value", "excluded"):
            if name in ask:
                assert getattr(row, name) == pytest.approx(ask[name], abs=1e-6), (ask, row)
        for name, wanted in ask.get("detail", {}).items():
            assert row.detail[name] == wanted, (ask, row)


def test_the_package_s_own_lists_over_a_published_warehouse(tmp_path: Path) -> None:
    catalogue, at = load_catalogue(), moment("2026-07-02")
    version = version_record(catalogue, ALWAYS, at, "qingling")
    land(tmp_path, "criteria_catalogue", [(r.key, r.encode(), at) for r in (*catalogue.records, version)])
    mine = Site(site_id="a", industry="coal", region="140105")
    land(tmp_path, "registry_sites", [("a", mine.encode(), at)])
    publish(tmp_path)
    con = published(tmp_path)
    day = dt.date(2026, 7, 2)
    rows = {row.kpi_id: row for row in rows_at(con, day, None, [()]) if row.kpi_id in kpi_ids("lists")}
    assert (rows["K17a"].num, rows["K17a"].den, rows["K17a"].detail["version"]) == (1, 1, catalogue.version)
    coal = catalogue.in_force("coal", day)
    assert rows["K17c"].den == len(coal) and rows["K17c"].num == sum(clause.condition is not None for clause in coal)
    assert [each["document_id"] for each in rows["K17b"].detail["lists"]] == ["MEM21"]
    landed = con.execute("SELECT count(*), count(*) FILTER (executable) FROM criteria_clauses").fetchone()
    assert landed == (len(catalogue.clauses), sum(c.condition is not None for c in catalogue.clauses.values()))
    snapshot = con.execute("SELECT DISTINCT kpi_id FROM kpi_snapshot WHERE kpi_id LIKE 'K17%' ORDER BY 1").fetchall()
    assert [kpi for (kpi,) in snapshot] == ["K17a", "K17b", "K17c"]


def test_groups_that_lists_do_not_have_are_refused_or_left_out(tmp_path: Path) -> None:
    con = warehouse_of({"versions": [], "sites": [{"site_id": "a", "industry": "coal"}]}, tmp_path)
    with pytest.raises(Refused, match="department_id"):
        ListsAt(con, dt.date(2026, 7, 1)).rows(["department_id"])
    assert rows_at(con, dt.date(2026, 7, 1), None, [("department_id",)], kpis=["K17a"]) == []
    with pytest.raises(Refused, match="K99"):
        rows_at(con, dt.date(2026, 7, 1), None, [()], kpis=["K99"])
