"""The criteria catalogue: one industry, one list. Which clauses there are, which bind on a day, what a reference means.

catalogue = load_catalogue()
catalogue.in_force("coal", date(2026, 7, 1))
catalogue.cite("煤矿重大事故隐患判定标准第五条第二项", "coal", date(2026, 7, 1)).clause
"""

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path

from schemas.catalogue_files import read_folder
from schemas.catalogue_records import CatalogueDocument, version_of
from schemas.clauses import Case, Clause, Document
from schemas.faults import CatalogueError, Fault
from schemas.references import ReferenceReader, locator, plain
from schemas.vocabulary import vocabulary

__all__ = [
    "Case",
    "Catalogue",
    "CatalogueError",
    "Citation",
    "Clause",
    "Document",
    "Fault",
    "Standing",
    "concerns",
    "load_catalogue",
]

FOLDER = Path(__file__).parent / "catalogue"


class Standing(StrEnum):
    """What a reference is worth on the day."""

    VALID = "valid"
    SUPERSEDED = "superseded"
    NOT_YET = "not_yet"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Citation:
    """`clause` is what the words name; `instead` are clauses in force on the day that a person should look at."""

    standing: Standing
    clause: Clause | None = None
    document: Document | None = None
    instead: tuple[Clause, ...] = ()


