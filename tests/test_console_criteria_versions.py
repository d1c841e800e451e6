"""`qingling criteria publish`, `published`, `withdraw`, and a worker that switches while it runs; on a real broker."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from typer.testing import CliRunner

from console.cli import app
from schemas.criteria import load_catalogue
from schemas.deadletters import DeadLetter
from schemas.settings import Settings
from schemas.topics import partition_of
from streams.broker import Broker
from streams.connect import producer
from streams.publishing import ALWAYS, publish_built_in, read_published
from streams.reader import read_to_end
from streams.worker import Worker, rows
from tests.catalogue_topic import Topic, changed, coal
from tests.coal_face import CATALOGUE
from tests.small_mine import SITE, SmallMine

pytestmark = pytest.mark.embedded

RULE = {"all": [{"q": "ch4_pct", "op": ">=", "v": 1.0}, {"q": "powered_work_on", "op": "==", "v": True}]}
ON, OFF = {"powered_work_on": True}, {"powered_work_on": False}
CLAUSE: dict[str, Any] = {
    "id": "EXAMPLE-7-2", "article": "art. 7(2)", "title_zh": "超限后继续作业", "title_en": "Work goes on",
    "industry": "coal", "kind": "sensor", "confidence": "high", "rule": RULE, "places": ["coal_face"],
    "trigger": [{"q": "ch4_pct", "op": ">=", "v": 1.0}], "evidence_wanted": ["readings"], "deadline_days": 1,
    "measures": [{"kind": each, "text": "措施"} for each in ("people", "technology", "engineering", "management")],
    "cases": [
        {"name": "power stays on", "facts": {"ch4_pct": 1.0, **ON}, "expect": True},
        {"name": "work stopped", "facts": {"ch4_pct": 1.2, **OFF}, "expect": False},
        {"name": "just below", "facts": {"ch4_pct": 0.99, **ON}, "expect": False},
        {"name": "nobody knows", "facts": {"ch4_pct": 1.2}, "expect": "missing"},
    ],
}  # fmt: skip
HEAD = {
    "id": "EXAMPLE", "title_zh": "示例判定标准", "title_en": "Example list", "number": "示例〔2026〕1号",
    "industries": ["coal"], "effective_from": dt.date(2026, 7, 1), "confidence": "high",
}  # fmt: skip


def folder(path: Path, *clauses: dict[str, Any], **head: Any) -> str:
    path.mkdir()
    content = {"document": {**HEAD, **head}, "clauses": list(clauses or (CLAUSE,))}
    (path / "EXAMPLE.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return str(path)


def run(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    result = CliRunner().invoke(app, ["criteria", *arguments, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, [orjson.loads(line) for line in result.stdout.splitlines()], result.stderr


def records(servers: str) -> list[str]:
    return [(record.key or b"").decode() for record in read_to_end(servers, ["criteria.catalogue"])]


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_publish_sends_documents_then_the_version_and_published_shows_which_one_judges(
    broker: Broker, tmp_path: Path
) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other", {**CLAUSE, "status": "trial"})
    code, (first,), _ = run("publish", "--folder", one, "--actor", "wang")
    assert code == 0 and (first["documents"], first["clauses"], first["by"]) == (1, 1, "wang")
    keys = records(broker.servers)
    assert keys[0].startswith("EXAMPLE@") and keys[1] == f"~version/{first['version']}"
    code, (later,), _ = run("publish", "--folder", other, "--effective-at", "2099-01-01")
    assert later["effective_at"] == "2099-01-01T00:00:00+08:00" and later["changed_clauses"] == 1
    _, listed, _ = run("published")
    assert [(row["version"], row["in_effect"]) for row in listed] == [
        (first["version"], True),
        (later["version"], False),
    ]
    (changed_clause,) = run("diff", first["version"], other)[1]
    assert (changed_clause["id"], changed_clause["fields"]) == ("EXAMPLE-7-2", ["status"])
    assert run("withdraw", later["version"][:8])[0] == 0
    assert [row["version"] for row in run("published")[1]] == [first["version"]]
    audit = (Settings().data / "audit.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["action"] for line in audit] == [
        "publish_catalogue", "publish_catalogue", "withdraw_catalogue",
    ]  # fmt: skip


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_catalogue_with_faults_or_failing_cases_is_not_published(broker: Broker, tmp_path: Path) -> None:
    wrong = {**CLAUSE, "rule": {"q": "ch5_pct", "op": ">=", "v": 1.0}, "trigger": []}
    code, rows_, said = run("publish", "--folder", folder(tmp_path / "wrong", wrong))
    assert (code, rows_) == (4, []) and "EXAMPLE.yaml EXAMPLE-7-2 rule" in said and "ch5_pct" in said
    lying = {**CLAUSE, "cases": [{**CLAUSE["cases"][0], "expect": False}, *CLAUSE["cases"][1:],
                                 {"name": "x", "facts": {"ch4_pct": 3.0, **ON}, "expect": True}]}  # fmt: skip
    code, rows_, said = run("publish", "--folder", folder(tmp_path / "lying", lying))
    assert (code, rows_) == (4, []) and "power stays on" in said
    good = folder(tmp_path / "good")
    for when in ("soon", "2026-12-01T00:00:00"):
        code, rows_, said = run("publish", "--folder", good, "--effective-at", when)
        assert (code, rows_) == (2, []) and when in said
    assert run("withdraw", "0123456789ab")[0] == 2
    assert records(broker.servers) == []


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_the_built_in_catalogue_is_published_once_and_never_over_that_of_people(broker: Broker, tmp_path: Path) -> None:
    assert publish_built_in(broker.servers) == load_catalogue().version
    assert publish_built_in(broker.servers) is None
    published, refused = read_published(broker.servers)
    assert published.at(ALWAYS).version == load_catalogue().version and refused == []
    assert run("publish", "--folder", folder(tmp_path / "own"))[0] == 0
    count = len(records(broker.servers))
    assert publish_built_in(broker.servers) is None and len(records(broker.servers)) == count


class Running:
    """A worker without Faust: it steps over what stands in the topics when it is told to."""

    def __init__(self, servers: str) -> None:
        self.worker = Worker(Settings(), CATALOGUE)
        self.worker.states = self.worker.load([partition_of(SITE)])
        self.servers, self._taken = servers, -1

    def step(self) -> list[Any]:
        """What one step over the new frames emits."""
        frames = [r for r in read_to_end(self.servers, ["telemetry.frames"]) if r.offset > self._taken]
        self._taken = max((r.offset for r in frames), default=self._taken)
        events = []
        for state, out in self.worker.step(frames):
            self.record = out.record
            events += out.events
            assert rows(state, out)
        return events

    def until(self, what: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 20
        while not (found := what()):
            assert time.monotonic() < deadline, "waited 20 s in vain"
            time.sleep(0.05)
        return found


@contextmanager
def running(broker: Broker) -> Iterator[tuple[Running, SmallMine]]:
    mine = SmallMine(broker.servers)
    worker = Running(broker.servers)
    try:
        yield worker, mine
    finally:
        worker.worker.tail.stop()
        mine.close()


def judging(worker: Running) -> str:
    return worker.worker.published.at(dt.datetime.now(dt.UTC)).version


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_running_worker_takes_a_new_list_without_a_restart(broker: Broker, tmp_path: Path) -> None:
    with running(broker) as (worker, mine):
        mine.readings(1.2, working=True)
        began = worker.step()
        assert worker.record.catalogue_version == CATALOGUE.version
        assert {e.data["criterion_id"] for e in began if e.kind == "hazard_suspected"} == {"COAL21-5-2"}
        _, (row,), _ = run("publish", "--folder", folder(tmp_path / "new"))
        worker.until(lambda: judging(worker) == row["version"])
        mine.readings(1.3, working=True)
        events = worker.step()
        assert worker.record.catalogue_version == row["version"]
        by_kind = {(e.kind, e.data.get("criterion_id")) for e in events if e.kind != "alarm_raised"}
        assert {("evidence_completed", "COAL21-5-2"), ("hazard_suspected", "EXAMPLE-7-2")} <= by_kind


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_worker_starts_with_what_is_in_effect_and_waits_for_what_is_announced(broker: Broker, tmp_path: Path) -> None:
    now = run("publish", "--folder", folder(tmp_path / "now"))[1][0]["version"]
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=6)
    arguments = ("--folder", folder(tmp_path / "soon", {**CLAUSE, "status": "trial"}))
    later = run("publish", *arguments, "--effective-at", soon.isoformat())[1][0]["version"]
    with running(broker) as (worker, mine):
        mine.readings(0.2)
        worker.step()
        assert worker.record.catalogue_version == (now if dt.datetime.now(dt.UTC) < soon else later)
        worker.until(lambda: dt.datetime.now(dt.UTC) > soon)
        mine.readings(1.2, working=True)
        events = worker.step()
        assert worker.record.catalogue_version == later
        verdicts = [e.data["verdict"] for e in events if e.kind == "verdict_given"]
        assert verdicts == ["needs_review"] and not [e for e in events if e.kind == "hazard_suspected"]


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_worker_keeps_its_last_good_version_and_sends_dead_letters(broker: Broker, tmp_path: Path) -> None:
    good = run("publish", "--folder", folder(tmp_path / "good"))[1][0]["version"]
    with running(broker) as (worker, _):
        bad = changed(coal().records[0], rule={"q": "ch5_pct", "op": ">=", "v": 1.0})
        half = Topic().published(coal(COAL21_5_2={"status": "trial"}))[-1]
        sender = producer(broker.servers)
        for key, value in ((bad.key, bad.encode()), ("x", b"{"), (half.key.decode(), half.value)):
            sender.send("criteria.catalogue", key=key.encode(), value=value, partition=0).get(10)
        sender.close()
        letters: list[DeadLetter] = []

        def refused() -> bool:
            letters.extend(DeadLetter.decode(headers) for *_, headers in worker.worker.take_letters())
            return len(letters) == 3

        worker.until(refused)
        assert judging(worker) == good
        by_file = {letter.file: letter for letter in letters}
        assert "ch5_pct" in by_file[bad.key].reason and bad.clauses[0]["id"] in by_file[bad.key].field
        assert "not JSON" in by_file["x"].reason and by_file[half.key.decode()].field == "documents"
