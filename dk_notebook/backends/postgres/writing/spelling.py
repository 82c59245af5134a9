"""Values of Arrow as the bytes or the text that PostgreSQL receives, where pgpq has no encoder for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.backends.postgres.writing import limits
from dk_notebook.backends.postgres.writing.numeric_bytes import numeric_bytes
from dk_notebook.backends.sql.chunks import BadRows, rows_below_microseconds
from dk_notebook.backends.sql.targets import FINER_INTERVAL
from dk_notebook.errors import ConversionError
from dk_notebook.frames.cast import cast_collecting
from dk_notebook.frames.documents import dump
from dk_notebook.frames.types import UNSCALED, kind

Converted = tuple[Any, BadRows]

_UUID = r"^\{?([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}?$"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?|[+-]?inf(inity)?|nan", re.I)
_NO_NUMBER = "the text is no number"
_TOO_WIDE = "the number is too wide"


def uuids(array: Any) -> Converted:
    """16 bytes each, of text or of bytes."""
    if kind(array.type) == "binary":
        values, bad = cast_collecting(array, pa.binary())
        long = pc.not_equal(pc.binary_length(values), 16)
        bad = [*bad, *((row, "not the 16 bytes of an uuid") for row in _true(long))]
        return _blanked(values, bad).cast(pa.binary(16)), bad
    texts, bad = cast_collecting(array, pa.string())
    wrong = _true(pc.invert(pc.match_substring_regex(texts, _UUID)))
    bad = [*bad, *((row, "the text is no uuid") for row in wrong)]
    plain = pc.replace_substring_regex(_blanked(texts, bad), "[-{}]", "")
    digits = "".join(plain.fill_null("0" * 32).to_pylist())
    valid = pa.py_buffer(np.packbits(plain.is_valid().to_numpy(zero_copy_only=False), bitorder="little").tobytes())
    held = [valid, pa.py_buffer(bytes.fromhex(digits))]
    return pa.Array.from_buffers(pa.binary(16), len(plain), held), bad


def interval_bytes(values: Any) -> Any:
    """16 bytes each: microseconds, days, months; big-endian."""
    parts = limits.interval_parts(values)
    sent = np.zeros(len(values), np.dtype([("microseconds", ">i8"), ("days", ">i4"), ("months", ">i4")]))
    sent["microseconds"], sent["days"], sent["months"] = parts["nanoseconds"] // 1000, parts["days"], parts["months"]
    valid = np.packbits(values.is_valid().to_numpy(zero_copy_only=False), bitorder="little").tobytes()
    return pa.Array.from_buffers(pa.binary(16), len(values), [pa.py_buffer(valid), pa.py_buffer(sent.tobytes())])


def intervals(array: Any) -> Converted:
    """Text that the server reads."""
    values, bad = cast_collecting(array, pa.month_day_nano_interval())
    finer = sorted(set(rows_below_microseconds(array)) | set(rows_below_microseconds(values)))

    def spelled(value: Any) -> str:
        seconds, microseconds = divmod(abs(value.nanoseconds) // 1000, 10**6)
        clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{microseconds:06}"
        return f"{value.months} mons {value.days} days {'-' if value.nanoseconds < 0 else ''}{clock}"

    texts = [None if value is None else spelled(value) for value in values.to_pylist()]
    return pa.array(texts, pa.string()), [*bad, *((row, FINER_INTERVAL) for row in finer)]


def numbers(array: Any, digits: tuple[int, int] | None) -> Converted:
    """For a numeric of any width: a decimal that pgpq sends, where the source's type tells that all fit; else bytes."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    arrow = array.type
    if digits is None and pa.types.is_integer(arrow):
        return cast_collecting(array, pa.decimal128(20, 0))
    if digits is None and pa.types.is_decimal(arrow) and not pa.types.is_decimal256(arrow):
        return cast_collecting(array, pa.decimal128(arrow.precision, arrow.scale))
    bad: list[tuple[int, str]] = []
    sent: list[bytes | None] = []
    for row, number in enumerate(_decimals(array)):
        try:
            if number is not None:
                _check(number, digits)
            sent.append(None if number is None else numeric_bytes(number))
        except ValueError as error:
            sent.append(None)
            bad.append((row, str(error)))
    return pa.array(sent, pa.binary()), bad


