"""What is kept in memory of a site's hazards (docs/decisions/0020): open ones whole, settled ones as stubs. Pure.

A settled hazard is folded to its compressed record, with what finds it beside; 180 days after it was last heard of only
its id is known: it takes no more evidence and reopens as a new hazard that names it.
"""

import datetime as dt
import heapq
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from typing import Any

import orjson

from schemas.hazard_history import Closing, Due, Judged, RecentEvent
from schemas.hazards import HAZARD_EVENTS, Evidence, HazardRegistered, HazardStateRecord, Measure, PlanApproved
from schemas.model import Refused
from schemas.terms import HazardSource, HazardState, MeasureKind, Verdict
from schemas.times import to_us
from streams.transitions import SETTLED

REMEMBERED = dt.timedelta(days=180)
_REMEMBERED_US = REMEMBERED // dt.timedelta(microseconds=1)
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Stub:
    """A settled hazard. `evidence`: (id, is a span). `packed` empty: archived, nothing but the id is known."""

    hazard_id: str
    site_id: str
    step: int
    state: HazardState
    root_criterion_id: str | None
    place: str  # place_id, or the words where the registry knows none
    found_at: dt.datetime
    closed_at: dt.datetime | None
    changed_at: dt.datetime
    merged_into: str | None
    evidence: tuple[tuple[str, bool], ...]
    similar_open: bool
    packed: bytes

    @property
    def archived(self) -> bool:
        return not self.packed

    def unpack(self) -> HazardStateRecord:
        reader = zlib.decompressobj(zdict=_shape())
        return HazardStateRecord.parse(reader.decompress(self.packed) + reader.flush())


Held = HazardStateRecord | Stub


@cache
def _shape() -> bytes:
    """What every record has in common, so that it is not kept with each: a closed hazard of no content, as JSON."""
    when, person, text = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "by", "text"
    plan = PlanApproved(
        due_at=when, responsible_person=person, responsible_unit=text, funds=0, contingency_plan=text,
        interim_control=text, measures=tuple(Measure(kind=kind, text=text) for kind in MeasureKind),
    )  # fmt: skip
    kinds = [kind for kind in HAZARD_EVENTS if kind.startswith(("hazard", "plan", "rect", "acc", "resp", "simi"))]
    return HazardStateRecord(
        hazard_id="", site_id="", state=HazardState.CLOSED, version=8, found_at=when, changed_at=when, plan=plan,
        registered=HazardRegistered(found_at=when, source=HazardSource.IOT), verdict=Verdict.MAJOR, judged_at=when,
        evidence=(Evidence(evidence_id="", kind="finding"), Evidence(evidence_id="", kind="span", began_at=when)),
        dues=(Due(due_at=when, approved_at=when, kind="plan_approved"),), closings=(Closing(cycle=1, closed_at=when),),
        judgements=(Judged(occurred_at=when, verdict=Verdict.MAJOR),), counts=dict.fromkeys(kinds, 1),
        recent=tuple(RecentEvent(version=1, kind=kind, by=person, occurred_at=when) for kind in kinds),
    ).encode()  # fmt: skip


def _pack(raw: bytes) -> bytes:
    writer = zlib.compressobj(6, zdict=_shape())
    return writer.compress(raw) + writer.flush()


def stub_of(state: HazardStateRecord) -> Stub:
    return Stub(
        hazard_id=state.hazard_id, site_id=state.site_id, step=state.step, state=state.state,
        root_criterion_id=state.root_criterion_id, place=state.place_id or state.registered.place,
        found_at=state.found_at, closed_at=state.closed_at, changed_at=state.changed_at, merged_into=state.merged_into,
        evidence=tuple((e.evidence_id, e.kind == "span") for e in state.evidence),
        similar_open=bool(state.similar_open), packed=_pack(state.encode()),
    )  # fmt: skip


