"""The page docs/data-dictionary.md, made from the SQL and the YAML beside it: `python -m warehouse.dictionary`."""

from pathlib import Path

import duckdb

from schemas.tables import TABLES
from warehouse.build import VIEWS
from warehouse.checks import checks_of
from warehouse.model import BUILD, Relation, both, relations
from warehouse.views import LAYERS, SQL, Source, build_views

PAGE = Path(__file__).parent.parent / "docs" / "data-dictionary.md"
_HEAD = """# Data dictionary 数据字典

What the published warehouse holds, made from `warehouse/sql/` by `python -m warehouse.dictionary`. The same texts are
the comments of the file: `SELECT table_name, comment FROM duckdb_tables()`. Times are shown in Asia/Shanghai.

| layer | holds |
| --- | --- |
| staging | the log as it landed, doubles dropped, columns typed |
| dimensions | who and where: regions, departments, enterprises, sites, places, sensors, clauses, days |
| facts | what happened and what stands |
| marts | answers to what is asked every day |
| build | what a publish says of itself: sources, checks, KPIs |

"""
_ER = """## How they join 关系图

Facts and marts with the dimensions and facts they refer to. The four dimensions with versions join by id and time
(`valid_from`, `valid_to`) or by id and `is_current`.

```mermaid
erDiagram
{lines}
```

"""


def columns() -> dict[str, list[tuple[str, str]]]:
    """(name, type) of every column of every relation, from an empty lake."""
    con = duckdb.connect()
    build_views(con, {name: Source(name, None, ()) for name in TABLES})
    for file in sorted((SQL / BUILD).glob("*.sql")):
        con.execute(file.read_text("utf-8"))
    found: dict[str, list[tuple[str, str]]] = {}
    for name, column, kind in con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' "
        "AND database_name = 'memory' ORDER BY table_name, column_index"
    ).fetchall():
        found.setdefault(name, []).append((column, kind))
    con.close()
    return found


def picture() -> str:
    """The references of dimensions, facts and marts as a Mermaid entity-relationship diagram."""
    drawn = {name: each for name, each in relations().items() if each.layer in ("dimensions", "facts", "marts")}
    lines = sorted(
        f"  {target} ||--o{{ {name} : {column}"
        for name, each in drawn.items()
        for column, target in each.references.items()
        if target in drawn and target != name
    )
    return _ER.format(lines="\n".join(lines))


def page() -> str:
    held = columns()
    parts = [_HEAD, picture()]
    for layer in (*LAYERS, BUILD):
        parts.append(f"## {layer}\n\n")
        parts += [_table(each, held[name]) for name, each in relations().items() if each.layer == layer]
    return "".join(parts).rstrip() + "\n"


def _table(each: Relation, held: list[tuple[str, str]]) -> str:
    kind = "view" if each.name in VIEWS else "table"
    key = f" Key: {', '.join(f'`{column}`' for column in each.key)}." if each.key else ""
    lines = [f"### {each.name}\n", f"{each.zh}。{each.en} ({kind}).{key}\n", "| column | type | 中文 | meaning |"]
    lines.append("| --- | --- | --- | --- |")
    for column, type_ in held:
        zh, en = both(each.comment(column))
        target = each.references.get(column)
        joins = f"; joins `{target}`" if target else ""
        lines.append(f"| `{column}` | {type_} | {_cell(zh)} | {_cell(en)}{joins} |")
    checks = [f"{check.en}{_of(check.columns)}, {check.severity}"
              for check in checks_of(each)]  # fmt: skip
    if checks:
        lines.append(f"\nMust not be: {'; '.join(checks)}.")
    return "\n".join(lines) + "\n\n"


def _of(columns: tuple[str, ...]) -> str:
    return f" ({', '.join(columns)})" if columns else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
