"""What the board says of one alarm, and every alarm command from its offer to the real stream's answer."""

import datetime as dt
from pathlib import Path
from typing import Any

from streams.broker import Broker
from tests.board_server import Visitor, serve, until
from tests.installation import installation
from tests.small_mine import ALARM, SmallMine


def soon(hours: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)).isoformat()


# in this order each is possible after the one before it; the guard that refuses the same once more, if there is one
LIFE: tuple[tuple[str, dict[str, Any], str | None], ...] = (
    ("acknowledge", {"comment": "已通知"}, "nothing_to_acknowledge"),
    ("unacknowledge", {"reason": "误操作"}, "nothing_to_unacknowledge"),
    ("shelve", {"until": soon(0.5), "reason": "换探头", "one_shot": True}, None),
    ("unshelve", {"reason": "已换好"}, "not_shelved"),
    ("suppress", {"reason": "检修", "approval": "矿安〔2026〕7号"}, "already_suppressed"),
    ("unsuppress", {"reason": "检修完"}, "not_suppressed"),
    (
        "out_of_service",
        {"work_order": "W-1", "due_at": soon(24), "approval": "矿安〔2026〕7号"},
        "already_out_of_service",
    ),
    ("return_to_service", {"checked": "已标校"}, "not_out_of_service"),
    ("assign_alarm", {"assignee": "zhao.q"}, None),
    ("comment", {"comment": "等待复测"}, None),
)


def said_of(board: Visitor) -> dict[str, Any]:
    return board.json(f"/api/alarms/{ALARM}")


def offer(board: Visitor, kind: str) -> dict[str, Any]:
    return next(each for each in said_of(board)["commands"] if each["kind"] == kind)


def test_every_command_is_offered_is_done_and_is_no_longer_offered(ground: Broker, tmp_path: Path) -> None:
    mine = SmallMine(ground.servers)
    with installation(ground, tmp_path / "data") as running, serve(ground.servers) as board:
        running.start("processing")
        mine.readings(0.4, 1.2, 1.3, 1.4, 1.5)
        until(lambda: board.json("/api/board")["alarms"])
        assert said_of(board)["commands"] == []
        assert said_of(board)["rule"]["action_zh"]  # methane at a face may become P1, so approvals are asked for below
        board.act_as("zhao.q", "supervisor")
        for kind, data, again in LIFE:
            shown = offer(board, kind)
            assert (shown["guard"], {f["name"] for f in shown["fields"]} >= data.keys()) == (None, True), kind
            version = said_of(board)["alarm"]["version"]
            answer = board.ask(kind, ALARM, version, data)
            assert answer.status_code == 200, (kind, answer.json())
            until(lambda version=version: said_of(board)["alarm"]["version"] > version)
            assert offer(board, kind)["guard"] == again, kind
            if again:  # the stream says what the offer said
                now = said_of(board)["alarm"]["version"]
                refused = board.ask(kind, ALARM, now, data)
                assert (refused.status_code, refused.json()["guard"]) == (409, again), kind
                assert refused.json()["words"]["zh"], kind
        last = said_of(board)
        assert (last["alarm"]["assignee"], last["alarm"]["overrides"], last["on_board"]) == ("zhao.q", [], True)
        kinds = [event["kind"] for event in last["events"]]
        assert kinds[0] == "alarm_raised" and kinds[-1] == "comment_added"
        stale = board.ask("acknowledge", ALARM, 1)
        assert (stale.status_code, stale.json()["guard"]) == (409, "stale_version")
        assert stale.json()["words"] == {
            "zh": "报警已变化",
            "en": "the alarm has changed since the version that was seen",
        }
        load = board.json("/api/load")
        assert load["ready"] and load["error"] is None
        assert board.http.get("/api/alarms/nobody").status_code == 404
    mine.close()