def floats(array: Any, exact: pa.DataType) -> Converted:
    """For a numeric of that width: its decimals; where NaN is among them, which no decimal is, bytes."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    nan = pc.is_nan(array).fill_null(False)
    if not pc.any(nan).as_py():
        return cast_collecting(array, exact)
    values, bad = cast_collecting(pc.if_else(nan, pa.scalar(None, array.type), array), exact)
    numbers = zip(values.to_pylist(), nan.to_pylist(), strict=True)
    sent = [
        numeric_bytes(Decimal("nan")) if is_nan else None if number is None else numeric_bytes(number)
        for number, is_nan in numbers
    ]
    return pa.array(sent, pa.binary()), bad


def documents(array: Any) -> Converted:
    """JSON text of structs, maps, lists and scalars."""
    try:
        return dump(array.to_pylist(maps_as_pydicts="strict"), column=""), ()
    except (ConversionError, KeyError, OverflowError):
        rows = [array.slice(row, 1) for row in range(len(array))]
    return _each(rows, lambda row: dump(row.to_pylist(maps_as_pydicts="strict"), column="")[0].as_py())


def vectors(array: Any) -> Converted:
    """``[1.5,2]`` of a list of numbers, as pgvector reads it."""
    values, bad = cast_collecting(array, pa.list_(pa.float32()))
    texts, missing = _each(values.to_pylist(), lambda items: f"[{','.join(map(_number, items))}]")
    return texts, [*bad, *missing]


def arrays(array: Any, exact: pa.DataType | None, *, documents: bool = False) -> Converted:
    """``{a,"b c",NULL}`` of a list, as PostgreSQL reads it. ``exact``: what its items are cast to first."""
    bad: BadRows = ()
    if exact is not None and not pa.types.is_nested(array.type.value_type):
        array, bad = cast_collecting(array, pa.list_(exact))
    elif kind(array.type.value_type) in ("duration", "interval"):
        items, finer = intervals(array.flatten())
        bad = list(limits.rows_of(finer, array))
        ends = np.cumsum(pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False))
        offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
        array = pa.ListArray.from_arrays(offsets, items, mask=array.is_null())
    spell = _document if documents else _item
    texts, wrong = _each(array.to_pylist(), lambda items: _literal(items, spell))
    return texts, [*bad, *wrong]


def _literal(items: list[Any], spell: Callable[[Any], str]) -> str:
    return "{" + ",".join(_part(item, spell) for item in items) + "}"


def _part(item: Any, spell: Callable[[Any], str]) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, list) and spell is _item:
        return _literal(item, spell)
    return '"' + spell(item).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _document(value: Any) -> str:
    text: str = value if isinstance(value, str) else dump([value], column="")[0].as_py()
    return text


def _item(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "t" if value else "f"
        case bytes():
            return f"\\x{value.hex()}"
        case int() | float() | Decimal():
            return str(value)
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
    raise TypeError(f"a value of type {type(value).__name__} in a list, which has no text form")


def _number(value: float | None) -> str:
    if value is None:
        raise TypeError("NULL in a vector")
    return repr(value)


def _each(values: list[Any], spell: Callable[[Any], str]) -> Converted:
    texts: list[str | None] = []
    bad: list[tuple[int, str]] = []
    for row, value in enumerate(values):
        try:
            texts.append(None if value is None else spell(value))
        except ConversionError as error:
            texts.append(None)
            bad.append((row, error.message))
        except TypeError as error:
            texts.append(None)
            bad.append((row, str(error)))
        except KeyError:
            texts.append(None)
            bad.append((row, "a map has the same key twice"))
        except OverflowError:  # Arrow's, of a value that Python's own types do not reach
            texts.append(None)
            bad.append((row, "a date or time outside of the years 1 to 9999"))
    return pa.array(texts, pa.string()), bad


def _decimals(array: Any) -> list[Decimal | None]:
    arrow = array.type
    if pa.types.is_decimal(arrow):
        found: list[Decimal | None] = array.to_pylist()
        # As a numeric without a scale was read, with zeros that nobody wrote.
        return [None if one is None else _stripped(one) for one in found] if arrow == UNSCALED else found
    texts = array.cast(pa.string()).to_pylist()
    return [None if text is None else _parsed(text) for text in texts]


def _parsed(text: str) -> Decimal:
    # One that is no number is told by `_check`.
    return Decimal(text) if _NUMBER.fullmatch(text) else Decimal("sNaN")


def _stripped(number: Decimal) -> Decimal:
    """The number without zeros at its end, after the point: by its digits, since arithmetic would round them."""
    sign, digits, exponent = number.as_tuple()
    if not number or int(exponent) >= 0:
        return number or Decimal(0)
    zeros = min(_zeros(number), -int(exponent))
    return Decimal((sign, digits[: len(digits) - zeros] or (0,), int(exponent) + zeros))


def _zeros(number: Decimal) -> int:
    """How many zeros the digits end in."""
    text = "".join(map(str, number.as_tuple().digits))
    return len(text) - len(text.rstrip("0"))


def _check(number: Decimal, digits: tuple[int, int] | None) -> None:
    if number.is_snan():
        raise ValueError(_NO_NUMBER)
    if digits is None or number.is_nan():
        return
    precision, scale = digits
    if number.is_infinite() or (number and number.adjusted() >= precision - scale):
        raise ValueError(_TOO_WIDE)
    if number and int(number.as_tuple().exponent) + _zeros(number) < -scale:
        raise ValueError("digits would be lost")


def _blanked(values: Any, bad: list[tuple[int, str]]) -> Any:
    """The values with NULL in the bad rows."""
    if not bad:
        return values
    good = np.ones(len(values), bool)
    good[[row for row, _ in bad]] = False
    return pc.if_else(pa.array(good), values, pa.scalar(None, values.type))


def _true(flags: Any) -> list[int]:
    return [int(row) for row in np.flatnonzero(flags.fill_null(False).to_numpy(zero_copy_only=False))]
