"""JSON documents: text to Python objects and back, with nothing made up on the way."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dk_notebook.errors import ConversionError
from dk_notebook.frames import types


def parse(column: pa.Field, values: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """The documents of a column as Python objects (None for NULL). ConversionError where the text is no JSON."""
    result = np.empty(len(values), dtype=object)
    if types.kind(column.type) == "text":
        texts = values.to_pylist()
        try:
            # Filled one by one: numpy would take a list of equally long lists for a matrix.
            for row, text in enumerate(texts):
                result[row] = None if text is None else json.loads(text)
        except ValueError:
            raise ConversionError(
                "the text is no JSON", column=column.name, position=row, source="json", hint='json="text" leaves it'
            ) from None
        return result
    try:
        objects = values.to_pylist(maps_as_pydicts="strict")
    except KeyError:
        raise ConversionError("a map has the same key twice", column=column.name, source=str(column.type)) from None
    for row, value in enumerate(objects):
        result[row] = value
    return result


def to_text(column: pa.Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The documents of a column as JSON text. ConversionError for values that JSON has no word for."""
    if types.kind(column.type) == "text":
        return values
    texts = dump(parse(column, values), column=column.name, source=str(column.type), lenient=True)
    return pa.chunked_array([texts])


def dump(values: Any, *, column: str, position: int = 0, source: str = "object", lenient: bool = False) -> pa.Array:
    """JSON text of Python objects, as an Arrow array; missing ones are NULL.

    ``lenient``: dates, decimals and bytes inside, which come from a store's own structs, are shown as text. Without
    it they are a ConversionError that names the row, like sets, infinities, NUL, and keys that are not strings.
    """
    texts: list[str | None] = []
    for row, value in enumerate(values):
        try:
            document = plain(value, lenient=lenient)
            texts.append(None if document is None else json.dumps(document, ensure_ascii=False, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ConversionError(
                str(error), column=column, position=position + row, source=source, target="json"
            ) from None
    return pa.array(texts, pa.string())


def plain(value: Any, *, lenient: bool = False) -> Any:
    """The value in JSON's own words; missing ones are None. TypeError or ValueError says what has none.

    >>> plain({"a": (1, float("nan"))})
    {'a': [1, None]}
    >>> plain({1: "a"})
    Traceback (most recent call last):
    TypeError: a key of type int, where JSON has only strings
    """
    match value:
        case str():
            return value if value.isascii() and "\0" not in value else _sayable(value)
        case None | bool() | int():
            return value if value is None or isinstance(value, bool) else int(value)
        case float():
            if math.isinf(value):
                raise ValueError("JSON has no infinity")
            return None if math.isnan(value) else value
        case dict():
            return {_key(key): plain(item, lenient=lenient) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, lenient=lenient) for item in value]
        case np.ndarray():
            return [plain(item, lenient=lenient) for item in value.tolist()]
        case np.bool_() | np.integer() | np.floating():
            return plain(value.item(), lenient=lenient)
        case _ if value is pd.NA or value is pd.NaT:
            return None
        case bytes() if lenient:
            return value.hex()
        case Decimal() if lenient:
            return str(value)
        case _ if lenient:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)
    raise TypeError(f"a value of type {type(value).__name__}, for which JSON has no word")


def _sayable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text inside holds NUL")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("a text inside holds a lone surrogate")
    return text


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key of type {type(key).__name__}, where JSON has only strings")
    return str(plain(key))
