"""The mapping of a new index: the field that each column of an Arrow schema becomes, or that the caller wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames.types import is_document, kind

Declared = Mapping[str, Any]
"""A field as a mapping has it: ``{"type": "keyword"}``."""

KINDS: dict[str, str] = {
    "null": "keyword",
    "boolean": "boolean",
    "integer": "long",
    "text": "keyword",
    "binary": "binary",
    "date": "date",
    "time": "keyword",
    "duration": "long",
}
"""Kind of Arrow's type -> the mapping's type, for those where width and unit do not matter."""

TYPES: dict[pa.DataType, str] = {
    pa.uint64(): "unsigned_long",
    pa.float16(): "float",
    pa.float32(): "float",
    pa.float64(): "double",
}
"""Arrow's type -> the mapping's type, for those where they do; these first."""

EXTENSIONS = {"arrow.uuid": "keyword", "arrow.json": "object"}

METADATA = frozenset(
    {
        "_data_stream_timestamp",
        "_doc",
        "_doc_count",
        "_feature",
        "_field_names",
        "_id",
        "_id_reverse",
        "_ignored",
        "_ignored_source",
        "_index",
        "_index_mode",
        "_inference_fields",
        "_nested_path",
        "_primary_term",
        "_recovery_source",
        "_routing",
        "_routing_hash",
        "_seq_no",
        "_source",
        "_tier",
        "_tsid",
        "_type",
        "_uid",
        "_version",
    }
)
"""What Elasticsearch knows of each document: no field of one can have such a name."""
ID = "_id"

DEEPEST = 20
"""Levels of objects in each other (``index.mapping.depth.limit``)."""

OPEN: Declared = {
    "date_detection": False,
    "dynamic_templates": [
        {"text": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}},
        {"whole": {"match_mapping_type": "long", "mapping": {"type": "long", "coerce": False}}},
        {"number": {"match_mapping_type": "double", "mapping": {"type": "double", "coerce": False}}},
    ],
}
"""What becomes of fields that nobody declared, as of dicts: as of columns. Without it a text that looks like a date
would be one, and 1.5 would become 1 where the first value was whole."""


def declared(column: pa.Field) -> dict[str, Any]:
    """The field for ``column``. ConversionError when Elasticsearch has no type that holds it.

    >>> declared(pa.field("tags", pa.list_(pa.string()))), declared(pa.field("at", pa.timestamp("ns")))
    ({'type': 'keyword'}, {'type': 'date_nanos'})
    >>> declared(pa.field("who", pa.struct({"age": pa.int8()})))
    {'properties': {'age': {'type': 'long'}}}
    """
    arrow = column.type
    if isinstance(arrow, pa.BaseExtensionType):
        known = EXTENSIONS.get(arrow.extension_name)
        return {"type": known} if known else declared(column.with_type(arrow.storage_type))
    if is_document(column) and kind(arrow) != "struct":
        return {"type": "object"}
    match kind(arrow):
        case "dictionary":
            return declared(column.with_type(arrow.value_type))
        case "timestamp":
            # What milliseconds cannot hold is told; nanoseconds begin in 1970 and end in 2262.
            return {"type": "date_nanos" if arrow.unit == "ns" else "date"}
        case "list":
            return _list(column)
        case "struct":
            return _object(column)
        case _ if arrow in TYPES:
            return {"type": TYPES[arrow]}
        case other if other in KINDS:
            return {"type": KINDS[other]}
        case "decimal":
            hint = f'types={{{column.name!r}: "double"}}, or \'{{"type": "scaled_float", "scaling_factor": 100}}\''
            raise _no_type(column, "elasticsearch has no decimals", hint)
    raise _no_type(column, "elasticsearch has no such type", "cast it first")


def _no_type(column: pa.Field, reason: str, hint: str) -> ConversionError:
    return ConversionError(reason, column=column.name, source=str(column.type), hint=hint)


def _list(column: pa.Field) -> dict[str, Any]:
    """As its items: every field may have many values."""
    item = column.type.value_field.with_name(column.name)
    if kind(item.type) == "list":
        raise _no_type(column, "elasticsearch has no lists of lists", "flatten them, or write them as JSON in dicts")
    return declared(item)


def _object(column: pa.Field) -> dict[str, Any]:
    fields = [column.type.field(place) for place in range(column.type.num_fields)]
    check_names([field.name for field in fields], within=column.name)
    if not fields:
        return {"type": "object"}
    below = {field.name: declared(field.with_name(f"{column.name}.{field.name}")) for field in fields}
    return {"properties": below}


# --- as the caller wrote it -----------------------------------------------------------------------------------------


def written(column: pa.Field, said: object) -> dict[str, Any]:
    """The field that ``types=`` says for ``column``: a type, or the whole of a field as JSON or as a dict.

    ConfigError: it is neither.

    >>> written(pa.field("at", pa.string()), '{"type": "date", "format": "dd.MM.yyyy"}')
    {'type': 'date', 'format': 'dd.MM.yyyy'}
    >>> written(pa.field("who", pa.list_(pa.struct({"age": pa.int8()}))), "nested")
    {'type': 'nested', 'properties': {'age': {'type': 'long'}}}
    """
    wrong = f"types= says {said!r} for {column.name!r}, which is no type"
    found = said
    if isinstance(said, str):
        text = said.strip()
        if re.fullmatch(r"[a-z][a-z0-9_-]*", text):
            return _with_fields({"type": text}, column)
        try:
            found = json.loads(text)
        except ValueError:
            found = None
    if not isinstance(found, Mapping) or not ({"type", "properties"} & set(found)):
        raise ConfigError(wrong, hint='a name, as "text", or JSON, as \'{"type": "date", "format": "dd.MM.yyyy"}\'')
    try:
        return _with_fields(dict(json.loads(json.dumps(found))), column)
    except (TypeError, ValueError):
        raise ConfigError(f"{wrong}: it is more than JSON") from None


def _with_fields(field: dict[str, Any], column: pa.Field) -> dict[str, Any]:
    """An object or nested field has those below the column's, unless it says which."""
    arrow = column.type
    if kind(arrow) == "list":
        arrow = arrow.value_type
    if field.get("type") in ("object", "nested") and "properties" not in field and kind(arrow) == "struct":
        return {**field, **_object(pa.field(column.name, arrow))}
    return field


