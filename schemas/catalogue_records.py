"""`criteria.catalogue`: published documents and the versions made of them. The hashes are of what is on the wire.

A document's key is `<document_id>@<sha256, 12 digits>`, a version's `~version/<version>`: a version announced for later
does not push the one in use out of a compacted topic (docs/decisions/0009).
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, Self

import orjson
from pydantic import Field, ValidationInfo, field_validator

from schemas.clauses import Clause, Document
from schemas.model import Message, Refused
from schemas.times import Instant

VERSION_KEY = "~version/"


def content_hash(content: Any) -> str:
    """sha256 of canonical JSON: sorted keys, no spaces."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def version_of(documents: Mapping[str, str]) -> str:
    """The catalogue version that documents of these hashes make: 12 hex digits."""
    return content_hash(dict(documents))[:12]


class CatalogueRecord(Message):
    """One record of the topic; `parse` gives a CatalogueDocument or a CatalogueVersion."""

    kind: str

    @classmethod
    def parse(cls, raw: bytes | str | dict[str, Any]) -> Self:
        """By `kind`. Raises Refused with field and reason."""
        if cls is not CatalogueRecord:
            return super().parse(raw)
        kind = super().parse(raw).kind
        if kind not in _KINDS:
            raise Refused("kind", f"{kind!r} is none of {', '.join(_KINDS)}")
        found: Any = _KINDS[kind].parse(raw)
        return found

    @property
    def key(self) -> str:
        raise NotImplementedError


class CatalogueDocument(CatalogueRecord):
    """One list in one edition as its author left it: the head, the clauses, and the hash of both."""

    kind: Literal["document"] = "document"
    document_id: str = Field(min_length=1)
    document: dict[str, Any]
    clauses: tuple[dict[str, Any], ...]
    sha256: str

    @field_validator("sha256")
    @classmethod
    def _is_the_hash(cls, value: str, info: ValidationInfo) -> str:
        found = content_hash({name: info.data.get(name) for name in ("document", "clauses")})
        if {"document", "clauses"} <= info.data.keys() and value != found:
            raise ValueError(f"document and clauses have the hash {found}")
        return value

    @field_validator("document")
    @classmethod
    def _has_its_id(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if value.get("id") != info.data.get("document_id"):
            raise ValueError(f"its id is {value.get('id')!r}, not {info.data.get('document_id')!r}")
        return value

    @property
    def key(self) -> str:
        return document_key(self.document_id, self.sha256)

    @classmethod
    def of(cls, document: Document, clauses: list[Clause]) -> "CatalogueDocument":
        """What is authored; defaults are left out, so a field added later changes no hash."""
        content = {
            "document": document.model_dump(mode="json", exclude_defaults=True),
            "clauses": [clause.model_dump(mode="json", exclude_defaults=True) for clause in clauses],
        }
        return cls(document_id=document.id, sha256=content_hash(content), **content)


class CatalogueVersion(CatalogueRecord):
    """A catalogue: which documents by hash, and from when it judges. Written after its documents.

    `published_at` is the publisher's clock. Of several versions whose time has come the latest `effective_at` counts.
    """

    kind: Literal["version"] = "version"
    documents: dict[str, str] = Field(min_length=1)  # document id -> sha256
    version: str
    effective_at: Instant
    published_at: Instant
    by: str = ""
    clauses: int = Field(default=0, ge=0)

    @field_validator("version")
    @classmethod
    def _is_made_of_the_documents(cls, value: str, info: ValidationInfo) -> str:
        if "documents" in info.data and value != (found := version_of(info.data["documents"])):
            raise ValueError(f"these documents make version {found}")
        return value

    @property
    def key(self) -> str:
        return VERSION_KEY + self.version

    @property
    def document_keys(self) -> tuple[str, ...]:
        return tuple(document_key(name, sha256) for name, sha256 in self.documents.items())


def document_key(document_id: str, sha256: str) -> str:
    return f"{document_id}@{sha256[:12]}"


_KINDS: dict[str, type[CatalogueRecord]] = {"document": CatalogueDocument, "version": CatalogueVersion}
