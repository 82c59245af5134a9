"""How one scalar type becomes another without losing anything: a rule for each pair of kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.frames import decimals, fits
from dk_notebook.frames.types import kind

Pair = tuple[str, str]
ARROW_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError)


@dataclass(frozen=True)
class Attempt:
    """Cast values, and which of them are exact (None: all)."""

    values: Any
    good: np.ndarray[Any, Any] | None = None


@dataclass(frozen=True)
class Rule:
    """A way from one kind to another: raises one of ARROW_ERRORS, or says itself which values are not exact."""

    attempt: Callable[[Any, pa.DataType], Attempt]
    reason: str
    """Why a value does not fit; never the value."""
    fits: Callable[[Any, pa.DataType], Any] | None = None
    """Which values fit: asked where the attempt raises, so that many bad values do not take many attempts."""


def follow(rule: Rule, array: Any, target: pa.DataType) -> Attempt:
    """The rule on the whole array; where that raises, on the values that fit."""
    try:
        return rule.attempt(array, target)
    except ARROW_ERRORS:
        if rule.fits is None:
            return _by_halves(rule, array, target)
    fits = rule.fits(array, target).fill_null(True)
    kept = pc.if_else(fits, array, pa.scalar(None, array.type))
    return _by_halves(rule, kept, target, fits.to_numpy(zero_copy_only=False))


def _by_halves(rule: Rule, array: Any, target: pa.DataType, known: np.ndarray[Any, Any] | None = None) -> Attempt:
    """The rule on the array, or on its halves, down to the values that are to blame; ``known``: those that are not."""
    try:
        # A half may be all NULL, of which no smallest or largest value is known.
        missing = array.null_count == len(array)
        outcome = Attempt(pa.nulls(len(array), target)) if missing else rule.attempt(array, target)
    except ARROW_ERRORS:
        if len(array) == 1:
            return Attempt(pa.nulls(1, target), np.array([False]))
        half = len(array) // 2
        parts = [_by_halves(rule, part, target) for part in (array.slice(0, half), array.slice(half))]
        good = [np.ones(len(part.values), bool) if part.good is None else part.good for part in parts]
        outcome = Attempt(pa.concat_arrays([part.values for part in parts]), np.concatenate(good))
    if known is None:
        return outcome
    return Attempt(outcome.values, known if outcome.good is None else known & outcome.good)


def refused(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether no value at all may go that way: between a local time and a moment there is a zone to choose."""
    match kind(source), kind(target):
        case "timestamp", "timestamp":
            return (source.tz is None) != (target.tz is None)
        case ("timestamp", "date"):
            return source.tz is not None
        case ("date", "timestamp"):
            return target.tz is not None
    return False


def reason_of(source: pa.DataType, target: pa.DataType) -> str:
    """Why no value goes that way."""
    if refused(source, target):
        return "one is a moment, the other a local time; which zone it is in nobody said"
    return "no value of the one is a value of the other"


# --- the ways ---------------------------------------------------------------------------------------------------


def _safe(array: Any, target: pa.DataType) -> Attempt:
    """Arrow's own checked cast, for pairs where it checks everything."""
    return Attempt(array.cast(target))


def _agreeing(array: Any, target: pa.DataType) -> Attempt:
    """There and back again must give the same, for pairs whose cast checks too little."""
    result = array.cast(target)
    return Attempt(result, _same(result.cast(array.type), array))


def _same(left: Any, right: Any) -> np.ndarray[Any, Any] | None:
    same = pc.equal(left, right)
    if pa.types.is_floating(left.type):
        same = pc.or_(same, pc.and_(pc.is_nan(left), pc.is_nan(right)))
    good = same.fill_null(True).to_numpy(zero_copy_only=False)  # NULL stays NULL
    return None if good.all() else good


_WHOLE = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): 2**53}


def _integer_to_float(array: Any, target: pa.DataType) -> Attempt:
    ends = pc.min_max(array)
    if max(abs(ends["min"].as_py()), abs(ends["max"].as_py())) <= _WHOLE[target]:
        return Attempt(array.cast(pa.float64()).cast(target))
    make = target.to_pandas_dtype()
    values = array.to_pylist()
    good = np.array([value is None or _is_whole(make(value), value) for value in values])
    return Attempt(array.cast(target, safe=False), None if good.all() else good)


