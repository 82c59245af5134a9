"""How a column's values become what a field holds, exactly: each value does, or is told with the reason.

Elasticsearch itself would take more than it keeps: 1.5 for a ``long`` (it indexes 1), 2**53+1 for a ``double``, a
microsecond for a ``date``. What it only reads as text (``ip``, ``geo_point``, ranges) goes as it is, and it decides.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.elasticsearch.writing.date_formats import Bad, Convert, true, without, writer
from dk_notebook.backends.elasticsearch.writing.declare import declared
from dk_notebook.errors import ConversionError
from dk_notebook.frames.cast import cast_collecting
from dk_notebook.frames.types import is_document, kind

NUMBERS: dict[str, pa.DataType] = {
    "byte": pa.int8(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "unsigned_long": pa.uint64(),
    "half_float": pa.float16(),
    "float": pa.float32(),
    "double": pa.float64(),
    "scaled_float": pa.float64(),
    "rank_feature": pa.float32(),
    "dense_vector": pa.float32(),
    "boolean": pa.bool_(),
}
"""The mapping's types that Arrow has -> what is cast to."""

TEXTS = frozenset(
    {
        "keyword",
        "text",
        "match_only_text",
        "wildcard",
        "constant_keyword",
        "ip",
        "version",
        "search_as_you_type",
        "semantic_text",
        "token_count",
        "pattern_text",
        "annotated_text",
        "icu_collation_keyword",
    }
)
"""The mapping's types that are text, and nothing else."""

LONGEST = 32_766
"""Bytes of a term: what a ``keyword`` that is searched for may have."""

NO_WAY = "no cast leads there"


def converter(column: pa.Field, field: Mapping[str, Any]) -> Convert:
    """How values of ``column`` become those of a field. ConversionError: none can."""
    arrow = column.type
    if isinstance(arrow, pa.BaseExtensionType):
        return _of_extension(column, field)
    if "properties" in field or field.get("type") in ("object", "nested"):
        return _objects(column, field)
    type_ = str(field.get("type"))
    if kind(arrow) == "list" and type_ != "dense_vector":
        return _each(converter(arrow.value_field.with_name(column.name), field))
    if kind(arrow) == "list":
        return _each(converter(arrow.value_field.with_name(column.name), {"type": "float"}))
    if kind(arrow) == "null":
        return _as_it_is
    if kind(arrow) == "duration" and type_ in NUMBERS:  # the count of its unit
        return _then(lambda array: array.cast(pa.int64()), converter(column.with_type(pa.int64()), field))
    if type_ in ("date", "date_nanos"):
        write = writer(column, field)
        return _no_way(column, field) if write is None else write
    if type_ in NUMBERS:
        if is_document(column) or kind(arrow) in ("struct", "map", "binary", "date", "time", "timestamp"):
            return _no_way(column, field)
        return _number(type_, field)
    if type_ in TEXTS:
        return _text(column, field)
    if type_ == "binary":
        return _as_it_is if kind(arrow) == "binary" else _no_way(column, field)
    if type_ in ("alias", "percolator", "join"):
        return _no_way(column, field)
    return _natural(column)


def _no_way(column: pa.Field, field: Mapping[str, Any]) -> Convert:
    raise ConversionError(NO_WAY, column=column.name, source=str(column.type), target=str(field.get("type", "object")))


def _natural(column: pa.Field) -> Convert:
    """As a new field would have it: for what Elasticsearch alone can judge."""
    return converter(column, declared(column))


def _of_extension(column: pa.Field, field: Mapping[str, Any]) -> Convert:
    arrow = column.type
    if isinstance(arrow, pa.UuidType):
        plain = _text(column.with_type(pa.string()), field) if field.get("type") in TEXTS else _no_way(column, field)
        return _then(
            lambda array: pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string()), plain
        )
    if arrow.extension_name == "arrow.json":
        return _then(lambda array: array.storage, _documents)
    return _then(lambda array: array.storage, converter(column.with_type(arrow.storage_type), field))


def _spelled(array: Any) -> Any:
    return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())


# --- scalars --------------------------------------------------------------------------------------------------------


def _as_it_is(array: Any) -> tuple[Any, Bad]:
    return array, []


def _number(type_: str, field: Mapping[str, Any]) -> Convert:
    target = NUMBERS[type_]

    def convert(array: Any) -> tuple[Any, Bad]:
        array = _plain(array)
        values, bad = cast_collecting(array, pa.float32() if pa.types.is_float16(target) else target)
        if not pa.types.is_floating(values.type):
            return values, bad
        more = _infinite(values)
        if pa.types.is_float16(target):
            more += _inexact_halves(values)
        if type_ == "scaled_float":
            more += _between_steps(values, float(field.get("scaling_factor", 1)))
        return (without(values, [row for row, _ in more]), sorted(bad + more)) if more else (values, bad)

    return convert


