"""Whether two spellings mean one unit (units.yaml). Pure; nothing is converted."""

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("units.yaml")
_MINUS = str.maketrans({"−": "-", "–": "-", "µ": "μ"})


@lru_cache(maxsize=4096)
def unit_of(written: str) -> str:
    """The unit meant by `written`: the first spelling of its list, or what was written if no list has it."""
    plain = _plain(written)
    return _spellings().get(plain, plain)


@cache
def _spellings() -> dict[str, str]:
    """Spelling -> unit. Raises ValueError if a spelling stands in two lists: it would mean two units."""
    found: dict[str, str] = {}
    for names in yaml.safe_load(FILE.read_text("utf-8")):
        for name in names:
            if found.setdefault(_plain(name), names[0]) != names[0]:
                raise ValueError(f"{FILE.name}: {name} means {names[0]} and {found[_plain(name)]}")
    return found


def _plain(written: str) -> str:
    return "".join(unicodedata.normalize("NFKC", written).translate(_MINUS).split()).lower()