def _is_whole(number: Any, value: int) -> bool:
    return bool(np.isfinite(number)) and int(number) == value


def _float_to_float(array: Any, target: pa.DataType) -> Attempt:
    result = array.cast(target, safe=False)
    return Attempt(result, _same(result.cast(array.type, safe=False), array))


def _integer_to_decimal(array: Any, target: pa.DataType) -> Attempt:
    wide = pa.decimal128(20, 0) if pa.types.is_uint64(array.type) else pa.decimal128(19, 0)
    return Attempt(array.cast(wide).cast(target))


def _bool_to_number(array: Any, target: pa.DataType) -> Attempt:
    return Attempt(array.cast(pa.uint8()).cast(target))


def _number_to_bool(array: Any, target: pa.DataType) -> Attempt:
    return _agreeing_with(array, array.cast(pa.float64(), safe=False).cast(target, safe=False).cast(array.type))


def _agreeing_with(array: Any, back: Any) -> Attempt:
    return Attempt(pc.equal(array, 1), _same(back, array))


def _float_to_decimal(array: Any, target: pa.DataType) -> Attempt:
    """By the shortest text that means this float, so that 1.1 is 1.10 and not 1.100000000000000088."""
    if not pc.all(pc.is_finite(array)).as_py():
        raise pa.ArrowInvalid("no number")
    return _parsed(array.cast(pa.string()), target)


def _decimal_to_float(array: Any, target: pa.DataType) -> Attempt:
    """Exact where the shortest text of the float is the same number."""
    near = decimals.to_float(array)
    result = near if target == pa.float64() else near.cast(target, safe=False)
    return Attempt(result, _saying(array.to_pylist(), result))


def _saying(numbers: Sequence[Decimal | None], floats: Any) -> np.ndarray[Any, Any] | None:
    """Which floats are these numbers: by their shortest text, or to the last bit."""
    good = np.ones(len(numbers), bool)
    texts = floats.cast(pa.string()).to_pylist()
    for row, (number, text, value) in enumerate(zip(numbers, texts, floats.to_pylist(), strict=True)):
        if number is not None and Decimal(text) != number:
            good[row] = math.isfinite(value) and number.is_finite() and Decimal(value) == number
    return None if good.all() else good


# --- from text: the whole text must be the value, in the form that this package writes ---------------------------

_PATTERNS = {
    "integer": r"^[+-]?[0-9]+$",
    "decimal": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "float": r"^([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[Nn]a[Nn]|[+-]?([Ii]nf|[Ii]nfinity))$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "timestamp": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}.*)?$",
    "time": r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?$",
}


_DIGITS = 38


def _matching(array: Any, target: pa.DataType) -> Any:
    return pc.match_substring_regex(array, _PATTERNS[str(kind(target))])


def _text_to_integer(array: Any, target: pa.DataType) -> Attempt:
    if not pc.all(_matching(array, target)).as_py():
        raise pa.ArrowInvalid("Arrow takes 0x1F too")
    return Attempt(pc.replace_substring_regex(array, r"^\+", "").cast(target))


def _text_to_decimal(array: Any, target: pa.DataType) -> Attempt:
    if not pc.all(_fitting_decimal(array, target)).as_py():
        raise pa.ArrowInvalid("no decimal of that width")
    return _parsed(array, target)


def _parsed(array: Any, target: pa.DataType) -> Attempt:
    texts = _without_exponents(array)
    if pc.max(pc.utf8_length(texts)).as_py() > _DIGITS:
        # Arrow drops digits silently where there are very many of them, so that it gets the ones that count only.
        if not pc.all(pc.match_substring_regex(texts, _width(target))).as_py():
            raise pa.ArrowInvalid("digits would be lost")
        texts = pc.replace_substring_regex(texts, r"^([+-]?)0+([0-9])", r"\1\2")
        texts = pc.replace_substring_regex(texts, rf"(\.[0-9]{{{target.scale}}})0+$", r"\1")
    return Attempt(texts.cast(target))


def _fitting_decimal(array: Any, target: pa.DataType) -> Any:
    """Which texts are numbers that fit; with an exponent, which may."""
    written_out = pc.match_substring_regex(array, _width(target))
    return pc.and_(_matching(array, target), pc.or_(written_out, pc.match_substring_regex(array, "[eE]")))


