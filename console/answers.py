"""JSON as the board answers it, and a refusal with the guard's words in both languages."""

from typing import Any

import orjson
from starlette.responses import JSONResponse

from streams import alarm_guards, guard_words


class Json(JSONResponse):
    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def refusal(status: int, guard: str, reason: str) -> Json:
    return Json({"accepted": False, "guard": guard, "reason": reason, "words": words_of(guard)}, status)


def words_of(guard: str | None) -> dict[str, str] | None:
    """What a guard of the stream says; None for one that is not the stream's."""
    if guard in alarm_guards.GUARDS:
        zh, en = alarm_guards.GUARDS[guard]
        return {"zh": zh, "en": en}
    said = guard_words.GUARDS.get(guard or "")
    return None if said is None else {"zh": said.zh, "en": said.en}
