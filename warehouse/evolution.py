"""How a table's schema may grow: new nullable columns, nothing else (docs/decisions/0024)."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
from deltalake import DeltaTable
from deltalake import Field as DeltaField
from deltalake.exceptions import DeltaError

from warehouse.durable import SchemaBreak

_ATTEMPTS = 20


def arrow_schema(table: DeltaTable) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def missing(name: str, present: pa.Schema, wanted: Iterable[pa.Field]) -> list[pa.Field]:
    """The fields of `wanted` that a table with the schema `present` has not got.

    Raises SchemaBreak if one is there with another type, or is new and must not be null.
    """
    held: Mapping[str, pa.DataType] = {field.name: field.type for field in present}
    fresh = []
    for field in wanted:
        if field.name in held and held[field.name] != field.type:
            raise SchemaBreak(
                f"table {name}, column {field.name}: {held[field.name]} on disk, {field.type} wanted; give the "
                "new column another name in schemas/tables.py"
            )
        if field.name not in held and not field.nullable:
            raise SchemaBreak(f"table {name}: new column {field.name} must be nullable")
        if field.name not in held:
            fresh.append(field)
    return fresh


def widen(name: str, table: DeltaTable, wanted: Iterable[pa.Field]) -> bool:
    """Add what `missing` finds to the table; whether there was anything. Another process may do the same meanwhile.

    Raises SchemaBreak as `missing`, DeltaError if the log cannot be written.
    """
    wanted = list(wanted)
    for attempt in range(_ATTEMPTS):
        fresh = missing(name, arrow_schema(table), wanted)
        if not fresh:
            return attempt > 0
        try:
            table.alter.add_columns([DeltaField.from_arrow(field) for field in fresh])
        except DeltaError:
            if attempt == _ATTEMPTS - 1:
                raise
            table.update_incremental()
        else:
            return True
    return False
