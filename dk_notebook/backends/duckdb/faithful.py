"""Values that DuckDB has and Arrow, Python or pandas would silently turn into others: refused, with the cast to write.

``infinity``, ``24:00:00``, years outside 1-9999, integers of 39 digits.
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import ConversionError

_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_WIDEST = Decimal(10**38 - 1)
_INT64 = 2**63 - 1


def check(array: pa.Array, name: str, *, first: int, unsigned: bool = False) -> None:
    """Nothing, when every value of the column ``name`` is one that Arrow and Python have too.

    ``first`` is the number of the first row. ``unsigned``: decimals that come from an UHUGEINT.
    ConversionError names column, row and the cast that shows the value.
    """
    _check(array, name, first=first, unsigned=unsigned, nested=False)


def _check(array: pa.Array, name: str, *, first: int, unsigned: bool, nested: bool) -> None:
    kind = array.type
    if pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            _check(array.field(index), name, first=first, unsigned=unsigned, nested=True)
    elif pa.types.is_map(kind):
        _check(array.keys, name, first=first, unsigned=unsigned, nested=True)
        _check(array.items, name, first=first, unsigned=unsigned, nested=True)
    elif pa.types.is_list(kind):
        _check(array.flatten(), name, first=first, unsigned=unsigned, nested=True)
    else:
        limits = _limits(kind, unsigned=unsigned)
        if limits is not None:
            _within(array, limits, name, first=first, nested=nested)


def _limits(kind: pa.DataType, *, unsigned: bool) -> tuple[pa.DataType, int | Decimal, int | Decimal] | None:
    """The type to compare in, and the least and the greatest value."""
    if pa.types.is_timestamp(kind):
        if kind.unit == "ns":  # its whole range lies within 1-9999; the two ends are DuckDB's infinities
            return pa.int64(), -_INT64 + 1, _INT64 - 1
        unit = _SECONDS[kind.unit]
        return pa.int64(), _FIRST_SECOND * unit, (_LAST_SECOND + 1) * unit - 1
    if pa.types.is_date32(kind):
        return pa.int32(), _FIRST_DAY, _LAST_DAY
    if pa.types.is_time64(kind):
        return pa.int64(), 0, 86_400 * _SECONDS[kind.unit] - 1
    if pa.types.is_decimal128(kind) and kind.precision == 38:
        # UHUGEINT comes as the bits of a signed number: what is negative was above 2**127.
        return kind, Decimal(0) if unsigned else -_WIDEST.scaleb(-kind.scale), _WIDEST.scaleb(-kind.scale)
    return None


def _within(
    array: pa.Array,
    limits: tuple[pa.DataType, int | Decimal, int | Decimal],
    name: str,
    *,
    first: int,
    nested: bool,
) -> None:
    compared, least, most = limits
    values = array if array.type.equals(compared) else array.view(compared)
    met = pc.min_max(values)
    low, high = met["min"].as_py(), met["max"].as_py()
    if low is None or (least <= low and high <= most):
        return
    bad = values.to_pylist()
    at = next(index for index, value in enumerate(bad) if value is not None and not least <= value <= most)
    raise ConversionError(
        _reason(array.type, bad[at]),
        column=name,
        position=None if nested else first + at,
        source=_source(array.type),
        hint=f"CAST({quote(name)} AS VARCHAR) shows it as text",
    )


def _reason(kind: pa.DataType, value: int | Decimal) -> str:
    if pa.types.is_decimal(kind):
        return "an integer of 39 digits, which no decimal holds"
    if pa.types.is_time(kind):
        return "24:00:00, which is no time of a day elsewhere"
    ends = (2**31 - 1, -(2**31) + 1) if pa.types.is_date32(kind) else (_INT64, -_INT64)
    return "infinity" if value in ends else "a year outside 1-9999"


def _source(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return "hugeint"
    return "date" if pa.types.is_date32(kind) else "time" if pa.types.is_time(kind) else "timestamp"
