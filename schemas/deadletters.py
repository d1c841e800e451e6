"""A refused input: the raw bytes as the record's value, everything about the refusal in its headers."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from schemas.ids import make_id


@dataclass(frozen=True)
class DeadLetter:
    """`origin` is the topic or gateway the input was meant for; `file`, `line`, `field` say where it is wrong.

    `cause` (file/line or Kafka coordinate) makes the id, so the same refusal is one letter however often it is met.
    """

    source: str
    reason: str
    cause: str
    refused_at_us: int
    field: str = ""
    file: str = ""
    line: int = 0
    origin: str = ""
    site_id: str = ""

    @property
    def letter_id(self) -> str:
        return make_id("dead", self.source, self.cause, self.field, self.reason)

    def headers(self, original: Iterable[tuple[str, bytes]] = ()) -> list[tuple[str, bytes]]:
        """The letter's headers; those of the refused record follow as `original.NAME`, so it can be sent again."""
        own = [("letter_id", self.letter_id.encode())] + [
            (name, str(value).encode()) for name, value in asdict(self).items()
        ]
        return own + [(f"original.{name}", value) for name, value in original]

    @classmethod
    def decode(cls, headers: Iterable[tuple[str, bytes]]) -> "DeadLetter":
        """Missing headers become empty: a dead letter itself is never refused."""
        found = {key: value.decode("utf-8", "replace") for key, value in headers}
        values: dict[str, Any] = {field.name: found.get(field.name, "") for field in fields(cls)}
        for number in ("refused_at_us", "line"):
            values[number] = int(values[number]) if values[number].isdigit() else 0
        return cls(**values)
