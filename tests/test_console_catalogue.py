"""The board reads clauses from the catalogue by which a hazard was judged, published or built in."""

import datetime as dt

from console.office import _version
from console.picture import Picture
from console.rows import Rows
from schemas.events import SYSTEM, Event
from schemas.hazards import HazardRegistered, HazardStateRecord
from schemas.steps import Step
from schemas.times import to_us
from tests.catalogue_topic import Topic, coal
from tests.coal_face import CATALOGUE, START, S

OWN = coal(COAL21_5_2={"title_zh": "自拟标题"})
DAY = dt.timedelta(days=1)


def hazard(version: str | None) -> HazardStateRecord:
    said = HazardRegistered(found_at=START, source="iot", place_id="face")
    return HazardStateRecord(
        hazard_id="h", site_id=S, place_id="face", state="judged_major", version=3, found_at=START, changed_at=START,
        registered=said, criterion_id="COAL21-5-2", document_id="MEM21", catalogue_version=version,
    )  # fmt: skip


def stepped(picture: Picture, now: dt.datetime, version: str) -> None:
    step = Step(step=1, partition=0, now=now, catalogue_version=version)
    picture.apply("processing.steps", step.encode(), to_us(now))


def test_a_hazard_shows_the_clause_of_the_catalogue_that_judged_it() -> None:
    picture = Picture()
    for record in Topic().published(OWN, START):
        picture.take_catalogue(record)
    stepped(picture, START + DAY, OWN.version)
    assert picture.fresh.catalogue_version == OWN.version
    title = CATALOGUE.clauses["COAL21-5-2"].title_zh
    rows = Rows(picture)
    assert rows.hazard(hazard(OWN.version))["clause_zh"] == "自拟标题"
    assert rows.hazard(hazard(CATALOGUE.version))["clause_zh"] == title
    assert rows.hazard(hazard("of another time"))["clause_zh"] == "自拟标题"


def test_before_a_published_version_takes_effect_the_built_in_one_is_shown() -> None:
    picture = Picture()
    for record in Topic().published(OWN, START + DAY):
        picture.take_catalogue(record)
    assert picture.catalogue().version == CATALOGUE.version
    stepped(picture, START, CATALOGUE.version)
    assert picture.catalogue().version == CATALOGUE.version
    stepped(picture, START + 2 * DAY, OWN.version)
    assert picture.catalogue().version == OWN.version


def test_a_refused_record_is_counted_and_the_last_good_version_stays() -> None:
    picture, topic = Picture(), Topic()
    for record in (*topic.published(OWN, START), topic.record(b"{", "x")):
        picture.take_catalogue(record)
    stepped(picture, START + DAY, OWN.version)
    assert picture.refused == 1 and picture.catalogue().version == OWN.version


def test_a_hazard_that_nobody_judged_yet_goes_by_the_version_of_its_verdict() -> None:
    verdict = Event(
        event_id="e", kind="verdict_given", subject_id="v", site_id=S, occurred_at=START, recorded_at=START,
        actor=SYSTEM, data={"catalogue_version": "abc"},
    )  # fmt: skip
    assert _version(hazard(None), [verdict]) == "abc"
    assert _version(hazard("def"), [verdict]) == "def" and _version(None, []) is None