def _width(target: pa.DataType) -> str:
    whole = target.precision - target.scale
    return rf"^[+-]?0*[0-9]{{0,{whole}}}(\.[0-9]{{0,{target.scale}}}0*)?$"


def _without_exponents(array: Any) -> Any:
    """The numbers written out: Arrow counts the places of an exponent in 8 bits and takes 1e-300 for 0."""
    long = pc.or_(pc.greater(pc.utf8_length(array), 100), pc.match_substring_regex(array, "[eE]"))
    if not pc.any(long).as_py():
        return array
    texts = array.to_pylist()
    for row in np.flatnonzero(long.fill_null(False).to_numpy(zero_copy_only=False)):
        number = Decimal(texts[row])
        if number and not -80 < number.adjusted() < 80:
            raise pa.ArrowInvalid("beyond every decimal")
        texts[row] = f"{number:f}".rstrip("0") if "." in f"{number:f}" else f"{number:f}" if number else "0"
        if len(texts[row]) > 120:
            raise pa.ArrowInvalid("more digits than every decimal has")
    return pa.array(texts, pa.string())


def _text_to_float(array: Any, target: pa.DataType) -> Attempt:
    if not pc.all(_matching(array, target)).as_py():
        raise pa.ArrowInvalid("no number")
    plain = pc.replace_substring_regex(array, r"^\+", "").cast(pa.float64())
    outcome = Attempt(plain) if target == pa.float64() else _float_to_float(plain, target)
    good = _exact_texts(array, plain)
    if outcome.good is not None:
        good &= outcome.good
    return Attempt(outcome.values, None if good.all() else good)


def _exact_texts(texts: Any, floats: Any) -> np.ndarray[Any, Any]:
    """Which texts say what their float says; all of up to 15 digits do, unless an exponent takes them far out."""
    good = np.ones(len(texts), bool)
    long = pc.or_(pc.greater(pc.utf8_length(texts), 15), pc.match_substring_regex(texts, "[eE]"))
    rows = np.flatnonzero(long.fill_null(False).to_numpy(zero_copy_only=False))
    if len(rows):
        places = pa.array(rows)
        numbers = [Decimal(text) for text in texts.take(places).to_pylist()]
        saying = _saying(numbers, floats.take(places))
        good[rows] = True if saying is None else saying
    return good


_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")


def _text_to_bool(array: Any, target: pa.DataType) -> Attempt:  # noqa: ARG001 (there is one boolean type)
    lower = pc.utf8_lower(array.cast(pa.string()))
    known = pc.is_in(lower, value_set=pa.array([*_TRUE, *_FALSE, None]))
    good = known.to_numpy(zero_copy_only=False)
    values = pc.if_else(array.is_valid(), pc.is_in(lower, value_set=pa.array(_TRUE)), pa.scalar(None, pa.bool_()))
    return Attempt(values, None if good.all() else good)


def _text_to_time(array: Any, target: pa.DataType) -> Attempt:
    if not pc.all(_matching(array, target)).as_py():
        raise pa.ArrowInvalid("no time")
    moments = pc.binary_join_element_wise(pa.scalar("1970-01-01"), array.cast(pa.string()), " ")
    return Attempt(moments.cast(pa.timestamp("ns")).cast(pa.time64("ns")).cast(target))


