"""The Arrow schema of every lake table, and how a Kafka record becomes its row.

Every row keeps where it came from: log_id, topic, partition, offset (and row within a frame), and the record's own
Kafka time. Fields of the message that have no column of their own go, as JSON text, to `extra`.
"""

import pyarrow as pa

STAMP = pa.timestamp("us", tz="UTC")
COORDINATES = [
    pa.field("log_id", pa.string(), nullable=False),
    pa.field("topic", pa.string(), nullable=False),
    pa.field("partition", pa.int32(), nullable=False),
    pa.field("offset", pa.int64(), nullable=False),
    pa.field("kafka_at", STAMP, nullable=False),
]
_KEYED = [*COORDINATES, pa.field("key", pa.string())]


def _columns(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, kind) for name, kind in types.items()]


_S, _F, _I, _B = pa.string(), pa.float64(), pa.int64(), pa.bool_()
# `json` columns hold nested values as JSON text
_EVENT = _columns(
    event_id=_S, kind=_S, subject_id=_S, site_id=_S, occurred_at=STAMP, recorded_at=STAMP, actor=_S, causes=_S,
    imported=_B, data=_S,
)  # fmt: skip
_STATE = _columns(value=_S)  # the record as JSON text: the stream's own memory, read back whole to seed a broker

_VALUE_COLUMNS: dict[str, list[pa.Field]] = {
    "device_alarms": _columns(
        source_system=_S, dialect=_S, site_id=_S, sensor_id=_S, area_code=_S, alarm_kind=_S, level=_I, value=_F,
        unit=_S, limit=_F, raised_at=STAMP, ended_at=STAMP, peak=_F, cause=_S, measure=_S, received_at=STAMP, raw=_S,
    ),
    "inspection_findings": _columns(
        finding_id=_S, site_id=_S, enterprise_id=_S, region=_S, industry=_S, found_at=STAMP, received_at=STAMP,
        source=_S, inspector=_S, criterion_ref=_S, facts=_S, text=_S, place=_S, deadline=STAMP, status=_S,
    ),
    "commands": _columns(
        command_id=_S, kind=_S, site_id=_S, target_id=_S, seen_version=_I, actor=_S, issued_at=STAMP,
        occurred_at=STAMP, data=_S,
    ),
    "command_results": _columns(
        command_id=_S, accepted=_B, event_ids=_S, guard=_S, reason=_S, site_id=_S, target_id=_S, answered_at=STAMP,
        step=_I,
    ),
    **dict.fromkeys(("alarm_events", "criterion_verdicts", "hazard_events", "programme_events"), _EVENT),
    **dict.fromkeys(("alarm_states", "hazard_states", "site_memory", "worker_heartbeats"), _STATE),
    "processing_steps": _columns(
        step=_I, now=STAMP, ranges=_S, absorbed=_S, registry_version=_I, catalogue_version=_S,
    ),
    **dict.fromkeys(
        (
            "registry_sites", "registry_places", "registry_sensors", "registry_departments", "registry_matters",
            "registry_controls", "registry_rules", "registry_calendar", "registry_regions", "registry_sectors",
            "criteria_catalogue",
        ),
        _STATE,
    ),
    "kpi_values": _columns(
        kpi_id=_S, group=_S, as_of=STAMP, window=_S, num=_F, den=_F, value=_F, excluded=_I, data_as_of=STAMP,
    ),
}  # fmt: skip

READINGS = pa.schema(
    [
        *COORDINATES,
        pa.field("row", pa.int32(), nullable=False),
        pa.field("frame_id", pa.string(), nullable=False),
        pa.field("site_id", pa.string(), nullable=False),
        pa.field("sensor_id", pa.string(), nullable=False),
        pa.field("occurred_at", STAMP, nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("quality", pa.uint8(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("received_at", STAMP, nullable=False),
        pa.field("raw_file", pa.string()),  # null: they came in no file
        pa.field("raw_sha256", pa.string()),
        pa.field("day", pa.date32(), nullable=False),  # Asia/Shanghai day of occurred_at
    ]
)
DEAD_LETTERS = pa.schema(
    [
        *_KEYED,
        pa.field("letter_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("field", pa.string()),
        pa.field("file", pa.string()),
        pa.field("line", pa.int64()),
        pa.field("origin", pa.string()),  # topic or gateway it was meant for
        pa.field("site_id", pa.string()),
        pa.field("refused_at", STAMP),
        pa.field("headers", pa.string()),
        pa.field("raw", pa.binary()),
    ]
)
GAPS = pa.schema([*COORDINATES, pa.field("last", pa.int64(), nullable=False), pa.field("found_at", STAMP)])


def _downsampled(partition: pa.Field) -> pa.Schema:
    """Readings of one sensor in one span of time; what is added up later adds up: several parts may share a span."""
    kept = {"n": _I, "n_values": _I, "min": _F, "max": _F, "sum": _F, "first_at": STAMP, "last_at": STAMP, "last": _F}
    return pa.schema(
        [
            pa.field("site_id", _S, nullable=False),
            pa.field("sensor_id", _S, nullable=False),
            pa.field("began_at", STAMP, nullable=False),
            *_columns(**kept),
            pa.field("quality", pa.int16()),  # all quality bits that any reading had
            pa.field("part", pa.int32(), nullable=False),  # which run of the retention of that day made the row
            partition,
        ]
    )


TABLES: dict[str, pa.Schema] = {
    "readings": READINGS,
    "readings_1m": _downsampled(pa.field("day", pa.date32(), nullable=False)),
    "readings_1h": _downsampled(pa.field("month", pa.string(), nullable=False)),
    "dead_letters": DEAD_LETTERS,
    "gaps": GAPS,
    **{
        name: pa.schema([*_KEYED, *columns, pa.field("extra", pa.string())]) for name, columns in _VALUE_COLUMNS.items()
    },
}
PARTITION_BY: dict[str, list[str]] = {"readings": ["day"], "readings_1m": ["day"], "readings_1h": ["month"]}
