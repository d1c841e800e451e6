"""Where it rests: lake tables, DuckDB views and marts over them, KPIs.

The landing process imports `warehouse.lake` and must not load DuckDB, hence the imports inside.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(data: Path | None = None, views: Iterable[str] | None = None) -> "duckdb.DuckDBPyConnection":
    """An in-memory DuckDB whose views show the lake as of this moment; times are shown in Asia/Shanghai.

    `data` is the data folder, default QINGLING_DATA; `views` the ones wanted (with what they read), default all: naming
    them is quicker. Connect again to see what has landed since.
    """
    from warehouse.views import connect as over_lake

    return over_lake(data, views)


def published(data: Path | None = None) -> "duckdb.DuckDBPyConnection":
    """The last published warehouse, read-only. Raises NotPublished if there is none."""
    from warehouse.publish import published as last

    return last(data)
