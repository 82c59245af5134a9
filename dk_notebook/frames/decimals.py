"""Decimals: what a column becomes, decided by how it was declared, and the ways there.

Exact decimals in pandas cannot be plotted or multiplied by a float, and stored money must not be rounded. So the
declaration decides: stored with at most 15 digits, float64 carries every value; stored wider, they stay decimals;
computed, they are float64, with a warning where a whole number is beyond 2**53.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.frames import types
from dk_notebook.frames.notices import warn
from dk_notebook.frames.options import Decimals

Form = Literal["float", "decimal", "plain", "text"]
"""``plain``: Decimal objects without padding zeros."""

_SURVIVES = 15  # digits that a float64 gives back as they were
_WHOLE = 2**53  # up to here a float64 holds every whole number


def form(column: pa.Field, decimals: Decimals) -> Form:
    """What a decimal column becomes in pandas.

    >>> price = types.mark(pa.field("price", pa.decimal128(10, 2)), types.DECIMAL, "stored")
    >>> form(price, "auto"), form(price, "exact")
    ('float', 'decimal')
    """
    if decimals in ("float", "string"):
        return "float" if decimals == "float" else "text"
    if decimals == "auto" and (types.marked(column, types.DECIMAL) == "computed" or column.type.precision <= _SURVIVES):
        return "float"
    return "plain" if column.type == types.UNSCALED else "decimal"


def warn_of_rounding(column: pa.Field, values: pa.ChunkedArray) -> bool:
    """Whether it warned: once a column, where ``"auto"`` shows whole numbers beyond 2**53 as floats."""
    if column.type.precision - column.type.scale <= _SURVIVES:
        return False
    ends = pc.min_max(values)
    if not any(end.is_valid and abs(end.as_py()) > _WHOLE for end in (ends["min"], ends["max"])):
        return False
    warn(
        f"column {column.name!r} is computed and holds whole numbers beyond 2**53, which float64 rounds; "
        f'decimals="exact" keeps every digit'
    )
    return True


def to_float(values: Any) -> Any:
    """The nearest float64 of each decimal; Arrow's own cast may be one unit in the last place off."""
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([to_float(chunk) for chunk in values.chunks], pa.float64())
    arrow = values.type
    if pa.types.is_decimal128(arrow) and arrow.precision <= _SURVIVES and 0 <= arrow.scale <= 22:
        # Both are whole numbers that a float holds exactly, and one division rounds correctly.
        low = np.frombuffer(values.buffers()[1], np.int64)[::2][values.offset : values.offset + len(values)]
        missing = None if values.null_count == 0 else values.is_null().to_numpy(zero_copy_only=False)
        return pa.array(low.astype(np.float64) / 10.0**arrow.scale, mask=missing)
    return values.cast(pa.string()).cast(pa.float64())


def plain(values: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Decimal objects (None for NULL), without the zeros that a scale of 38 pads them with."""
    result = np.empty(len(values), dtype=object)
    result[:] = [None if value is None else without_padding(value) for value in values.to_pylist()]
    return result


def without_padding(value: Decimal) -> Decimal:
    """The same number, in as few digits as it needs.

    >>> without_padding(Decimal("1.500")), without_padding(Decimal("100.0"))
    (Decimal('1.5'), Decimal('100'))
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or exponent >= 0:
        return value
    end = len(digits)
    while exponent < 0 and end > 1 and digits[end - 1] == 0:
        end, exponent = end - 1, exponent + 1
    if digits[:end] == (0,):
        return Decimal(0)
    return Decimal((sign, digits[:end], exponent))


def to_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The digits of each decimal, with its declared scale; without padding where none was declared."""
    if values.type != types.UNSCALED:
        texts = [None if value is None else f"{value:f}" for value in values.to_pylist()]
    else:
        texts = [None if value is None else f"{value:f}" for value in plain(values)]
    return pa.chunked_array([pa.array(texts, pa.string())])
