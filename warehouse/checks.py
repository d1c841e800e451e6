# ruff: noqa: S608 - names come from the YAML beside the SQL, never from input
"""The data contracts of the layers as queries over a build: how many rows break each, and whether it may be published.

A contract stands in the YAML beside the SQL. `severity` critical stops the publish, warning is only told. Kinds:
key (unique; from the relation's `key`), not_null, accepted, range, matches, known (refers to a row of
another relation), rule (an SQL condition that no row may meet), fresh, append_only, daily_volume.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from warehouse.model import Relation, both, relations
from warehouse.views import quoted

CRITICAL, WARNING = "critical", "warning"
_KINDS = ("not_null", "accepted", "range", "matches", "known", "rule", "fresh", "append_only", "daily_volume")


@dataclass(frozen=True)
class Check:
    """`query` gives (rows that break it, rows looked at, what was found or null)."""

    check_id: str
    name: str
    kind: str
    columns: tuple[str, ...]
    severity: str
    zh: str
    en: str
    query: str


@dataclass(frozen=True)
class Result:
    check: Check
    bad: int
    checked: int
    found: str | None
    accepted: bool = False

    @property
    def passed(self) -> bool:
        return self.bad == 0

    @property
    def stops(self) -> bool:
        """Whether this result keeps the build from being published."""
        return not self.passed and self.check.severity == CRITICAL and not self.accepted

    def row(self) -> dict[str, Any]:
        """As a row of the table quality_checks."""
        said = asdict(self.check)
        return {
            **{name: said[name] for name in ("check_id", "name", "kind", "severity")}, "columns": list(said["columns"]),
            "passed": self.passed, "bad": self.bad, "checked": self.checked, "found": self.found,
            "about_zh": self.check.zh, "about_en": self.check.en, "accepted": self.accepted,
        }  # fmt: skip


def checks_of(relation: Relation) -> Iterator[Check]:
    """The checks of one relation. Raises ValueError for a contract that is none."""
    if relation.key and relation.check_key:
        yield _check(relation, "key", relation.key, CRITICAL, "键重复 | a key that stands twice", _key(relation))
    for contract in relation.contract:
        kind = next((kind for kind in _KINDS if kind in contract), None)
        if kind is None:
            raise ValueError(f"{relation.name}: {dict(contract)} is none of {', '.join(_KINDS)}")
        severity = contract.get("severity", WARNING)
        if severity not in (CRITICAL, WARNING):
            raise ValueError(f"{relation.name}, {kind}: severity {severity!r} is neither {CRITICAL} nor {WARNING}")
        columns, about, query = _COMPILE[kind](relation.name, contract)
        yield _check(relation, kind, columns, severity, contract.get("about", about), query)


def check_build(
    con: duckdb.DuckDBPyConnection, rows: Mapping[str, int], before: Mapping[str, int], as_of: dt.datetime,
    accepted: frozenset[str] = frozenset(),
) -> list[Result]:  # fmt: skip
    """Every check run over the relations of `con`. `rows` and `before` are the rows of this build and of the last.

    `accepted` names checks that a person lets pass this once.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE rows_before (name VARCHAR, rows BIGINT)")
    if before:
        con.executemany("INSERT INTO rows_before VALUES (?, ?)", [(n, c) for n, c in before.items() if n in rows])
    results = []
    for each in relations().values():
        for check in checks_of(each):
            bad, checked, found = con.execute(check.query, _wanted(con, check.query, as_of)).fetchall()[0]
            results.append(Result(check, bad or 0, checked or 0, found, check.check_id in accepted))
    con.execute("DROP TABLE rows_before")
    return results


def _wanted(con: duckdb.DuckDBPyConnection, query: str, as_of: dt.datetime) -> dict[str, Any]:
    return {"as_of": as_of} if "as_of" in con.extract_statements(query)[0].named_parameters else {}


def _check(relation: Relation, kind: str, columns: tuple[str, ...], severity: str, about: str, query: str) -> Check:
    zh, en = both(about)
    check_id = ".".join([relation.name, kind, *columns])
    if kind == "rule":  # several rules of one relation are told apart by what they say
        check_id = f"{relation.name}.rule.{'_'.join(en.lower().split())}"
    return Check(check_id, relation.name, kind, columns, severity, zh, en, query)


_Compiled = tuple[tuple[str, ...], str, str]


def _counted(name: str, bad: str, shown: str = "NULL") -> str:
    """A query for the rows of `name` that meet `bad`; `shown` is an example of them."""
    return f"SELECT count(*) FILTER ({bad}), count(*), (min({shown}) FILTER ({bad}))::VARCHAR FROM {name}"


def _cols(names: Any) -> tuple[str, ...]:
    return tuple(names) if isinstance(names, list) else (names,)


