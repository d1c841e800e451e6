"""BI tools come through SQLAlchemy and the duckdb-engine driver: what Superset and Metabase do, done here."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.test_warehouse_publish import hazard_event_rows, land, reading_rows
from warehouse.guard import fence
from warehouse.publish import LINK, publish


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("bi")
    land(data, "hazard_events", hazard_event_rows())
    land(data, "readings", reading_rows(0, 30))
    publish(data)
    return data


def engine(data: Path) -> Engine:
    """The recipe of docs/warehouse.md."""
    bi = create_engine(
        f"duckdb:///{data / 'warehouse' / LINK}", poolclass=NullPool, connect_args={"read_only": True}
    )  # fmt: skip

    @event.listens_for(bi, "connect")
    def guard(connection, _):
        for statement in fence(data / "lake"):
            connection.execute(statement)

    return bi


def test_tables_columns_and_rows_as_a_bi_tool_asks_for_them(data):
    bi = engine(data)
    names = set(inspect(bi).get_table_names("main")) | set(inspect(bi).get_view_names("main"))
    assert {"hazards", "overdue_by_county", "dim_site", "readings", "kpi_snapshot"} <= names
    columns = {column["name"]: column for column in inspect(bi).get_columns("overdue_by_county", "main")}
    assert {"county", "overdue"} <= set(columns)
    with bi.connect() as con:
        rows = con.execute(
            text("SELECT region, overdue FROM overdue_by_county WHERE overdue > :n ORDER BY 1"), {"n": 0}
        )
        assert sum(row.overdue for row in rows) == 2  # K07 of the worked hazards
        shown = con.execute(text("SELECT strftime(found_at, '%z') FROM hazards LIMIT 1")).scalar()
        assert shown == "+08"
        assert con.execute(text("SELECT count(*) FROM readings")).scalar() == 30


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM hazards",
        "COPY hazards TO '/tmp/x.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SET threads = 64",
    ],
)
def test_a_bi_tool_can_neither_write_nor_read_files(data, query):
    with engine(data).connect() as con, pytest.raises(DBAPIError):
        con.execute(text(query)).fetchall()


def test_a_tool_that_stays_connected_keeps_its_build_and_a_new_connection_sees_the_next(data):
    bi = engine(data)
    with bi.connect() as old:
        before = old.execute(text("SELECT max(built_at) FROM build_manifest")).scalar()
        publish(data)
        assert old.execute(text("SELECT max(built_at) FROM build_manifest")).scalar() == before
    with bi.connect() as new:
        assert new.execute(text("SELECT max(built_at) FROM build_manifest")).scalar() > before
