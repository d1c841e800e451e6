"""A connection for questions from people: reads the published warehouse and its lake files, and can do nothing else.

DuckDB's own lock lets `COPY … TO` write into the directories it may read, so statements are looked at too.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from schemas.settings import Settings
from warehouse.publish import published_path
from warehouse.views import quoted

_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?(\s*\([^)]*\))?\s+", re.IGNORECASE)


class NotAQuestion(ValueError):
    """The text is not one single query that only reads."""


def guarded(data: Path | None = None, memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    """The published warehouse, read-only: no other file, no network, no extension, no spill to disk, settings locked.

    Raises NotPublished.
    """
    settings = Settings() if data is None else Settings(data=data)
    con = duckdb.connect(str(published_path(data)), read_only=True)
    for statement in (
        "SET TimeZone = 'Asia/Shanghai'",
        f"SET memory_limit = {quoted(memory)}",
        "SET temp_directory = ''",
        f"SET allowed_directories = [{quoted(str(settings.lake.absolute()) + '/')}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        con.execute(statement)
    return con


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
    return None


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
