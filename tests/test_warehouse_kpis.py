"""KPI rows: the worked vectors and cases as data, and equality with an oracle written apart."""

import datetime as dt
from pathlib import Path
from unittest import mock

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events import Event
from schemas.ids import make_id
from schemas.kpis import kpis, parameters_of
from schemas.model import Refused
from schemas.terms import SHANGHAI
from schemas.times import day_start
from tests.kpi_oracle import KPIS, REBOUND_DAYS, oracle
from warehouse import kpi_facts
from warehouse.kpi_facts import HazardsAt
from warehouse.kpi_files import kind_of, kpi_ids, kpi_ids_of_events
from warehouse.kpis import compute, facts_at
from warehouse.ledger import connect_events

HERE = Path(__file__).parent
VECTORS = HERE / "vectors" / "a4_hazard_events.jsonl"
EVERY_CASE = sorted((HERE / "kpis").glob("*/*.yaml"))
CASES = [path for path in EVERY_CASE if path.parent.name in kpi_ids_of_events()]
KINDS = {
    "registered": "hazard_registered", "judged": "hazard_judged", "plan": "plan_approved", "closed": "hazard_closed",
    "reopened": "hazard_reopened", "extended": "extension_decided", "voided": "hazard_voided",
    "merged": "hazard_merged", "downgraded": "hazard_downgraded", "assigned": "responsibility_assigned",
    "transferred": "hazard_transferred",
    "blind": "blind_spot_raised",
}  # fmt: skip


def event(hazard: str, step: dict, number: int) -> Event:
    """A case's line `{what: …, at: …, …}` as an event; `what` is short for a kind, or one; other keys are its data."""
    known = {"what", "at", "recorded", "id", "site"}
    data = {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in step.items()
            if key not in known}  # fmt: skip
    kind = KINDS.get(step["what"], step["what"])
    return Event.model_validate({
        "event_id": step.get("id") or make_id(hazard, number), "kind": kind, "subject_id": hazard,
        "site_id": step.get("site", f"site-{hazard}"), "occurred_at": step["at"],
        "recorded_at": step.get("recorded", step["at"]),
        "actor": {"id": "case", "role": "supervisor"}, "data": data,
    })  # fmt: skip


def events_of(hazards: dict[str, list[dict]]) -> list[Event]:
    return [event(name, step, number) for name, steps in hazards.items() for number, step in enumerate(steps)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path):
    case = yaml.safe_load(path.read_text("utf-8"))
    con = connect_events(events_of(case["hazards"]))
    for ask in case["expect"]:
        window = ask.get("window") and tuple(day_start(day) for day in ask["window"])
        rows = facts_at(con, ask["as_of"], ask.get("known_as_of"), kind_of(path.parent.name)).rows(
            ask.get("by", ()), window, [path.parent.name]
        )  # fmt: skip
        found = {tuple(sorted(row.group.items())): row for row in rows}
        row = found[tuple(sorted(ask.get("group", {}).items()))]
        for name in ("num", "den", "value", "excluded"):
            if name in ask:
                assert getattr(row, name) == pytest.approx(ask[name]), (ask, row)
        for name, wanted in ask.get("detail", {}).items():
            assert row.detail[name] == wanted, (ask, row)
        if "hazards" in ask:
            assert [hazard["hazard_id"] for hazard in row.detail["hazards"]] == ask["hazards"]


def test_every_kpi_with_a_query_is_in_the_dictionary_and_has_a_case():
    assert set(kpi_ids()) <= set(kpis())
    assert set(kpi_ids()) <= {path.parent.name for path in EVERY_CASE}


@pytest.mark.parametrize(
    ("as_of", "k01", "k02", "k05", "overdue"),
    [("2024-12-31", (2, 4), 2, (3, 6), 2), ("2025-12-31", (3, 4), 1, (5, 8), 2), ("2026-11-23", (3, 4), 1, (6, 8), 2)],
)
def test_the_eight_worked_hazards(as_of, k01, k02, k05, overdue):
    rows = {row.kpi_id: row for row in compute(VECTORS, dt.date.fromisoformat(as_of))}
    assert (rows["K01"].num, rows["K01"].den) == k01
    assert rows["K02"].num == k02
    assert (rows["K05"].num, rows["K05"].den) == k05
    assert rows["K07"].num == overdue
    assert rows["K01"].value == k01[0] / k01[1]


def test_on_time_in_2024_counts_three_of_five_worked_hazards():
    (row,) = compute(VECTORS, dt.date(2024, 12, 31), kpis=["K06a"])
    assert (row.num, row.den) == (3, 5)
    assert row.window == (day_start(dt.date(2024, 1, 1)), day_start(dt.date(2025, 1, 1)))