def _plain(array: Any) -> Any:
    """NaN as NULL before it is cast to what has none."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    if pa.types.is_floating(array.type) and pc.any(pc.is_nan(array)).as_py():
        return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return array


def _infinite(array: Any) -> Bad:
    return [(row, "elasticsearch has no infinity") for row in true(pc.is_inf(array))]


def _inexact_halves(array: Any) -> Bad:
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        same = values.astype(np.float16).astype(np.float32) == values
    rows = np.flatnonzero(~same & np.isfinite(values))
    return [(int(row), "digits would be lost") for row in rows]


def _between_steps(array: Any, factor: float) -> Bad:
    """What a scaled_float would round."""
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero((np.rint(values * factor) / factor != values) & np.isfinite(values))
    return [(int(row), "digits would be lost") for row in rows]


def _text(column: pa.Field, field: Mapping[str, Any]) -> Convert:
    arrow = column.type
    value = arrow.value_type if pa.types.is_dictionary(arrow) else arrow
    if is_document(column) or kind(value) not in ("text", "time"):
        error = ConversionError(
            NO_WAY,
            column=column.name,
            source=str(arrow),
            target=str(field["type"]),
            hint=f"df[{column.name!r}].astype(str) if text is what you want",
        )
        raise error
    if kind(value) == "time":
        return _as_it_is
    # What is over `ignore_above` is kept and not searched for, which is what that setting is for.
    limited = field["type"] == "keyword" and "ignore_above" not in field and _is_term(field)
    checks = [check for check, needed in ((_too_long, limited), (_no_address, field["type"] == "ip")) if needed]

    def convert(array: Any) -> tuple[Any, Bad]:
        if pa.types.is_dictionary(array.type):
            places = array.indices
            found = [pair for check in checks for pair in check(array.dictionary)]
            return array, sorted((row, why) for label, why in found for row in true(pc.equal(places, label)))
        if array.type != pa.string():
            array = array.cast(pa.string())
        return array, sorted(pair for check in checks for pair in check(array))

    return convert


def _is_term(field: Mapping[str, Any]) -> bool:
    return bool(field.get("index", True) is not False or field.get("doc_values", True) is not False)


def _too_long(array: Any) -> Bad:
    lengths = pc.binary_length(array)
    if (pc.max(lengths).as_py() or 0) <= LONGEST:
        return []
    reason = f"a keyword has {LONGEST:,} bytes at most"
    return [(row, reason) for row in true(pc.greater(lengths, LONGEST))]


def _no_address(array: Any) -> Bad:
    """By which a field that ignores what it cannot read would lose it unseen."""
    return [(row, "the text is no IP address") for row, text in enumerate(array.to_pylist()) if not _is_address(text)]


def _is_address(text: str | None) -> bool:
    if text is None:
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


# --- nested ---------------------------------------------------------------------------------------------------------


def _then(first: Callable[[Any], Any], second: Convert) -> Convert:
    return lambda array: second(first(array))


def _each(item: Convert) -> Convert:
    """Lists, whose items are converted."""

    def convert(array: Any) -> tuple[Any, Bad]:
        lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        items, bad = item(array.flatten())
        mask = array.is_null() if array.null_count else None
        made = pa.ListArray.from_arrays(pa.array(offsets), items, mask=mask)
        rows = {int(np.searchsorted(offsets, place, side="right")) - 1: why for place, why in reversed(bad)}
        return made, sorted(rows.items())

    return convert


def _objects(column: pa.Field, field: Mapping[str, Any]) -> Convert:
    arrow = column.type
    if kind(arrow) == "list":
        return _each(_objects(column.with_type(arrow.value_type), field))
    if kind(arrow) == "struct":
        return _struct(column, field)
    if kind(arrow) == "map":
        return _map(column)
    if kind(arrow) == "null":
        return _as_it_is
    if is_document(column):
        return _documents
    raise ConversionError(
        "the field is an object, and the column is none",
        column=column.name,
        source=str(arrow),
        target=str(field.get("type", "object")),
    )


def _struct(column: pa.Field, field: Mapping[str, Any]) -> Convert:
    """Each field by its name; one that the index does not have is as a new one."""
    below = field.get("properties", {})
    fields = [column.type.field(place) for place in range(column.type.num_fields)]
    named = [each.with_name(f"{column.name}.{each.name}") for each in fields]
    converts = [
        converter(each, below[own.name]) if own.name in below else _natural(each)
        for own, each in zip(fields, named, strict=True)
    ]

    def convert(array: Any) -> tuple[Any, Bad]:
        made: list[tuple[pa.Field, Any]] = []
        bad: dict[int, str] = {}
        for own, change, child in zip(fields, converts, array.flatten(), strict=True):
            values, found = change(child)
            made.append((own.with_type(values.type), values))
            for row, why in found:
                bad.setdefault(row, f"{own.name!r}: {why}")
        if not made:
            return array, []
        mask = array.is_null() if array.null_count else None
        values = pa.StructArray.from_arrays([each for _, each in made], fields=[own for own, _ in made], mask=mask)
        return values, sorted(bad.items())

    return convert


def _map(column: pa.Field) -> Convert:
    arrow = column.type
    if kind(arrow.key_type) != "text":
        raise ConversionError("the keys of an object are text", column=column.name, source=str(arrow))
    item = _natural(arrow.item_field.with_name(column.name))

    def convert(array: Any) -> tuple[Any, Bad]:
        offsets = array.offsets.to_numpy()
        first, last = int(offsets[0]), int(offsets[-1])
        keys, items = array.keys.slice(first, last - first), array.items.slice(first, last - first)
        values, found = item(items)
        places = offsets - first
        rows = {int(np.searchsorted(places, place, side="right")) - 1: why for place, why in reversed(found)}
        made = pa.MapArray.from_arrays(
            pa.array(places.astype(np.int32)),
            keys,
            values,
            **({"mask": array.is_null()} if array.null_count else {}),
        )
        return made, sorted(rows.items())

    return convert


def _documents(array: Any) -> tuple[Any, Bad]:
    """Texts that are JSON: an object, or a list of objects."""
    bad = [(row, reason) for row, text in enumerate(array.to_pylist()) if text is not None and (reason := _wrong(text))]
    return (without(array, [row for row, _ in bad]) if bad else array), bad


def _wrong(text: str) -> str | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "the text is no JSON"
    items = found if isinstance(found, list) else [found]
    good = all(isinstance(item, dict) or item is None for item in items)
    return None if good else "the field is an object, and the JSON neither one nor a list of some"
