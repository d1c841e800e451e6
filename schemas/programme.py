"""The plan's actions and the tables kept of it, as data: programme.yaml. A row of a table becomes events."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from schemas.kept import Kept, tables_of

FILE = Path(__file__).parent / "programme.yaml"


@dataclass(frozen=True)
class Action:
    """One of the plan's actions. How many there are differs from plan to plan."""

    id: str
    zh: str
    en: str


@cache
def actions() -> dict[str, Action]:
    raw = yaml.load(FILE.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return {each["id"]: Action(**each) for each in raw["actions"]}


def tables() -> dict[str, Kept]:
    """The plan's tables by id."""
    return tables_of(FILE)


def kinds() -> tuple[str, ...]:
    """The kinds of programme events that the tables bring."""
    return tuple(kind for kept in tables().values() for kind in kept.events or {})
