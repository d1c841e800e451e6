"""Every sample below schemas/examples: a `.pass.json` decodes, a `.fail.json` is refused and names the field."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from schemas.deadletters import DeadLetter
from schemas.events import Event
from schemas.frames import FrameHeader, decode_frame, encode_frame, make_batch
from schemas.model import Refused
from schemas.times import Instant, to_us
from schemas.topics import topics

EXAMPLES = Path(__file__).parent.parent / "schemas" / "examples"
INSTANT = TypeAdapter(Instant)


def samples(outcome: str) -> list[Any]:
    return [pytest.param(path, id=path.name) for path in sorted(EXAMPLES.glob(f"*.{outcome}.json"))]


def read(topic: str, message: Any) -> Any:
    """The message as its topic's readers would take it."""
    if topic == "telemetry.frames":
        header = FrameHeader.decode((k, v.encode()) for k, v in message["headers"].items())
        ids, times, values, quality = zip(*message["rows"], strict=True)
        times_us = [to_us(INSTANT.validate_python(t)) for t in times]
        return header, decode_frame(encode_frame(make_batch(list(ids), times_us, values, quality)))
    if topic == "dead.letters":
        return DeadLetter.decode((k, v.encode()) for k, v in message["headers"].items())
    model = topics()[topic].model
    assert model is not None
    parsed = model.parse(json.dumps(message))
    if isinstance(parsed, Event):
        try:
            parsed.typed_data()
        except Refused as refused:
            raise Refused(f"data.{refused.field}", refused.reason) from None
        if parsed.kind != "inspection_done":
            assert parsed.topic == topic
    return parsed


def topic_of(path: Path) -> str:
    return path.name.split(".v1.")[0]


@pytest.mark.parametrize("path", samples("pass"))
def test_a_good_message_is_read_and_nothing_of_it_is_lost(path: Path) -> None:
    message = json.loads(path.read_text("utf-8"))
    parsed = read(topic_of(path), message)
    if hasattr(parsed, "encode"):
        again = json.loads(parsed.encode()) if not isinstance(parsed, tuple) else {}
        assert set(message) <= set(again) or isinstance(parsed, tuple)


@pytest.mark.parametrize("path", samples("fail"))
def test_a_bad_message_is_refused_and_the_field_is_named(path: Path) -> None:
    sample = json.loads(path.read_text("utf-8"))
    with pytest.raises(Refused) as refused:
        read(topic_of(path), sample["message"])
    assert refused.value.field == sample["field"]
    assert refused.value.reason


def test_every_topic_has_a_good_and_a_bad_example() -> None:
    never_refused = {"dead.letters"}
    for outcome in ("pass", "fail"):
        have = {topic_of(path) for path in EXAMPLES.glob(f"*.{outcome}.json")}
        assert have == set(topics()) - (never_refused if outcome == "fail" else set())
