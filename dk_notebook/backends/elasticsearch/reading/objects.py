"""Pages of hits by way of Python objects: what Arrow's parser does not read, and errors that name a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pyarrow as pa

from dk_notebook.backends.elasticsearch.fields import Field
from dk_notebook.backends.elasticsearch.reading.values import DEFAULT_FORMAT, Misfit, Values, loads, reached, to_array
from dk_notebook.backends.elasticsearch.types import type_of
from dk_notebook.errors import ConversionError, QueryError
from dk_notebook.frames.types import is_document

Hit = Mapping[str, Any]

READ_AS: Final = "strict_date_optional_time_nanos"
"""The format in which the server is asked for dates."""
_AS_INDEXED: Final = 'dk.read_query({{"index": ..., "fields": ["{}"]}}) gives what the index holds'
_LISTS: Final = frozenset({"document", "point", "vector"})
"""Forms of values that hold lists of their own."""


def batch_of(
    body: bytes,
    columns: Sequence[Field],
    schema: pa.Schema,
    *,
    asked: frozenset[str] = frozenset(),
    careful: bool = False,
) -> pa.RecordBatch:
    """The rows of a page.

    ``asked``: the columns for which the page has what the server reads out of documents. ``careful``: it has that for
    all that were not understood, and the ids; so an error can be told. Else Misfit, with the names of the columns.
    """
    hits: list[Hit] = loads(body)["hits"]["hits"]
    arrays: list[pa.Array] = []
    doubted: set[str] = set()
    for each, arrow in zip(columns, schema, strict=True):
        try:
            arrays.append(_column(hits, each, arrow, asked=each.name in asked, careful=careful))
        except Misfit:
            doubted.add(each.name)
    if doubted:
        raise Misfit(doubted)
    if not columns:
        return pa.RecordBatch.from_struct_array(pa.array([{}] * len(hits), pa.struct([])))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(hits: Sequence[Hit], column: Field, arrow: pa.Field, *, asked: bool, careful: bool) -> pa.Array:
    form = type_of(column.type).form
    if column.via == "hit":
        said = [hit.get(column.name) for hit in hits]
        return to_array(said, arrow.type, form) if is_document(arrow) else pa.array(said, arrow.type)
    if column.via == "source":
        sent = _sent(hits, column)
        values: Values = sent
        format_ = column.says.get("format", DEFAULT_FORMAT)
        _check_lists(hits, column, arrow, values, careful=careful)
        if asked:
            values, format_ = _read_out(hits, column, arrow, sent), READ_AS
    else:
        values, format_ = _fetched(hits, column, arrow, careful=careful), READ_AS
    try:
        return to_array(values, arrow.type, form, format=format_)
    except Misfit:
        if careful and (asked or column.via != "source"):
            raise _unreadable(hits, column, arrow, values, format_) from None
        raise


def _sent(hits: Sequence[Hit], column: Field) -> list[Any]:
    """What the documents say."""
    name = column.name
    try:
        documents = [hit["_source"] for hit in hits]
    except KeyError:
        raise QueryError("the index keeps no _source, so that its documents cannot be read", code="no_source") from None
    if "." not in name:
        return [document.get(name) for document in documents]
    return [reached(document, name) for document in documents]


def _check_lists(hits: Sequence[Hit], column: Field, arrow: pa.Field, values: Values, *, careful: bool) -> None:
    """ConversionError (Misfit before there are ids) where a column of single values meets an array."""
    if type_of(column.type).form in _LISTS or pa.types.is_list(arrow.type):
        return
    place = next((row for row, value in enumerate(values) if isinstance(value, list)), None)
    if place is not None:
        if not careful:
            raise Misfit([column.name])
        raise an_array(column, hits[place])


def an_array(column: Field, hit: Hit) -> ConversionError:
    """The error of an array in a column of single values."""
    return ConversionError(
        f"an array, {_of(hit)}",
        column=column.name,
        source=f"array of {column.type}",
        target=str(column.arrow.type),
        hint=f"arrays=[{column.name!r}] reads lists of its values",
    )


def _fetched(hits: Sequence[Hit], column: Field, arrow: pa.Field, *, careful: bool) -> list[Any]:
    """What the server reads out of documents, or has in the index, which it gives as lists."""
    found = [(hit.get("fields") or {}).get(column.name) for hit in hits]
    form = type_of(column.type).form
    if form == "text":  # too long for the index, and a text all the same
        long = [(hit.get("ignored_field_values") or {}).get(column.name) for hit in hits]
        found = [each if extra is None else [*(each or []), *extra] for each, extra in zip(found, long, strict=True)]
    if pa.types.is_list(arrow.type) and form != "vector":
        return found
    if form == "vector":
        return [each[0] if each and len(each) == 1 and isinstance(each[0], list) else each for each in found]
    place = next((row for row, each in enumerate(found) if each and len(each) > 1), None)
    if place is not None and form not in _LISTS:
        if not careful:
            raise Misfit([column.name])
        raise an_array(column, hits[place])
    return [each if each is None else each[0] if len(each) == 1 else each for each in found]


def _read_out(hits: Sequence[Hit], column: Field, arrow: pa.Field, sent: Values) -> list[Any]:
    """What the server reads out of the documents where these have a value. ConversionError: it has ignored the value,
    or made another one of it.
    """  # noqa: D205 (one sentence)
    listed = pa.types.is_list(arrow.type)
    out: list[Any] = []
    for hit, value in zip(hits, sent, strict=True):
        read = (hit.get("fields") or {}).get(column.name)
        said = value if isinstance(value, list) else [value]
        if value is None or not any(each is not None for each in said):
            out.append(value)
            continue
        if column.name in (hit.get("ignored_field_values") or {}) or read is None:
            if type_of(column.type).form != "text":
                raise ConversionError(
                    f"a value that the mapping ignores, {_of(hit)}",
                    column=column.name,
                    source=_kind(said),
                    target=column.type,
                    hint=_AS_INDEXED.format(column.name),
                )
            out.append(value)
            continue
        if type_of(column.type).form == "integer":
            _check_whole(hit, column, said, read)
        out.append(read if listed else read[0] if len(read) == 1 else read)
    return out


def _check_whole(hit: Hit, column: Field, said: Sequence[Any], read: Sequence[Any]) -> None:
    """ConversionError where the index holds 1 for a 1.7."""
    sent = [each for each in said if each is not None]
    if len(sent) != len(read):
        return
    for value, whole in zip(sent, read, strict=True):
        try:
            same = Decimal(str(value)) == whole
        except InvalidOperation:
            same = True  # the server's own way of writing it
        if not same:
            raise ConversionError(
                f"digits would be lost, {_of(hit)}; the index holds the whole number alone",
                column=column.name,
                source=_kind([value]),
                target=column.type,
                hint=_AS_INDEXED.format(column.name),
            )


def _unreadable(hits: Sequence[Hit], column: Field, arrow: pa.Field, values: Values, format_: Any) -> ConversionError:
    """The error of the first value that has no place in the type."""
    form = type_of(column.type).form
    for hit, value in zip(hits, values, strict=True):
        try:
            to_array([value], arrow.type, form, format=format_)
        except Misfit:
            return ConversionError(
                f"the value does not fit, {_of(hit)}",
                column=column.name,
                source=_kind([value]),
                target=str(arrow.type),
                hint="columns= without it",
            )
    raise AssertionError("all values alone are understood")


def _of(hit: Hit) -> str:
    return f"in document {hit.get('_id')!r} of {hit.get('_index')!r}"


_WORDS: Final = {str: "text", int: "whole number", float: "number", bool: "boolean", dict: "object", list: "array"}


def _kind(values: Sequence[Any]) -> str:
    """What JSON calls the first of the values."""
    return next((_WORDS.get(type(each), "value") for each in values if each is not None), "value")
