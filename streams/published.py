"""What `criteria.catalogue` says: the published versions of the catalogue, and which of them judges when. Pure.

A version counts once all its documents are there, whatever the order they came in: compaction and a rebuilt broker move
records. One that is malformed, or whose documents do not come, is refused; what was good before goes on.
"""

import datetime as dt
from dataclasses import dataclass, replace

from schemas.catalogue_files import Part, join, read_part
from schemas.catalogue_records import VERSION_KEY, CatalogueDocument, CatalogueRecord, CatalogueVersion
from schemas.criteria import Catalogue
from schemas.faults import CatalogueError, Fault
from schemas.model import Refused
from streams.decode import Record

TOPIC = "criteria.catalogue"


@dataclass(frozen=True)
class Edition:
    """A complete version: what was published, and the catalogue made of it."""

    published: CatalogueVersion
    catalogue: Catalogue
    offset: int


class PublishedCatalogues:
    """Fed record by record; `at` answers for any moment. `built_in` judges while nothing published is in effect."""

    def __init__(self, built_in: Catalogue) -> None:
        self.built_in = built_in
        self._parts: dict[str, Part] = {}  # by document key
        self._editions: dict[str, Edition] = {}  # by version
        self._waiting: dict[str, tuple[Record, CatalogueVersion]] = {}  # versions whose documents are not all there
        self._refused: set[str] = set()  # coordinates of waiting versions that were refused already

    def apply(self, record: Record) -> None:
        """Take one record. Raises Refused naming file (the record's key), entry, field; what was held then stays."""
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value is None:
            self._withdraw(key)
            return
        message = CatalogueRecord.parse(record.value)
        if message.key != key:
            raise Refused("key", f"{key!r} is not that of the {message.kind}, {message.key}")
        if isinstance(message, CatalogueDocument):
            self._take_document(key, message)
        elif isinstance(message, CatalogueVersion):
            self._waiting[message.version] = record, message
            self._complete(message.version)

    def settle(self) -> list[tuple[Record, Refused]]:
        """Versions whose documents have not come, each named once; call when nothing more stands in the topic."""
        late = []
        for record, version in self._waiting.values():
            missing = [key for key in version.document_keys if key not in self._parts]
            if missing and record.coordinate not in self._refused:
                self._refused.add(record.coordinate)
                late.append((record, Refused("documents", f"not published: {', '.join(missing)}")))
        return late

    def at(self, now: dt.datetime) -> Catalogue:
        """The catalogue that judges at `now`: of the versions whose time has come the latest, else the built-in one."""
        edition = self.edition_at(now)
        return edition.catalogue if edition else self.built_in

    def edition_at(self, now: dt.datetime) -> Edition | None:
        """The version in effect at `now`; None: the built-in catalogue."""
        come = [edition for edition in self._editions.values() if edition.published.effective_at <= now]
        return max(come, key=_order, default=None)

    def known(self, version: str) -> Catalogue | None:
        """A catalogue by its version, in effect or not."""
        if edition := self._editions.get(version):
            return edition.catalogue
        return self.built_in if version == self.built_in.version else None

    @property
    def editions(self) -> list[Edition]:
        """All complete versions, in the order they take effect."""
        return sorted(self._editions.values(), key=_order)

    def _take_document(self, key: str, message: CatalogueDocument) -> None:
        if key not in self._parts:
            part = read_part(key, {"document": message.document, "clauses": list(message.clauses)})
            if part.faults:
                raise _refusal(part.faults)
            self._parts[key] = part
        for version, (_, waiting) in list(self._waiting.items()):
            if key in waiting.document_keys:
                self._complete(version)

    def _complete(self, version: str) -> None:
        record, published = self._waiting[version]
        if not all(key in self._parts for key in published.document_keys):
            return
        del self._waiting[version]
        held = self._editions.get(version)
        if held is not None:  # published again, for another time
            self._editions[version] = replace(held, published=published, offset=record.offset)
            return
        try:
            documents, clauses = join((self._parts[key] for key in published.document_keys), version)
        except CatalogueError as error:
            raise _refusal(error.faults) from None
        self._editions[version] = Edition(published, Catalogue(documents, clauses, version), record.offset)

    def _withdraw(self, key: str) -> None:
        if key.startswith(VERSION_KEY):
            version = key.removeprefix(VERSION_KEY)
            self._editions.pop(version, None)
            self._waiting.pop(version, None)
        else:
            self._parts.pop(key, None)


def _order(edition: Edition) -> tuple[dt.datetime, dt.datetime, int]:
    return edition.published.effective_at, edition.published.published_at, edition.offset


def _refusal(faults: tuple[Fault, ...]) -> Refused:
    first, more = faults[0], len(faults) - 1
    field = " ".join(part for part in (first.file, first.entry, first.field) if part)
    return Refused(field, first.reason + (f" (and {more} faults more)" if more else ""))
