"""Which alarm or hazard a person means by an id or the beginning of one, as the state topics have it now."""

from dataclasses import dataclass

from schemas.alarms import AlarmState
from schemas.hazards import HazardStateRecord
from schemas.model import Refused
from streams.reader import read_to_end

PREFIX = 6
State = AlarmState | HazardStateRecord
_STATES: dict[str, tuple[str, type[State]]] = {
    "alarm": ("alarm.states", AlarmState),
    "hazard": ("hazard.states", HazardStateRecord),
}


class NoTarget(ValueError):
    """Nothing has this id, several have this prefix, or the prefix is too short; the message says which."""


@dataclass(frozen=True)
class Target:
    id: str
    site_id: str
    version: int
    state: State | None = None


def find_target(servers: str, what: str, text: str) -> Target:
    """The one `alarm` or `hazard` whose id is `text` or begins with it (6 characters at least). Raises NoTarget."""
    if len(text) < PREFIX:
        raise NoTarget(f"{text!r}: give the whole id or its first {PREFIX} characters")
    topic, model = _STATES[what]
    held: dict[str, State] = {}
    for record in read_to_end(servers, [topic]):
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value is None or not key.startswith(text):
            continue
        try:
            state = model.parse(record.value)
        except Refused:
            continue
        old = held.get(key)
        if old is None or (old.step, old.version) <= (state.step, state.version):
            held[key] = state
    if text in held:
        held = {text: held[text]}
    if not held:
        raise NoTarget(f"no {what} {text} is known; `qingling status` says what there is")
    if len(held) > 1:
        raise NoTarget(f"{len(held)} {what}s begin with {text}: {', '.join(sorted(held)[:5])}")
    ((target_id, found),) = held.items()
    return Target(target_id, found.site_id, found.version, found)
