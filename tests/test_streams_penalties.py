"""Art. 113 counted: 3 penalties in 180 days or 4 in a year, per enterprise over its sites; a warning one before."""

import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

import warehouse
from pipelines.penalties import count_penalties, penalties_of
from schemas.deadlines import load_rules
from schemas.events import Event
from schemas.penalties import PenaltyWindow
from schemas.settings import Settings
from schemas.tables import TABLES
from schemas.topics import partition_of
from streams.broker import Broker
from streams.penalties import Penalty, windows
from streams.reader import read_to_end
from tests.hazard_bench import DAY, LI, T0, WANG, Bench, found
from warehouse.lake import LakeTable

RULES = load_rules()


def penalty(day: int, enterprise: str = "E-1", site: str = "S-1", region: str = "140402") -> Penalty:
    return Penalty(f"{enterprise}/{day}", f"H-{site}", site, enterprise, region, T0 + day * DAY)


def told(*penalties: Penalty) -> list[tuple[int, str, int, int]]:
    """(day of the penalty, neared or reached, days of the window, count)."""
    return [
        ((e.occurred_at - T0).days, e.kind.removeprefix("penalty_window_"), e.data["days"], e.data["count"])
        for e in windows(penalties, RULES, T0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((0,), []),
        ((0, 10), [(10, "neared", 180, 2)]),
        ((0, 180), []),  # 180 days to the instant are no longer within 180 days
        ((0, 10, 20), [(10, "neared", 180, 2), (20, "reached", 180, 3), (20, "neared", 365, 3)]),
        ((0, 150, 250, 364), [
            (150, "neared", 180, 2), (250, "neared", 180, 2), (250, "neared", 365, 3), (364, "neared", 180, 2),
            (364, "reached", 365, 4),
        ]),
        ((0, 200, 400, 600), []),
    ],
)  # fmt: skip
def test_the_windows_slide_with_each_penalty(days: tuple[int, ...], expected: list[Any]) -> None:
    assert told(*map(penalty, days)) == expected
    assert told(*map(penalty, reversed(days))) == expected


def test_all_sites_of_an_enterprise_count_together_and_enterprises_apart() -> None:
    assert told(penalty(0), penalty(1, site="S-2")) == [(1, "neared", 180, 2)]
    assert told(penalty(0), penalty(1, "E-2")) == []
    (event,) = windows([penalty(0), penalty(1, site="S-2")], RULES, T0)
    data = PenaltyWindow.parse(event.data)
    assert data.site_ids == ("S-1", "S-2") and event.subject_id == "E-1" and event.topic == "programme.events"


def test_counted_again_later_the_ids_are_the_same() -> None:
    first = [e.event_id for e in windows([penalty(0), penalty(9)], RULES, T0)]
    again = [e.event_id for e in windows([penalty(0), penalty(9), penalty(300)], RULES, T0 + 400 * DAY)]
    assert first == again[:1] and len(set(again)) == len(again)


def land(data: Any, events: list[Event]) -> None:
    rows = [
        {
            "log_id": "log", "topic": "hazard.events", "partition": 0, "offset": n, "kafka_at": e.recorded_at,
            "event_id": e.event_id, "kind": e.kind, "subject_id": e.subject_id, "site_id": e.site_id,
            "occurred_at": e.occurred_at, "recorded_at": e.recorded_at, "data": orjson.dumps(e.data).decode(),
        }
        for n, e in enumerate(events)
    ]  # fmt: skip
    LakeTable.open(data / "lake", "hazard_events").append(pa.Table.from_pylist(rows, TABLES["hazard_events"]), {}, {})


def punished(bench: Bench, when: dt.datetime) -> None:
    bench.does(LI, "penalize", {"kind": "罚款", "amount": 50_000, "article": "安全生产法第102条"}, when=when)


def test_only_penalties_on_a_hazard_while_it_is_major_are_read_from_the_lake(tmp_path: Any) -> None:
    bench = Bench()
    bench.sees(found("f", T0))
    punished(bench, T0 + DAY)  # still suspected
    bench.now = T0 + 2 * DAY
    bench.does(LI, "judge", {"verdict": "major"})
    punished(bench, T0 + 3 * DAY)
    bench.now = T0 + 4 * DAY
    bench.does(WANG, "downgrade", {"reason": "复核"})
    punished(bench, T0 + 5 * DAY)
    assert [e.kind for e in bench.events].count("penalty_issued") == 3
    land(tmp_path, bench.events)
    with warehouse.connect(tmp_path) as lake:
        (only,) = penalties_of(lake)
    assert (only.occurred_at, only.enterprise_id, only.region) == (T0 + 3 * DAY, "E-1", "140402")


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_the_flow_sends_each_warning_once_it_has_landed(broker: Broker, tmp_path: Path) -> None:
    bench = Bench()
    bench.sees(found("f", T0))
    bench.does(LI, "judge", {"verdict": "major"})
    punished(bench, T0 + 3 * DAY)
    punished(bench, T0 + 4 * DAY)
    settings = Settings()
    land(settings.data, bench.events)
    assert count_penalties(settings) == {"penalties": 2, "neared": 1, "reached": 0}
    (sent,) = read_to_end(broker.servers, ["programme.events"])
    event = Event.parse(sent.value or b"")
    assert (event.kind, event.subject_id, sent.partition) == ("penalty_window_neared", "E-1", partition_of("E-1"))
    row = {
        "log_id": "log", "topic": "programme.events", "partition": 0, "offset": 0, "kafka_at": T0,
        "event_id": event.event_id, "kind": event.kind, "occurred_at": T0, "recorded_at": T0,
    }  # fmt: skip
    table = LakeTable.open(settings.data / "lake", "programme_events")
    table.append(pa.Table.from_pylist([row], TABLES["programme_events"]), {}, {})
    assert count_penalties(settings)["neared"] == 0
