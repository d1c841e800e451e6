"""`qingling criteria`: what it prints, and its exit codes."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from typer.testing import CliRunner

from console.cli import app
from schemas.criteria import FOLDER, load_catalogue

CATALOGUE = load_catalogue()


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, list[dict[str, Any]], str]:
    """(exit code, JSON lines of stdout, stderr)."""
    result = CliRunner().invoke(app, ["criteria", *arguments, "--json"], input=stdin)
    return result.exit_code, [orjson.loads(line) for line in result.stdout.splitlines()], result.stderr


def line(**finding: Any) -> bytes:
    return orjson.dumps({"finding_id": "F", "site_id": "S", "industry": "coal", "text": "见描述", **finding}) + b"\n"


def matched(**finding: Any) -> dict[str, Any]:
    code, rows, _ = run("match", stdin=line(**finding))
    assert code == 0
    return rows[0]


def test_list_gives_every_clause_and_narrows() -> None:
    code, rows, _ = run("list")
    assert code == 0 and len(rows) == len(CATALOGUE.clauses)
    assert {r["document_id"] for r in run("list", "--document", "MEM21")[1]} == {"MEM21"}
    assert {r["document_id"] for r in run("list", "--industry", "煤矿")[1]} == {"MEM4", "MEM21"}
    assert {r["document_id"] for r in run("list", "--industry", "coal", "--on", "2026-06-30")[1]} == {"MEM4"}


@pytest.mark.parametrize("arguments", [("list", "--document", "MEM99"), ("list", "--on", "soon"), ("show", "NO-1")])
def test_wrong_use_is_exit_2_and_said(arguments: tuple[str, ...]) -> None:
    code, rows, said = run(*arguments)
    assert (code, rows) == (2, []) and arguments[-1] in said


def test_show_tells_everything_of_a_clause_and_understands_references() -> None:
    code, (row,), _ = run("show", "COAL21-5-2")
    assert code == 0 and row["rule"] and row["root"] == "COAL4-5-2" and row["effective_from"] == "2026-07-01"
    assert run("show", "MEM21 art. 5(2)")[1] == [row]


def test_show_of_a_superseded_clause_names_its_successors() -> None:
    (row,) = run("show", "COAL4-8-2")[1]
    assert row["superseded_by"] == ["COAL21-8-2"] and row["effective_to"] == "2026-06-30"


def counted_anew(folder: Path) -> dict[str, dict[str, int]]:
    """What `check` should print, from the files and by nothing of ours: a rule, a sentence, or a person decides."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        content = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
        entries = content["clauses"]
        ruled = [e for e in entries if e.get("rule")]
        reviewed = [
            e for e in entries if not e.get("rule") and (e["confidence"] == "low" or e.get("status") == "trial")
        ]
        found[content["document"]["id"]] = {
            "clauses": len(entries), "executable": len(ruled), "review": len(reviewed),
            "text": len(entries) - len(ruled) - len(reviewed), "cases": sum(len(e["cases"]) for e in entries),
            "low_confidence": sum(e["confidence"] == "low" for e in entries),
            "rule_reviews": sum(e.get("rule_confidence") == "low" for e in entries),
        }  # fmt: skip
    return found


@pytest.fixture(scope="module")
def verdict() -> dict[str, Any]:
    """What `check` says of the catalogue of the package."""
    code, (row,), _ = run("check")
    assert code == 0
    return row


def test_check_counts_what_is_judged_how_and_it_is_true(verdict: dict[str, Any]) -> None:
    total, anew = verdict["total"], counted_anew(FOLDER)
    assert verdict["version"] == CATALOGUE.version
    assert (verdict["failed"], verdict["faults"], verdict["warnings"]) == ([], [], [])
    assert len(verdict["documents"]) == 12 and total["clauses"] == 537
    for row in verdict["documents"]:
        assert {name: row[name] for name in anew[row["document_id"]]} == anew[row["document_id"]], row["document_id"]
    for name in ("clauses", "executable", "text", "review", "cases"):
        assert total[name] == sum(row[name] for row in anew.values()), name
    assert (total["cases_failed"], total["without_cases"]) == (0, 0)


def test_check_counts_the_sensor_rules_and_names_what_the_undecided_ones_lack(verdict: dict[str, Any]) -> None:
    _, rows, _ = run("rules")
    tally = verdict["sensor_rules"]
    assert tally["rules"] == len(rows) == 110
    assert tally["executable"] == sum(bool(row["criterion_ids"] or row["levels"]) for row in rows)
    undecided = {row["rule_id"]: row["undecided"] for row in rows if not row["executable"]}
    assert undecided == tally["undecided"] and all(all(each.values()) for each in undecided.values())


def test_a_number_that_no_case_turns_on_is_a_fault_with_exit_4(tmp_path: Path) -> None:
    text = (FOLDER / "MEM10.yaml").read_text("utf-8")
    head, entry = text.split("- id: GM-8-2\n")
    below = "facts: {lel_pct: 24.9, ventilation_on: false}"
    assert below in entry
    entry = entry.replace(below, "facts: {lel_pct: 24.9, ventilation_on: true}", 1)  # false by the fan, not the number
    (tmp_path / "MEM10.yaml").write_text(f"{head}- id: GM-8-2\n{entry}", "utf-8")
    result = CliRunner().invoke(app, ["criteria", "check", "--catalogue", str(tmp_path)])
    assert result.exit_code == 4
    assert result.stderr.splitlines() == ["MEM10.yaml GM-8-2 cases: missing: no case fails by lel_pct >= 25 alone"]


