"""Reading documents of the catalogue, and everything that can be wrong with them, named by file, entry and field."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.case_checks import case_problems
from schemas.clauses import Clause, Document
from schemas.condition_reader import parse_condition
from schemas.conditions import Compare, Condition, leaves
from schemas.faults import CatalogueError, Fault
from schemas.references import locator
from schemas.sensor_rules import sensor_rules
from schemas.terms import MeasureKind
from schemas.vocabulary import vocabulary


@dataclass(frozen=True)
class Part:
    """One document as far as it could be read, and what is wrong with it by itself."""

    file: str
    document: Document | None
    clauses: tuple[Clause, ...]
    faults: tuple[Fault, ...]


def read_folder(folder: Path) -> tuple[list[Document], list[Clause]]:
    """Documents and clauses of every `*.yaml` in `folder`, in file and entry order. Raises CatalogueError."""
    return join([_read_file(path) for path in sorted(folder.glob("*.yaml"))], str(folder))


def join(parts: Iterable[Part], where: str) -> tuple[list[Document], list[Clause]]:
    """Documents and clauses of `parts`, checked against each other too. Raises CatalogueError with every fault."""
    faults: list[Fault] = []
    documents: dict[str, Document] = {}
    clauses: dict[str, Clause] = {}
    files: dict[str, str] = {}
    for part in parts:
        faults += part.faults
        document = part.document
        if document is None:
            continue
        if document.id in documents:
            faults.append(Fault(part.file, document.id, "document.id", f"already in {files[document.id]}"))
            continue
        documents[document.id], files[document.id] = document, part.file
        for clause in part.clauses:
            if clause.id in clauses:
                faults.append(Fault(part.file, clause.id, "id", f"duplicate, already in {files[clause.id]}"))
            else:
                clauses[clause.id], files[clause.id] = clause, part.file
    if not documents and not faults:
        faults.append(Fault(where, "", "", "no catalogue file (*.yaml) found"))
    faults += _between(documents, clauses, files)
    if faults:
        raise CatalogueError(faults)
    return list(documents.values()), list(clauses.values())


def _read_file(path: Path) -> Part:
    try:
        raw = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return Part(path.name, None, (), (Fault(path.name, "", "", f"not YAML: {' '.join(str(error).split())}"),))
    return read_part(path.name, raw, authored=True)


def read_part(file: str, raw: Any, *, authored: bool = False) -> Part:
    """The document of `raw` ({document, clauses}); faults name `file`, which may be a published document's key.

    `authored`: as it comes from its author, and everything that an entry should say is asked for. What was published
    has been through that, perhaps by earlier rules: a worker asks only that it can be judged by.
    """
    if not isinstance(raw, dict) or set(raw) != {"document", "clauses"} or not isinstance(raw["clauses"], list):
        return Part(file, None, (), (Fault(file, "", "", "a file has two keys: document, clauses (a list)"),))
    faults: list[Fault] = []
    document = _model(Document, raw["document"], file, "document", faults)
    clauses: list[Clause] = []
    for number, entry in enumerate(raw["clauses"]):
        name = str(entry.get("id", f"clauses[{number}]")) if isinstance(entry, dict) else f"clauses[{number}]"
        if isinstance(entry, dict) and isinstance(document, Document):
            entry = {"document_id": document.id, "scope": document.scope, **entry}
        clause = _model(Clause, entry, file, name, faults)
        if isinstance(clause, Clause):
            faults += _within(clause, file, authored)
            clauses.append(clause)  # with its faults, so that others may name it
    return Part(file, document if isinstance(document, Document) else None, tuple(clauses), tuple(faults))


def _model(
    model: type[Document] | type[Clause], raw: Any, file: str, entry: str, faults: list[Fault]
) -> Document | Clause | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        faults += [Fault(file, entry, ".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_url=False)]
        return None


def _within(clause: Clause, file: str, authored: bool) -> Iterator[Fault]:
    """What is wrong with one entry by itself."""
    words = vocabulary()
    if not words.industry_ids(clause.industry):
        yield Fault(file, clause.id, "industry", f"unknown industry {clause.industry!r}")
    for kind in clause.places:
        if kind not in words.places:
            yield Fault(file, clause.id, "places", f"unknown place {kind!r}")
    if authored:
        yield from _said(clause, file)
        yield from _sensor_rules(clause, file)
    if clause.rule is None:
        for field in ("trigger", "partial", "rule_confidence"):
            if getattr(clause, field):
                yield Fault(file, clause.id, field, "without a rule")
        yield from _cases(clause, None, file, authored)
        return
    rule, problems = parse_condition(clause.rule, words)
    yield from (Fault(file, clause.id, problem.field, problem.reason) for problem in problems)
    for number, raw in enumerate(clause.trigger):
        yield from _trigger(clause, rule, raw, f"trigger[{number}]", file)
    if clause.trigger and not clause.places:
        yield Fault(file, clause.id, "places", "missing: a trigger needs the kinds of place it is read at")
    if rule is not None:
        yield from _cases(clause, rule, file, authored)


def _cases(clause: Clause, rule: Condition | None, file: str, thorough: bool) -> Iterator[Fault]:
    for problem in case_problems(rule, clause.cases, thorough=thorough):
        yield Fault(file, clause.id, problem.field, problem.reason)


def _trigger(clause: Clause, rule: Condition | None, raw: dict[str, Any], field: str, file: str) -> Iterator[Fault]:
    """A trigger is one comparison of the rule; `at` binds it to some of the clause's places."""
    comparison = {word: value for word, value in raw.items() if word != "at"}
    trigger, problems = parse_condition(comparison, vocabulary(), field)
    yield from (Fault(file, clause.id, problem.field, problem.reason) for problem in problems)
    if trigger is not None and not isinstance(trigger, Compare):
        yield Fault(file, clause.id, field, "a trigger is one comparison")
    elif trigger is not None and trigger.per:
        yield Fault(file, clause.id, field, "a reading triggers by itself, not by its share of another (`per`)")
    elif rule and trigger and (trigger.q, trigger.op) not in {(leaf.q, leaf.op) for leaf in leaves(rule)}:
        yield Fault(file, clause.id, field, f"{trigger.q} {trigger.op} is no comparison of the rule")
    at = raw.get("at", [])
    if not isinstance(at, list) or ("at" in raw and not at):
        yield Fault(file, clause.id, f"{field}.at", "a list of kinds of place")
        return
    for kind in at:
        if kind not in clause.places:
            yield Fault(file, clause.id, f"{field}.at", f"{kind!r} is none of the entry's places")


