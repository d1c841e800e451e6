"""Which published catalogue judges when, and what is refused."""

import datetime as dt
import random

import pytest

from schemas.catalogue_records import CatalogueDocument, CatalogueVersion, content_hash, version_of
from schemas.model import Refused
from streams.published import PublishedCatalogues
from tests.catalogue_topic import PUBLISHED, Topic, changed, coal, version
from tests.coal_face import CATALOGUE, START

DAY = dt.timedelta(days=1)
FIRST, SECOND = coal(), coal(COAL21_5_2={"status": "trial"})


def fed(*records: object) -> PublishedCatalogues:
    published = PublishedCatalogues(CATALOGUE)
    for record in records:
        published.apply(record)  # type: ignore[arg-type]
    return published


def test_the_built_in_catalogue_judges_until_a_published_version_takes_effect() -> None:
    published = fed(*Topic().published(FIRST, START))
    assert published.at(START - DAY) is CATALOGUE
    assert published.at(START).version == FIRST.version == published.at(START + DAY).version
    assert published.at(START).clauses == FIRST.clauses


def test_of_two_versions_the_later_effective_time_counts_whatever_was_published_last() -> None:
    topic = Topic()
    published = fed(*topic.published(SECOND, START + DAY), *topic.published(FIRST, START))
    assert [published.at(START + DAY * n).version for n in (0, 1, 2)] == [FIRST.version, SECOND.version, SECOND.version]


def test_the_same_version_published_again_moves_to_its_new_time() -> None:
    topic = Topic()
    published = fed(*topic.published(FIRST, START), *topic.published(SECOND, START + DAY))
    published.apply(topic.record(version(FIRST, START + 2 * DAY)))
    assert [published.at(START + DAY * n).version for n in (0, 1, 2)] == [
        CATALOGUE.version, SECOND.version, FIRST.version,
    ]  # fmt: skip


def test_a_half_published_version_is_never_used_and_named_once_when_the_rest_does_not_come() -> None:
    topic = Topic()
    document, last = topic.published(FIRST)
    published = fed(last)
    assert published.at(START + DAY) is CATALOGUE
    ((record, refused),) = published.settle()
    assert record == last and refused.field == "documents" and FIRST.records[0].key in refused.reason
    assert published.settle() == []
    published.apply(document)  # late, but here: a rebuilt broker gives records in another order
    assert published.at(START + DAY).version == FIRST.version and published.settle() == []


def test_compaction_may_put_documents_behind_their_version() -> None:
    topic = Topic()
    records = [*topic.published(FIRST, START), *topic.published(SECOND, START + DAY)]
    for seed in range(5):
        published = fed(*random.Random(seed).sample(records, len(records)))
        assert [published.at(START + DAY * n).version for n in (0, 1)] == [FIRST.version, SECOND.version]


def test_a_withdrawn_version_no_longer_counts() -> None:
    topic = Topic()
    published = fed(*topic.published(FIRST, START), *topic.published(SECOND, START + DAY))
    published.apply(topic.record(None, version(SECOND).key))
    assert published.at(START + 2 * DAY).version == FIRST.version and published.known(SECOND.version) is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rule": {"q": "ch5_pct", "op": ">=", "v": 1.0}}, "ch5_pct"),
        ({"rule": {"some": []}}, "rule"),
        ({"kind": "hearsay"}, "kind"),
        ({"severity": 3}, "severity"),
        ({"industry": "spaceflight"}, "industry"),
        ({"trigger": [{"q": "ch4_pct", "op": ">=", "v": 1.0}], "rule": None}, "trigger"),
        ({"cases": []}, "cases"),
        ({"cases": [{"name": "x", "text": "超产", "expect": True}]}, "cases"),
        ({"cases": [{"name": "x", "facts": {"ch9": 1}, "expect": True}]}, "cases[0].facts.ch9"),
    ],
)
def test_a_malformed_document_is_refused_by_entry_and_field_and_the_last_good_version_stays(
    fields: dict[str, object], named: str
) -> None:
    topic = Topic()
    published = fed(*topic.published(FIRST, START))
    bad = changed(FIRST.records[0], **fields)
    with pytest.raises(Refused) as refused:
        published.apply(topic.record(bad))
    said = str(refused.value)
    assert bad.key in said and bad.clauses[0]["id"] in said and named in said
    sums = {bad.document_id: bad.sha256}
    published.apply(topic.record(version(FIRST).model_copy(update={"documents": sums, "version": version_of(sums)})))
    ((_, incomplete),) = published.settle()
    assert bad.key in incomplete.reason
    assert published.at(START + DAY).version == FIRST.version


def test_documents_that_contradict_each_other_are_refused_as_a_version() -> None:
    topic, one = Topic(), CATALOGUE.records
    old, new = (next(r for r in one if r.document_id == name) for name in ("MEM4", "MEM21"))
    head = {name: value for name, value in old.document.items() if name != "effective_to"}
    content = {"document": head, "clauses": old.clauses}
    endless = CatalogueDocument(document_id=old.document_id, sha256=content_hash(content), **content)
    sums = {record.document_id: record.sha256 for record in (endless, new)}
    published = fed(topic.record(endless), topic.record(new))
    both = CatalogueVersion(documents=sums, version=version_of(sums), effective_at=START, published_at=PUBLISHED)
    with pytest.raises(Refused, match="overlapping validity"):
        published.apply(topic.record(both))
    assert published.at(START) is CATALOGUE


def test_a_duplicate_id_is_refused_as_a_version_and_the_last_good_one_stays() -> None:
    topic = Topic()
    published = fed(*topic.published(FIRST, START))
    (record,) = FIRST.records
    twin = changed(record, id=record.clauses[1]["id"])
    published.apply(topic.record(twin))
    sums = {twin.document_id: twin.sha256}
    with pytest.raises(Refused, match="duplicate") as refused:
        published.apply(
            topic.record(version(FIRST).model_copy(update={"documents": sums, "version": version_of(sums)}))
        )
    assert record.clauses[1]["id"] in str(refused.value)
    assert published.at(START + DAY).version == FIRST.version


def test_what_is_no_record_of_the_topic_is_refused() -> None:
    topic = Topic()
    for value, key, field in (
        (b"{", "", ""),
        (b"[]", "", ""),
        (FIRST.records[0].encode(), "MEM21", "key"),
        (version(FIRST).encode(), "~version", "key"),
    ):
        with pytest.raises(Refused) as refused:
            fed(topic.record(value, key))
        assert refused.value.field == field
