"""The queries of the warehouse in Spark's words: the same SQL files, translated from DuckDB's dialect.

What differs between the engines in meaning, not only in words, is set right here: ordered first and last, days between
dates, percentiles, instants and Shanghai days, lists in JSON, histories of the registry. The session's time zone must
be Asia/Shanghai. `detail`, the lists behind a number, stays DuckDB's: Spark gives num, den, value, excluded.
"""

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import sqlglot
from sqlglot import exp

from schemas.kpis import parameters_of
from warehouse.kpi_files import KINDS, kpi_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Values = Mapping[str, dt.datetime | float | None]

EVERYTHING = ""  # the group of the grouping `()`
# sql/macros.sql in Spark's words; {0} is the argument
_MACROS = {
    "shanghai_day": "CAST({0} AS DATE)",
    "shanghai_day_start": "CAST({0} AS TIMESTAMP)",
    "shanghai_day_last": "CAST(DATE_ADD({0}, 1) AS TIMESTAMP) - INTERVAL 1 MICROSECOND",
    "instant": "TRY_CAST({0} AS TIMESTAMP)",  # a bare date is its 00:00 in the session's zone
    "due_day": "CAST(TRY_CAST({0} AS TIMESTAMP) AS DATE)",
}


# registry_versions of sql/macros.sql
_HISTORY = """
SELECT * FROM (
    SELECT key, concat(key, '@', row_number() OVER ordered) AS version_key, value, kafka_at AS recorded_at,
        if(lag(key) OVER ordered IS NULL, TIMESTAMP '1900-01-01 00:00:00+08:00', kafka_at) AS valid_from,
        coalesce(lead(kafka_at) OVER ordered, TIMESTAMP '9999-12-31 00:00:00+08:00') AS valid_to,
        lead(key) OVER ordered IS NULL AS is_current
    FROM (
        SELECT *, lag(content) OVER ordered AS content_before
        FROM (
            SELECT key, value, kafka_at, `offset`, to_json(map_filter(
                from_json(value, 'MAP<STRING, STRING>'), (k, v) -> k NOT IN ('received_at', 'definition_at')
            )) AS content
            FROM {source} WHERE key IS NOT NULL
        )
        WINDOW ordered AS (PARTITION BY key ORDER BY kafka_at, `offset`)
    )
    WHERE NOT content <=> content_before
    WINDOW ordered AS (PARTITION BY key ORDER BY kafka_at, `offset`)
)
"""


def translated(sql: str, values: Values) -> str:
    """Spark SQL of one query. `values` are its parameters: instants, null for what is not asked for, or numbers."""
    (text,) = translated_parts(sql, values)
    return text


def translated_parts(sql: str, values: Values) -> list[str]:
    """Spark SQL of the parts of a query that are put together by name; most have one."""
    return [_translated(part, values) for part in _parts(sqlglot.parse_one(sql, read="duckdb"))]


def _parts(tree: exp.Expr) -> list[exp.Expr]:
    """Of a UNION ALL BY NAME, which Spark has for frames only, the SELECTs, each with the CTEs of the whole."""
    if not (isinstance(tree, exp.Union) and tree.args.get("by_name")):
        return [tree]
    parts = [part for side in (tree.left, tree.right) for part in _parts(side)]
    for part in parts:
        for cte in tree.ctes:
            cast(exp.Query, part).with_(cte.alias, as_=cte.this.copy(), copy=False)
    return parts


def _translated(tree: exp.Expr, values: Values) -> str:
    if isinstance(tree, exp.Select):
        tree.set("expressions", [each for each in tree.expressions if each.alias_or_name != "detail"])
    for rule in (
        _bound(values),
        _ordered,
        _micros,
        _percentiles,
        _sizes,
        _unordered_lists,
        _overlaps,
        _json_lists,
        _json_arrays,
        _macro,
        _raw_tables,
        _days_between,
    ):
        tree = tree.transform(rule)
    return tree.sql(dialect="spark")


def facts_query() -> str:
    """The SELECT of the macro hazards_as_of; its arguments stand in it as columns `as_of` and `known_as_of`."""
    text = (KINDS["hazards"] / "_facts.sql").read_text("utf-8")
    return text[text.index("WITH known AS") :]


