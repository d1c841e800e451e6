import orjson
import pytest

from schemas.deadletters import DeadLetter
from schemas.hazards import Finding
from schemas.topics import partition_of
from streams.gateways.findings import records_of

NOW = 1_795_400_000_000_000  # 2026-11-23
GOOD = {
    "finding_id": "F-1", "site_id": "140402000123", "found_at": "2026-11-20T09:30:00+08:00", "source": "department",
    "text": "3301工作面甲烷传感器超过15天未调校", "facts": {"days_since_cal": 21}, "weather": "晴",
}  # fmt: skip


def lines(*rows) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)


def test_a_finding_goes_to_its_sites_partition_with_everything_it_said():
    [(record, refused)] = records_of(lines(GOOD), "f.jsonl", NOW)
    assert refused is None
    assert (record.topic, record.key, record.partition) == (
        "inspection.findings", GOOD["site_id"], partition_of(GOOD["site_id"]),
    )  # fmt: skip
    finding = Finding.parse(record.value)
    assert finding.facts == {"days_since_cal": 21}
    assert finding.model_extra == {"weather": "晴"}
    assert finding.received_at.timestamp() == NOW / 1e6


def test_a_line_that_says_when_it_was_received_is_believed():
    [(record, _)] = records_of(lines(GOOD | {"received_at": "2026-11-21T00:00:00+08:00"}), "f.jsonl", NOW)
    assert Finding.parse(record.value).received_at.isoformat() == "2026-11-21T00:00:00+08:00"


def test_a_bare_date_starts_at_midnight_in_shanghai():
    [(record, _)] = records_of(lines(GOOD | {"found_at": "2026-11-20"}), "f.jsonl", NOW)
    assert Finding.parse(record.value).found_at.isoformat() == "2026-11-20T00:00:00+08:00"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (b"{", ""),
        (b"[1]", ""),
        ({**GOOD, "finding_id": ""}, "finding_id"),
        ({k: v for k, v in GOOD.items() if k != "text"}, "text"),
        ({**GOOD, "found_at": "2026-11-20T09:30:00"}, "found_at"),
        ({**GOOD, "found_at": "2027-01-01T00:00:00+08:00"}, "found_at"),
        ({**GOOD, "found_at": "1999-01-01T00:00:00+08:00"}, "found_at"),
        ({**GOOD, "source": "rumour"}, "source"),
    ],
)
def test_a_bad_line_is_a_dead_letter_and_its_neighbours_go_on(row, field):
    raw = b"\xef\xbb\xbf" + lines(GOOD, b"", row, GOOD)
    sent = list(records_of(raw, "f.jsonl", NOW))
    assert [record.topic for record, _ in sent] == ["inspection.findings", "dead.letters", "inspection.findings"]
    record, refused = sent[1]
    letter = DeadLetter.decode(record.headers)
    assert (letter.file, letter.line, letter.field, letter.reason) == ("f.jsonl", 3, field, refused.reason)
    assert record.value == (row if isinstance(row, bytes) else orjson.dumps(row))


def test_the_same_bad_line_is_the_same_letter():
    ids = {dict(record.headers)["letter_id"] for now in (NOW, NOW + 1) for record, _ in records_of(b"{", "f", now)}
    assert len(ids) == 1
