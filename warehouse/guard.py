"""A connection for questions from people: reads the published warehouse and its lake files, and can do nothing else.

Three fences, as none of them holds alone. DuckDB's own (read-only file, no other folder, no network, settings locked)
still lets `COPY … TO` write where it may read, and functions look into the lake's log. So the parsed question is looked
at: one SELECT, table functions from a short list, no file in place of a table. Neither bounds what a single huge text
takes; `warehouse.questions` runs the question in a process of its own for that.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import orjson

from schemas.settings import Settings
from warehouse.publish import published_path
from warehouse.views import quoted

THREADS = 2  # a question never takes the whole machine from the stream

_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?(\s*\([^)]*\))?\s+", re.IGNORECASE)
# what may stand in FROM beside tables and views; everything that reads a file, logs or profiles is not here
_TABLE_FUNCTIONS = frozenset({
    "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree", "histogram",
    "histogram_values", "summary", "hazards_as_of", "duckdb_columns", "duckdb_tables", "duckdb_views",
    "duckdb_functions", "duckdb_types", "duckdb_keywords", "pragma_table_info", "pragma_version", "icu_calendar_names",
    "pg_timezone_names",
})  # fmt: skip
_FORBIDDEN = frozenset({
    "sleep_ms", "write_log", "parse_duckdb_log_message", "getenv", "nextval", "currval", "setseed", "getvariable",
    "current_setting",
})  # fmt: skip


class NotAQuestion(ValueError):
    """The text is not one single query that only reads the warehouse."""


def guarded(data: Path | None = None, memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    """The published warehouse, read-only: no other file, no network, no extension, no spill to disk, settings locked.

    Raises NotPublished.
    """
    settings = Settings() if data is None else Settings(data=data)
    con = duckdb.connect(str(published_path(data)), read_only=True)
    for statement in fence(settings.lake, memory):
        con.execute(statement)
    return con


def fence(lake: Path, memory: str = "2GB") -> tuple[str, ...]:
    """The settings that make a connection to a published file a guarded one; a BI tool runs them as it connects."""
    return (
        "SET TimeZone = 'Asia/Shanghai'",
        f"SET memory_limit = {quoted(memory)}",
        f"SET threads = {THREADS}",
        "SET temp_directory = ''",
        "SET python_enable_replacements = false",  # no variable of ours is a table
        f"SET allowed_directories = [{quoted(str(lake.absolute()) + '/')}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    )


def check_question(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raises NotAQuestion unless `query` is one SELECT (FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW), or EXPLAIN of one.

    Raises duckdb.Error if it does not parse.
    """
    statements = con.extract_statements(query)
    if len(statements) != 1:
        raise NotAQuestion(f"one query at a time, this is {len(statements)}")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        explained = _EXPLAIN.match(query)
        if explained is None:
            raise NotAQuestion("EXPLAIN of what?")
        return check_question(con, query[explained.end() :])
    if kind != duckdb.StatementType.SELECT:
        raise NotAQuestion(f"{kind.name} is not a query that only reads; the warehouse takes SELECT and EXPLAIN")
    _look_at(_parsed(con, query))
    return None


def _parsed(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    ((serialized,),) = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    tree = orjson.loads(serialized)
    if tree.get("error"):
        raise NotAQuestion(f"not a query that can be looked at: {tree.get('error_message', '')}")
    return tree["statements"]


def _look_at(tree: Any) -> None:
    """Raises NotAQuestion for a function or a file that no question needs, wherever it stands in the query."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, list):
            left += node
        elif isinstance(node, dict):
            _check_node(node)
            left += node.values()


def _check_node(node: dict[str, Any]) -> None:
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node.get("function", {}).get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise NotAQuestion(f"{name}() is not for questions; there are {', '.join(sorted(_TABLE_FUNCTIONS))}")
    elif node.get("class") == "FUNCTION" and str(node.get("function_name", "")).lower() in _FORBIDDEN:
        raise NotAQuestion(f"{node['function_name']}() is not for questions")
    elif node.get("type") == "BASE_TABLE" and re.search(r"[/\\:*?]|\.\w+$", str(node.get("table_name", ""))):
        raise NotAQuestion(f"{node['table_name']} is a file, not a table of the warehouse")


@contextmanager
def interrupted_after(con: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupts what runs on `con` after `seconds`; the query then raises duckdb.InterruptException."""
    timer = threading.Timer(seconds, con.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
