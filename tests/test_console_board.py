import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.audit import first_break
from console.dossier import make_dossier
from console.forms import FORMS
from console.history import read_hazard
from console.security import same_origin
from console.words import LANGUAGES, words
from schemas.alarms import AlarmState
from schemas.commands import COMMANDS, Command
from schemas.criteria import load_catalogue
from schemas.events import EVENT_DATA
from schemas.hazards import HazardRegistered, HazardStateRecord
from schemas.terms import HazardSource, HazardState, ProcessState, Role, Verdict
from streams.broker import Broker, embedded
from streams.connect import ensure_topics, log_ids
from streams.reader import read_to_end
from tests.board_server import Visitor, serve, until
from tests.installation import installation
from tests.small_mine import ALARM, CH4, SITE, START, SmallMine

HAZARD = "5f0e3c52-aaaa-5c7b-9a41-51f1c1ea2026"


def state(number: int = 1, **more) -> AlarmState:
    return AlarmState(
        alarm_id=ALARM, site_id=SITE, sensor_id=CH4, rule_id="ch4_pct.high", version=number, step=number,
        process_state=ProcessState.UNACKNOWLEDGED, changed_at=START, raised_at=START, value=1.26, limit=1.0, **more,
    )  # fmt: skip


def suspected(**more) -> HazardStateRecord:
    registered = HazardRegistered(found_at=START, source=HazardSource.IOT, region="140402", industry="coal")
    return HazardStateRecord(
        hazard_id=HAZARD, site_id=SITE, state=HazardState.SUSPECTED, version=2, found_at=START, registered=registered,
        criterion_id="COAL21-5-2", missing=("zone_power_live",), changed_at=START, step=1, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Path]]:
    """One embedded broker for the tests that only look at doors and pages; nobody answers commands there."""
    data = tmp_path_factory.mktemp("board")
    with embedded(data / "run") as running:
        ensure_topics(running.servers)
        mine = SmallMine(running.servers, simulated=True)
        mine.send("alarm.states", ALARM, state())
        mine.send("hazard.states", HAZARD, suspected())
        mine.step()
        mine.close()
        yield running, data
        log_ids.cache_clear()


@pytest.fixture(scope="module")
def board_url(ground: tuple[Broker, Path]) -> Iterator[str]:
    broker, data = ground
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QINGLING_DATA", str(data))
        with serve(broker.servers) as board:
            yield board.url


@pytest.fixture
def visitor(board_url: str) -> Iterator[Visitor]:
    """A new browser, without cookies."""
    someone = Visitor(board_url)
    yield someone
    someone.http.close()


def commands(broker: Broker) -> list[Command]:
    return [Command.parse(record.value) for record in read_to_end(broker.servers, ["commands"]) if record.value]


def test_both_languages_have_the_same_words_and_placeholders():
    zh, en = (words(language) for language in LANGUAGES)
    assert zh.keys() == en.keys()
    for key in zh:
        assert zh[key].count("{") == en[key].count("{"), key
        assert zh[key].strip() and en[key].strip(), key


def test_every_state_kind_role_and_event_has_its_word():
    zh = words("zh")
    wanted = [
        *(f"state.{each}" for each in ProcessState), *(f"hstate.{each}" for each in HazardState),
        *(f"verdict.{each}" for each in Verdict), *(f"source.{each}" for each in HazardSource),
        *(f"role.{each}" for each in Role),
        *(f"event.{kind}" for kind in EVENT_DATA if kind.startswith(("hazard", "plan", "rect", "accept", "ext"))),
    ]  # fmt: skip
    assert [key for key in wanted if key not in zh] == []


def test_every_hazard_command_has_a_form_that_fits_its_event():
    assert set(FORMS) == {kind for kind, row in COMMANDS.items() if row.target == "hazard"}
    for kind, fields in FORMS.items():
        model = EVENT_DATA[COMMANDS[kind].event]
        assert {field.name for field in fields} <= set(model.model_fields), kind
        needed = {name for name, field in model.model_fields.items() if field.is_required()}
        assert needed <= {field.name for field in fields if field.required}, kind
        assert all(f"f.{field.name}" in words("zh") for field in fields), kind


def test_the_page_speaks_the_readers_language(visitor):
    def page(query: str = "", **headers: str) -> str:
        return httpx.get(f"{visitor.url}/{query}", headers=headers).text

    assert '<html lang="zh-CN"' in page()
    assert '<html lang="en"' in page(**{"accept-language": "fr, en-GB;q=0.8, zh;q=0.5"})
    assert '<html lang="zh-CN"' in page("?lang=zh", **{"accept-language": "en"})
    visitor.open("/?lang=en")
    assert '<html lang="en"' in visitor.open("/")


