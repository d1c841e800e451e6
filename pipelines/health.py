"""Is it well? `python -m pipelines.health` asks whether the schedules are served.

Prefect's server calls a deployment ready while its runner polls. Loads no Prefect: a check should cost little.
"""

import sys
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import Request, urlopen

import orjson

from pipelines.server import api_url
from schemas.settings import Settings

TAG = "qingling"


def deployments(url: str) -> dict[str, str]:
    """Status by name of the deployments tagged as ours. Raises OSError if the server does not answer."""
    asked = orjson.dumps({"deployments": {"tags": {"all_": [TAG]}}})
    request = Request(f"{url}/deployments/filter", asked, {"content-type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=5) as answer:  # noqa: S310 - an address of ours
        return {row["name"]: row["status"] for row in orjson.loads(answer.read())}


def check(settings: Settings) -> str | None:
    """None if every schedule is served, else what is wrong."""
    url = api_url(settings)
    if url is None:
        return "no Prefect server was ever started on this data folder"
    try:
        found = deployments(url)
    except (URLError, OSError, HTTPException, ValueError, KeyError) as error:
        return f"Prefect's server at {url}: {error}"
    if not found:
        return "no schedules are served"
    silent = sorted(name for name, status in found.items() if status != "READY")
    return f"not served: {', '.join(silent)}" if silent else None


if __name__ == "__main__":
    sys.exit(check(Settings()))
