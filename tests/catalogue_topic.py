"""Records of `criteria.catalogue` as a publisher sends them, and small catalogues made from the real one."""

import datetime as dt
from typing import Any

from schemas.catalogue_records import CatalogueDocument, CatalogueRecord, CatalogueVersion, content_hash
from schemas.criteria import Catalogue, Clause
from streams.decode import Record
from tests.coal_face import CATALOGUE, START

PUBLISHED = START - dt.timedelta(days=30)


def coal(**changes: dict[str, Any]) -> Catalogue:
    """The coal list of 2026 alone; `changes` by clause id with `_` for `-`: fields to change, or None to drop it."""
    clauses = []
    for clause in CATALOGUE.clauses.values():
        change = changes.get(clause.id.replace("-", "_"), {})
        if clause.document_id == "MEM21" and change is not None:
            # built anew: a copy would keep the condition that was parsed from the old rule
            alone = {"supersedes": (), "continues": False, "unchanged": False}
            clauses.append(Clause.model_validate({**clause.model_dump(), **alone, **change}))
    document = CATALOGUE.documents["MEM21"].model_copy(update={"replaces": None})
    return Catalogue([document], clauses)


def version(catalogue: Catalogue, effective_at: dt.datetime = START) -> CatalogueVersion:
    return CatalogueVersion(
        documents={record.document_id: record.sha256 for record in catalogue.records}, version=catalogue.version,
        effective_at=effective_at, published_at=PUBLISHED, clauses=len(catalogue.clauses),
    )  # fmt: skip


class Topic:
    """Gives messages their offsets."""

    def __init__(self) -> None:
        self.offset = -1

    def record(self, message: CatalogueRecord | bytes | None, key: str = "") -> Record:
        self.offset += 1
        value = message.encode() if isinstance(message, CatalogueRecord) else message
        name = key or (message.key if isinstance(message, CatalogueRecord) else "")
        return Record("log", "criteria.catalogue", 0, self.offset, name.encode(), value, (), 1)

    def published(self, catalogue: Catalogue, effective_at: dt.datetime = START) -> list[Record]:
        return [*map(self.record, catalogue.records), self.record(version(catalogue, effective_at))]


def changed(record: CatalogueDocument, **fields: Any) -> CatalogueDocument:
    """The document with its first clause changed, hashed anew."""
    content = {"document": record.document, "clauses": ({**record.clauses[0], **fields}, *record.clauses[1:])}
    return CatalogueDocument(document_id=record.document_id, sha256=content_hash(content), **content)
