"""The type of a new column, for an Arrow type or as the caller wrote it."""

from __future__ import annotations

from typing import Any

import asyncpg
import pyarrow as pa

from dk_notebook.backends.postgres.errors import translated
from dk_notebook.backends.sql.lexer import tokens
from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.types import JSON, UNSCALED, is_document, kind, marked

DECLARED: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.int8(): "smallint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.uint8(): "smallint",
    pa.uint16(): "integer",
    pa.uint32(): "bigint",
    pa.uint64(): "numeric(20,0)",
    pa.float16(): "real",
    pa.float32(): "real",
    pa.float64(): "double precision",
}
"""Arrow's numbers -> the type of a new column."""

KINDS: dict[str, str] = {
    "text": "text",
    "null": "text",
    "binary": "bytea",
    "date": "date",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "duration": "interval",
    "interval": "interval",
}
"""Kind of Arrow's type -> the type of a new column, for those where width and unit do not matter."""

DIGITS = 1000
"""What a numeric declares at most."""


def declared_type(column: pa.Field) -> str:
    """The type of a new column for ``column``. ConversionError when PostgreSQL has no type that holds it.

    >>> declared_type(pa.field("tags", pa.list_(pa.string()))), declared_type(pa.field("n", pa.uint64()))
    ('text[]', 'numeric(20,0)')
    """
    arrow = column.type
    if isinstance(arrow, pa.BaseExtensionType):
        known = {"arrow.uuid": "uuid", "arrow.json": "jsonb"}.get(arrow.extension_name)
        return known or declared_type(column.with_type(arrow.storage_type))
    if is_document(column):
        return "jsonb"
    match kind(arrow):
        case "dictionary":
            return declared_type(column.with_type(arrow.value_type))
        case "timestamp" if arrow.tz is not None:
            return "timestamp with time zone"
        case "decimal":
            return _declared_decimal(arrow)
        case "list":
            return _declared_list(column)
        case other if other in KINDS:
            return KINDS[other]
    if arrow not in DECLARED:
        raise ConversionError("postgres has no such type", column=column.name, source=str(arrow), hint="cast it first")
    return DECLARED[arrow]


def _declared_decimal(arrow: pa.DataType) -> str:
    if arrow == UNSCALED:
        return "numeric"
    precision, scale = arrow.precision, arrow.scale
    if scale < 0:
        precision, scale = precision - scale, 0
    return f"numeric({max(precision, scale)},{scale})"


def _declared_list(column: pa.Field) -> str:
    item = column.type.value_field.with_name(column.name)
    if marked(item, JSON) is None and kind(item.type) not in ("list", "struct", "map"):
        return f"{declared_type(item)}[]"
    return "jsonb"  # an array of arrays must have as many items in each


async def written_type(connection: Any, name: str, text: str) -> str:
    """A type that the caller wrote for the column ``name``, as the server writes it: nothing but a type comes through.

    ConfigError: it is none.
    """
    # The server reads the whole text as one type; a comment would go on into the statement that the type is put into.
    if not text.strip() or any(token.kind == "blank" and token.text.strip() for token in tokens(text)):
        raise ConfigError(f"types= says {text!r} for {name!r}, which is no type")
    try:
        if connection.get_server_version().major >= 17:
            found = await connection.fetchval(
                "SELECT pg_catalog.format_type(pg_catalog.to_regtype($1), pg_catalog.to_regtypemod($1))", text
            )
        else:
            found = await connection.fetchval("SELECT $1 WHERE pg_catalog.to_regtype($1) IS NOT NULL", text)
    except asyncpg.PostgresError as error:
        raise ConfigError(f"types= says {text!r} for {name!r}: {translated(error).message}") from error
    if found is None:
        raise ConfigError(f"types= says {text!r} for {name!r}: there is no such type")
    return str(found)
