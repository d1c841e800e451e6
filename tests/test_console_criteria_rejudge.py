"""`qingling criteria rejudge` on a running installation: the what-if, and the judgements it sends."""

from pathlib import Path

import orjson
import pytest

from streams.broker import Broker
from tests.installation import installation
from tests.small_mine import SmallMine
from tests.test_console_criteria_versions import CLAUSE, folder

pytestmark = pytest.mark.embedded


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_stricter_list_takes_back_what_the_old_one_called_major(broker: Broker, tmp_path: Path) -> None:
    old = folder(tmp_path / "old")
    rule = {"all": [{"q": "ch4_pct", "op": ">=", "v": 1.5}, CLAUSE["rule"]["all"][1]]}
    cases = [
        {**case, "facts": {**case["facts"], "ch4_pct": case["facts"]["ch4_pct"] + 0.5}} for case in CLAUSE["cases"]
    ]
    changed = {**CLAUSE, "rule": rule, "trigger": [{"q": "ch4_pct", "op": ">=", "v": 1.5}], "cases": cases}
    new = folder(tmp_path / "new", changed)
    criteria = ["-m", "console.cli", "criteria"]
    with installation(broker, tmp_path / "data") as running:
        running.run(*criteria, "publish", "--folder", old)
        running.start("processing")
        running.start("landing")
        mine = SmallMine(broker.servers)
        mine.readings(0.3, 1.2, 1.3, 0.3, working=True)
        running.wait(lambda: running.query("select 1 from hazard_states"), 60)
        running.wait(running.drained, 60)
        ((hazard,),) = running.query("select hazard_id from hazard_states")
        (row,) = map(orjson.loads, running.run(*criteria, "rejudge", "--to", new, "--json").splitlines())
        assert (row["hazard_id"], row["was"], row["would_be"], row["judged"]) == (hazard, "major", "none", None)
        assert running.run(*criteria, "rejudge", "--to", old, "--json") == ""
        running.run(*criteria, "rejudge", "--to", new, "--apply", expect=2)

        running.run(*criteria, "publish", "--folder", new)
        mine.readings(0.3, working=True)
        (row,) = map(orjson.loads, running.run(*criteria, "rejudge", "--to", new, "--apply", "--json").splitlines())
        assert row["answer"] == "accepted"
        running.wait(lambda: running.query("select 1 from hazard_events where kind = 'hazard_judged'"), 30)
        ((data, actor),) = running.query("select data, actor from hazard_events where kind = 'hazard_judged'")
        said = orjson.loads(data)
        assert (said["verdict"], said["catalogue_version"]) == ("none", row["catalogue_version"])
        assert orjson.loads(actor)["role"] == "supervisor"
        mine.close()
