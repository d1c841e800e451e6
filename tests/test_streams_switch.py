"""Another catalogue takes effect between two steps: open spans, hazards, and clauses on trial."""

import datetime as dt
from typing import Any

import orjson
import pytest

from schemas.criteria import Catalogue
from schemas.events import Event
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.hazards import Finding
from schemas.times import to_us
from streams.decode import Record
from streams.partition import PartitionState
from streams.registry import Registry
from streams.site import Context
from streams.step import Emitted, run_step
from tests.catalogue_topic import coal
from tests.coal_face import PLACES, SENSORS, SITE, START, S, at, criteria, frame, only

WITH, WITHOUT, TRIAL = coal(), coal(COAL21_5_2=None), coal(COAL21_5_2={"status": "trial"})


class Mine:
    """One partition with the coal face; every input is a step of its own."""

    def __init__(self, catalogue: Catalogue, *known: Catalogue) -> None:
        registry = Registry()
        registry.sites[S] = SITE
        registry.places[S], registry.sensors[S] = dict(PLACES), dict(SENSORS)
        versions = {each.version: each for each in (catalogue, *known)}
        self.context = Context(registry, catalogue, versions.get)
        self.state, self.offset, self.outs = PartitionState(0), -1, list[Emitted]()

    def _step(self, topic: str, value: bytes, headers: list[tuple[str, bytes]], seconds: float) -> list[Event]:
        self.offset += 1
        now = to_us(at(seconds))
        record = Record("log", topic, 0, self.offset, S.encode(), value, headers, now)
        out = run_step(self.state, [record], now, self.context)
        assert not out.refused, out.refused
        self.outs.append(out)
        return out.events

    def reads(self, seconds: float, gas: float, on: float = 1) -> list[Event]:
        when = to_us(at(seconds))
        batch = make_batch(["gas", "machine"], [when, when], [gas, on], [0, 0])
        header = FrameHeader(S, f"f{seconds}", "test", when)
        return self._step("telemetry.frames", encode_frame(batch), header.encode(), seconds)

    def finds(self, name: str, **said: Any) -> list[Event]:
        finding = Finding(
            finding_id=name, site_id=S, industry="coal", found_at=START, received_at=START,
            **{"text": "见描述", "place": "3301综采工作面", **said},
        )  # fmt: skip
        return self._step("inspection.findings", finding.encode(), [], 0)

    def restart(self) -> None:
        """A new process with what the state topics hold."""
        old, self.state = self.outs, PartitionState(0)
        for name, found in (
            ("processing.steps", [o.record for o in old if o.record]),
            ("hazard.states", [s for o in old for s in o.hazard_states]),
            ("site.memory", [m for o in old for m in o.memories]),
        ):
            for n, message in enumerate(found):
                record = Record("log", name, 0, n, None, message.encode())
                (self.state.restore_step if name == "processing.steps" else self.state.restore)(record)

    @property
    def hazards(self) -> dict[str, Any]:
        return {state.hazard_id: state for out in self.outs for state in out.hazard_states}


def kinds(events: list[Event], clause: str = "COAL21-5-2") -> list[str]:
    return [e.kind for e in events if clause in orjson.dumps(e.data).decode()]


def test_a_span_of_a_clause_that_is_gone_ends_with_the_switch_under_the_old_version() -> None:
    site = criteria()
    began = only(site.on_frame(frame(0, ("gas", 0, 1.2), ("machine", 0, 1))))
    before = site.catalogue.version
    ended = only(site.configure(PLACES, SENSORS, WITHOUT))
    assert (ended.phase, ended.occurred_at, ended.catalogue_version) == ("ended", at(0), before)
    assert ended.evidence[0].evidence_id == began.evidence[0].evidence_id and ended.evidence[0].ended_at == at(0)
    assert WITHOUT.version in ended.why and WITHOUT.version in ended.why_zh
    assert not [key for key in site.memory()["watches"] if key.startswith("COAL21-5-2")]
    assert site.on_frame(frame(1, ("gas", 30, 1.3), ("machine", 30, 1))) == []