def test_no_hazard_at_all_gives_null_ratios_and_zero_counts():
    rows = {row.kpi_id: row for row in HazardsAt(connect_events([]), dt.date(2026, 1, 1)).rows()}
    assert (rows["K05"].num, rows["K05"].den, rows["K05"].value) == (0, 0, None)
    assert (rows["K02"].num, rows["K02"].value, rows["K02"].detail) == (0, 0, {"hazards": []})
    assert rows["K05"].data_as_of is None
    assert HazardsAt(connect_events([]), dt.date(2026, 1, 1)).rows(["region"]) == []


def test_groups_are_exact_codes_and_roll_ups_are_groups_of_their_own():
    at = dt.date(2026, 11, 23)
    exact = {row.group["region"]: row.den for row in compute(VECTORS, at, by=["region"], kpis=["K05"])}
    cities = {row.group["city"]: row.den for row in compute(VECTORS, at, by=["city"], kpis=["K05"])}
    (province,) = compute(VECTORS, at, by=["province"], kpis=["K05"])
    assert exact == {"140121": 2, "140402": 3, "140581": 2, "140802": 1}
    assert cities == {"140100": 2, "140400": 3, "140500": 2, "140800": 1}
    assert (province.group, province.den) == ({"province": "140000"}, 8)


def test_unknown_groups_windows_and_kpis_are_refused_by_name():
    con = connect_events([])
    at = HazardsAt(con, dt.date(2026, 1, 1))
    with pytest.raises(Refused, match="colour"):
        at.rows(["colour"])
    with pytest.raises(Refused, match="K99"):
        at.rows(kpis=["K99"])
    with pytest.raises(Refused, match="not before"):
        at.rows(window=(day_start(dt.date(2026, 1, 1)), day_start(dt.date(2026, 1, 1))))


def test_a_bad_line_is_refused_with_file_line_and_field(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(VECTORS.read_bytes().splitlines()[0] + b'\n{"kind": "hazard_closed"}\n')
    with pytest.raises(Refused, match=r"events\.jsonl, line 2.*[Ff]ield required"):
        compute(path, dt.date(2026, 1, 1))


# -- random lives against the oracle

DAY0 = dt.datetime(2023, 12, 20, tzinfo=SHANGHAI)
moment = st.builds(
    lambda day, hour: DAY0 + dt.timedelta(days=day, hours=hour), st.integers(0, 40), st.sampled_from([0, 8, 16, 23.5])
)
due = st.integers(0, 45).map(lambda day: (DAY0 + dt.timedelta(days=day)).date().isoformat())
due_instant = moment.map(lambda when: when.astimezone(dt.UTC).isoformat())
verdict = st.sampled_from(["major", "major", "general"])
clause = st.sampled_from(["c1", "c2"])
similar_site = st.sampled_from(["x", "y"])
hits = {"hits": st.integers(0, 3)}
decision = st.fixed_dictionaries({"approved": st.booleans(), "new_due_at": due | due_instant})
measures = st.lists(
    st.sampled_from(["people", "technology", "management"]).map(lambda kind: {"kind": kind, "text": "x"}), max_size=2
)
FULL = {
    "responsible_person": "w", "responsible_unit": "u", "measures": [{"kind": "technology", "text": "x"}], "funds": 0,
    "contingency_plan": "p", "interim_control": "i",
}  # fmt: skip
step = st.one_of(
    st.tuples(st.just("plan_approved"), st.fixed_dictionaries({"due_at": due}).map(lambda at: FULL | at)),
    st.tuples(st.sampled_from(["production_stopped", "production_resumed"]), st.just({})),
    st.tuples(st.just("interim_control_set"), st.just({"text": "i"})),
    st.tuples(st.just("hazard_judged"), st.fixed_dictionaries({"verdict": verdict, "criterion_id": clause})),
    st.tuples(st.just("supervision_ordered"), st.fixed_dictionaries({}, optional={"due_at": due | due_instant})),
    st.tuples(st.just("supervision_lifted"), st.just({})),
    st.tuples(st.just("similar_check_opened"), st.fixed_dictionaries({"similar_site_id": similar_site})),
    st.tuples(st.just("similar_check_done"), st.fixed_dictionaries({"similar_site_id": similar_site}, optional=hits)),
    st.tuples(st.just("plan_approved"), st.fixed_dictionaries({"due_at": due | due_instant})),
    st.tuples(st.just("plan_approved"), st.fixed_dictionaries({"due_at": due, "measures": measures})),
    st.tuples(st.just("responsibility_assigned"), st.just({"lead_department_id": "d1"})),
    st.tuples(st.just("blind_spot_raised"), st.just({"reason": "unthought"})),
    st.tuples(st.just("extension_decided"), decision),
    st.tuples(st.just("hazard_closed"), st.just({})),
    st.tuples(st.just("hazard_closed"), st.just({})),
    st.tuples(st.just("hazard_reopened"), st.just({})),
    st.tuples(st.sampled_from(["hazard_voided", "hazard_merged", "hazard_downgraded"]), st.just({})),
)


turn = st.tuples(st.sampled_from(["hazard_closed", "hazard_closed", "hazard_reopened", "hazard_voided"]), st.just({}))


@st.composite
def lives(draw, step=step):
    events = []
    for n in range(draw(st.integers(1, 4))):
        found = draw(moment)
        region = draw(st.sampled_from(["140105", "140121", "110000"]))
        industry = draw(st.sampled_from(["coal", "chemical"]))
        source = draw(st.sampled_from(["self", "department"]))
        named = {"found_at": found.isoformat(), "source": source, "region": region, "industry": industry}
        if draw(st.booleans()):
            named["root_criterion_id"] = draw(clause)
        site = draw(st.sampled_from(["s0", "s1"]))
        steps = [("hazard_registered", named, found)]
        steps.append(("hazard_judged", {"verdict": "major", "criterion_id": draw(clause)}, draw(moment)))
        if draw(st.booleans()):
            steps.append(("plan_approved", FULL | {"due_at": draw(due)}, draw(moment)))
        steps += [(kind, data, draw(moment)) for kind, data in draw(st.lists(step, max_size=7))]
        for number, (kind, data, when) in enumerate(steps):
            recorded = when + dt.timedelta(days=draw(st.sampled_from([0, 0, 0, 9])))
            copies = draw(st.sampled_from([1, 1, 1, 2]))
            for copy in range(copies):
                changed = {**data, "verdict": "general"} if copy and kind == "hazard_judged" else data
                events.append(Event.model_validate({
                    "event_id": f"{n}-{number}", "kind": kind, "subject_id": f"h{n}", "site_id": site,
                    "occurred_at": when, "recorded_at": recorded + dt.timedelta(days=copy),
                    "actor": {"id": "x", "role": "system"}, "data": changed,
                }))  # fmt: skip
    return draw(st.permutations(events))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    lives(),
    st.integers(0, 50),
    st.none() | st.integers(0, 50),
    st.sampled_from([(), ("region",), ("city", "industry")]),
    st.none() | st.tuples(st.integers(0, 20), st.integers(21, 45)),
)
def test_sql_equals_an_oracle_written_apart(events, as_of, known, by, span):
    days = [(DAY0 + dt.timedelta(days=n)).date() for n in range(51)]
    known_day = None if known is None else days[known]
    window = span and (day_start(days[span[0]]), day_start(days[span[1]]))
    shorter = {"rebound_days": REBOUND_DAYS}  # lives of 40 days know no 180
    with mock.patch.object(kpi_facts, "parameters_of", lambda kpi_id: parameters_of(kpi_id) | shorter):
        rows = HazardsAt(connect_events(events), days[as_of], known_day).rows(by, window)
    found = {
        (row.kpi_id, *row.group.values()): (row.num, row.den, row.value, row.excluded)
        for row in rows if row.kpi_id in KPIS
    }  # fmt: skip
    assert found == oracle([e.model_dump(mode="json") for e in events], days[as_of], known_day, span and (
        days[span[0]], days[span[1]]), by)  # fmt: skip
    for row in rows:
        if row.kpi_id == "K07":
            assert sum(row.detail["buckets"].values()) == row.num == len(row.detail["hazards"])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(lives(turn))
