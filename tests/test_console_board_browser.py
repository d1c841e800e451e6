import datetime as dt
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from schemas.alarms import AlarmState
from schemas.ids import alarm_id
from schemas.terms import ProcessState
from streams.broker import Broker
from tests.board_server import Visitor, serve
from tests.conftest import missing
from tests.installation import installation
from tests.small_mine import CH4, SITE, START, SmallMine

pytestmark = pytest.mark.browser
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("QINGLING_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("Chromium", "install the system's chromium package")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def board(ground: Broker) -> Iterator[Visitor]:
    with serve(ground.servers) as visitor:
        yield visitor


@pytest.fixture
def page(chromium: Browser, board: Visitor) -> Iterator[Page]:
    """A page of the board that fails the test for an error of a script or a request to another host."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    opened.on("request", lambda asked: None if asked.url.startswith(board.url) else wrong.append(asked.url))
    yield opened
    context.close()
    assert wrong == []


def alarm(n: int, *, version: int = 1, state: ProcessState = ProcessState.UNACKNOWLEDGED, **more) -> AlarmState:
    return AlarmState(
        alarm_id=alarm_id(SITE, CH4, f"r{n}.high"), site_id=SITE, sensor_id=CH4, rule_id=f"r{n}.high", version=version,
        step=version, process_state=state, changed_at=START, raised_at=START + dt.timedelta(minutes=n), value=1.26,
        limit=1.0, **more,
    )  # fmt: skip


def put(mine: SmallMine, state: AlarmState) -> None:
    mine.send("alarm.states", state.alarm_id, state)


def test_an_alarm_appears_by_itself_in_words_shape_and_letter(page: Page, board: Visitor, ground: Broker):
    mine = SmallMine(ground.servers, simulated=True)
    mine.step()
    page.goto(board.url)
    rows = page.locator("#alarms tbody tr")
    expect(page.locator("#alarms-note b")).to_have_text("当前没有报警")
    put(mine, alarm(1, priority="P1"))
    expect(rows).to_have_count(1, timeout=PATIENCE_MS)
    row = rows.first
    for said in ("P1", "未确认", "甲烷 超上限", "1.26", "1.00", "%CH4", "3301综采面", "长平煤矿", "长治市", "模拟"):
        expect(row).to_contain_text(said)
    expect(row.locator("svg.symbol.P1 text")).to_have_text("1")
    expect(page.locator("#simulated")).to_contain_text("SIMULATED")
    page.click("a.lang")
    expect(page.locator("#alarms tbody tr")).to_contain_text("Methane high")
    expect(page.locator("#alarms tbody tr")).to_contain_text("Changping Mine")
    put(mine, alarm(1, version=2, state=ProcessState.NORMAL))
    expect(page.locator("#alarms tbody tr")).to_have_count(0, timeout=PATIENCE_MS)
    mine.close()


def test_rows_do_not_jump_under_the_pointer(page: Page, board: Visitor, ground: Broker):
    mine = SmallMine(ground.servers)
    mine.step()
    for n in range(3):
        put(mine, alarm(n))
    page.goto(board.url)
    rows = page.locator("#alarms tbody tr")
    expect(rows).to_have_count(3, timeout=PATIENCE_MS)
    before = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
    rows.nth(1).hover()
    for n in (3, 4):
        put(mine, alarm(n))
    put(mine, alarm(0, version=2, state=ProcessState.NORMAL))
    expect(page.locator("#held")).to_have_text("2 条新变化 ▲", timeout=PATIENCE_MS)
    expect(page.locator("#alarms tbody tr.gone")).to_have_count(1, timeout=PATIENCE_MS)
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.id)") == before
    page.click("#held")
    expect(rows).to_have_count(4)
    assert rows.first.get_attribute("data-id") == alarm(4).alarm_id
    mine.close()


def test_a_board_that_hears_nothing_says_so(chromium: Browser, ground: Broker):
    mine = SmallMine(ground.servers)
    page = chromium.new_page(locale="zh-CN")
    page.clock.install()
    with serve(ground.servers) as board:
        page.goto(board.url)
        expect(page.locator("#stale")).to_contain_text("没有报警不等于正常", timeout=PATIENCE_MS)
        mine.step()
        put(mine, alarm(1))
        expect(page.locator("#alarms tbody tr")).to_have_count(1, timeout=PATIENCE_MS)
        expect(page.locator("#stale")).to_be_hidden()
    # the server is gone: five heartbeats pass unheard
    page.clock.run_for(25_000)
    expect(page.locator("#stale")).to_be_visible()
    expect(page.locator("#stale")).to_contain_text("数据中断 DATA STALE")
    expect(page.locator("body")).to_have_class("board is-stale")
    expect(page.locator("#alarms tbody tr")).to_have_count(1)
    page.close()
    mine.close()


def test_reading_that_fails_is_said_and_tried_again(page: Page, board: Visitor, ground: Broker):
    mine = SmallMine(ground.servers)
    mine.step()
    put(mine, alarm(1))
    page.route("**/api/board*", lambda route: route.fulfill(status=500, body="{}"))
    page.goto(board.url)
    expect(page.locator("#alarms-note.error")).to_contain_text("HTTP 500")
    page.unroute("**/api/board*")
    expect(page.locator("#alarms tbody tr")).to_have_count(1, timeout=PATIENCE_MS)
    mine.close()


def test_operator_acknowledges_and_supervisor_judges(page: Page, board: Visitor, ground: Broker, tmp_path: Path):
    mine = SmallMine(ground.servers)
    with installation(ground, tmp_path / "data") as running:
        running.start("processing")
        mine.readings(0.4, 1.2, 1.3, 1.4, 1.5)
        mine.finding("甲烷传感器超期未调校", criterion_ref="COAL21-14-6")
        page.goto(board.url)
        act_as(page, "wang.l", "operator")
        button = page.locator("#alarms tbody tr [data-ack]")
        expect(button).to_have_text("确认", timeout=2 * PATIENCE_MS)
        button.click()
        expect(page.locator("#alarms tbody tr")).to_contain_text("wang.l 已确认", timeout=PATIENCE_MS)
        expect(page.locator("#alarms tbody tr")).to_have_class(re.compile("^acknowledged"))

        page.locator("#hazards a").click()
        expect(page.locator(".sheet")).to_contain_text("COAL21-14-6")
        act_as(page, "li.jun", "supervisor")
        page.locator("details.act summary", has_text="判定").click()
        form = page.locator('form[data-kind="judge"]')
        form.locator('[name="verdict"]').select_option("major")
        form.locator('[name="reason"]').fill("现场核实 <b>属实</b>")
        form.locator("button").click()
        expect(page.locator(".chips")).to_contain_text("判定重大", timeout=2 * PATIENCE_MS)
        expect(page.locator(".timeline")).to_contain_text("现场核实 <b>属实</b>")
        page.locator("details.act summary", has_text="销号").wait_for(state="detached")
    mine.close()


def act_as(page: Page, actor: str, role: str) -> None:
    page.click(".who summary")
    page.fill('.who [name="actor"]', actor)
    page.select_option('.who [name="role"]', role)
    page.click(".who button")
    expect(page.locator(".who summary")).to_contain_text(actor)
