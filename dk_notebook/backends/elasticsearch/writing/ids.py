"""The ids of documents: those that a key gives, and those that are drawn before a row is sent.

A key of one column is its value as text: ``7``, ``ann``, ``2024-01-31``, ``2024-01-31T12:00:00Z``, ``true``. One of
several columns is a list of JSON of these texts, ``["ann","7"]``, so that no two keys share an id. A float that is a
whole number is written like one: pandas makes floats of whole numbers beside a missing one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.elasticsearch.writing.date_formats import Bad, true
from dk_notebook.backends.sql.targets import NO_KEY
from dk_notebook.errors import ConfigError
from dk_notebook.frames import ndjson
from dk_notebook.frames.types import is_document, kind

LONGEST = 512
"""Bytes of an id."""
DIGITS = 8
"""Of base64 for the number of a row: more than two hundred million million rows."""
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8)

_KINDS = frozenset({"boolean", "integer", "float", "text", "date", "time", "timestamp", "decimal"})


def drawn() -> str:
    """The beginning of the ids of one write; no other has the same."""
    return secrets.token_urlsafe(9)


def numbered(beginning: str, rows: Any) -> Any:
    """The ids of rows without a key: a row that is sent again has the id that it had.

    They are as Elasticsearch's own, which it keeps as 15 bytes: the number of the row is the end, so that a new one is
    behind all that are there, which the server sees without looking for it.

    >>> numbered("Zm9vYmFyYmF6", pa.array([7, 64])).to_pylist()
    ['Zm9vYmFyYmF6AAAAAAAH', 'Zm9vYmFyYmF6AAAAAABA']
    """
    places = np.arange(6 * (DIGITS - 1), -1, -6)
    digits = _ALPHABET[rows.to_numpy()[:, None] >> places & 63]
    letters = np.empty((len(rows), len(beginning) + DIGITS), np.uint8)
    letters[:, : len(beginning)] = np.frombuffer(beginning.encode(), np.uint8)
    letters[:, len(beginning) :] = digits
    ends = np.arange(len(rows) + 1, dtype=np.int32) * letters.shape[1]
    return pa.Array.from_buffers(pa.string(), len(rows), [None, pa.py_buffer(ends), pa.py_buffer(letters)])


def check_key(key: Sequence[str], schema: pa.Schema) -> None:
    """Nothing, if an id can be made of these columns; else ConfigError."""
    for name in key:
        column = schema.field(name)
        arrow = column.type
        if isinstance(arrow, pa.BaseExtensionType):
            arrow = arrow.storage_type if not isinstance(arrow, pa.UuidType) else pa.string()
        if pa.types.is_dictionary(arrow):
            arrow = arrow.value_type
        if is_document(column) or kind(arrow) not in _KINDS:
            raise ConfigError(
                f"key= names {name!r}, a column of {column.type}, of which no id can be made",
                hint="a key is text, a whole number, a date or a time",
            )


def of_key(arrays: Sequence[Any]) -> tuple[Any, Bad]:
    """The ids of rows, of the columns of their key; NULL where there can be none, and why.

    >>> of_key([pa.array([1.0, 2.5])])[0].to_pylist()
    ['1', '2.5']
    >>> of_key([pa.array(["a", "b"]), pa.array([1, None])])
    (<pyarrow.lib.StringArray object at ...>
    [
      "["a","1"]",
      null
    ], [(1, 'NULL in the key')])
    """
    texts = [_text(array) for array in arrays]
    if len(texts) == 1:
        ids = texts[0]
    else:
        parts: list[Any] = []
        for text in texts:
            parts += [",", ndjson.quoted(text)]
        ids = pc.binary_join_element_wise("[", *parts[1:], "]", "")
    bad = [(row, NO_KEY) for row in true(ids.is_null())]
    lengths = pc.binary_length(ids)
    bad += [(row, "an empty text is no id") for row in true(pc.equal(lengths, 0))]
    bad += [(row, f"an id has {LONGEST} bytes at most") for row in true(pc.greater(lengths, LONGEST))]
    return ids, sorted(bad)


def _text(array: Any) -> Any:
    """Each value in the one text that means it."""
    if isinstance(array, pa.ExtensionArray):
        if isinstance(array.type, pa.UuidType):
            return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
        return _text(array.storage)
    arrow = array.type
    if pa.types.is_dictionary(arrow):
        return _text(array.dictionary).take(array.indices)
    if pa.types.is_floating(arrow):
        wide = array.cast(pa.float32()) if pa.types.is_float16(arrow) else array
        known = pc.if_else(pc.is_nan(wide), pa.scalar(None, wide.type), wide)
        texts = known.cast(pa.string())
        whole = pc.and_(pc.equal(pc.trunc(known), known), pc.less(pc.abs(known), 2.0**53))
        digits = pc.if_else(whole, known, pa.scalar(None, known.type)).cast(pa.int64(), safe=False).cast(pa.string())
        return pc.if_else(whole, digits, texts)
    if pa.types.is_decimal(arrow):
        return pa.array([None if value is None else _digits(value) for value in array.to_pylist()], pa.string())
    if kind(arrow) in ("time", "timestamp"):
        _, texts, after = ndjson.words(pa.field("", arrow), array)
        whole = pc.replace_substring_regex(pc.replace_substring_regex(texts, r"(\.\d*?)0+$", r"\1"), r"\.$", "")
        return pc.binary_join_element_wise(whole, after.strip('"'), "")
    if pa.types.is_date64(arrow):
        array = array.cast(pa.date32())
    return array.cast(pa.string())


def _digits(number: Any) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def repeated(ids: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The rows whose id an earlier row has, and those earlier rows; NULL counts as none.

    >>> repeated(pa.chunked_array([["a", "b"], ["a", None, None]]))
    (array([2]), array([0]))
    """
    table = pa.table({"id": ids, "row": np.arange(len(ids))}).filter(pc.field("id").is_valid())
    first = table.group_by("id").aggregate([("row", "min"), ("row", "count")])
    if first.num_rows == table.num_rows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    twice = first.filter(pc.greater(first["row_count"], 1))
    among = table.filter(pc.is_in(table["id"], value_set=twice["id"]))
    place = pc.index_in(among["id"], value_set=twice["id"])
    earliest = twice["row_min"].take(place).to_numpy()
    rows = among["row"].to_numpy()
    later = rows != earliest
    order = np.argsort(rows[later], kind="stable")
    return rows[later][order], earliest[later][order]