CJK = re.compile("[\u4e00-\u9fff]")
KINDS = tuple(MeasureKind)


def _said(clause: Clause, file: str) -> Iterator[Fault]:
    """Both titles, what to look for, by when and what to do: every entry says them."""
    if not CJK.search(clause.title_zh):
        yield Fault(file, clause.id, "title_zh", "no Chinese in it")
    if not clause.title_en.isascii():
        yield Fault(file, clause.id, "title_en", "not English")
    if not clause.scope:
        yield Fault(file, clause.id, "scope", "missing: production, operation, construction or living")
    if not clause.evidence_wanted:
        yield Fault(file, clause.id, "evidence_wanted", "missing")
    if clause.deadline_days is None:
        yield Fault(file, clause.id, "deadline_days", "missing: the suggested days to put it right")
    lacking = [kind for kind in KINDS if kind not in {measure.kind for measure in clause.measures}]
    if lacking:
        yield Fault(file, clause.id, "measures", f"missing: {', '.join(lacking)}")


def _sensor_rules(clause: Clause, file: str) -> Iterator[Fault]:
    """The rows of sensor_rules.yaml that an entry says, and those it cannot say for want of a signal."""
    words, rows = vocabulary(), sensor_rules()
    for name in (*clause.sensor_rules, *clause.undecided):
        if name not in rows:
            field = "sensor_rules" if name in clause.sensor_rules else f"undecided.{name}"
            yield Fault(file, clause.id, field, f"unknown sensor rule {name!r}")
    if clause.sensor_rules and clause.rule is None:
        yield Fault(file, clause.id, "sensor_rules", "without a rule that says them")
    for name, missing in clause.undecided.items():
        if name in clause.sensor_rules:
            yield Fault(file, clause.id, f"undecided.{name}", "the rule says it")
        if not missing:
            yield Fault(file, clause.id, f"undecided.{name}", "no signal is named that is missing")
        for signal in missing:
            if signal not in words.wanted:
                known = "it is no longer missing" if signal in words.signals else "unknown; add it to `wanted`"
                yield Fault(file, clause.id, f"undecided.{name}", f"{signal!r}: {known}")


def _between(documents: dict[str, Document], clauses: dict[str, Clause], files: dict[str, str]) -> Iterator[Fault]:
    """What is wrong between entries and between documents."""
    for document in documents.values():
        replaced = documents.get(document.replaces or "")
        if document.replaces and replaced is None:
            yield Fault(files[document.id], "document", "replaces", f"unknown document {document.replaces!r}")
        elif replaced and (replaced.effective_to is None or replaced.effective_to >= document.effective_from):
            until, first = replaced.effective_to or "for ever", document.effective_from
            reason = f"overlapping validity: {replaced.id} is in force until {until}, this list from {first}"
            yield Fault(files[document.id], "document", "effective_from", reason)
        if document.effective_to and document.effective_to < document.effective_from:
            yield Fault(files[document.id], "document", "effective_to", "before effective_from")
    at: dict[tuple[str, str], str] = {}
    carried: dict[str, str] = {}
    heirs = Counter(old for clause in clauses.values() for old in clause.supersedes)
    for clause in clauses.values():
        key = (clause.document_id, locator(clause.article))
        if key in at and not clause.article.startswith("2017 ed."):
            yield Fault(files[clause.id], clause.id, "article", f"{clause.article} is also the article of {at[key]}")
        at[key] = clause.id
        for old in clause.supersedes:
            earlier = clauses.get(old)
            if earlier is None:
                yield Fault(files[clause.id], clause.id, "supersedes", f"unknown clause {old!r}")
            elif not _after(clause, earlier, documents):
                reason = f"overlapping validity: {old} is still in force when this clause begins"
                yield Fault(files[clause.id], clause.id, "supersedes", reason)
        if clause.unchanged and (len(clause.supersedes) != 1 or heirs[clause.supersedes[0]] != 1):
            yield Fault(files[clause.id], clause.id, "unchanged", "only the one heir of one clause asks for the same")
        if clause.continues:
            inherited = clause.supersedes[0] if clause.supersedes else ""
            if not inherited or inherited in carried:
                reason = (
                    f"{inherited} is already continued by {carried[inherited]}" if inherited else "without supersedes"
                )
                yield Fault(files[clause.id], clause.id, "continues", reason)
            carried[inherited] = clause.id


def _after(clause: Clause, earlier: Clause, documents: dict[str, Document]) -> bool:
    begins = clause.effective_from or documents[clause.document_id].effective_from
    ends = earlier.effective_to or documents[earlier.document_id].effective_to
    return ends is not None and ends < begins