class SparkKpis:
    """KPIs on a Spark session that has the relations they read as views (`hazard_events`, …)."""

    def __init__(self, spark: "SparkSession") -> None:
        """`spark` must run in Asia/Shanghai; raises ValueError if not."""
        if spark.conf.get("spark.sql.session.timeZone") != "Asia/Shanghai":
            raise ValueError("the Spark session must run with spark.sql.session.timeZone = Asia/Shanghai")
        self._spark = spark

    def hazards(self, as_of: dt.datetime, known_as_of: dt.datetime | None, groupings: Sequence[Sequence[str]]) -> None:
        """Make of the view `hazard_events` `facts_at`, as of an instant, and `hazard_facts`, for every grouping."""
        facts = self._spark.sql(translated(facts_query(), {"as_of": as_of, "known_as_of": known_as_of}))
        facts = facts.where("is_found OR in_m").cache()
        facts.createOrReplaceTempView("facts_at")
        together([self._grouped(facts, by) for by in groupings]).createOrReplaceTempView("hazard_facts")

    def _grouped(self, facts: "DataFrame", by: Sequence[str]) -> "DataFrame":
        codes = ", ".join(f"'{name}=', coalesce({name}, '')" for name in by)
        grouped = facts.selectExpr(f"concat({codes}) AS grp" if by else f"'{EVERYTHING}' AS grp", "*")
        if by:
            return grouped
        blank = self._spark.sql(f"SELECT '{EVERYTHING}' AS grp")  # everything is there even if there is no hazard
        return grouped.unionByName(blank, allowMissingColumns=True)

    def rows(self, kpi_id: str, values: Values) -> dict[str, tuple[float | None, float | None, float | None, int]]:
        """Group → (num, den, value, excluded) of one KPI over the facts of its kind, which must be there as a view."""
        found = self._spark.sql(translated(kpi_sql(kpi_id), {**values, **parameters_of(kpi_id)})).collect()
        return {row["grp"]: _row(row.asDict()) for row in found}


def together(parts: list["DataFrame"]) -> "DataFrame":
    """The rows of all `parts`, columns by name; what a part lacks is null."""
    return functools.reduce(lambda whole, part: whole.unionByName(part, allowMissingColumns=True), parts)


def facts_view(kind: str) -> str:
    """The relation that the KPI queries of a kind read."""
    return {"hazards": "hazard_facts", "lists": "list_facts", "alarms": "alarm_facts"}.get(kind, f"{kind}_facts")


def _row(row: dict[str, Any]) -> tuple[float | None, float | None, float | None, int]:
    num, den = _number(row["num"]), _number(row["den"])
    if "value" in row:
        value = _number(row["value"])
    elif den is None:
        value = num
    else:
        value = num / den if den and num is not None else None
    return num, den, value, int(row["excluded"] or 0)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


# -- rules; each takes a node and gives the one that stands in its place


def _bound(values: Values) -> Callable[[exp.Expr], exp.Expr]:
    literals = {name: _literal(value) for name, value in values.items()}

    def rule(node: exp.Expr) -> exp.Expr:
        named = isinstance(node, (exp.Parameter, exp.Placeholder)) or (
            isinstance(node, exp.Column) and not node.table and node.name in ("as_of", "known_as_of")
        )
        if named and node.name in literals:
            return sqlglot.parse_one(literals[node.name], read="spark")
        return node

    return rule


def _literal(value: dt.datetime | float | None) -> str:
    if value is None:
        return "CAST(NULL AS TIMESTAMP)"
    return f"TIMESTAMP '{value.isoformat()}'" if isinstance(value, dt.datetime) else repr(value)


def _ordered(node: exp.Expr) -> exp.Expr:
    """first(x ORDER BY a, b) → min_by(x, struct(a, b)), and last → max_by. Spark's first takes whatever comes."""
    if isinstance(node, (exp.First, exp.Last)) and isinstance(node.this, exp.Order):
        keys = [each.this.copy() for each in node.this.expressions]
        name = "MIN_BY" if isinstance(node, exp.First) else "MAX_BY"
        return exp.Anonymous(
            this=name, expressions=[node.this.this.copy(), exp.Anonymous(this="STRUCT", expressions=keys)]
        )
    return node


def _micros(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous) and node.name.lower() == "epoch_us":
        return exp.Anonymous(this="UNIX_MICROS", expressions=[_instant(each) for each in node.expressions])
    return node


def _instant(node: exp.Expr) -> exp.Expr:
    return exp.cast(node.copy(), exp.DataType.Type.TIMESTAMPTZ)


