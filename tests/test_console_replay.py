import datetime as dt
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from console.replay import replay
from schemas.events import Event
from schemas.times import from_us, to_us
from tests.alarm_bench import sensor, shanghai, us

APP = typer.Typer()
APP.command()(replay)
RULES = "sensor_id,direction,limit,on_delay_s,off_delay_s,deadband\nT1,>=,1.0,60,60,0.05\n"
ROWS = [(0, 1.0), (30, 1.3), (60, 1.1), (90, 0.9), (150, 0.4)]


@pytest.fixture
def run(tmp_path):
    def run(readings, *options, **files):
        arguments = [write(tmp_path / "readings.csv", readings) if isinstance(readings, str) else str(readings)]
        for name, text in files.items():
            path = text if not isinstance(text, (str, bytes)) else write(tmp_path / f"{name}.txt", text)
            arguments += [f"--{name}", str(path)]
        done = CliRunner().invoke(APP, [*arguments, *options])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done, [Event.parse(line) for line in done.stdout.splitlines()]

    return run


def write(path, text) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def csv(rows, time=lambda at: from_us(us(at)).isoformat()) -> str:
    return "sensor_id,occurred_at,value\n" + "".join(f"T1,{time(at)},{value}\n" for at, value in rows)


def seconds(events) -> list[tuple]:
    return [(event.kind, (to_us(event.occurred_at) - us(0)) / 1e6) for event in events]


EXPECTED = [("alarm_raised", 60), ("alarm_returned", 150)]