def test_every_answer_carries_the_strict_headers(visitor):
    for path in (
        "/",
        f"/hazards/{HAZARD}",
        "/hazards/unknown",
        "/api/board",
        "/static/board.css",
        "/nothing",
        "/livez",
    ):
        answer = visitor.http.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'"), path
        assert answer.headers["x-content-type-options"] == "nosniff", path
    page = visitor.open()
    assert "<style" not in page and 'style="' not in page and "onclick" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/')


def test_the_board_says_what_there_is(visitor):
    board = visitor.json("/api/board")
    (alarm,) = board["alarms"]
    wanted = {
        "id": ALARM,
        "priority": "P3",
        "value": 1.26,
        "limit": 1.0,
        "unit": "%CH4",
        "site": "长平煤矿",
        "version": 1,
    }
    assert {name: alarm[name] for name in wanted} == wanted
    hazard = next(row for row in board["hazards"] if row["id"] == HAZARD)
    assert (hazard["criterion_id"], hazard["clause_zh"], hazard["state"]) == (
        "COAL21-5-2",
        "1.0%未停电作业",
        "suspected",
    )
    assert board["simulated"] is True
    assert board["pulse"]["counts"]["by_priority"] == {"P3": {"unacknowledged": 1}}
    assert visitor.json("/api/alarms?priority=P1")["alarms"] == []
    assert visitor.json("/api/alarms?text=3301&state=unack")["matching"] == 1
    assert len(visitor.json("/api/kpis")["kpis"]) == 0


def test_a_hazard_has_its_article_and_missing_signals_on_its_page(visitor):
    page = visitor.open(f"/hazards/{HAZARD}?lang=en")
    for said in (
        "Powered work goes on at 1.0% CH4",
        "art. 5(2)",
        "MEM21",
        "zone_power_live",
        "Suspected",
        "Changping Mine",
    ):
        assert said in page, said
    assert visitor.http.get("/hazards/00000000").status_code == 404
    assert visitor.http.get("/api/hazards/00000000").json()["guard"] == "not_found"


def test_lists_of_hazards_are_filtered_and_each_says_what_may_be_commanded(visitor):
    answer = visitor.http.get("/api/hazards?only=tea")
    assert (answer.status_code, answer.json()["guard"]) == (400, "only")
    assert visitor.json("/api/hazards?only=supervised")["hazards"] == []
    waiting = visitor.json("/api/hazards?only=no_lead")
    assert waiting["matching"] == len(waiting["hazards"]) >= 1 and waiting["hazards"][0]["blind_spot"] is None
    found = visitor.json(f"/api/hazards/{HAZARD}")
    assert found["standing"]["overdue"] is False and found["commands"] == []
    visitor.open()
    visitor.act_as("li.j", "inspector")
    offered = {each["kind"]: each for each in visitor.json(f"/api/hazards/{HAZARD}")["commands"]}
    assert offered["judge"]["guard"] is None and "plan" not in offered
    assert offered["resume"]["guard"] == "not_stopped"
    assert [field["name"] for field in offered["judge"]["fields"]] == ["verdict", "reason"]


def test_what_people_wrote_is_never_markup(visitor, ground):
    mine = SmallMine(ground[0].servers, simulated=True)
    evil = '<script>alert(1)</script>"><img src=x>'
    record = suspected().model_copy(update={"hazard_id": "evil", "criterion_id": None})
    registered = record.registered.model_copy(update={"title": evil, "place": evil})
    mine.send("hazard.states", "evil", record.model_copy(update={"registered": registered}))
    mine.close()
    until(lambda: "evil" in [row["id"] for row in visitor.json("/api/hazards")["hazards"]])
    assert "<script>alert" not in visitor.open("/hazards/evil")


def test_no_command_passes_without_identity_token_and_origin(visitor, ground):
    before = len(commands(ground[0]))
    visitor.open()
    assert visitor.ask("acknowledge", ALARM, 1).status_code == 401
    visitor.act_as("wang.l", "operator")
    body = {"kind": "acknowledge", "target_id": ALARM, "seen_version": 1}
    good = {"origin": visitor.url, "x-csrf-token": visitor.csrf}
    for headers, guard in (
        ({"x-csrf-token": visitor.csrf}, "origin"),
        ({**good, "origin": "http://evil.example"}, "origin"),
        ({**good, "origin": "null"}, "origin"),
        ({**good, "sec-fetch-site": "cross-site"}, "origin"),
        ({"origin": visitor.url}, "csrf"),
        ({**good, "x-csrf-token": "0" * 64}, "csrf"),
        ({**good, "x-csrf-token": "é"}, "csrf"),
    ):
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = visitor.http.post("/api/commands", json=body, headers=raw)
        assert (answer.status_code, answer.json()["guard"]) == (403, guard), headers
    stranger = httpx.Client(base_url=visitor.url)
    assert stranger.post("/api/commands", json=body, headers=good).json()["guard"] == "csrf"
    form = {"csrf": "wrong", "actor": "eve", "role": "admin"}
    assert stranger.post("/identity", data=form, headers={"origin": visitor.url}).status_code == 403
    forged = {"qingling_actor": "eyJpZCI6ImV2ZSIsInJvbGUiOiJhZG1pbiJ9." + "0" * 64}
    assert "eve" not in httpx.get(visitor.url, cookies=forged).text
    assert len(commands(ground[0])) == before


