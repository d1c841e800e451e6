"""`qingling criteria diff`: what changed from one list to the next, or between two versions of the catalogue."""

import re
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from console.criteria import WRONG_USE, Folder, Json, loaded, written
from schemas.criteria import FOLDER, Catalogue, Clause
from schemas.spelling import spelled

_out = Console()
_err = Console(stderr=True, soft_wrap=True)
# What a reader of two editions asks after; the words for matching and the cases are the catalogue's own business.
_COMPARED = ("title_zh", "conditions", "rule", "places", "kind", "confidence", "scope", "deadline_days", "status")


def diff(old: str, new: str, as_json: Json = False, folder: Folder = FOLDER) -> None:
    """两个标准有何不同 What changed from one document to the next, or between two catalogues.

    A catalogue is a folder, a published version, or `built-in`. Of a clause that goes on, what it says differently.
    """
    catalogue = loaded(folder)
    if not {old, new} & set(catalogue.documents) and all(map(_names_a_catalogue, (old, new))):
        _diff_catalogues(old, new, as_json)
        return
    for name in (old, new):
        if name not in catalogue.documents:
            _err.print(f"no document {name}; there are {', '.join(catalogue.documents)}")
            raise typer.Exit(WRONG_USE)
    rows = list(changes(catalogue, old, new))
    if as_json:
        written(rows)
        return
    table = Table(title=f"{old} → {new}")
    for heading in ("变化 change", "原条款 old", "新条款 new", "名称 title", "不同 differs"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        said = " ".join(row["differs"])
        if "rule" in row["differs"]:
            said += f"\n{'; '.join(filter(None, row['old_rules'])) or '-'}\n→ {row['new_rule'] or '-'}"
        table.add_row(row["change"], " ".join(row["old"]), row["new"] or "", row["title_zh"], said)
    _out.print(table)


def changes(catalogue: Catalogue, old: str, new: str) -> list[dict[str, Any]]:
    """Every clause of `new` with what it takes over from `old` and says differently, then what was dropped."""
    before = {c.id for c in catalogue.clauses.values() if c.document_id == old}
    after = [c for c in catalogue.clauses.values() if c.document_id == new]
    rows: list[dict[str, Any]] = []
    for clause in after:
        olds = [catalogue.clauses[o] for o in clause.supersedes if o in before]
        shared = any(len([s for s in catalogue.successors(o.id) if s.document_id == new]) > 1 for o in olds)
        change = "new" if not olds else "merged" if len(olds) > 1 else "split" if shared else "carried over"
        rows.append(_row(change, olds, clause, clause, catalogue))
    taken = {o for row in rows for o in row["old"]}
    dropped = [c for i, c in catalogue.clauses.items() if i in before and i not in taken]
    return rows + [_row("dropped", [c], None, c, catalogue) for c in dropped]


def _row(change: str, olds: list[Clause], new: Clause | None, shown: Clause, catalogue: Catalogue) -> dict[str, Any]:
    differs = [name for name in _COMPARED if new and any(getattr(o, name) != getattr(new, name) for o in olds)]
    return {
        "change": change, "old": [o.id for o in olds], "new": new.id if new else None, "title_zh": shown.title_zh,
        "title_en": shown.title_en, "root": catalogue.root_of(shown.id), "differs": differs,
        "old_rules": [_rule(o) for o in olds], "new_rule": _rule(new) if new else None,
    }  # fmt: skip


def _rule(clause: Clause) -> str | None:
    return spelled(clause.condition) if clause.condition else None


def _names_a_catalogue(name: str) -> bool:
    return name == "built-in" or Path(name).is_dir() or re.fullmatch("[0-9a-f]{6,12}", name) is not None


def _diff_catalogues(old: str, new: str, as_json: bool) -> None:
    from console.criteria_versions import changes_between, resolve

    rows = list(changes_between(resolve(old), resolve(new)))
    if as_json:
        written(rows)
        return
    table = Table(title=f"{old} → {new}: {len(rows)}")
    for heading in ("变化 change", "编号 id", "字段 fields", "名称 title"):
        table.add_column(heading)
    for row in rows:
        table.add_row(f"{row['change']} {row['what']}", row["id"], " ".join(row["fields"]), row["title_zh"])
    _out.print(table)
