"""All that is known of one hazard, put together for its page and for /api/hazards/{id}. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from console.history import History
from console.picture import EVIDENCE_KINDS, Picture
from schemas.clauses import Clause, Document
from schemas.criteria import Catalogue
from schemas.events import Event
from schemas.hazards import Evidence, HazardStateRecord
from schemas.model import Refused
from schemas.vocabulary import vocabulary

SPANS_SHOWN = 30
EVIDENCE_EVENTS_SHOWN = 6
# what a line of the timeline need not say again
_TOLD_ELSEWHERE = frozenset({"evidence", "measures", "catalogue_version", "found_at", "registered"})


@dataclass(frozen=True)
class Dossier:
    """`verdicts` newest first, one per different text; `folded` evidence events are left out of `timeline`."""

    state: HazardStateRecord
    clause: Clause | None
    document: Document | None
    events: tuple[Event, ...]
    verdicts: tuple[dict[str, Any], ...]
    evidence: tuple[Evidence, ...]
    timeline: tuple[Event, ...]
    folded: int
    from_memory: bool

    @property
    def missing(self) -> list[tuple[str, str, str]]:
        """(name, zh, en) of the signals that could not be seen."""
        known = vocabulary().signals
        return [
            (name, known[name].zh if name in known else name, known[name].en if name in known else name)
            for name in self.state.missing
        ]


def make_dossier(
    held: HazardStateRecord | None, recent: Sequence[Event], verdicts: Iterable[Event], history: History,
    catalogue: Catalogue,
) -> Dossier | None:  # fmt: skip
    """The dossier of a hazard from the board's memory and the warehouse; None if neither knows it."""
    state = held or history.state
    if state is None:
        return None
    events = _joined(history.events, recent)
    evidence = _evidence(events, state)
    timeline, folded = _timeline(events)
    clause = catalogue.get(state.criterion_id or "")
    return Dossier(
        state=state, clause=clause, document=catalogue.document_of(clause) if clause else None, events=events,
        verdicts=_verdicts((*history.verdicts, *verdicts), state), evidence=evidence, timeline=timeline, folded=folded,
        from_memory=held is not None,
    )  # fmt: skip


def known_verdicts(picture: Picture, state: HazardStateRecord | None) -> list[Event]:
    """Verdicts in memory on the hazard's evidence. Call under the picture's lock."""
    if state is None:
        return []
    found = (picture.verdicts.get(evidence.evidence_id) for evidence in state.evidence)
    return [verdict for verdict in found if verdict is not None]


def _joined(*parts: Sequence[Event]) -> tuple[Event, ...]:
    by_id = {event.event_id: event for part in parts for event in part}
    return tuple(sorted(by_id.values(), key=lambda event: (event.recorded_at, event.occurred_at)))


def _evidence(events: Sequence[Event], state: HazardStateRecord) -> tuple[Evidence, ...]:
    """Every piece once, as last told (a span's end comes later), newest first."""
    found: dict[str, Evidence] = {}
    for event in events:
        if event.kind in EVIDENCE_KINDS:
            for piece in event.data.get("evidence", ()):
                try:
                    parsed = Evidence.parse(piece)
                except Refused:
                    continue
                found[parsed.evidence_id] = parsed
    for piece in state.evidence:
        found[piece.evidence_id] = piece
    return tuple(sorted(found.values(), key=lambda e: (e.began_at is not None, e.began_at), reverse=True))


def _verdicts(verdicts: Iterable[Event], state: HazardStateRecord) -> tuple[dict[str, Any], ...]:
    newest = sorted(verdicts, key=lambda event: event.recorded_at, reverse=True)
    texts: dict[tuple[str, str], dict[str, Any]] = {}
    for event in newest:
        if event.data.get("criterion_id") in (state.criterion_id, state.root_criterion_id, None):
            key = (event.data.get("verdict", ""), event.data.get("why", ""))
            texts.setdefault(key, {**event.data, "occurred_at": event.occurred_at, "recorded_at": event.recorded_at})
    return tuple(texts.values())[:5]


def _timeline(events: Sequence[Event]) -> tuple[tuple[Event, ...], int]:
    """Newest first. Evidence comes in hundreds: its first event and the last few stand, the rest is folded."""
    evidence = [event.event_id for event in events if event.kind in EVIDENCE_KINDS]
    kept = {*evidence[:1], *evidence[-EVIDENCE_EVENTS_SHOWN:]}
    shown = [event for event in events if event.kind not in EVIDENCE_KINDS or event.event_id in kept]
    return tuple(reversed(shown)), len(evidence) - len(kept)


def told(event: Event) -> list[tuple[str, str]]:
    """The event's data as (field, text) for one line; empty and repeated fields left out."""
    pairs = []
    for name, value in event.data.items():
        if name in _TOLD_ELSEWHERE or value in (None, "", [], {}, False):
            continue
        pairs.append((name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    if pieces := event.data.get("evidence"):
        pairs.append(("evidence", _pieces(pieces)))
    return pairs


def _pieces(pieces: Sequence[Any]) -> str:
    texts = [
        piece if isinstance(piece, str) else piece.get("text") or piece.get("evidence_id", "")[:8] for piece in pieces
    ]
    return ", ".join(map(str, texts[:3])) + (f" … ({len(texts)})" if len(texts) > 3 else "")