def test_another_name_for_this_host_is_not_answered(visitor):
    assert visitor.http.get("/", headers={"host": "evil.example"}).status_code == 421
    assert not same_origin(httpx.Headers({"origin": "http://127.0.0.1:80"}), "127.0.0.1:81")


def test_a_command_is_checked_before_it_is_sent(visitor, ground):
    before = len(commands(ground[0]))
    visitor.act_as("wang.l", "operator")
    for kind, target, data, status, guard in (
        ("dance", ALARM, {}, 400, "bad_request"),
        ("acknowledge", "nobody", {}, 404, "not_found"),
        ("judge", HAZARD, {"verdict": "major"}, 403, "role"),
        ("report", HAZARD, {"to": "the press"}, 422, "bad_data"),
    ):
        answer = visitor.ask(kind, target, 1, data)
        assert (answer.status_code, answer.json()["guard"]) == (status, guard), kind
    headers = {"origin": visitor.url, "x-csrf-token": visitor.csrf}
    assert visitor.http.post("/api/commands", content=b"[1]", headers=headers).status_code == 400
    assert visitor.http.post("/api/commands", content=b"x" * 70_000, headers=headers).status_code == 413
    assert len(commands(ground[0])) == before


def test_an_unanswered_command_says_that_it_may_still_be_done(ground, monkeypatch):
    broker, data = ground
    monkeypatch.setenv("QINGLING_DATA", str(data))
    with serve(broker.servers, answer_s=0.3) as board:
        board.act_as("wang.l", "operator")
        answer = board.ask("acknowledge", ALARM, 1, command_id="c-1")
    assert (answer.status_code, answer.json()["guard"]) == (504, "no_answer")
    sent = [command for command in commands(broker) if command.command_id == "c-1"]
    assert [(c.kind, c.site_id, c.actor.id, c.seen_version) for c in sent] == [("acknowledge", SITE, "wang.l", 1)]
    entry = json.loads((data / "audit.jsonl").read_text().splitlines()[-1])
    assert (entry["action"], entry["actor"], entry["command_id"], entry["channel"]) == (
        "acknowledge", "wang.l", "c-1", "board",
    )  # fmt: skip


def test_off_loopback_the_board_is_for_reading(ground, monkeypatch):
    broker, data = ground
    monkeypatch.setenv("QINGLING_DATA", str(data))
    with serve(broker.servers, writable=False) as board:
        assert "/identity" not in board.open()
        assert board.ask("acknowledge", ALARM, 1).json()["guard"] == "read_only"


def test_health_is_503_while_the_board_may_not_be_believed(ground, monkeypatch):
    broker, data = ground
    monkeypatch.setenv("QINGLING_DATA", str(data))
    with serve(broker.servers) as board:
        mine = SmallMine(broker.servers, simulated=True)
        mine.step(2)
        mine.close()
        until(lambda: board.http.get("/api/health").status_code == 200)
        monkeypatch.setattr("console.live.STALE_S", 0.0)
        answer = board.http.get("/api/health")
        assert (answer.status_code, answer.json()["stale"]) == (503, "old")
        assert board.http.get("/livez").status_code == 200


def follow(url: str, seen: list[tuple[str, str, dict]], stop: threading.Event, after: str = "") -> None:
    with httpx.stream("GET", f"{url}/events?after={after}", timeout=60) as lines:
        found: dict[str, str] = {}
        for line in lines.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                found[name] = value
            elif "data" in found:
                seen.append((found["id"], found["event"], json.loads(found["data"])))
                found = {}
            if stop.is_set():
                return