@pytest.mark.parametrize(
    "time",
    [
        lambda at: from_us(us(at)).isoformat(),
        lambda at: from_us(us(at)).isoformat().replace("+00:00", "Z"),
        shanghai,
        lambda at: shanghai(at).removesuffix("+08:00"),
        lambda at: shanghai(at).removesuffix("+08:00").replace("T", " "),
    ],
)
def test_times_without_an_offset_are_those_of_shanghai(run, time):
    done, events = run(csv(ROWS, time), rules=RULES)
    assert (done.exit_code, seconds(events)) == (0, EXPECTED)
    assert events[1].data["peak"] == 1.3
    assert events[1].causes == ("replay/readings.csv/0/0/6",)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", None])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_parquet_readings(run, tmp_path, zone, unit, dictionary):
    shift = 0 if zone else 8 * 3600
    times = [dt.datetime.fromtimestamp(us(at) / 1e6 + shift, dt.UTC).replace(tzinfo=None) for at, _ in ROWS]
    ids = pa.array(["T1"] * len(ROWS), pa.string() if dictionary else pa.large_string())
    table = pa.table({
        "value": [value for _, value in ROWS],
        "sensor_id": ids.dictionary_encode() if dictionary else ids,
        "occurred_at": pa.array(times, pa.timestamp(unit)).cast(pa.timestamp(unit, tz=zone)),
        "quality": pa.array([0] * len(ROWS), pa.int64()),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "readings.parquet")
    done, events = run(tmp_path / "readings.parquet", rules=RULES)
    assert (done.exit_code, seconds(events)) == (0, EXPECTED)


def test_a_quality_bit_silences_a_reading(run):
    rows = [line + ",4" for line in csv(ROWS).splitlines()[1:]]
    done, events = run("\n".join(["sensor_id,occurred_at,value,quality", *rows]), rules=RULES)
    assert (done.exit_code, [event.kind for event in events]) == (0, ["calibration_started"])


def test_rows_that_say_nothing_sensible_are_named_and_the_rest_is_done(run):
    good = csv(ROWS).splitlines()
    bad = [
        ",2026-07-02T00:00:00Z,1",
        "T1,yesterday,1",
        "T1,,1",
        "T1,1999-01-01,1",
        "T1,2026-07-03T00:00:00Z,much",
        "T1",
    ]
    done, events = run("\n".join([*good[:2], *bad, *good[2:]]) + "\n", rules=RULES)
    assert (done.exit_code, seconds(events)) == (5, EXPECTED)
    for line, field, reason in [
        (3, "sensor_id", "missing"), (4, "occurred_at", "'yesterday'"), (5, "occurred_at", "missing"),
        (6, "occurred_at", "'1999-01-01'"), (7, "value", "'much' is not a number"), (8, "row", "1 cells instead of 3"),
    ]:  # fmt: skip
        assert f"readings.csv:{line}: {field}: {reason}" in done.stderr


@pytest.mark.parametrize("quality", ["256", "-1", "1.5", "bad"])
def test_a_quality_that_is_no_byte_is_refused(run, quality):
    rows = f"sensor_id,occurred_at,value,quality\nT1,2026-07-02T00:00:00Z,9,{quality}\nT1,2026-07-02T00:10:00Z,,\n"
    done, events = run(rows, rules=RULES)
    assert (done.exit_code, events) == (5, [])
    assert "readings.csv:2: quality: " in done.stderr
    assert "readings.csv:3" not in done.stderr


def test_an_empty_value_is_a_reading_without_one(run):
    done, events = run(csv([(0, 1.0), (30, ""), (60, 1.0)]), rules=RULES)
    assert (done.exit_code, seconds(events)) == (0, [("alarm_raised", 60)])


def test_late_rows_are_counted_unless_sorted(run):
    done, events = run(csv([(60, 1.0), (0, 1.0)]), "--json", rules=RULES)
    assert (done.exit_code, events) == (0, [])
    summary = json.loads(done.stderr.splitlines()[-1])
    assert summary == {"readings": 2, "late": 1, "refused": 0, "rules": 1, "events": 0}
    _, events = run(csv([(60, 1.0), (0, 1.0)]), "--sort", rules=RULES)
    assert seconds(events) == [("alarm_raised", 60)]


def test_limits_are_needed(run):
    done, _ = run(csv(ROWS))
    assert done.exit_code == 2
    assert "--rules or --registry" in done.stderr


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"rules": RULES + "T2,up,1,0,0,0\n"}, "rules.txt:3: direction: 'up' is neither"),
        ({"rules": RULES + "T2,high,1,0,0,0,7\n"}, "rules.txt:3: more cells than"),
        ({"rules": "sensor_id,limit\nT1,1\n"}, "rules.txt:2: direction: missing"),
        ({"rules": '{"sensor_id": "T1", "direction": "H", "limit": 1}\n\n{"sensor_id"\n'}, "rules.txt:3: not JSON"),
        ({"rules": "sensor_id,direction,limit\n"}, "no rules in it"),
        ({"rules": b"\xff\xfe\x00"}, "not UTF-8"),
        ({"registry": "{}\n"}, "no sensors in it"),
        ({"registry": "1;2~x"}, "no sensors in it"),
        ({"registry": "140402000123;name~||"}, "header"),
    ],
)
def test_a_file_of_limits_that_is_wrong_stops_everything(run, files, said):
    done, events = run(csv(ROWS), **files)
    assert (done.exit_code, events) == (2, [])
    assert said in done.stderr.replace("不是 JSON ", "").replace("不是 UTF-8 ", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sensor_id,value\nT1,1\n", "occurred_at: 缺少此列 no such column; there are: sensor_id, value"),
        ("", "Empty CSV file"),
        ("sensor_id,occurred_at,value\n", None),
    ],
)
def test_readings_without_their_columns_are_no_readings(run, text, said):
    done, events = run(text, rules=RULES)
    assert (done.exit_code, events) == (2 if said else 0, [])
    assert (said or "") in done.stderr


def test_rules_as_json_lines_and_as_parquet(run, tmp_path):
    row = {"sensor_id": "T1", "direction": "H", "limit": 1, "on_delay_s": 60, "off_delay_s": 60, "deadband": 0.05}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "rules.parquet")
    for rules in (json.dumps(row) + "\n", tmp_path / "rules.parquet"):
        assert seconds(run(csv(ROWS), rules=rules)[1]) == EXPECTED


def test_a_registry_brings_its_limits_and_knows_its_sensors(run):
    registry = sensor(alarm_high=1.0).encode() + b"\n" + b'{"sensor_id": "T7"}\n'
    stranger = "X9,2026-07-02T00:00:00Z,5\n"
    done, events = run(csv(ROWS) + stranger * 2, registry=registry)
    assert (done.exit_code, seconds(events)) == (5, EXPECTED)
    assert events[0].data["rule_id"] == "ch4_pct.high"
    assert "registry.txt:2: site_id: " in done.stderr
    assert "readings.csv:7: sensor_id: X9 is not in the registry (2 rows)" in done.stderr