class Catalogue:
    """Documents and clauses of one version: the short sha256 of the content, or as it was published."""

    def __init__(self, documents: Iterable[Document], clauses: Iterable[Clause], version: str = "") -> None:
        if version:
            self.version = version
        self.documents = {document.id: document for document in documents}
        self.clauses = {clause.id: clause for clause in clauses}
        self._by_locator: dict[tuple[str, str], list[Clause]] = {}
        self._successors: dict[str, list[Clause]] = {}
        for clause in self.clauses.values():
            self._by_locator.setdefault((clause.document_id, locator(clause.article)), []).append(clause)
            for old in clause.supersedes:
                self._successors.setdefault(old, []).append(clause)
        self._handed_on = {self.clauses[old].document_id for old in self._successors if old in self.clauses}
        self._reader = ReferenceReader(tuple(self.documents.values()))
        self._ids = {plain(clause_id): clause_id for clause_id in self.clauses}
        self._turns = sorted({day for clause in self.clauses.values() for day in self._turning_days(clause)})
        self._in_force: dict[tuple[str, int, bool], tuple[Clause, ...]] = {}

    @cached_property
    def version(self) -> str:
        return version_of({document.document_id: document.sha256 for document in self.records})

    @cached_property
    def records(self) -> tuple[CatalogueDocument, ...]:
        """The documents as they go on the topic, in catalogue order."""
        clauses: dict[str, list[Clause]] = {name: [] for name in self.documents}
        for clause in self.clauses.values():
            clauses.setdefault(clause.document_id, []).append(clause)
        return tuple(CatalogueDocument.of(document, clauses[name]) for name, document in self.documents.items())

    def get(self, clause_id: str) -> Clause | None:
        return self.clauses.get(clause_id)

    def document_of(self, clause: Clause) -> Document:
        return self.documents[clause.document_id]

    def binds(self, clause: Clause, day: dt.date) -> bool:
        """Whether `clause` is in force on `day`: by its own dates where it has them, else by its document's."""
        document = self.documents[clause.document_id]
        first = clause.effective_from or document.effective_from
        last = clause.effective_to or document.effective_to
        return first <= day and (last is None or day <= last)

    def _turning_days(self, clause: Clause) -> Iterator[dt.date]:
        document = self.documents[clause.document_id]
        yield clause.effective_from or document.effective_from
        if last := clause.effective_to or document.effective_to:
            yield last + dt.timedelta(days=1)

    def in_force(self, industry: str, day: dt.date, *, general: bool = False) -> tuple[Clause, ...]:
        """Clauses binding `industry` (id or name; empty: every industry) on `day`, in catalogue order.

        `general`: with the lists that bind every industry (fire, special equipment).
        """
        key = (industry, bisect_right(self._turns, day), general)  # between two turning days nothing changes
        if key not in self._in_force:
            wanted = set(vocabulary().industry_ids(industry)) if industry else None
            self._in_force[key] = tuple(
                clause for clause in self.clauses.values()
                if self.binds(clause, day) and concerns(clause.industry, wanted, general)
            )  # fmt: skip
        return self._in_force[key]

    def successors(self, clause_id: str) -> tuple[Clause, ...]:
        """Clauses of the next edition that take over the matter of this one."""
        return tuple(self._successors.get(clause_id, ()))

    def kin(self, clause: Clause) -> tuple[Clause, ...]:
        """Clauses of the neighbouring editions that ask for the same (`unchanged`): what is said of them fits it."""
        later = [each for each in self.successors(clause.id) if each.unchanged]
        return (*later, *(self.clauses[old] for old in clause.supersedes if clause.unchanged))

    def lapsed(self, clauses: Iterable[Clause]) -> tuple[Clause, ...]:
        """Clauses of the editions that these clauses' lists replaced, whose matter no list has taken over.

        A list that names no heirs at all (AQ 3067, whose text nobody here has read) says nothing of what lapsed.
        """
        replaced = {self.documents[name].replaces for name in {clause.document_id for clause in clauses}}
        return tuple(
            clause for clause in self.clauses.values()
            if clause.document_id in replaced & self._handed_on and not self.successors(clause.id)
        )  # fmt: skip

    def to_come(self, clauses: Iterable[Clause]) -> tuple[Clause, ...]:
        """Clauses of the editions that will replace these clauses' lists, of which these lists name nothing."""
        replaced = {clause.document_id for clause in clauses} & self._handed_on
        return tuple(
            clause for clause in self.clauses.values()
            if self.documents[clause.document_id].replaces in replaced and not clause.supersedes
        )  # fmt: skip

    def foreign(self, clauses: Iterable[Clause]) -> tuple[Clause, ...]:
        """Clauses that only another edition of these clauses' lists has."""
        held = tuple(clauses)
        return (*self.lapsed(held), *self.to_come(held))

    def root_of(self, clause_id: str) -> str:
        """The earliest clause that this one carries on, through every edition: one hazard, whatever the list is called.

        A clause carries on the first clause it supersedes if it is that clause's only successor, or, of several, the
        one marked `continues`. Split-off clauses are their own root.
        """
        clause = self.clauses.get(clause_id)
        if clause is None or not clause.supersedes:
            return clause_id
        old = clause.supersedes[0]
        return self.root_of(old) if clause.continues or len(self._successors[old]) == 1 else clause_id

    def cite(self, text: str, industry: str, day: dt.date) -> Citation:
        """What a reference written by an inspector means for a finding of `industry` on `day`."""
        named = self._named(text) or self._located(text, industry, day)
        if isinstance(named, Citation):
            return named
        document = self.documents[named.document_id]
        if self.binds(named, day):
            return Citation(Standing.VALID, named, document)
        first = named.effective_from or document.effective_from
        if day < first:
            earlier = tuple(self.clauses[old] for old in named.supersedes if self.binds(self.clauses[old], day))
            return Citation(Standing.NOT_YET, named, document, earlier)
        return Citation(Standing.SUPERSEDED, named, document, self._current(named, day))

    def _named(self, text: str) -> Clause | None:
        words = plain(text)
        if words in self._ids:
            return self.clauses[self._ids[words]]
        # COAL21-5-21 names no clause: an id ends where its number ends
        held = [i for i in self._ids if i in words and re.search(rf"(?<![a-z\d]){re.escape(i)}(?!\d|[-.]\d)", words)]
        return self.clauses[self._ids[max(held, key=len)]] if held else None

    def _located(self, text: str, industry: str, day: dt.date) -> Clause | Citation:
        reference = self._reader.read(text)
        if reference is None:
            return Citation(Standing.UNKNOWN)
        documents = [self.documents[each] for each in reference.documents] or list(self.documents.values())
        wanted = set(vocabulary().industry_ids(industry)) if industry else None
        if len(documents) > 1:
            documents = [d for d in documents if any(concerns(i, wanted, False) for i in d.industries)] or documents
            documents = [d for d in documents if d.in_force(day)] or documents
        if not reference.documents and not industry:
            return Citation(Standing.UNKNOWN)
        found = [c for d in documents for c in self._by_locator.get((d.id, reference.locator), ())]
        if len(found) == 1:
            return found[0]
        document = documents[0] if len(documents) == 1 else None
        if not found and reference.locator:
            below = re.compile(re.escape(reference.locator) + r"(\.|[a-z])")  # 4.7 has 4.7a
            found = [
                c for d in documents for (of, at), each in self._by_locator.items()
                if of == d.id and below.match(at) for c in each
            ]  # fmt: skip
        instead = tuple(c for c in found if self.binds(c, day))
        return Citation(Standing.AMBIGUOUS if found else Standing.UNKNOWN, None, document, instead)

    def _current(self, clause: Clause, day: dt.date) -> tuple[Clause, ...]:
        """The successors of `clause` that bind on `day`, through as many editions as there are."""
        found: list[Clause] = []
        for successor in self.successors(clause.id):
            found += [successor] if self.binds(successor, day) else self._current(successor, day)
        return tuple(found)


def concerns(industry: str, wanted: set[str] | None, general: bool) -> bool:
    """Whether a list of `industry` binds one of the wanted; a sub-industry and its industry bind each other.

    What is shared by all sub-industries (general articles, dust, ammonia, confined spaces) binds each of them.
    """
    if wanted is None:
        return True
    if general and (known := vocabulary().industries.get(industry)) and known.general:
        return True
    if industry in vocabulary().shared:
        wanted = {each.partition("/")[0] for each in wanted}
    return any(
        industry == each or industry.startswith(f"{each}/") or each.startswith(f"{industry}/") for each in wanted
    )


@cache
def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """The catalogue of `folder` (one YAML file per document). Raises CatalogueError naming every fault."""
    return Catalogue(*read_folder(folder))