def read_held(raw: bytes, now_us: int = 0) -> Held:
    """A record of hazard.states as it is kept: whole if open, a stub if settled, archived if nobody heard of it lately.

    Raises Refused. A settled one is not validated until somebody asks for it.
    """
    try:
        said: dict[str, Any] = orjson.loads(raw)
        settled = said["state"] in SETTLED
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Refused("state", f"no state of a hazard: {error}") from None
    if not settled:
        return HazardStateRecord.parse(raw)
    try:
        stub = _stub_of_text(said, raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused("", f"no state of a hazard: {error}") from None
    return archive(stub) if now_us and too_old(stub, now_us) and not stub.merged_into else stub


def _stub_of_text(said: dict[str, Any], raw: bytes) -> Stub:
    def when(name: str) -> dt.datetime | None:
        return dt.datetime.fromisoformat(said[name]) if said.get(name) else None

    found_at, changed_at = when("found_at"), when("changed_at")
    if found_at is None or changed_at is None:
        raise Refused("found_at", "missing")
    return Stub(
        hazard_id=said["hazard_id"], site_id=said["site_id"], step=said.get("step", 0),
        state=HazardState(said["state"]), root_criterion_id=said.get("root_criterion_id"),
        place=said.get("place_id") or said["registered"].get("place", ""), found_at=found_at,
        closed_at=when("closed_at"), changed_at=changed_at, merged_into=said.get("merged_into"),
        evidence=tuple((e["evidence_id"], e["kind"] == "span") for e in said.get("evidence", ())),
        similar_open=bool(said.get("similar_open")), packed=_pack(raw),
    )  # fmt: skip


def archive(stub: Stub) -> Stub:
    return replace(stub, evidence=(), packed=b"", similar_open=False)


def too_old(held: Held, now_us: int) -> bool:
    """Whether nobody has heard of it for 180 days."""
    return now_us - to_us(held.changed_at) > _REMEMBERED_US


class HazardStore:
    """Hazards by id. `put` keeps what was changed whole until `settle` folds it."""

    def __init__(self) -> None:
        self._whole: dict[str, HazardStateRecord] = {}
        self._stubs: dict[str, Stub] = {}
        self._archived: set[int] = set()
        self._aging: list[tuple[int, int, str]] = []  # a heap of settled hazards: counted from, last heard of, id

    def load(self, held: Iterable[Held]) -> None:
        for each in held:
            if isinstance(each, Stub):
                self._keep(each)
            elif each.state in SETTLED:
                self._keep(stub_of(each))
            else:
                self._whole[each.hazard_id] = each

    def get(self, hazard_id: str) -> HazardStateRecord | None:
        """The whole state; None if it is not known, or archived."""
        whole = self._whole.get(hazard_id)
        if whole is not None:
            return whole
        stub = self._stubs.get(hazard_id)
        return stub.unpack() if stub is not None else None

    def brief(self, hazard_id: str) -> Held | None:
        """The hazard as it is held, for what a stub can tell."""
        return self._whole.get(hazard_id) or self._stubs.get(hazard_id)

    def put(self, state: HazardStateRecord) -> None:
        self._whole[state.hazard_id] = state
        self._stubs.pop(state.hazard_id, None)

    def settle(self, hazard_ids: Iterable[str]) -> None:
        """Fold those of `hazard_ids` that are settled."""
        for hazard_id in hazard_ids:
            whole = self._whole.get(hazard_id)
            if whole is not None and whole.state in SETTLED:
                del self._whole[hazard_id]
                self._keep(stub_of(whole))

    def age(self, now_us: int) -> list[Stub]:
        """Archive what nobody has heard of for 180 days, and return it. One comparison if there is none.

        A merged hazard stays while the one it went into is there: evidence of it must find the way.
        """
        gone: list[Stub] = []
        while self._aging and now_us - self._aging[0][0] > _REMEMBERED_US:
            counted_us, heard_us, hazard_id = heapq.heappop(self._aging)
            stub = self._stubs.get(hazard_id)
            if stub is None or to_us(stub.changed_at) != heard_us:
                continue  # heard of since
            if stub.merged_into and self.brief(stub.merged_into) is not None:
                heapq.heappush(self._aging, (counted_us + _DAY_US, heard_us, hazard_id))  # asked again in a day
                continue
            del self._stubs[hazard_id]
            self._archived.add(_short(hazard_id))
            gone.append(stub)
        return gone

    def archived(self, hazard_id: str) -> bool:
        return bool(self._archived) and _short(hazard_id) in self._archived

    def values(self) -> Iterator[Held]:
        """Everything that is held, open ones first."""
        yield from self._whole.values()
        yield from self._stubs.values()

    def counts(self) -> dict[str, int]:
        return {"whole": len(self._whole), "stubs": len(self._stubs), "archived": len(self._archived)}

    def _keep(self, stub: Stub) -> None:
        if stub.archived:
            self._archived.add(_short(stub.hazard_id))
            return
        self._stubs[stub.hazard_id] = stub
        heard_us = to_us(stub.changed_at)
        heapq.heappush(self._aging, (heard_us, heard_us, stub.hazard_id))


def _short(hazard_id: str) -> int:
    """64 bits of an id: a set of a million of these is small, and two alike are not to be expected."""
    return int.from_bytes(blake2b(hazard_id.encode(), digest_size=8).digest(), "big")