def test_changes_reach_the_browser_and_a_broken_line_is_continued(visitor, ground):
    mine = SmallMine(ground[0].servers, simulated=True)
    position = visitor.json("/api/board")["id"]
    seen: list[tuple[str, str, dict]] = []
    stop = threading.Event()
    threading.Thread(target=follow, args=(visitor.url, seen, stop, position), daemon=True).start()
    for n in range(2, 5):
        mine.send("alarm.states", ALARM, state(n))
        until(lambda n=n: any(row["version"] == n for _, _, data in seen for row in data.get("alarms", ())))
    stop.set()
    assert [event_id.split(":")[0] for event_id, _, _ in seen] == [position.split(":")[0]] * len(seen)
    numbers = [int(event_id.split(":")[1]) for event_id, _, _ in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    again: list[tuple[str, str, dict]] = []
    stop = threading.Event()
    threading.Thread(target=follow, args=(visitor.url, again, stop, position), daemon=True).start()
    until(lambda: again)
    stop.set()
    assert again[0] == seen[0]
    mine.close()


def test_acknowledging_and_clearing_on_the_real_stream(broker, tmp_path):
    data = tmp_path / "data"
    mine = SmallMine(broker.servers)
    with installation(broker, data) as running, serve(broker.servers) as board:
        running.start("processing")
        running.start("landing")
        mine.readings(0.4, 1.2, 1.3, 1.4, 1.5)
        found = mine.finding("甲烷传感器超期未调校", criterion_ref="COAL21-14-6", facts={})
        row = until(lambda: board.json("/api/board")["alarms"], 60)[0]
        assert (row["id"], row["state"], row["limit"]) == (ALARM, "unacknowledged", 1.0)

        board.act_as("wang.l", "operator")
        stale = board.ask("acknowledge", ALARM, row["version"] + 7)
        assert (stale.status_code, stale.json()["guard"]) == (409, "stale_version")
        assert str(row["version"]) in stale.json()["reason"]
        first = board.ask("acknowledge", ALARM, row["version"], command_id="ack-1")
        assert first.json()["accepted"], first.text
        assert board.ask("acknowledge", ALARM, row["version"], command_id="ack-1").json() == first.json()
        until(lambda: board.json("/api/board")["alarms"][0]["state"] == "acknowledged")

        hazard = until(lambda: board.json("/api/board")["hazards"])[0]
        assert found.finding_id in json.dumps(board.json(f"/api/hazards/{hazard['id']}"))

        def do(*words: str, expect: int = 0) -> dict:
            command = "import typer; from console.do import do; a = typer.Typer(); a.command()(do); a()"
            out = running.run("-c", command, *words, "--json", expect=expect)
            return json.loads(out) if out else {}

        def judged() -> str:
            return board.json(f"/api/hazards/{hazard['id']}")["hazard"]["state"]

        short = hazard["id"][:8]
        assert do("judge", short, "--data", '{"verdict": "major"}', "--actor", "li.jun")["accepted"]
        until(lambda: judged() == "judged_major")
        refused = do("accept", short, "--actor", "li.jun", expect=1)
        assert (refused["accepted"], refused["guard"]) == (False, "illegal_transition")
        do("judge", short, "--data", '{"verdict": 5}', expect=2)
        do("judge", "000000", "--data", '{"verdict": "major"}', expect=2)

        board.act_as("li.jun", "supervisor")
        page = board.open(f"/hazards/{hazard['id']}")
        assert 'data-kind="plan"' in page and 'data-kind="accept"' not in page
        version = board.json(f"/api/hazards/{hazard['id']}")["hazard"]["version"]
        half = {"due_at": "2099-01-01", "responsible_person": "赵国强"}
        assert board.ask("plan", hazard["id"], version, half).json()["guard"] == "plan_incomplete"
        whole = {
            **half, "responsible_unit": "通风科", "funds": 20000, "contingency_plan": "停电撤人",
            "interim_control": "专人盯守", "measures": [{"kind": "technology", "text": "更换并调校传感器"}],
        }  # fmt: skip
        assert board.ask("plan", hazard["id"], version, whole).json()["accepted"]
        until(lambda: judged() == "planned")
        page = board.open(f"/hazards/{hazard['id']}?lang=zh")
        assert "更换并调校传感器" in page and "2099-01-01" in page

        running.wait(lambda: len(read_hazard(data, hazard["id"]).events) == version + 1)
        past = read_hazard(data, hazard["id"])
        forgotten = make_dossier(None, (), (), past, load_catalogue())
        assert (forgotten.state.state, forgotten.from_memory) == (HazardState.PLANNED, False)
        assert [event.kind for event in forgotten.timeline][:2] == ["plan_approved", "hazard_judged"]
        assert forgotten.verdicts[0]["criterion_id"] == "COAL21-14-6"

        assert first_break(data / "audit.jsonl") is None
        actions = [json.loads(line)["action"] for line in (data / "audit.jsonl").read_text().splitlines()]
        assert actions == ["acknowledge"] * 3 + ["judge", "accept", "plan", "plan"]
    mine.close()
