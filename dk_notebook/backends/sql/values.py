"""Parameter values as the plain Python objects that drivers know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from dk_notebook.errors import ConfigError
from dk_notebook.records import values


def plain(value: Any) -> Any:
    """``value`` as None, bool, int, float, Decimal, str, bytes, a datetime object, or a list of these.

    Missing values (NaN, NaT, NA) are None, mappings JSON text, arrays, Series, sets and tuples lists. A pandas
    Timestamp or Timedelta stays one only where it has digits below the microsecond (or a year beyond 9999).
    An object of any other type is returned as it is: the driver may know it. ConfigError: a frame, which is no list,
    though iterating over one gives the names of its columns; JSON that cannot be.

    >>> plain({"a": [1, float("nan")]}), plain(range(3)), plain(float("nan"))
    ('{"a": [1, null]}', [0, 1, 2], None)
    """
    if isinstance(value, Mapping):
        return json_text(value)
    if hasattr(value, "columns") and hasattr(value, "shape"):  # of pandas, polars, Arrow, DuckDB
        raise ConfigError("a frame is no list of values", hint='df["column"] is one')
    elements = values.members(value)
    if elements is not None:
        return [plain(element) for element in elements]
    value = values.scalar(value)
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def json_text(value: Any) -> str:
    """A mapping or list as JSON text. ConfigError for what JSON cannot hold.

    >>> json_text([{"a": 1}, float("nan")])
    '[{"a": 1}, null]'
    """
    return json.dumps(_json(value), ensure_ascii=False, allow_nan=False)


def _json(value: Any) -> Any:
    """What the JSON encoder knows. ConfigError for what JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(key): _json(element) for key, element in value.items()}
    elements = values.members(value)
    if elements is not None:
        return [_json(element) for element in elements]
    value = values.scalar(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite():
        if value == value.to_integral_value():
            return int(value)
        if Decimal(repr(float(value))) == value:
            return float(value)
    if value is None or (isinstance(value, (bool, int, float, str)) and value not in (float("inf"), float("-inf"))):
        return value
    raise ConfigError(f"JSON cannot hold a value of type {type(value).__name__}", hint="convert it to text or a number")