# --- names ----------------------------------------------------------------------------------------------------------


def check_names(names: list[str], *, within: str = "") -> None:
    """Nothing, if fields can be called so: ConfigError says of which not, and why.

    >>> check_names(["a", "a.b"])
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: the columns 'a' and 'a.b': a dot leads into an object, and 'a' is none
    Hint: rename one of them
    """
    where = f"{within}." if within else ""
    for each in names:
        reason = _wrong(each)
        if reason:
            hint = f'key="{ID}" makes it the id of the documents' if each == ID and not within else "rename the column"
            raise ConfigError(f"the column {where + each!r} cannot be a field: {reason}", hint=hint)
    known = set(names)
    for each in names:
        for above in _above(each):
            if above in known:
                raise ConfigError(
                    f"the columns {where + above!r} and {where + each!r}: "
                    f"a dot leads into an object, and {where + above!r} is none",
                    hint="rename one of them",
                )


def _wrong(each: str) -> str | None:
    parts = each.split(".")
    if each in METADATA:
        return "elasticsearch uses the name itself"
    if not all(parts):
        return "nothing stands before or behind a dot"
    if not all(part.strip() for part in parts):
        return "a blank is no name"
    if len(parts) > DEEPEST:
        return f"it leads into {len(parts)} objects, and {DEEPEST} is the most"
    return None


def _above(each: str) -> Iterator[str]:
    """The objects that a dotted name leads through."""
    parts = each.split(".")
    for count in range(1, len(parts)):
        yield ".".join(parts[:count])


# --- the whole ------------------------------------------------------------------------------------------------------


def fields_for(schema: pa.Schema, types: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """The fields of all columns, by name. ConfigError, ConversionError: a name or a type cannot be."""
    check_names(schema.names)
    return {
        column.name: written(column, types[column.name]) if column.name in types else declared(column)
        for column in schema
    }


def mapping_of(fields: Mapping[str, Declared]) -> dict[str, Any]:
    """The mapping of an index with these fields.

    >>> mapping_of({"n": {"type": "long"}})
    {'properties': {'n': {'type': 'long'}}}
    """
    opened = OPEN if any(map(_is_open, fields.values())) else {}
    return {**opened, "properties": tree(fields)}


def tree(fields: Mapping[str, Declared]) -> dict[str, Any]:
    """The fields as properties, those with dots in the objects that they lead into.

    >>> tree({"a.b": {"type": "long"}, "a.c": {"type": "date"}})
    {'a': {'properties': {'b': {'type': 'long'}, 'c': {'type': 'date'}}}}
    """
    properties: dict[str, Any] = {}
    for path, field in fields.items():
        *above, last = path.split(".")
        level = properties
        for part in above:
            level = level.setdefault(part, {"properties": {}})["properties"]
        level[last] = dict(field)
    return properties


def _is_open(field: Declared) -> bool:
    """Whether fields may come into it that it does not declare."""
    below = field.get("properties")
    if below:
        return any(map(_is_open, below.values()))
    return field.get("type") in ("object", "nested") and field.get("enabled", True) is not False
