"""A coal face, a heading and a slope of one mine, and frames of their readings: what the classification tests share."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from schemas.criteria import load_catalogue
from schemas.frames import FrameHeader, make_batch
from schemas.registry import Place, Sensor, Site
from schemas.terms import SHANGHAI
from schemas.times import to_us
from streams.classify import Judgement, SiteCriteria
from streams.decode import Frame, Record

S = "140402000123"
CATALOGUE = load_catalogue()
SITE = Site(site_id=S, name="示例煤矿", industry="coal")
PLACES = {
    p.place_id: p
    for p in (
        Place(
            place_id="face", site_id=S, name="3301综采工作面", kind="coal_face", area="3301", aliases=("3301工作面",)
        ),
        Place(place_id="return", site_id=S, name="3301回风巷", kind="coal_face_return", area="3301"),
        Place(place_id="shearer", site_id=S, name="3301采煤机", kind="shearer", area="3301"),
        Place(place_id="heading", site_id=S, name="3302掘进工作面", kind="heading_face", area="3302"),
        Place(place_id="slope", site_id=S, name="北帮边坡", kind="openpit_slope"),
        Place(place_id="mine", site_id=S, name="全矿", kind="site"),
        Place(place_id="freezer", site_id=S, name="冷库", kind="quick_freezer_room"),
    )
}


def sensor(sensor_id: str, place_id: str, signal: str, resolution: float = 0.01, **more: Any) -> Sensor:
    return Sensor(sensor_id=sensor_id, site_id=S, place_id=place_id, signal=signal, resolution=resolution, **more)


SENSORS = {
    s.sensor_id: s
    for s in (
        sensor("gas", "face", "ch4_pct"),
        sensor("gas2", "face", "ch4_pct"),
        sensor("return", "return", "ch4_pct"),
        sensor("machine", "shearer", "powered_work_on", 1),
        sensor("wind", "return", "wind_mps"),
        sensor("pressure", "return", ""),
        sensor("heading", "heading", "ch4_pct"),
        sensor("outage", "heading", "power_or_vent_outage", 1),
        sensor("burst", "heading", "drill_burst", 1),
        sensor("slope", "slope", "disp_acceleration_72h"),
    )
}
START = dt.datetime(2026, 7, 2, tzinfo=SHANGHAI)


def at(seconds: float, start: dt.datetime = START) -> dt.datetime:
    return start + dt.timedelta(seconds=seconds)


def frame(
    offset: int, *readings: tuple[str, float, float] | tuple[str, float, float, int], start: Any = START
) -> Frame:
    """(sensor, seconds from the start, value[, quality]) each."""
    batch = make_batch(
        [r[0] for r in readings],
        [to_us(at(r[1], start)) for r in readings],
        [r[2] for r in readings],
        [int(r[3]) if len(r) > 3 else 0 for r in readings],
    )
    return Frame(
        Record("log", "telemetry.frames", 0, offset, None, None), FrameHeader(S, f"f{offset}", "test", 0), batch
    )


def criteria(**changes: Any) -> SiteCriteria:
    return SiteCriteria(
        changes.get("site", SITE), changes.get("places", PLACES), changes.get("sensors", SENSORS), CATALOGUE,
        changes.get("memory"),
    )  # fmt: skip


def told(judgements: list[Judgement], clause_id: str = "COAL21-5-2") -> list[tuple[str, str]]:
    return [(j.verdict.value, j.phase) for j in judgements if j.clause and j.clause.id == clause_id]


def only(judgements: list[Judgement], clause_id: str = "COAL21-5-2") -> Judgement:
    (found,) = [j for j in judgements if j.clause and j.clause.id == clause_id]
    return found


COLUMNS = {"gas": "MM116", "return": "MM31", "wind": "AS038", "machine": "PD"}


def longwall(path: Path) -> Iterator[Frame]:
    """The real series in frames of ten minutes."""
    table = pq.read_table(path, columns=list(COLUMNS.values())).to_pydict()
    rows = list(zip(*table.values(), strict=True))
    for first in range(0, len(rows), 20):
        readings: list[tuple[str, float, float]] = []
        for n, values in enumerate(rows[first : first + 20], start=first):
            readings += [(name, 30.0 * n, value) for name, value in zip(COLUMNS, values, strict=True)]
        yield frame(first, *readings)
