"""`qingling kpi` as a person or a script meets it."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from console.kpi import app
from schemas.kpis import KpiRow, kpis

VECTORS = Path(__file__).parent / "vectors" / "a4_hazard_events.jsonl"


def run(*args: str):
    return CliRunner().invoke(app, list(args), catch_exceptions=False)


def rows(result) -> list[KpiRow]:
    return [KpiRow.parse(line) for line in result.stdout.splitlines()]


def test_rows_are_json_lines_of_the_contract():
    result = run("compute", "--events", str(VECTORS), "--as-of", "2024-12-31", "--json")
    assert result.exit_code == 0
    found = {row.kpi_id: row for row in rows(result)}
    assert (found["K01"].num, found["K01"].den, found["K01"].value) == (2, 4, 0.5)
    assert (found["K06a"].num, found["K06a"].den) == (3, 5)
    raw = orjson.loads(result.stdout.splitlines()[0])
    assert {"kpi_id", "group", "as_of", "window", "num", "den", "value", "excluded", "data_as_of"} <= set(raw)
    assert raw["group"] == {} and raw["as_of"].startswith("2024-12-31")


def test_groups_and_window_and_one_kpi():
    result = run(
        "compute", "--events", str(VECTORS), "--as-of", "2026-11-23", "--window", "2024-01-01,2025-01-01",
        "--by", "region,industry", "--kpi", "K06a", "--json",
    )  # fmt: skip
    found = {tuple(row.group.values()): (row.num, row.den) for row in rows(result)}
    assert found[("140121", "town-gas")] == (1, 1) and found[("140802", "chemical")] == (0, 1)
    assert sum(num for num, _ in found.values()) == 3


def test_known_as_of_takes_back_what_was_recorded_later(tmp_path):
    lines = VECTORS.read_bytes().splitlines()
    late = [line.replace(b'"recorded_at":"2024-06-01', b'"recorded_at":"2024-08-01') for line in lines]
    path = tmp_path / "late.jsonl"
    path.write_bytes(b"\n".join(late))
    ask = ["compute", "--events", str(path), "--as-of", "2024-06-30", "--kpi", "K05", "--json"]
    (now,), (then,) = rows(run(*ask)), rows(run(*ask, "--known-as-of", "2024-06-30"))
    assert now.num == then.num + 1 and now.den == then.den


def test_bad_lines_are_named_and_the_rest_is_computed(tmp_path):
    path = tmp_path / "events.jsonl"
    lines = VECTORS.read_bytes().splitlines()
    broken = lines[0].replace(b'"found_at":"2022-05-05T09:00:00+08:00"', b'"found_at":"yesterday"')
    path.write_bytes(b"\n".join([broken, *lines[1:40], b"{not json", b"", *lines[40:]]))
    result = run("compute", "--events", str(path), "--as-of", "2024-12-31", "--json")
    assert result.exit_code == 5
    assert "line 1, field found_at" in result.stderr and "line 41: not JSON" in result.stderr
    found = {row.kpi_id: row for row in rows(result)}
    # H3 was judged major, but nobody knows when it was found
    assert (found["K05"].den, found["K05"].excluded) == (5, 1)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--as-of", "2024-13-01"], "no date"),
        (["--as-of", "2024-12-31T10:00:00"], "no offset"),
        (["--as-of", "2024-12-31", "--by", "colour"], "colour"),
        (["--as-of", "2024-12-31", "--kpi", "K99"], "K99"),
        (["--as-of", "2024-12-31", "--window", "2024-01-01"], "FROM,TO"),
        (["--as-of", "2024-12-31", "--window", "2024-02-01,2024-01-01"], "not before"),
    ],
)
def test_wrong_use_is_exit_2_and_says_why(args, words):
    result = run("compute", "--events", str(VECTORS), *args)
    assert result.exit_code == 2
    assert words in result.stderr.replace("\n", " ").replace("│", "")


def test_a_window_up_to_a_month_end_is_warned_about():
    result = run("compute", "--events", str(VECTORS), "--as-of", "2024-12-31", "--window", "2024-01-01,2024-12-31")
    assert result.exit_code == 0 and "2024-12-31 itself does not count" in result.stderr


def test_without_events_and_without_a_warehouse_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("QINGLING_DATA", str(tmp_path))
    result = run("compute", "--as-of", "2024-12-31")
    assert result.exit_code == 1 and "--events" in result.stderr


def test_without_events_the_published_warehouse_is_asked(tmp_path, monkeypatch):
    from warehouse.publish import publish

    monkeypatch.setenv("QINGLING_DATA", str(tmp_path))
    publish(tmp_path)
    result = run("compute", "--as-of", "2024-12-31", "--json")
    assert result.exit_code == 0
    assert {row.kpi_id: row.value for row in rows(result)}["K05"] is None


def test_the_table_names_kpis_in_both_languages():
    out = run("compute", "--events", str(VECTORS), "--as-of", "2024-12-31").stdout
    assert "累计整改率" in out and "cumulative rectification rate" in out and "全部 all" in out


def test_list_and_show_read_the_dictionary():
    listed = [orjson.loads(line) for line in run("list", "--json").stdout.splitlines()]
    assert [row["kpi_id"] for row in listed] == list(kpis())
    assert {row["kpi_id"] for row in listed if row["computed"]} >= {"K01", "K02", "K05", "K06a", "K07"}
    shown = orjson.loads(run("show", "K06a", "--json").stdout)
    assert "GROUP BY grp" in shown["sql"] and shown["zh"] == "按期整改率"
    assert run("show", "K99").exit_code == 2
