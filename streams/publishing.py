"""Putting a catalogue on `criteria.catalogue`, and reading what stands there. Blocking."""

import datetime as dt

from kafka import KafkaProducer

from schemas.catalogue_records import VERSION_KEY, CatalogueVersion
from schemas.criteria import Catalogue, load_catalogue
from schemas.model import Refused
from schemas.terms import SHANGHAI
from streams.connect import producer
from streams.decode import Record
from streams.published import TOPIC, PublishedCatalogues
from streams.reader import read_to_end

BUILT_IN = "qingling"  # the publisher's name of the catalogue that comes with the package
ALWAYS = dt.datetime(2000, 1, 1, tzinfo=SHANGHAI)
_ACK_S = 30


def version_record(catalogue: Catalogue, effective_at: dt.datetime, now: dt.datetime, by: str) -> CatalogueVersion:
    return CatalogueVersion(
        documents={record.document_id: record.sha256 for record in catalogue.records}, version=catalogue.version,
        effective_at=effective_at, published_at=now, by=by, clauses=len(catalogue.clauses),
    )  # fmt: skip


def send_catalogue(sender: KafkaProducer, catalogue: Catalogue, version: CatalogueVersion) -> None:
    """The documents, all acknowledged, and only then the version that names them. Raises KafkaError."""
    sent = [sender.send(TOPIC, key=each.key.encode(), value=each.encode(), partition=0) for each in catalogue.records]
    for future in sent:
        future.get(_ACK_S)
    sender.send(TOPIC, key=version.key.encode(), value=version.encode(), partition=0).get(_ACK_S)


def withdraw(sender: KafkaProducer, version: str) -> None:
    """Take a version back; its documents stay, others may use them. Raises KafkaError."""
    sender.send(TOPIC, key=(VERSION_KEY + version).encode(), value=None, partition=0).get(_ACK_S)


def read_published(servers: str, built_in: Catalogue | None = None) -> tuple[PublishedCatalogues, list[Refused]]:
    """Everything that stands in the topic, and why some of it was refused."""
    published = PublishedCatalogues(built_in or load_catalogue())
    refused: list[Refused] = []
    for record in read_to_end(servers, [TOPIC]):
        try:
            published.apply(record)
        except Refused as error:
            refused.append(Refused(error.field or _key(record), error.reason))
    refused += [error for _, error in published.settle()]
    return published, refused


def _key(record: Record) -> str:
    return (record.key or b"").decode("utf-8", "replace")


def publish_built_in(servers: str) -> str | None:
    """Publish the catalogue of the package, valid since ever, unless people have published one or it stands there.

    So every version that a verdict names can be looked up later. Returns the version, None if nothing was sent.
    """
    catalogue = load_catalogue()
    published, _ = read_published(servers, catalogue)
    editions = published.editions
    if any(edition.published.by != BUILT_IN for edition in editions):
        return None
    if editions and editions[-1].published.version == catalogue.version:
        return None
    sender = producer(servers)
    try:
        send_catalogue(sender, catalogue, version_record(catalogue, ALWAYS, dt.datetime.now(dt.UTC), BUILT_IN))
    finally:
        sender.close(timeout=5)
    return catalogue.version