def test_a_failing_case_is_named_with_exit_4(tmp_path: Path) -> None:
    for path in FOLDER.glob("MEM4.yaml"):
        text = path.read_text("utf-8").replace(
            "text: 采煤工作面瓦斯超限继续作业, expect: true", "text: 采煤工作面瓦斯超限继续作业, expect: false"
        )
        assert text != path.read_text("utf-8")
        (tmp_path / path.name).write_text(text, "utf-8")
    code, (verdict,), _ = run("check", "--catalogue", str(tmp_path))
    assert code == 4 and [f["criterion_id"] for f in verdict["failed"]] == ["COAL4-5-2"]
    result = CliRunner().invoke(app, ["criteria", "check", "--catalogue", str(tmp_path)])
    assert result.exit_code == 4 and "COAL4-5-2" in result.stderr


def test_a_broken_catalogue_is_exit_4_with_every_fault(tmp_path: Path) -> None:
    (tmp_path / "A.yaml").write_text("a: [", "utf-8")
    (tmp_path / "B.yaml").write_text("- 1", "utf-8")
    code, rows, said = run("check", "--catalogue", str(tmp_path))
    assert (code, rows) == (4, []) and "A.yaml" in said and "B.yaml" in said


def test_diff_says_what_became_of_every_clause() -> None:
    code, rows, _ = run("diff", "MEM4", "MEM21")
    assert code == 0
    by_new = {r["new"]: r for r in rows}
    assert by_new["COAL21-8-2"]["change"] == "carried over" and by_new["COAL21-8-2"]["old"] == ["COAL4-8-2"]
    assert by_new["COAL21-5-4"]["change"] == "split"
    assert by_new["COAL21-15-2"]["change"] == "new"
    assert {o for r in rows for o in r["old"]} == {c.id for c in CATALOGUE.clauses.values() if c.document_id == "MEM4"}
    assert {r["new"] for r in rows} - {None} == {c.id for c in CATALOGUE.clauses.values() if c.document_id == "MEM21"}


def test_diff_says_what_a_clause_says_differently() -> None:
    by_new = {row["new"]: row for row in run("diff", "MEM4", "MEM21")[1]}
    output = by_new["COAL21-4-1"]
    assert {"conditions", "rule"} <= set(output["differs"]) and "cases" not in output["differs"]
    assert output["old_rules"] == ["year_output_t ≥ 1.1 × annual_capacity_t"]
    assert output["new_rule"] == (
        "year_output_t > 1.1 × annual_capacity_t or (quarter_output_t > 0.3 × annual_capacity_t and underground_mine)"
    )
    assert by_new["COAL21-15-2"]["differs"] == []  # a new clause differs from nothing


def test_diff_of_an_unknown_document_is_wrong_use() -> None:
    assert run("diff", "MEM4", "MEM99")[0] == 2


def test_match_judges_by_the_list_of_the_day() -> None:
    facts = {"element": "catalytic", "days_since_cal": 16}
    after = matched(found_at="2026-07-01", facts=facts)
    before = matched(found_at="2026-06-30", facts=facts)
    assert (after["verdict"], after["document_id"]) == ("major", "MEM21")
    assert (before["verdict"], before["document_id"]) == ("major", "MEM4")
    assert after["candidates"] == [{"criterion_id": "COAL21-14-6", "score": 1.0}]
    assert after["why"] and after["why_zh"]


def test_match_judges_text() -> None:
    answer = matched(found_at="2026-07-02", text="矿井主扇只有一台，没有备用主要通风机")
    assert answer["verdict"] == "major" and answer["document_id"] == "MEM21"
    assert answer["candidates"][0]["criterion_id"] == "COAL21-8-2"


def test_match_names_a_missing_fact() -> None:
    answer = matched(found_at="2026-07-02", facts={"days_since_cal": 40})
    assert (answer["verdict"], answer["missing"]) == ("cannot_evaluate", ["element"])


def test_match_answers_the_good_lines_and_names_the_bad_ones_with_exit_5() -> None:
    stdin = line(finding_id="A", found_at="2026-07-02") + b"{broken\n" + b"[]\n" + line(finding_id="", text="x") + b"\n"
    stdin += line(finding_id="B", found_at="not a time") + line(finding_id="C", found_at="2026-07-02")
    code, rows, said = run("match", stdin=stdin)
    assert code == 5 and [row["finding_id"] for row in rows] == ["A", "C"]
    for named in ("line 2: not JSON", "line 3: an object", "line 4: finding_id", "line 6: found_at"):
        assert named in said


def test_tables_are_for_people() -> None:
    for arguments in (["list", "--document", "KA41"], ["show", "COAL21-5-2"], ["rules"], ["diff", "MEM4", "MEM21"]):
        result = CliRunner().invoke(app, ["criteria", *arguments])
        assert result.exit_code == 0 and "─" in result.stdout, arguments
