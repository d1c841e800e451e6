"""`qingling criteria`: list, show and match against the catalogue."""

import gc
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from console.criteria_match import judged
from schemas.criteria import FOLDER, Catalogue, CatalogueError, Clause, load_catalogue
from schemas.spelling import spelled
from schemas.terms import Verdict
from streams.judgement import verdict_of

app = typer.Typer(no_args_is_help=True, help="判定标准：一行业一清单 The criteria catalogue: one industry, one list.")
Json = Annotated[bool, typer.Option("--json", help="JSON lines instead of tables")]
Folder = Annotated[Path, typer.Option("--catalogue", help="folder of catalogue files", show_default=False)]
FAILED, WRONG_USE, FOUND, REFUSED = 1, 2, 4, 5
_out = Console()
_err = Console(stderr=True, soft_wrap=True)


def loaded(folder: Path) -> Catalogue:
    """The catalogue of `folder`; every fault on stderr and exit 4 if it cannot be used."""
    try:
        return load_catalogue(folder)
    except CatalogueError as error:
        for fault in error.faults:
            _err.print(f"{fault}", style="red", markup=False, highlight=False)
        raise typer.Exit(FOUND) from None


def written(rows: list[dict[str, Any]]) -> None:
    """One JSON object per line on stdout."""
    for row in rows:
        sys.stdout.write(orjson.dumps(row, default=str).decode() + "\n")


def way(clause: Clause) -> str:
    """How the clause is judged: executable (by a rule), text (by a sentence), review (by a person; sentences find it).

    Of low confidence or on trial, a clause can only lead to review, whatever it is found by.
    """
    if clause.condition is not None:
        return "executable"
    return "text" if verdict_of(clause) is Verdict.MAJOR else "review"


def summary(clause: Clause, catalogue: Catalogue) -> dict[str, Any]:
    document = catalogue.document_of(clause)
    return {
        "criterion_id": clause.id, "document_id": clause.document_id, "article": clause.article,
        "title_zh": clause.title_zh, "title_en": clause.title_en, "industry": clause.industry,
        "kind": clause.kind.value, "confidence": clause.confidence.value, "judged_by": way(clause),
        "effective_from": str(clause.effective_from or document.effective_from),
        "effective_to": str(clause.effective_to or document.effective_to or "") or None, "cases": len(clause.cases),
    }  # fmt: skip


@app.command("list")
def list_(
    document: Annotated[str, typer.Option(help="only this document, e.g. MEM21")] = "",
    industry: Annotated[str, typer.Option(help="only this industry, id or name")] = "",
    on: Annotated[str, typer.Option(help="only what is in force on this day, YYYY-MM-DD")] = "",
    as_json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Clauses, in catalogue order."""
    catalogue = loaded(folder)
    if document and document not in catalogue.documents:
        _err.print(f"--document: no document {document}; there are {', '.join(catalogue.documents)}")
        raise typer.Exit(WRONG_USE)
    clauses = catalogue.in_force(industry, _day(on)) if on else tuple(catalogue.clauses.values())
    if industry and not on:
        known = {c.id for d in {*_days(catalogue)} for c in catalogue.in_force(industry, d)}
        clauses = tuple(c for c in clauses if c.id in known)
    rows = [summary(c, catalogue) for c in clauses if document in ("", c.document_id)]
    if as_json:
        written(rows)
        return
    table = Table(title=f"判定标准 Criteria {catalogue.version}: {len(rows)}")
    for heading in ("编号 id", "条款 article", "名称 title", "行业 industry", "判定方式 judged by", "案例 cases"):
        table.add_column(heading)
    for row in rows:
        title = f"{row['title_zh']}\n{row['title_en']}"
        table.add_row(row["criterion_id"], row["article"], title, row["industry"], row["judged_by"], str(row["cases"]))
    _out.print(table)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _err.print(f"--on: {text!r} is no day (YYYY-MM-DD)")
        raise typer.Exit(WRONG_USE) from None


def _days(catalogue: Catalogue) -> list[date]:
    return [document.effective_from for document in catalogue.documents.values()]


@app.command()
def show(criterion_id: str, as_json: Json = False, folder: Folder = FOLDER) -> None:
    """One clause with everything the catalogue says of it. The id may be any reference: `MEM21 art. 5(2)`."""
    catalogue = loaded(folder)
    clause = catalogue.get(criterion_id)
    if clause is None:
        clause = catalogue.cite(criterion_id, "", max(_days(catalogue))).clause
    if clause is None:
        _err.print(f"no clause {criterion_id}")
        raise typer.Exit(WRONG_USE)
    row = clause.model_dump(mode="json", exclude_none=True) | {
        "root": catalogue.root_of(clause.id),
        "superseded_by": [c.id for c in catalogue.successors(clause.id)],
        "catalogue_version": catalogue.version,
        "rule_in_words": spelled(clause.condition) if clause.condition else None,
        **summary(clause, catalogue),
        "cases": [case.model_dump(mode="json", exclude_none=True) for case in clause.cases],
    }
    if as_json:
        written([row])
        return
    document = catalogue.document_of(clause)
    table = Table(title=f"{clause.id}  {clause.title_zh}  {clause.title_en}", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("文件 document", f"{document.title_zh} {document.number} {clause.article_zh} ({clause.article})")
    for name, value in row.items():
        if name not in ("id", "criterion_id", "title_zh", "title_en") and value not in ([], "", None, False):
            shown = "、".join(value) if name == "keywords" else "\n".join(map(_line, _list(value)))
            table.add_row(name, shown)
    _out.print(table)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _line(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@app.command()
def match(as_json: Json = False, folder: Folder = FOLDER) -> None:
    """Judge findings from stdin (JSON lines): one JSON line each. Bad lines are named on stderr, exit 5."""
    del as_json  # the answer is JSON lines either way
    catalogue = loaded(folder)
    gc.freeze()  # the catalogue stays: the collector need not walk it again and again
    refused = 0
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if not line.strip():
            continue
        answer, reason = judged(line, catalogue)
        if reason:
            refused += 1
            _err.print(f"line {number}: {reason}", markup=False, highlight=False)
        else:
            written([answer])
    if refused:
        raise typer.Exit(REFUSED)
