"""What every table and column is said to be, in both languages; the page of it; references that hold."""

import re

import duckdb
import pytest

from warehouse.checks import checks_of
from warehouse.dictionary import PAGE, columns, page
from warehouse.model import both, relation, relations, shared_columns
from warehouse.publish import publish, published

HELD = columns()


@pytest.mark.parametrize("name", sorted(HELD))
def test_every_table_and_column_is_explained_in_both_languages(name):
    told = relation(name)
    assert re.search("[一-鿿]", told.zh) and re.search("[A-Za-z]{3}", told.en)
    for column, _ in HELD[name]:
        zh, en = both(told.comment(column))
        assert re.search("[一-鿿]", zh) and en.isprintable(), column


@pytest.mark.parametrize("name", sorted(relations()))
def test_keys_references_and_contracts_name_columns_and_tables_that_exist(name):
    told, here = relations()[name], {column for column, _ in HELD[name]}
    assert {*told.key, *told.columns, *told.references} <= here
    for column, target in told.references.items():
        assert target in relations(), (column, target)
    for check in checks_of(told):
        assert set(check.columns) <= here
        duckdb.connect().extract_statements(check.query)


def test_no_explanation_stands_for_nothing():
    used = {column for held in HELD.values() for column, _ in held}
    assert set(shared_columns()) - used == set()


def test_no_two_checks_share_an_id():
    ids = [check.check_id for each in relations().values() for check in checks_of(each)]
    assert len(ids) == len(set(ids)) > 80


def test_the_dictionary_is_the_page():
    assert page() == PAGE.read_text("utf-8"), "run: python -m warehouse.dictionary"


def test_a_published_file_explains_itself(tmp_path):
    publish(tmp_path)
    con = published(tmp_path)
    silent = con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal AND coalesce(comment, '') NOT LIKE '% | %'"
    ).fetchall()  # fmt: skip
    assert silent == []
    tables = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE coalesce(comment, '') NOT LIKE '% | %' UNION ALL "
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' "
        "AND coalesce(comment, '') NOT LIKE '% | %'"
    ).fetchall()  # fmt: skip
    assert tables == []


@pytest.mark.parametrize("name", sorted(name for name, told in relations().items() if told.layer == "staging"))
def test_every_landed_row_says_where_it_stands_and_when_it_was_recorded(name):
    here = {column for column, _ in HELD[name]}
    if name in ("readings_1m", "readings_1h"):  # sums of many readings
        assert "began_at" in here
        return
    assert "recorded_at" in here
    assert {"log_id", "topic", "partition", "offset"} <= here or "coordinate" in here
