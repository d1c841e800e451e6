"""Job `publish`: the warehouse built from the lake as it is now and swapped in."""

from typing import Any

from schemas.settings import Settings
from warehouse.publish import publish


def publish_warehouse(settings: Settings) -> dict[str, Any]:
    """`{build, path, rows}`; rows by table or view."""
    build = publish(settings.data, clock=settings.clock)
    return {"build": build.number, "path": str(build.path), "rows": build.rows}
