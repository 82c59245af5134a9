"""Arrow to binary COPY, by pgpq with an encoder for exactly the type of each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pgpq
import pyarrow as pa
from pgpq import encoders
from pgpq.schema import Jsonb

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"

_ENCODERS: dict[pa.DataType, Callable[[pa.Field], Any]] = {
    pa.bool_(): encoders.BooleanEncoderBuilder,
    pa.int16(): encoders.Int16EncoderBuilder,
    pa.int32(): encoders.Int32EncoderBuilder,
    pa.int64(): encoders.Int64EncoderBuilder,
    pa.float32(): encoders.Float32EncoderBuilder,
    pa.float64(): encoders.Float64EncoderBuilder,
    pa.string(): encoders.StringEncoderBuilder,
    pa.binary(): encoders.BinaryEncoderBuilder,
    pa.binary(16): encoders.FixedSizeBinaryEncoderBuilder,
    pa.date32(): encoders.Date32EncoderBuilder,
    pa.time64("us"): encoders.Time64MicrosecondEncoderBuilder,
    pa.timestamp("us"): encoders.TimestampMicrosecondEncoderBuilder,
    pa.timestamp("us", "UTC"): encoders.TimestampMicrosecondEncoderBuilder,
}
"""The types that `wire` gives, decimals and lists aside; each was read back from a server with its extremes."""


def encoded(arrays: Sequence[Any], *, jsonb: Sequence[bool] = ()) -> bytes:
    """The rows of these columns, without the header and the end of a COPY. ``jsonb``: which texts are sent as jsonb."""
    names = [f"c{number}" for number in range(len(arrays))]
    schema = pa.schema(list(zip(names, (array.type for array in arrays), strict=True)))
    flags = jsonb or [False] * len(arrays)
    built = {field.name: _encoder(field, jsonb=flag) for field, flag in zip(schema, flags, strict=True)}
    encoder = pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(schema, built)
    encoder.write_header()
    # It hands out what it has gathered so far; the rest comes with the end.
    rows: bytes = encoder.write_batch(pa.RecordBatch.from_arrays(list(arrays), schema=schema)) + encoder.finish()
    return rows.removesuffix(END)


def _encoder(field: pa.Field, *, jsonb: bool) -> Any:
    arrow = field.type
    if jsonb:
        return encoders.StringEncoderBuilder.new_with_output(field, Jsonb())
    if pa.types.is_decimal128(arrow):
        return encoders.Decimal128EncoderBuilder(field)
    if pa.types.is_list(arrow):
        return encoders.ListEncoderBuilder.new_with_inner(field, _encoder(arrow.value_field, jsonb=False))
    return _ENCODERS[arrow](field)