@pytest.mark.parametrize("restarted", [False, True])
def test_the_hazard_learns_the_end_and_no_other_is_opened(restarted: bool) -> None:
    mine = Mine(WITH, WITHOUT)
    assert kinds(mine.reads(0, 1.2)) == ["verdict_given", "hazard_registered", "hazard_suspected"]
    (hazard,) = mine.hazards.values()
    assert mine.outs[-1].record.catalogue_version == WITH.version  # type: ignore[union-attr]
    if restarted:
        mine.restart()
    mine.context.catalogue = WITHOUT
    events = mine.reads(30, 1.2)
    assert kinds(events) == ["verdict_given", "evidence_completed"]
    assert events[0].data["catalogue_version"] == WITH.version
    assert mine.outs[-1].record.catalogue_version == WITHOUT.version  # type: ignore[union-attr]
    assert set(mine.hazards) == {hazard.hazard_id}
    (evidence,) = mine.hazards[hazard.hazard_id].evidence
    assert evidence.ended_at == at(0)
    assert kinds(mine.reads(60, 1.2)) == []


def test_an_old_version_that_nobody_knows_any_more_still_ends_its_spans() -> None:
    mine = Mine(WITH)
    mine.reads(0, 1.2)
    (hazard,) = mine.hazards.values()
    mine.restart()
    mine.context = Context(mine.context.registry, WITHOUT)
    events = mine.reads(30, 1.2)
    assert [e.kind for e in events if e.kind != "alarm_raised"] == ["verdict_given", "evidence_completed"]
    verdict = events[0].data
    assert (verdict["verdict"], verdict["criterion_id"]) == ("needs_review", None) and "COAL21-5-2" in verdict["why"]
    assert mine.hazards[hazard.hazard_id].evidence[0].ended_at is not None and len(mine.hazards) == 1


def test_a_clause_put_on_trial_ends_what_it_opened_and_opens_nothing_more() -> None:
    mine = Mine(WITH, TRIAL)
    mine.reads(0, 1.2)
    mine.context.catalogue = TRIAL
    assert kinds(mine.reads(30, 1.3)) == []
    assert kinds(mine.reads(60, 0.5)) == ["verdict_given", "evidence_completed"]
    assert kinds(mine.reads(90, 1.2)) == ["verdict_given"]
    assert len(mine.hazards) == 1


def test_a_trial_clause_counts_but_opens_no_hazard_whatever_met_it() -> None:
    facts = {"ch4_pct": 1.2, "powered_work_on": True}
    for mine, opens in ((Mine(TRIAL), False), (Mine(WITH), True)):
        events = {
            "readings": mine.reads(0, 1.2), "facts": mine.finds("F1", facts=facts),
            "reference": mine.finds("F2", criterion_ref="COAL21-5-2"),
        }  # fmt: skip
        for way, found in events.items():
            (verdict,) = [e.data for e in found if e.kind == "verdict_given" and e.data["criterion_id"] == "COAL21-5-2"]
            assert verdict["verdict"] == ("major" if opens else "needs_review"), way
        assert bool(mine.hazards) == opens


def test_text_that_resembles_a_trial_clause_opens_no_hazard() -> None:
    words = "3301综采工作面瓦斯浓度达到1.2%仍未停止作业，未切断电源"
    mine = Mine(TRIAL)
    events = mine.finds("F3", text=words)
    assert [e.kind for e in events] == ["verdict_given"] * len(events) and events
    assert all(e.data["verdict"] != "major" for e in events) and not mine.hazards


def test_a_step_without_input_of_a_site_leaves_it_under_its_old_catalogue_until_its_next_input() -> None:
    mine = Mine(WITH, WITHOUT)
    mine.reads(0, 1.2)
    mine.context.catalogue = WITHOUT
    mine.restart()
    (memory,) = mine.state.stored_memories.values()
    assert memory.head is not None and memory.head.catalogue_version == WITH.version
    assert "evidence_completed" in kinds(mine.reads(dt.timedelta(days=2).total_seconds(), 0.3))
