"""An empty broker is given back what had landed: the latest record per key of every compacted topic.

The embedded broker keeps nothing over a restart; the same rebuild is the way back for a lost Apache Kafka.
"""

from pathlib import Path
from typing import Any

import orjson

from schemas.settings import Settings
from schemas.tables import COORDINATES, TABLES
from schemas.topics import Topic, topics
from streams.connect import producer

_LATEST = """
    select {columns} from raw.{table} where key is not null
    qualify row_number() over (partition by key order by kafka_at desc, "offset" desc) = 1
    order by kafka_at, "offset"
"""  # the table name is one of schemas.tables, never input
_OWN = {field.name for field in COORDINATES} | {"key", "extra"}


def seed(servers: str, data: Path) -> dict[str, int]:
    """Send what the lake below `data` holds to the broker; returns records per topic. Nothing landed: an empty dict."""
    from warehouse import connect

    settings = Settings(data=data)
    if not settings.lake_url and not settings.lake.is_dir():
        return {}
    counts: dict[str, int] = {}
    with connect(data) as lake:
        sender = producer(servers, linger_ms=20)
        for topic in topics().values():
            if topic.keep != "compact" or topic.table not in TABLES:
                continue
            names = [name for name in TABLES[topic.table].names if name != "extra"]
            columns = ", ".join(f'"{name}"' for name in names)
            rows = lake.execute(_LATEST.format(columns=columns, table=topic.table)).fetchall()
            records = [_record(topic, dict(zip(names, row, strict=True))) for row in rows]
            sent = [
                sender.send(topic.name, key=key, value=value, partition=partition)
                for partition, key, value in records
                if value is not None
            ]
            for future in sent:
                future.get(30)
            if sent:
                counts[topic.name] = len(sent)
        sender.close()
    return counts


def _record(topic: Topic, row: dict[str, Any]) -> tuple[int, bytes, bytes | None]:
    partition = min(row["partition"], topic.partitions - 1)
    key = row["key"].encode()
    if "value" in row and topic.name != "kpi.values":
        return partition, key, None if row["value"] is None else row["value"].encode()
    fields = {name: value for name, value in row.items() if name not in _OWN}
    for name in ("group", "window"):  # nested values rest in the lake as JSON text
        if isinstance(fields.get(name), str):
            fields[name] = orjson.loads(fields[name])
    return partition, key, orjson.dumps(fields)
