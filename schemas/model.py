"""The base of every message model: frozen, unknown fields kept, readable errors."""

from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError


class Refused(ValueError):
    """A message that does not fit its model. Names the field and the reason; the caller adds file and line."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class Message(BaseModel):
    """Unknown fields are kept in `model_extra`, never dropped (contracts.md)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_enum_values=False)

    @classmethod
    def parse(cls, raw: bytes | str | dict[str, Any]) -> Self:
        """The message of `raw` (JSON bytes/text or a decoded object). Raises Refused with field and reason."""
        if isinstance(raw, (bytes, str)):
            try:
                raw = orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                raise Refused("", f"not JSON: {error}") from None
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise Refused(".".join(map(str, first["loc"])), first["msg"]) from None

    def encode(self) -> bytes:
        """JSON as it goes on the wire: snake_case keys, RFC 3339 times, extras at the top level."""
        return self.model_dump_json().encode()