def _duration_to_interval(array: Any, target: pa.DataType) -> Attempt:
    nanoseconds = array.cast(pa.duration("ns")).cast(pa.int64())
    parts = np.zeros(len(array), dtype=[("months", "i4"), ("days", "i4"), ("nanoseconds", "i8")])
    parts["nanoseconds"] = nanoseconds.fill_null(0).to_numpy(zero_copy_only=False)
    validity = None
    if array.null_count:
        bits = np.packbits(array.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
        validity = pa.py_buffer(bits.tobytes())
    return Attempt(pa.Array.from_buffers(target, len(array), [validity, pa.py_buffer(parts.tobytes())]))


_LOST = "digits would be lost"
_NUMBER = "the text is no number that fits exactly"

RULES: dict[Pair, Rule] = {
    ("integer", "integer"): Rule(_safe, "the number is too wide", fits.integers_in_integers),
    ("integer", "float"): Rule(_integer_to_float, _LOST),
    ("integer", "decimal"): Rule(_integer_to_decimal, "the number is too wide", fits.integers_in_decimals),
    ("integer", "boolean"): Rule(_number_to_bool, "neither 0 nor 1"),
    ("boolean", "integer"): Rule(_bool_to_number, ""),
    ("float", "integer"): Rule(_safe, "not a whole number of that width", fits.floats_in_integers),
    ("float", "float"): Rule(_float_to_float, _LOST),
    ("float", "decimal"): Rule(_float_to_decimal, _LOST, fits.floats_in_decimals),
    ("decimal", "decimal"): Rule(_safe, _LOST, fits.decimals_in_decimals),
    ("decimal", "integer"): Rule(_safe, "not a whole number of that width", fits.decimals_in_integers),
    ("decimal", "float"): Rule(_decimal_to_float, _LOST),
    ("text", "text"): Rule(_safe, "too long"),
    ("text", "integer"): Rule(_text_to_integer, "the text is no whole number of that width", _matching),
    ("text", "float"): Rule(_text_to_float, _NUMBER, _matching),
    ("text", "decimal"): Rule(_text_to_decimal, _NUMBER, _fitting_decimal),
    ("text", "boolean"): Rule(_text_to_bool, "the text is neither true nor false"),
    ("text", "date"): Rule(_safe, "the text is no date such as 2024-01-31", _matching),
    ("text", "time"): Rule(_text_to_time, "the text is no time such as 23:59:59 that fits exactly", _matching),
    ("text", "timestamp"): Rule(
        _safe,
        "the text is no time such as 2024-01-31 23:59:59 (with its zone, if the type has one) that fits exactly",
        _matching,
    ),
    ("binary", "binary"): Rule(_agreeing, "another number of bytes"),
    ("date", "date"): Rule(_agreeing, "out of range"),
    ("date", "timestamp"): Rule(_safe, "out of range", fits.dates_in_timestamps),
    ("timestamp", "date"): Rule(_agreeing, "not midnight"),
    ("timestamp", "timestamp"): Rule(_safe, "finer, or further away, than the type reaches", fits.ticks_in_ticks),
    ("time", "time"): Rule(_safe, "finer than the type", fits.ticks_in_ticks),
    ("duration", "duration"): Rule(_safe, "finer, or longer, than the type reaches", fits.ticks_in_ticks),
    ("duration", "interval"): Rule(
        _duration_to_interval, "longer than nanoseconds reach", fits.durations_in_nanoseconds
    ),
}
"""(kind, kind) -> rule. What is not here is refused: nothing becomes text, a date no number, bytes no text."""

Hint = Callable[[str, pa.DataType, pa.DataType], str | None]
_UNITS = ("s", "ms", "us", "ns")


def _time_hint(column: str, source: pa.DataType, target: pa.DataType) -> str | None:
    match kind(source), kind(target):
        case "timestamp", "timestamp" if source.tz is None and target.tz is not None:
            return f'df[{column!r}].dt.tz_localize("UTC"), or the zone that these times are in'
        case "timestamp", _ if source.tz is not None and getattr(target, "tz", None) is None:
            return f'df[{column!r}].dt.tz_convert("UTC").dt.tz_localize(None), or another zone\'s local time'
        case "timestamp", "timestamp" if _UNITS.index(source.unit) > _UNITS.index(target.unit):
            return f'df[{column!r}].dt.floor("{target.unit}") if losing what is finer is what you want'
    return None


HINTS: dict[tuple[str | None, str | None], Hint] = {
    ("timestamp", "timestamp"): _time_hint,
    ("timestamp", "date"): _time_hint,
    **{
        (name, "text"): lambda column, *_: f"df[{column!r}].astype(str) if text is what you want"
        for name in ("integer", "float", "decimal", "boolean", "date", "time", "timestamp")
    },
    ("float", "float"): lambda column, *_: f'df[{column!r}].astype("float32") if rounding is what you want',
    ("float", "decimal"): lambda column, _, target: (
        f"df[{column!r}].round({target.scale}) if rounding is what you want"
    ),
}
"""What a person may do about it."""


def hint_for(column: str, source: pa.DataType, target: pa.DataType) -> str | None:
    """What a person may do about a value that does not fit, or None."""
    hint = HINTS.get((kind(source), kind(target)))
    return None if hint is None else hint(column, source, target)
