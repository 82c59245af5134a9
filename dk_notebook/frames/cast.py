"""Arrow to Arrow, value by value, exactly: what a write into an existing table does to every column.

A value arrives as it was or not at all: 1.5 does not become a whole number, 1.239 no decimal(10,2), a local time no
moment. Whether a float fits a decimal is decided by its shortest text: 1.1 does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.errors import ConversionError
from dk_notebook.frames.rules import RULES, Attempt, Rule, follow, hint_for, reason_of, refused
from dk_notebook.frames.types import kind

Found = list[tuple[np.ndarray[Any, Any], str]]
"""Positions of values that do not fit, and why."""


def cast_exact(values: Any, target: pa.DataType, *, column: str, position: int = 0) -> Any:
    """The Array or ChunkedArray with the type ``target``.

    ConversionError names the first value that does not fit; ``position`` is the row of the first one here.

    >>> cast_exact(pa.array([1.0, None]), pa.int16(), column="n").to_pylist()
    [1, None]
    >>> cast_exact(pa.array([1.1, 1.239]), pa.decimal128(10, 2), column="price", position=100)
    Traceback (most recent call last):
    dk_notebook.errors.ConversionError: column 'price', row 101: double to decimal128(10, 2): digits would be lost
    Hint: df['price'].round(2) if rounding is what you want
    """
    result, found = _cast(values, target)
    if found:
        row, reason = min(((int(rows[0]), reason) for rows, reason in found), key=lambda pair: pair[0])
        raise ConversionError(
            reason,
            column=column,
            position=position + row,
            source=str(values.type),
            target=str(target),
            hint=hint_for(column, values.type, target),
        )
    return result


def inexact_rows(values: Any, target: pa.DataType) -> Iterator[tuple[int, str]]:
    """Every position whose value the type ``target`` cannot hold, in order, with the reason.

    >>> list(inexact_rows(pa.array(["1", "x", None, "300"]), pa.int8()))
    [(1, 'the text is no whole number of that width'), (3, 'the text is no whole number of that width')]
    """
    _, found = _cast(values, target)
    rows = sorted((int(row), reason) for positions, reason in found for row in positions)
    yield from rows


def cast_collecting(values: Any, target: pa.DataType) -> tuple[Any, list[tuple[int, str]]]:
    """The cast values, with NULL where one does not fit, and the positions and reasons of those."""
    result, found = _cast(values, target)
    return result, sorted((int(row), reason) for positions, reason in found for row in positions)


def _cast(values: Any, target: pa.DataType) -> tuple[Any, Found]:
    if not isinstance(values, pa.ChunkedArray):
        return _array(values, target)
    chunks, found, start = [], [], 0
    for chunk in values.chunks:
        cast, bad = _array(chunk, target)
        chunks.append(cast)
        found += [(rows + start, reason) for rows, reason in bad]
        start += len(chunk)
    return pa.chunked_array(chunks, target), found


def _array(array: Any, target: pa.DataType) -> tuple[Any, Found]:
    source = array.type
    if source == target:
        return array, []
    if pa.types.is_null(source) or array.null_count == len(array):
        return pa.nulls(len(array), target), []
    if pa.types.is_string_view(source) or pa.types.is_binary_view(source):
        array = array.cast(pa.large_string() if pa.types.is_string_view(source) else pa.large_binary())
    match kind(source), kind(target):
        case "dictionary", _:
            return _from_dictionary(array, target)
        case _, "dictionary":
            plain, found = _array(array, target.value_type)
            encoded = plain.dictionary_encode()
            return pa.DictionaryArray.from_arrays(
                encoded.indices.cast(target.index_type), encoded.dictionary, ordered=target.ordered
            ), found
        case "list", "list":
            return _list(array, target)
        case "map", "map":
            return _map(array, target)
        case "struct", "struct":
            return _struct(array, target)
        case pair:
            rule = RULES.get(pair)  # type: ignore[arg-type]  # an unknown kind has no rule
            if rule is None or refused(source, target):
                return _nothing(array, target, reason_of(source, target))
            return _by_rule(array, target, rule)


def _by_rule(array: Any, target: pa.DataType, rule: Rule) -> tuple[Any, Found]:
    outcome: Attempt = follow(rule, array, target)
    good = outcome.good
    if good is None:
        return outcome.values, []
    rows = np.flatnonzero(~good)
    if not len(rows):
        return outcome.values, []
    kept = pc.if_else(pa.array(good), outcome.values, pa.scalar(None, target))
    return kept, [(rows, rule.reason)]


def _nothing(array: Any, target: pa.DataType, reason: str) -> tuple[Any, Found]:
    rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    return pa.nulls(len(array), target), [(rows, reason)]


def _from_dictionary(array: Any, target: pa.DataType) -> tuple[Any, Found]:
    """Each label is cast once; a label that does not fit is bad in the rows that have it."""
    if kind(target) == "dictionary":
        labels, found = _array(array.dictionary, target.value_type)
    else:
        labels, found = _array(array.dictionary, target)
    bad: Found = []
    codes = array.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    for places, reason in found:
        rows = np.flatnonzero(np.isin(codes, places))
        bad += [(rows, reason)] if len(rows) else []
    if kind(target) == "dictionary":
        try:
            indices = array.indices.cast(target.index_type)
        except pa.ArrowInvalid:
            return _nothing(array, target, "more labels than the type can number")
        return pa.DictionaryArray.from_arrays(indices, labels, ordered=target.ordered), bad
    return labels.take(array.indices), bad


def _list(array: Any, target: pa.DataType) -> tuple[Any, Found]:
    fixed = pa.types.is_fixed_size_list(target)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items, found = _array(array.flatten(), target.value_type)
    missing = array.is_null()
    bad = _rows_of(found, offsets)
    if fixed:
        wrong = np.flatnonzero((lengths != target.list_size) & ~missing.to_numpy(zero_copy_only=False))
        if len(wrong):
            return pa.nulls(len(array), target), [*bad, (wrong, f"a list of other than {target.list_size} items")]
        places = np.zeros((len(array), target.list_size), np.int64)
        for row in np.flatnonzero(lengths):
            places[row] = offsets[row] + np.arange(target.list_size)
        spread = items.take(pa.array(places.ravel())) if len(items) else pa.nulls(places.size, target.value_type)
        return pa.FixedSizeListArray.from_arrays(spread, type=target, mask=missing), bad
    make, width = (pa.LargeListArray, np.int64) if pa.types.is_large_list(target) else (pa.ListArray, np.int32)
    return make.from_arrays(pa.array(offsets.astype(width)), items, type=target, mask=missing), bad


def _rows_of(found: Found, offsets: np.ndarray[Any, Any]) -> Found:
    """The rows that hold the items at those positions."""
    return [(np.unique(np.searchsorted(offsets, rows, side="right") - 1), reason) for rows, reason in found]


def _map(array: Any, target: pa.DataType) -> tuple[Any, Found]:
    entries = pa.ListArray.from_arrays(
        array.offsets, pa.StructArray.from_arrays([array.keys, array.items], names=["key", "value"])
    )
    lengths = np.diff(array.offsets.to_numpy())
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    entries = entries.flatten()
    keys, bad_keys = _array(entries.field(0), target.key_type)
    items, bad_items = _array(entries.field(1), target.item_type)
    result = pa.MapArray.from_arrays(pa.array(offsets.astype(np.int32)), keys, items, type=target)
    if array.null_count:
        result = pc.if_else(array.is_valid(), result, pa.scalar(None, target))
    return result, _rows_of(bad_keys + bad_items, offsets)


def _struct(array: Any, target: pa.DataType) -> tuple[Any, Found]:
    """Fields are matched by name; what only one side has is nothing that could be cast."""
    have = [array.type.field(place).name for place in range(array.type.num_fields)]
    want = [target.field(place) for place in range(target.num_fields)]
    if sorted(have) != sorted(column.name for column in want):
        return _nothing(array, target, "the structs have other fields")
    children = dict(zip(have, array.flatten(), strict=True))
    arrays, bad = [], []
    for column in want:
        cast, found = _array(children[column.name], column.type)
        arrays.append(cast)
        bad += found
    return pa.StructArray.from_arrays(arrays, fields=want, mask=array.is_null()), bad
