"""`qingling criteria check` and `rules`: whether a catalogue is sound, and where each sensor rule is decided."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from console.criteria import FOUND, Folder, Json, loaded, way, written
from schemas.criteria import FOLDER, Catalogue
from schemas.sensor_rules import Standing, standings
from schemas.terms import Confidence
from schemas.vocabulary import vocabulary
from streams.cases import CaseResult
from streams.catalogue_check import Checked, checked

_HEADINGS = (
    ("文件", "list"), ("条款", "clauses"), ("按规则", "rule"), ("按文字", "text"), ("人工", "review"),
    ("低置信", "low"), ("规则复核", "unsure"), ("案例", "cases"), ("失败", "failed"), ("无案例", "none"),
)  # fmt: skip
_out = Console()
_err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def check(as_json: Json = False, folder: Folder = FOLDER) -> None:
    """检查目录 Load the catalogue, run every case, see what the cases show, count what is judged how.

    Exit 4 if an entry cannot be used, a case fails, or no case turns on a number.
    """
    catalogue = loaded(folder)
    found = checked(catalogue)
    rows = [_counted(document_id, catalogue, found.results) for document_id in catalogue.documents]
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "document_id"}
    if as_json:
        verdict = {
            "version": catalogue.version, "documents": rows, "total": total, "sensor_rules": _tally(found.rules),
            "failed": list(map(failure, found.failed)), "faults": list(map(str, found.faults)),
            "warnings": list(map(str, found.warnings)),
        }  # fmt: skip
        written([verdict])
    else:
        _show(catalogue.version, rows, total, found.rules)
        _out.print(f"警告 warnings: {len(found.warnings)}")
        _say(found)
    if not found.sound:
        raise typer.Exit(FOUND)


def say_faults(found: Checked) -> None:
    """Every failed case and every fault on stderr, one a line."""
    for result in found.failed:
        _err.print(orjson.dumps(failure(result)).decode(), style="red")
    for fault in found.faults:
        _err.print(str(fault), style="red")


def _say(found: Checked) -> None:
    say_faults(found)
    for fault in found.warnings:
        _err.print(f"warning: {fault}", style="yellow")


def _counted(document_id: str, catalogue: Catalogue, results: Sequence[CaseResult]) -> dict[str, Any]:
    clauses = [c for c in catalogue.clauses.values() if c.document_id == document_id]
    ways = Counter(map(way, clauses))
    cases = [r for r in results if r.clause.document_id == document_id]
    return {
        "document_id": document_id, "clauses": len(clauses), "executable": ways["executable"], "text": ways["text"],
        "review": ways["review"], "low_confidence": sum(c.confidence is Confidence.LOW for c in clauses),
        "rule_reviews": sum(c.rule_confidence is Confidence.LOW for c in clauses), "cases": len(cases),
        "cases_failed": sum(not r.passed for r in cases), "without_cases": sum(not c.cases for c in clauses),
    }  # fmt: skip


def failure(result: CaseResult) -> dict[str, Any]:
    return {
        "criterion_id": result.clause.id, "case": result.case.name, "expect": result.case.expect, "got": result.got,
        "why": result.why,
    }  # fmt: skip


def _tally(rules: Sequence[Standing]) -> dict[str, Any]:
    return {
        "rules": len(rules), "executable": sum(each.executable for each in rules),
        "undecided": {each.rule.id: each.undecided for each in rules if not each.executable},
    }  # fmt: skip


def _show(version: str, rows: list[dict[str, Any]], total: dict[str, Any], rules: Sequence[Standing]) -> None:
    table = Table(title=f"判定标准目录 Criteria catalogue {version}")
    for zh, en in _HEADINGS:
        table.add_column(f"{zh}\n{en}", justify="right" if table.columns else "left")
    for row in (*rows, {"document_id": "合计 total", **total}):
        table.add_row(*map(str, row.values()))
    _out.print(table)
    tally = _tally(rules)
    _out.print(f"传感器规则 sensor rules: {tally['rules']}, 可执行 executable {tally['executable']}")
    for name, entries in tally["undecided"].items():
        _out.print(f"  {name} 未定 undecided: {_missing(entries)}", highlight=False)


def _missing(entries: dict[str, tuple[str, ...]]) -> str:
    wanted = vocabulary().wanted
    return "; ".join(
        f"{clause_id} 缺 lacks {'、'.join(f'{wanted[n].zh} ({n})' if n in wanted else n for n in names)}"
        for clause_id, names in entries.items()
    )


def rules(as_json: Json = False, folder: Folder = FOLDER) -> None:
    """传感器规则 The sensor rules, where each is decided, and what the undecided ones lack."""
    found = standings(loaded(folder).clauses.values())
    if as_json:
        written([_row(each) for each in found])
        return
    table = Table(title=f"传感器规则 Sensor rules: {len(found)}")
    for heading in ("编号 id", "行业 industry", "名称 title", "判定 decided by", "缺 lacks"):
        table.add_column(heading, overflow="fold")
    for each in found:
        own = [f"{len(each.rule.levels)} 级报警 alarm levels"] if each.rule.levels else []
        title = f"{each.rule.zh}\n{each.rule.en}"
        table.add_row(
            each.rule.id, each.rule.industry, title, "\n".join([*each.clauses, *own]), _missing(each.undecided)
        )
    _out.print(table)


def _row(each: Standing) -> dict[str, Any]:
    rule = each.rule
    return {
        "rule_id": rule.id, "industry": rule.industry, "title_zh": rule.zh, "title_en": rule.en,
        "executable": each.executable, "criterion_ids": list(each.clauses),
        "levels": [{"zh": level.zh, "en": level.en, "rule": level.rule} for level in rule.levels],
        "places": list(rule.places), "basis": rule.basis, "confidence": rule.confidence.value,
        "undecided": {clause_id: list(names) for clause_id, names in each.undecided.items()},
    }  # fmt: skip