def _percentiles(node: exp.Expr) -> exp.Expr:
    """quantile_disc(x, p) → percentile_disc(p) WITHIN GROUP (ORDER BY x)."""
    if isinstance(node, exp.PercentileDisc) and node.expression is not None:
        order = exp.Order(expressions=[exp.Ordered(this=node.this.copy())])
        return exp.WithinGroup(this=exp.PercentileDisc(this=node.expression.copy()), expression=order)
    return node


def _sizes(node: exp.Expr) -> exp.Expr:
    """len() of a list is size(); Spark's length is that of a text."""
    if isinstance(node, exp.Length) and node.this.find(exp.ArrayAgg, exp.ArrayDistinct):
        return exp.Anonymous(this="SIZE", expressions=[node.this.copy()])
    return node


def _unordered_lists(node: exp.Expr) -> exp.Expr:
    """Lists are only behind `detail`, which is left out: their order does not matter."""
    if isinstance(node, exp.ArrayAgg) and isinstance(node.this, exp.Order):
        return exp.ArrayAgg(this=node.this.this.copy())
    return node


def _overlaps(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.ArrayOverlaps):
        return exp.Anonymous(this="ARRAYS_OVERLAP", expressions=[node.this.copy(), node.expression.copy()])
    return node


def _json_lists(node: exp.Expr) -> exp.Expr:
    """(x->>'$.list[*].field')::VARCHAR[]: Spark reads the list as structs; its path gives a list of one as no list."""
    if not (isinstance(node, exp.Cast) and node.is_type("array")):
        return node
    path = node.this.unnest()
    if not isinstance(path, exp.JSONExtractScalar) or path.expression.find(exp.JSONPathWildcard) is None:
        return node
    keys = [each.name for each in path.expression.expressions if isinstance(each, exp.JSONPathKey)]
    if len(keys) != 2:
        return node
    name, field = keys
    text = f"FROM_JSON(GET_JSON_OBJECT({path.this.sql(dialect='spark')}, '$.{name}'), 'ARRAY<STRUCT<{field}: STRING>>')"
    return sqlglot.parse_one(f"{text}.{field}", read="spark")


def _json_arrays(node: exp.Expr) -> exp.Expr:
    """from_json(x, '["JSON"]') and json_extract_string(x, '$.name[*]'): lists of texts."""
    if isinstance(node, exp.FromJson) and node.expression.name == '["JSON"]':
        return sqlglot.parse_one(f"FROM_JSON({_object(node.this)}, 'ARRAY<STRING>')", read="spark")
    if isinstance(node, exp.JSONExtractScalar) and node.expression.find(exp.JSONPathWildcard):
        keys = [each.name for each in node.expression.expressions if isinstance(each, exp.JSONPathKey)]
        if len(keys) == 1:
            found = f"GET_JSON_OBJECT({node.this.sql(dialect='spark')}, '$.{keys[0]}')"
            return sqlglot.parse_one(f"FROM_JSON({found}, 'ARRAY<STRING>')", read="spark")
    return node


def _object(node: exp.Expr) -> str:
    """`x->'$.name'` as Spark's text of it."""
    if isinstance(node, exp.JSONExtract):
        node = exp.JSONExtractScalar(this=node.this.copy(), expression=node.expression.copy())
    return node.sql(dialect="spark")


def _raw_tables(node: exp.Expr) -> exp.Expr:
    """raw.sites → raw_sites: a view of a session has no schema. registry_versions('raw.sites') → its history."""
    if not isinstance(node, exp.Table):
        return node
    if isinstance(node.this, exp.Anonymous) and node.this.name.lower() == "registry_versions":
        source = node.this.expressions[0].name.replace(".", "_")
        return sqlglot.parse_one(_HISTORY.format(source=source), read="spark").args["from_"].this
    if node.db == "raw":
        return exp.to_table(f"raw_{node.name}", alias=node.alias or None)
    return node


def _macro(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous) and node.name.lower() in _MACROS:
        argument = node.expressions[0].transform(_macro).sql(dialect="spark")
        return exp.Paren(this=sqlglot.parse_one(_MACROS[node.name.lower()].format(argument), read="spark"))
    return node


def _days_between(node: exp.Expr) -> exp.Expr:
    """DuckDB's date less date is a number of days, Spark's an interval."""
    left = node.this.this if isinstance(node, exp.Sub) and isinstance(node.this, exp.Paren) else None
    if isinstance(left, exp.Cast) and left.is_type("date"):
        return exp.Anonymous(this="DATEDIFF", expressions=[node.this.copy(), node.expression.copy()])
    return node
