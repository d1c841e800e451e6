import datetime as dt

import pytest
import yaml

from schemas.retention import FILE, BadRetention, retentions

ROWS = yaml.safe_load(FILE.read_text("utf-8"))
CASES = [(number, case) for number, row in enumerate(ROWS) for case in row["cases"]]


@pytest.mark.parametrize(("number", "case"), CASES)
def test_cases_of_the_file(number: int, case: dict[str, dt.date]) -> None:
    assert retentions()[number].oldest(case["today"]) == case["oldest"]


def test_every_rule_has_a_case_and_a_source() -> None:
    assert [row["table"] for row in ROWS if not (row["cases"] and row["source"] and row["why"])] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- {table: nothing, keep_days: 3, source: s}", "entry 1, table: no table 'nothing'"),
        ("- {table: commands, keep_days: 3, source: s}", "does not lie by day"),
        ("- {table: readings, keep_days: 0, source: s}", "keep_days: 0 is no number of days"),
        ("- {table: readings, keep_days: 3, then: {commands: 60}, source: s}", "then: 'commands' is no table of"),
        ("- {table: readings, keep_days: 3, then: {readings_1m: 7}, source: s}", "then: 7 seconds do not divide"),
        ("- {table: readings, keep_days: 3}", "source: missing"),
    ],
)
def test_a_bad_rule_is_named(tmp_path, text, reason):
    file = tmp_path / "bad.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(BadRetention, match=r"bad\.yaml") as caught:
        retentions(file)
    assert reason in str(caught.value)
