"""Where a table's header is and which column holds which field: a proposal that a person can correct. Pure.

A header may stand below title rows and reach over up to three rows (整改情况 over 措施, 资金, 期限).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from schemas.model import Refused
from schemas.table_columns import Table, heading
from streams.gateways.sheets import Cell, Sheet

SEARCHED = 20  # rows from the top in which a header may begin
DEEPEST = 3  # rows a header may reach over


@dataclass(frozen=True)
class Column:
    """`index` from 0; `title` as it stands in the file, parts of a merged header joined by `/`; `sure` 0-1."""

    index: int
    title: str
    sure: float = 1.0


@dataclass(frozen=True)
class Layout:
    """The header of one sheet: `first_row` (from 1) is the first row below it; `unused` columns map to no field."""

    sheet: str
    header_rows: tuple[int, int]
    columns: dict[str, Column]
    unused: tuple[Column, ...]

    @property
    def first_row(self) -> int:
        return self.header_rows[1] + 1


def propose(sheet: Sheet, table: Table, said: Mapping[str, str] | None = None) -> Layout:
    """The likeliest header. `said` maps a field to the title a person chose for it, and goes before any guess.

    Raises Refused: `said` names a field or title that is not there, or no header with all needed fields is found.
    """
    said = said or {}
    if strange := sorted(set(said) - set(table.fields)):
        raise Refused(strange[0], f"no field of this table; there are {', '.join(table.fields)}")
    best: Layout | None = None
    best_score = 0.0
    for top in range(min(SEARCHED, len(sheet.rows))):
        for depth in range(1, DEEPEST + 1):
            if top + depth > len(sheet.rows):
                break
            layout = _matched(sheet, table, top, depth, said)
            # a deeper header must earn its rows: they could as well be the first rows of data
            score = sum(column.sure for column in layout.columns.values()) - 0.6 * (depth - 1)
            if score > best_score:
                best, best_score = layout, score
    lacking = [name for name in table.needs if best is None or name not in best.columns]
    if best is None or lacking:
        likeliest = [c.title for c in (*best.columns.values(), *best.unused)] if best else _fullest(sheet)
        titles = ", ".join(likeliest) or "none"
        where = f"sheet {sheet.name}: " if sheet.name else ""
        raise Refused("/".join(lacking), f"{where}no column for it was recognised; the titles are: {titles}")
    for field, title in said.items():
        if field not in best.columns:
            raise Refused(field, f"no column is called {title!r}")
    return best


def _matched(sheet: Sheet, table: Table, top: int, depth: int, said: Mapping[str, str]) -> Layout:
    titles = [
        _title([sheet.rows[row][i] for row in range(top, top + depth)]) for i in range(len(sheet.rows[top]))
    ]  # fmt: skip
    wanted = {heading(title): field for field, title in said.items()}
    chances: list[tuple[float, int, str]] = []
    for i, parts in enumerate(titles):
        if not parts or _is_banner(titles, i):
            continue
        named = wanted.get(heading("".join(parts))) or wanted.get(heading(parts[-1]))
        if named:
            chances.append((2.0, i, named))
            continue
        for field in table.fields.values():
            if field.id not in said:
                last, whole = field.likeness(heading(parts[-1])), field.likeness(heading("".join(parts)))
                if (sure := max(last, 0.95 * whole)) > 0:
                    chances.append((sure, i, field.id))
    columns: dict[str, Column] = {}
    taken: set[int] = set()
    for sure, i, name in sorted(chances, key=lambda c: (-c[0], c[1])):
        if name not in columns and i not in taken:
            columns[name] = Column(i, "/".join(titles[i]), min(sure, 1.0))
            taken.add(i)
    unused = tuple(Column(i, "/".join(parts), 0.0) for i, parts in enumerate(titles) if parts and i not in taken)
    return Layout(sheet.name, (top + 1, top + depth), columns, unused)


def _fullest(sheet: Sheet) -> list[str]:
    """The texts of the row that holds most of them: what a header without any known title looks like."""
    texts = [[cell for cell in row if isinstance(cell, str) and cell.strip()] for row in sheet.rows[:SEARCHED]]
    return max(texts, key=len, default=[])


def _title(cells: list[Cell]) -> tuple[str, ...]:
    """The distinct texts above a column, from the top; a date or a number among them is no title."""
    if any(not isinstance(cell, str) for cell in cells):
        return ()
    texts = [" ".join(str(cell).split()) for cell in cells]
    return tuple(text for before, text in pairwise(("", *texts)) if text and text != before)


def _is_banner(titles: list[tuple[str, ...]], i: int) -> bool:
    """A title merged over the whole width is the table's name, not a column's."""
    alone = len(titles[i]) == 1
    return alone and len(titles) > 3 and sum(each == titles[i] for each in titles) > len(titles) // 2
