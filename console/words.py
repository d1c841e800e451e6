"""Words of the pages in zh and en, and which of the two a request wants."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import orjson
from starlette.requests import HTTPConnection

LOCALES = Path(__file__).parent / "locales"
LANGUAGES = ("zh", "en")
LANGUAGE_COOKIE = "qingling_lang"


@cache
def words(language: str) -> Mapping[str, str]:
    """Every string of a language by its key; both files hold the same keys."""
    return orjson.loads((LOCALES / f"{language}.json").read_bytes())


def language_of(connection: HTTPConnection) -> str:
    """`?lang=`, else the cookie, else the first of Accept-Language that we speak, else zh."""
    for said in (connection.query_params.get("lang"), connection.cookies.get(LANGUAGE_COOKIE)):
        if said in LANGUAGES:
            return said
    return _accepted(connection.headers.get("accept-language", "")) or LANGUAGES[0]


def _accepted(header: str) -> str | None:
    ranked: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, rest = part.strip().partition(";")
        language = tag.split("-")[0].lower()
        if language in LANGUAGES:
            ranked.append((_weight(rest), language))
    ranked.sort(key=lambda pair: -pair[0])
    return ranked[0][1] if ranked and ranked[0][0] > 0 else None


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
