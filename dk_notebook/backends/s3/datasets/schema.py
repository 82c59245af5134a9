"""The columns of files that were written at different times, by name."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from dk_notebook.errors import QueryError

SHOWN = 4
"""Files that an error lists."""


def unified(schemas: Mapping[str, pa.Schema]) -> pa.Schema:
    """One schema for all files (path -> its columns): every column of any, of a type that holds each of its values.

    QueryError: two files have types for a column that no type holds exactly; it lists them.

    >>> files = {"a": pa.schema({"n": pa.int32()}), "b": pa.schema({"n": pa.int64(), "t": pa.string()})}
    >>> unified(files)
    n: int64
    t: string
    """
    columns: dict[str, pa.Field] = {}
    first: dict[str, str] = {}
    for path, schema in schemas.items():
        for column in schema:
            known = columns.get(column.name)
            if known is None:
                columns[column.name], first[column.name] = column.with_nullable(True), path
                continue
            wider = _wider(known.type, column.type)
            if wider is None:
                raise _differing(column.name, schemas)
            columns[column.name] = known.with_type(wider)
    return pa.schema(list(columns.values()))


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """A type that holds the values of both exactly."""
    if one.equals(other):
        return one
    kinds = pa.types
    if kinds.is_null(one) or kinds.is_null(other):
        return other if kinds.is_null(one) else one
    for left, right in ((one, other), (other, one)):
        if kinds.is_floating(left) and kinds.is_integer(right):
            # A double holds all whole numbers of 32 bits, a float those of 16.
            return pa.float64() if right.bit_width <= 32 else None
        if kinds.is_dictionary(left):
            return _wider(left.value_type, right.value_type if kinds.is_dictionary(right) else right)
    if kinds.is_timestamp(one) and kinds.is_timestamp(other) and one.tz != other.tz:
        return None
    try:
        merged = pa.unify_schemas([pa.schema({"c": one}), pa.schema({"c": other})], promote_options="permissive").field(
            "c"
        )
    except pa.ArrowException:
        return None
    found: pa.DataType = merged.type
    mixed = kinds.is_integer(one) and kinds.is_integer(other) and not kinds.is_integer(found)
    text = {kinds.is_string(each) or kinds.is_large_string(each) for each in (one, other)}
    return None if mixed or len(text) > 1 else found


def _differing(name: str, schemas: Mapping[str, pa.Schema]) -> QueryError:
    by_type: dict[str, list[str]] = {}
    for path, schema in schemas.items():
        if schema.get_field_index(name) >= 0:
            by_type.setdefault(str(schema.field(name).type), []).append(path)
    told = "; ".join(f"{arrow} in {_some(paths)}" for arrow, paths in by_type.items())
    return QueryError(f"the files have types of the column {name!r} that do not go together: {told}")


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(repr, paths[:SHOWN])) + more