def test_the_real_series_with_the_definitions_of_the_mine(run, real_series, uplink_writer, tmp_path):
    subprocess.run([sys.executable, uplink_writer, tmp_path / "uplink", "--rows", "1"], check=True)
    (definitions,) = (tmp_path / "uplink").glob("*_CDDY_*.txt")
    values = pq.read_table(real_series, columns=["MM116"])["MM116"]
    start = dt.datetime(2026, 7, 2)  # noqa: DTZ001
    table = pa.table({
        "sensor_id": ["14040200012301MN0001A116"] * len(values),
        "occurred_at": [start + dt.timedelta(seconds=30 * i) for i in range(len(values))],
        "value": values,
    })  # fmt: skip
    pq.write_table(table, tmp_path / "MM116.parquet")
    done, events = run(tmp_path / "MM116.parquet", registry=definitions)
    assert done.exit_code == 0
    assert sum(event.kind == "alarm_raised" for event in events) == 146
    assert {event.site_id for event in events} == {"140402000123"}


STRICTER = "sensor_id,direction,limit\nT1,high,0.9\n"


def test_a_change_of_rules_is_told_before_and_after(run, tmp_path):
    before = write(tmp_path / "before.csv", RULES)
    done, events = run(csv([*ROWS, (300, 0.95), (330, 0.2)]), "--json", "--before", before, rules=STRICTER)
    change = json.loads(done.stderr.splitlines()[-1])["change"]
    assert (change["before"]["alarms"], change["after"]["alarms"]) == (1, 2)
    assert change["sensors"] == [
        {"sensor_id": "T1", "side": "high", "before": 1, "after": 2, "before_s": 150.0, "after_s": 180.0}
    ]
    assert len([event for event in events if event.kind == "alarm_raised"]) == 2  # stdout has the new rules' events


def test_without_rules_to_compare_with_nothing_is_compared(run):
    done, _ = run(csv(ROWS), "--json", rules=RULES)
    assert "change" not in json.loads(done.stderr.splitlines()[-1])


def test_a_laxer_rule_is_replayed_and_said_to_be_none_that_would_be_in_force(run):
    it = sensor(alarm_high=1.0).encode().decode()
    lax = "sensor_id,direction,limit\nT1,high,1.4\n"
    done, _ = run(csv(ROWS), rules=lax, registry=it)
    assert done.exit_code == 0
    assert "a running system would refuse it: rule ch4_pct.high of sensor T1: laxer than methane" in done.stderr
    done, _ = run(csv(ROWS), "--json", rules=lax, registry=it)
    assert "limit 1.4 instead of 1" in json.loads(done.stderr.splitlines()[-1])["laxer"][0]
    done, _ = run(csv(ROWS), "--json", rules=STRICTER, registry=it)
    assert "laxer" not in json.loads(done.stderr.splitlines()[-1])


def test_a_change_tells_how_many_became_p1_whatever_nobody_acknowledged(run, tmp_path):
    before = write(tmp_path / "before.csv", "sensor_id,direction,limit,ack_timeout_s,priority\nT1,high,1.0,30,P2\n")
    rows = [(t, 1.2) for t in range(0, 150, 30)] + [(150, 0.2)]
    after = "sensor_id,direction,limit,priority\nT1,high,1.0,P1\n"
    done, _ = run(csv(rows), "--json", "--before", before, rules=after)
    change = json.loads(done.stderr.splitlines()[-1])["change"]
    assert (change["before"]["p1"], change["after"]["p1"]) == (0, 1)


def test_rules_are_compared_with_those_of_the_registry(run):
    it = sensor(alarm_high=1.0).encode().decode()
    done, _ = run(csv([*ROWS, (300, 0.95), (330, 0.2)]), rules=STRICTER, registry=it)
    assert done.exit_code == 0
    assert "T1 high" in done.stderr
