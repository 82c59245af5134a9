"""Values that DuckDB has and Arrow or Python would silently turn into others: refused, with the cast to write.

``infinity``, ``24:00:00`` and years outside 1-9999 (`frames.extremes` knows them), also inside of lists, structs and
maps; integers of 39 digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.sql.names import quote
from dk_notebook.errors import ConversionError
from dk_notebook.frames.extremes import refuse_unrepresentable

_WIDEST = Decimal(10**38 - 1)


def check(array: pa.Array, name: str, *, first: int, unsigned: bool = False) -> None:
    """Nothing, when every value of the column ``name`` is one that Arrow and Python have too.

    ``first`` is the number of the first row. ``unsigned``: it is an UHUGEINT. ConversionError names column, row and
    the cast that shows the value.
    """
    nested = pa.types.is_nested(array.type)
    for leaf in _leaves(array):
        try:
            refuse_unrepresentable(pa.RecordBatch.from_arrays([leaf], [name]), position=first)
            if pa.types.is_decimal128(leaf.type) and leaf.type.precision == 38:
                _refuse_39_digits(leaf, name, first, unsigned=unsigned)
        except ConversionError as error:
            if nested:
                error.position = None  # counted in items, not in rows
            raise


@cache
def careful(arrow: pa.DataType) -> bool:
    """Whether a column of that type can hold such a value at all."""
    if pa.types.is_nested(arrow):
        return any(careful(arrow.field(place).type) for place in range(arrow.num_fields))
    return bool(pa.types.is_temporal(arrow)) or bool(pa.types.is_decimal128(arrow) and arrow.precision == 38)


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    kind = array.type
    if pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from _leaves(array.field(place))
    elif pa.types.is_map(kind):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_list(kind):
        yield from _leaves(array.flatten())
    else:
        yield array


def _refuse_39_digits(array: pa.Array, name: str, first: int, *, unsigned: bool) -> None:
    # The 128 bits come as they are: a decimal type of 38 digits does not stop 39, and what is negative in an
    # UHUGEINT was above 2**127.
    scale = array.type.scale
    least, most = Decimal(0) if unsigned else -_WIDEST.scaleb(-scale), _WIDEST.scaleb(-scale)
    met = pc.min_max(array)
    low, high = met["min"].as_py(), met["max"].as_py()
    if low is None or (least <= low and high <= most):
        return
    bad = np.flatnonzero([value is not None and not least <= value <= most for value in array.to_pylist()])
    raise ConversionError(
        "an integer of 39 digits, which no decimal holds",
        column=name,
        position=first + int(bad[0]),
        source="uhugeint" if unsigned else "hugeint",
        hint=f"cast it in the query, as in CAST({quote(name)} AS varchar)",
    )
