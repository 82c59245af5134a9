"""Single values as the Python objects that queries and parameters work with.

Numpy, pandas and pyarrow are recognised where they are loaded: a program that has not imported them has no value of
theirs.
"""

from __future__ import annotations

import enum
import sys
import uuid
from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Any


def scalar(value: Any) -> Any:
    """``value`` as a plain Python object; None where it is missing (None, NaN, NaT, NA).

    numpy scalars become their Python values, a numpy time a datetime, or a pandas Timestamp where it has digits below
    the microsecond; a pandas Timestamp without such digits becomes a datetime; UUIDs become text, members of an Enum
    their value, scalars of Arrow what they hold. Everything else is returned as it is.

    >>> scalar(float("nan")) is None
    True
    """
    if value is None or type(value) in (bool, int, str, datetime, date):
        return value
    if isinstance(value, float):
        return float(value) if value == value else None  # NaN alone differs from itself
    if isinstance(value, Decimal):
        return None if value.is_nan() else value
    if isinstance(value, enum.Enum):
        return scalar(value.value)
    if isinstance(value, uuid.UUID):
        return str(value)
    return _pandas_scalar(_numpy_scalar(_arrow_scalar(value)))


def members(values: Any) -> list[Any] | None:
    """The elements of a list-like value, each a `scalar`; None when ``values`` is not list-like.

    Lists are lists, tuples, sets, ranges, iterators, arrays of numpy and Arrow, Series of pandas and polars, Indexes,
    the keys of a mapping; not text, bytes, a mapping or a network of addresses.

    >>> members(range(3)), members("abc")
    ([0, 1, 2], None)
    """
    if isinstance(values, _ONE) or not isinstance(values, Iterable):
        return None
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(values, numpy.ndarray) and values.ndim == 0:
        return None
    if isinstance(values, Set):
        # Sets have no order of their own; a fixed one makes equal statements equal text.
        values = sorted(values, key=lambda element: (type(element).__name__, str(element)))
    return [scalar(element) for element in values]


_ONE = (str, bytes, bytearray, memoryview, Mapping, IPv4Network, IPv6Network)
"""What can be iterated over, and is one value. A network of addresses may have more of them than time has seconds."""


def _arrow_scalar(value: Any) -> Any:
    arrow = sys.modules.get("pyarrow")
    if arrow is None or not hasattr(arrow, "Scalar") or not isinstance(value, arrow.Scalar):
        return value
    return scalar(value.as_py())


def _numpy_scalar(value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return value
    if isinstance(value, numpy.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, numpy.generic):
        return value
    if isinstance(value, numpy.datetime64):
        return _numpy_time(value)
    if isinstance(value, numpy.timedelta64):
        return _numpy_duration(value)
    if isinstance(value, numpy.longdouble):
        return scalar(float(value))
    return scalar(value.item())


def _numpy_time(value: Any) -> Any:
    import pandas as pd  # digits below the microsecond need its Timestamp; numpy times come with frames anyway

    return scalar(pd.Timestamp(value))


def _numpy_duration(value: Any) -> Any:
    import pandas as pd  # as above

    return scalar(pd.Timedelta(value))


def _pandas_scalar(value: Any) -> Any:
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "NaT"):  # still being imported
        return value
    if value is pandas.NaT or value is pandas.NA:
        return None
    if isinstance(value, pandas.Timestamp) and value.nanosecond == 0 and 1 <= value.year <= 9999:
        return value.to_pydatetime()
    if isinstance(value, pandas.Timedelta) and value.nanoseconds == 0:
        return value.to_pytimedelta()
    return value