def test_what_came_back_equals_the_oracle(events):
    """K12b where it is final: every closing has had its days."""
    first, last, as_of = (DAY0.date() + dt.timedelta(days=n) for n in (0, 42, 50))
    shorter = parameters_of("K12b") | {"rebound_days": REBOUND_DAYS}
    with mock.patch.object(kpi_facts, "parameters_of", lambda _: shorter):
        facts = HazardsAt(connect_events(events), as_of)
        (row,) = facts.rows(window=(day_start(first), day_start(last)), kpis=["K12b"])
    told = oracle([event.model_dump(mode="json") for event in events], as_of, None, (first, last), ())
    assert (row.num, row.den, row.value, row.excluded) == told["K12b",]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(lives(), st.integers(2, 60), st.none() | st.integers(0, 50))
def test_the_clear_days_are_those_on_which_the_group_was_dynamically_clear(events, length, known):
    """K04d, counted from spans, is K04b of the oracle asked at the end of every single day."""
    known_day = None if known is None else DAY0.date() + dt.timedelta(days=known)
    days = [DAY0.date() + dt.timedelta(days=n) for n in range(length)]
    plain = [event.model_dump(mode="json") for event in events]
    clear = dict.fromkeys(["", "140105", "140121", "110000"], 0)
    for day in days:
        told = oracle(plain, day, known_day, None, ()) | oracle(plain, day, known_day, None, ("region",))
        for group in clear:
            figures = told.get(("K04b", group) if group else ("K04b",))
            clear[group] += figures[2] if figures else 1  # a group without hazards is clear
    window = (day_start(days[0]), day_start(days[-1] + dt.timedelta(days=1)))
    facts = facts_at(connect_events(events), days[-1], known_day, "clearance")
    rows = facts.rows_of([(), ("region",)], window, ["K04d"])
    assert {row.kpi_id for row in rows} == {"K04d"}
    for row in rows:
        assert (row.num, row.den) == (clear[row.group.get("region", "")], len(days)), row