def _key(relation: Relation) -> str:
    columns = ", ".join(f'"{column}"' for column in relation.key)
    return (
        f"SELECT coalesce(sum(n - 1), 0), coalesce(sum(n), 0), min(CASE WHEN n > 1 THEN ({columns})::VARCHAR END) "
        f"FROM (SELECT {columns}, count(*) AS n FROM {relation.name} GROUP BY ALL)"
    )


def _not_null(name: str, contract: Mapping[str, Any]) -> _Compiled:
    columns = _cols(contract["not_null"])
    bad = " OR ".join(f'"{column}" IS NULL' for column in columns)
    return columns, "缺少必填值 | a needed value is missing", _counted(name, bad)


def _accepted(name: str, contract: Mapping[str, Any]) -> _Compiled:
    column = contract["accepted"]
    values = ", ".join(quoted(str(value)) for value in contract["values"])
    return (column,), "不在允许值之内 | none of the values allowed", _counted(
        name, f'"{column}"::VARCHAR NOT IN ({values})', f'"{column}"::VARCHAR'
    )  # fmt: skip


def _range(name: str, contract: Mapping[str, Any]) -> _Compiled:
    column = contract["range"]
    edges = [("low", "<"), ("high", ">")]
    bad = " OR ".join(f'"{column}" {sign} {contract[edge]}' for edge, sign in edges if edge in contract)
    return (column,), "超出取值范围 | outside its range", _counted(name, bad, f'"{column}"')


def _matches(name: str, contract: Mapping[str, Any]) -> _Compiled:
    column = contract["matches"]
    bad = f"coalesce(\"{column}\", '') <> '' AND NOT regexp_full_match(\"{column}\", {quoted(contract['pattern'])})"
    return (column,), "格式不符 | of another form", _counted(name, bad, f'"{column}"')


def _known(name: str, contract: Mapping[str, Any]) -> _Compiled:
    column, other = contract["known"], contract["in"]
    target = contract.get("as", column)
    query = (
        f"SELECT count(*) FILTER (o.k IS NULL), count(*), min(t.c) FILTER (o.k IS NULL) "
        f"FROM (SELECT \"{column}\" AS c FROM {name} WHERE coalesce(\"{column}\"::VARCHAR, '') <> '') AS t "
        f'LEFT JOIN (SELECT DISTINCT "{target}" AS k FROM {other}) AS o ON t.c = o.k'
    )
    return (column,), f"{other} 中没有 | not in {other}", query


def _rule(name: str, contract: Mapping[str, Any]) -> _Compiled:
    return (), contract["about"], _counted(name, contract["rule"])


def _fresh(name: str, contract: Mapping[str, Any]) -> _Compiled:
    column, hours = contract["fresh"], contract["hours"]
    query = (
        f'SELECT (max("{column}") < $as_of::TIMESTAMPTZ - INTERVAL {hours} HOUR)::INTEGER, count(*), '
        f'max("{column}")::VARCHAR FROM {name}'
    )
    return (column,), f"{hours} 小时内没有新数据 | nothing newer than {hours} h", query


def _append_only(name: str, _: Mapping[str, Any]) -> _Compiled:
    query = (
        "SELECT greatest(0, coalesce(b.rows, 0) - t.n), t.n, "
        "CASE WHEN b.rows > t.n THEN t.n || ' rows, ' || b.rows || ' in the last build' END "
        f"FROM (SELECT count(*) AS n FROM {name}) AS t LEFT JOIN rows_before AS b ON b.name = {quoted(name)}"
    )
    return (), "比上次发布少 | fewer rows than in the last build", query


def _daily_volume(name: str, contract: Mapping[str, Any]) -> _Compiled:
    """The last complete day against the median of the seven before it; needs three of them."""
    column, low, high = contract["daily_volume"], contract["low"], contract["high"]
    before = "WHERE day < shanghai_day($as_of::TIMESTAMPTZ)"
    days = f'SELECT day, sum("{column}")::BIGINT AS n FROM {name} {before} GROUP BY day'
    query = (
        f"SELECT (n < usual * {low} OR n > usual * {high})::INTEGER, n, day || ': ' || n || ', usually ' || usual "
        f"FROM (SELECT day, n, median(n) OVER w AS usual, count(n) OVER w AS days FROM ({days}) "
        "WINDOW w AS (ORDER BY day ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING)) "
        "WHERE days >= 3 ORDER BY day DESC LIMIT 1"
    )
    query = f"SELECT * FROM ({query}) UNION ALL SELECT 0, 0, NULL LIMIT 1"
    return (column,), "日数据量异常 | an unusual amount for a day", query


_COMPILE = {
    "not_null": _not_null, "accepted": _accepted, "range": _range, "matches": _matches, "known": _known,
    "rule": _rule, "fresh": _fresh, "append_only": _append_only, "daily_volume": _daily_volume,
}  # fmt: skip
