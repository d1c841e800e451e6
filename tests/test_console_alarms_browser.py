"""The alarm side of the board in a real browser: floods, the dialog's commands, refusals, what is kept off the list."""

import datetime as dt
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from schemas.steps import Step
from schemas.terms import SHANGHAI, Override, ProcessState
from schemas.topics import partition_of
from streams.broker import Broker
from tests.board_server import Visitor, until
from tests.installation import installation
from tests.small_mine import ALARM, SITE, START, SmallMine
from tests.test_console_alarm_load import raised
from tests.test_console_board_browser import PATIENCE_MS, act_as, alarm, board, chromium, page, put

__all__ = ["board", "chromium", "page"]
pytestmark = pytest.mark.browser


def step(mine: SmallMine, number: int, now: dt.datetime) -> None:
    mine.send("processing.steps", "0", Step(step=number, partition=partition_of(SITE), now=now))


def test_a_flood_says_so_names_its_first_out_and_goes_by_the_time_of_the_data(
    page: Page, board: Visitor, ground: Broker
):
    mine = SmallMine(ground.servers)
    step(mine, 1, START)
    page.goto(board.url)
    expect(page.locator("#load .cell").first).to_contain_text("0 条", timeout=PATIENCE_MS)
    expect(page.locator("#flood")).to_be_hidden()
    alarms = [alarm(n, priority="P2" if n == 0 else "P3") for n in range(12)]
    for n, state in enumerate(alarms):
        put(mine, state)
        mine.send("alarm.events", SITE, raised(state.alarm_id, START + dt.timedelta(seconds=10 * n), state.priority))
    site = page.locator(f'#flood li[data-site="{SITE}"]')
    expect(site).to_contain_text("长平煤矿", timeout=PATIENCE_MS)
    expect(site).to_contain_text("自 16:01:30 起")
    expect(site).to_contain_text("10 分钟 12 条")
    expect(page.locator("#load")).to_contain_text("超限")
    expect(page.locator("#load")).to_contain_text("P2 8.3 % / 15 %")

    site.locator("a").click()
    dialog = page.locator("#alarm-dialog")
    expect(dialog.locator("h2")).to_have_text("P2 · 甲烷 超上限")
    expect(dialog.locator(".kinds")).to_have_count(0)  # nobody has said who acts
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("#alarm"))

    step(mine, 2, START + dt.timedelta(seconds=110 + 600 - 40))  # four of them are left in the window
    expect(page.locator("#flood")).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("#load .cell").first).to_contain_text("12 条")
    mine.close()


def test_what_is_kept_from_the_operator_is_counted_and_listed_with_its_end(page: Page, board: Visitor, ground: Broker):
    mine = SmallMine(ground.servers)
    step(mine, 1, START)
    end = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    put(mine, alarm(1, overrides=(Override.SHELVED,), shelved_until=end, shelve_reason="换探头", shelved_by="wang.l"))
    put(mine, alarm(2, overrides=(Override.OUT_OF_SERVICE,), work_order="W-17", service_due_at=end))
    put(mine, alarm(3, overrides=(Override.SUPPRESSED,), suppressed_by="rule:pump"))
    put(mine, alarm(4, overrides=(Override.MASKED,), masked_by=ALARM, state=ProcessState.NORMAL))
    put(mine, alarm(5, chattering=True))
    page.goto(board.url)
    counted = {"shelved": 1, "suppressed": 1, "out_of_service": 1, "masked": 1, "chattering": 1, "stale": 0}
    for name, n in counted.items():
        expect(page.locator(f"#tab-{name} b")).to_have_text(str(n), timeout=PATIENCE_MS)
    listed = page.locator("#watch-list li")
    expect(listed).to_contain_text("换探头")
    expect(listed).to_contain_text(end.astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S"))
    expect(listed).to_contain_text("wang.l")
    for key, said in (("ArrowRight", "按设计抑制"), ("ArrowRight", "工单 W-17"), ("ArrowRight", "被上级报警屏蔽")):
        page.locator('#watch-tabs [aria-selected="true"]').press(key)
        expect(listed).to_contain_text(said)
    page.click("#tab-stale")
    expect(page.locator("#watch-note")).to_have_text("长期：无")
    page.click("a.lang")
    expect(page.locator("#watch-list li")).to_contain_text("until")
    put(mine, alarm(1, version=2))
    expect(page.locator("#tab-shelved b")).to_have_text("0", timeout=PATIENCE_MS)
    mine.close()


def test_a_shelf_from_the_board_ends_by_itself_and_a_stale_command_is_told_what_changed(
    page: Page, board: Visitor, ground: Broker, tmp_path: Path
):
    # by the clock of a gateway that is half a minute fast: however long the worker starts, it reads no backlog
    mine = SmallMine(ground.servers, since=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=90))
    with installation(ground, tmp_path / "data") as running:
        running.start("processing")
        mine.readings(0.4, 1.2, 1.3, 1.4, 1.5)
        page.goto(board.url)
        act_as(page, "zhao.q", "supervisor")
        row = page.locator("#alarms tbody tr")
        row.locator(".more").click(timeout=2 * PATIENCE_MS)
        dialog = page.locator("#alarm-dialog")
        dialog.locator('[data-kind="shelve"]').click()
        expect(dialog.locator('[name="until"]')).to_be_focused()
        dialog.locator("button.send").click()  # neither end nor reason: the browser does not send it
        expect(dialog.locator(".answer")).to_be_empty()
        until_at = dt.datetime.now(SHANGHAI) + dt.timedelta(seconds=12)
        dialog.locator('[name="until"]').fill(until_at.strftime("%Y-%m-%dT%H:%M:%S"))
        dialog.locator('[name="reason"]').fill("换探头")
        dialog.locator("button.send").click()
        expect(dialog).to_be_hidden(timeout=PATIENCE_MS)
        expect(page.locator("#watch-list li")).to_contain_text("换探头 · zhao.q", timeout=PATIENCE_MS)
        page.mouse.move(0, 0)  # rows never move under the pointer
        expect(row).to_have_count(0)
        expect(page.locator("#alarms-note")).to_contain_text("另有 1 条被搁置")
        page.select_option("#filter-state", "")
        expect(row.locator(".over")).to_contain_text("搁置")
        expect(row.locator(".over")).to_have_count(0, timeout=PATIENCE_MS)  # by the engine's own time
        page.select_option("#filter-state", "annunciated")
        expect(row).to_have_count(1)
        expect(page.locator("#tab-shelved b")).to_have_text("0")
        expect(row).to_have_class(re.compile("^unacknowledged"))

        row.locator(".more").click()
        dialog.locator('[data-kind="acknowledge"]').click()
        shown = until(lambda: board.json("/api/board")["alarms"])[0]
        board.act_as("li.jun", "operator")
        assert board.ask("acknowledge", shown["id"], shown["version"]).status_code == 200
        expect(dialog.locator(".changed")).to_be_visible(timeout=PATIENCE_MS)
        dialog.locator('[name="comment"]').fill("已通知现场")
        dialog.locator("button.send").click()
        answer = dialog.locator(".answer")
        expect(answer).to_contain_text("未受理: 报警已变化", timeout=PATIENCE_MS)
        expect(answer.locator("tr", has_text="确认人")).to_contain_text("li.jun")
        expect(answer.locator("tr", has_text="状态")).to_have_text("状态未确认已确认")
        answer.get_by_text("载入当前状态").click()
        expect(dialog.locator('[data-kind="acknowledge"]')).to_have_count(0)
        expect(dialog.locator('[data-kind="unacknowledge"]')).to_be_visible()
    mine.close()
