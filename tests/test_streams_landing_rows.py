import orjson
import pyarrow as pa
import pytest

from schemas.deadletters import DeadLetter
from schemas.tables import TABLES
from schemas.topics import topics
from streams.decode import Record
from streams.landing_rows import rows_of

NOW = 1_782_900_000_000_000
END_OF_2_JULY = "2026-07-02T15:59:59.999999+00:00"  # written out it is still 2 July


def record(topic, value, offset=0, key=b"k", headers=()):
    raw = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
    return Record("log", topic, 2, offset, key, raw, headers, NOW)


def one(topic, value, **more):
    """The only row of one record, without its coordinates."""
    rows, refusals = rows_of(topics()[topic], [record(topic, value, **more)])
    assert refusals == []
    assert rows.schema.equals(TABLES[topics()[topic].table])
    (row,) = rows.to_pylist()
    return row


def times(value):
    return None if value is None else value.isoformat()


def test_every_row_says_where_it_came_from():
    row = one("commands", {"command_id": "c"}, offset=41, key="矿".encode())
    assert (row["log_id"], row["topic"], row["partition"], row["offset"], row["key"]) == (
        "log",
        "commands",
        2,
        41,
        "矿",
    )
    assert row["kafka_at"].timestamp() * 1e6 == NOW


@pytest.mark.parametrize(
    ("topic", "field", "given", "column"),
    [
        ("hazard.events", "event_id", "e", "e"),
        ("hazard.events", "data", {"found_at": "…", "n": 1}, '{"found_at":"…","n":1}'),
        ("hazard.events", "causes", ["a/b", "c"], '["a/b","c"]'),
        ("hazard.events", "imported", True, True),
        ("device.alarms", "value", 3, 3.0),
        ("device.alarms", "level", 2, 2),
        ("kpi.values", "group", {}, "{}"),
        ("kpi.values", "value", None, None),
        ("processing.steps", "step", 7, 7),
    ],
)
def test_fields_go_to_the_column_of_their_name(topic, field, given, column):
    row = one(topic, {field: given})
    assert row[field] == column
    assert row["extra"] is None


@pytest.mark.parametrize(
    ("topic", "field", "given", "utc"),
    [
        ("hazard.events", "occurred_at", "2026-07-02T08:00:00+08:00", "2026-07-02T00:00:00+00:00"),
        ("hazard.events", "occurred_at", "2026-07-02T08:00:00.000001Z", "2026-07-02T08:00:00.000001+00:00"),
        ("inspection.findings", "found_at", "2026-07-02", "2026-07-01T16:00:00+00:00"),
        ("inspection.findings", "deadline", "2026-07-02", END_OF_2_JULY),
        ("kpi.values", "as_of", "2026-07-02", END_OF_2_JULY),
    ],
)
def test_a_bare_date_is_read_as_the_model_reads_it(topic, field, given, utc):
    assert times(one(topic, {field: given})[field]) == utc


@pytest.mark.parametrize(
    ("topic", "field", "given"),
    [
        ("hazard.events", "seal", {"of": "approval"}),
        ("processing.steps", "partition", 3),
        ("hazard.events", "occurred_at", "yesterday"),
        ("hazard.events", "occurred_at", "2026-07-02T08:00:00"),
        ("hazard.events", "imported", "yes"),
        ("device.alarms", "level", 2.5),
        ("device.alarms", "level", 2**63),
        ("device.alarms", "value", "1.2"),
        ("device.alarms", "value", True),
    ],
)
def test_what_fits_no_column_is_kept_as_it_came(topic, field, given):
    row = one(topic, {field: given})
    assert orjson.loads(row["extra"]) == {field: given}
    assert row[field] != given if field in row else True


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"nojson", "not JSON"), (b"[1]", "not a JSON object but list"), (b"\xff", "not JSON"), (None, "empty record")],
)
def test_no_json_object_is_refused_with_its_coordinate_and_the_others_land(raw, reason):
    good = [record("commands", {"command_id": str(i)}, offset=i) for i in (3, 5)]
    bad = record("commands", raw, offset=4)
    rows, refusals = rows_of(topics()["commands"], [good[0], bad, good[1]])
    assert rows["offset"].to_pylist() == [3, 5]
    ((letter, refused),) = refusals
    assert refused is bad
    assert reason in letter.reason
    assert (letter.cause, letter.origin) == ("log/commands/2/4", "commands")


def test_states_are_kept_whole_and_a_tombstone_is_a_null():
    raw = b'{"limit": 1.00, "note": "\xe7\x93\xa6"}'
    rows, refusals = rows_of(
        topics()["registry.rules"], [record("registry.rules", raw), record("registry.rules", None, offset=1)]
    )
    assert rows["value"].to_pylist() == [raw.decode(), None]
    assert rows["key"].to_pylist() == ["k", "k"]
    assert refusals == []


def test_a_state_that_is_no_text_is_refused():
    rows, ((letter, _),) = rows_of(topics()["registry.rules"], [record("registry.rules", b"ok\xff")])
    assert rows.num_rows == 0
    assert "byte 2" in letter.reason


def test_a_tombstone_of_a_kpi_is_a_row_with_its_key():
    row = one("kpi.values", None, key=b"K05|{}")
    assert row["key"] == "K05|{}"
    assert row["value"] is None


def test_a_dead_letter_keeps_raw_bytes_reason_and_all_headers():
    letter = DeadLetter(
        source="mtt1201", reason="no such point", cause="f.txt/7", refused_at_us=NOW, field="point", file="f.txt",
        line=7, origin="telemetry.frames", site_id="s",
    )  # fmt: skip
    headers = letter.headers([("frame_id", b"f1")])
    row = one("dead.letters", b"\x00\xffraw", headers=headers)
    assert row["letter_id"] == letter.letter_id
    assert (row["source"], row["field"], row["file"], row["line"]) == ("mtt1201", "point", "f.txt", 7)
    assert row["refused_at"].timestamp() * 1e6 == NOW
    assert row["raw"] == b"\x00\xffraw"
    assert orjson.loads(row["headers"])["original.frame_id"] == "f1"


def test_a_dead_letter_with_senseless_headers_lands_too():
    row = one(
        "dead.letters", None, key=None, headers=[("line", b"seven"), ("source", b"\xff"), ("refused_at_us", b"9" * 30)]
    )
    assert row["line"] is None
    assert row["refused_at"] is None
    assert row["raw"] is None
    assert orjson.loads(row["headers"])["line"] == "seven"


@pytest.mark.parametrize("topic", [name for name in topics() if name != "telemetry.frames"])
def test_every_topic_has_a_table_its_records_fit(topic):
    described = topics()[topic]
    value = b"raw" if described.model_name == "raw" else {"unheard_of": [1]}
    rows, refusals = rows_of(described, [record(topic, value)])
    assert (rows.num_rows, refusals) == (1, [])
    assert pa.types.is_string(rows.schema.field("topic").type)
