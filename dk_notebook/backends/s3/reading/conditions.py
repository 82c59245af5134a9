"""Conditions as expressions of Arrow, which leave out partitions, row groups and rows.

An expression keeps every row that the condition matches; where it keeps others too, it says that it is not sure, and
`records.filters` decides about the rows that are left.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dk_notebook.frames.types import kind
from dk_notebook.records.filters import And, Compare, Condition, Not, Or
from dk_notebook.records.kinds import parse_instant

ALL: Final = pc.scalar(True)
NONE: Final = pc.scalar(False)


class Found(NamedTuple):
    """What an expression keeps."""

    expression: Any
    """Never NULL."""
    sure: bool
    """Whether it keeps exactly the rows that match."""


UNSURE: Final = Found(ALL, False)


def expressed(condition: Condition | None, schema: pa.Schema) -> Found:
    """The condition on rows of these columns, all of which are there."""
    match condition:
        case None:
            return Found(ALL, True)
        case And(parts):
            return _joined([expressed(part, schema) for part in parts], all_of=True)
        case Or(parts):
            return _joined([expressed(part, schema) for part in parts], all_of=False)
        case Not(part):
            found = expressed(part, schema)
            return Found(~found.expression, True) if found.sure else UNSURE
        case Compare():
            return _compare(condition, schema)
    raise TypeError(f"no condition: {type(condition).__name__}")


def _joined(found: list[Found], *, all_of: bool) -> Found:
    expression = ALL if all_of else NONE
    for number, each in enumerate(found):
        if number == 0:
            expression = each.expression
        else:
            expression = expression & each.expression if all_of else expression | each.expression
    return Found(expression, all(each.sure for each in found))


def _compare(compare: Compare, schema: pa.Schema) -> Found:
    name = compare.field.name
    if schema.get_field_index(name) < 0:  # inside of a column
        return UNSURE
    column = schema.field(name)
    there = _there(name, column.type)
    if there is None:
        return UNSURE
    if compare.op == "exists":
        return Found(there, True)
    if compare.op == "not_exists":
        return Found(~there, True)
    operator = compare.operator
    positive = operator.negates or compare.op
    test = _test(pc.field(name), column.type, positive, compare.value)
    if test is None:
        return Found(there, False)
    # A comparison with NULL is NULL; `there` before it makes the whole one false.
    return Found(there & ~test if operator.negates else there & test, True)


def _there(name: str, arrow: pa.DataType) -> Any:
    """Whether the column has a value that is not missing; None: for nested ones only Python can tell."""
    field = pc.field(name)
    match kind(arrow):
        case "float":
            return field.is_valid() & ~pc.is_nan(field)
        case "list" | "struct" | "map" | "null" | "dictionary" | None:
            return None
    return field.is_valid()


def _test(field: Any, arrow: pa.DataType, op: str, operand: Any) -> Any:
    """The comparison of values that are there; None: it cannot be said exactly."""
    if op == "in":
        tests = [_test(field, arrow, "=", each) for each in operand]
        if any(test is None for test in tests):
            return None
        joined = NONE
        for number, test in enumerate(tests):
            joined = test if number == 0 else joined | test
        return joined
    if op == "between":
        low, high = (_test(field, arrow, bound, each) for bound, each in zip((">=", "<="), operand, strict=True))
        return None if low is None or high is None else low & high
    match kind(arrow):
        case "text":
            return _of_text(field, op, operand)
        case "boolean" if isinstance(operand, bool) and op == "=":
            return field == pc.scalar(operand)
        case "integer" if _is_number(operand):
            return _of_integers(field, arrow, op, operand)
        case "float" if _is_number(operand):
            return _of_floats(field, arrow, op, operand)
        case "date":
            return _of_dates(field, op, operand)
        case "timestamp":
            return _of_timestamps(field, arrow, op, operand)
    return None


def _is_number(operand: Any) -> bool:
    return isinstance(operand, (int, float, Decimal)) and not isinstance(operand, bool)


def _ordered(field: Any, op: str, value: Any) -> Any:
    match op:
        case "=":
            return field == value
        case ">":
            return field > value
        case ">=":
            return field >= value
        case "<":
            return field < value
        case "<=":
            return field <= value
    return None


def _of_text(field: Any, op: str, operand: Any) -> Any:
    if not isinstance(operand, str) or "\0" in operand:
        return None
    if op == "starts_with":
        return pc.starts_with(field, operand)
    return _ordered(field, op, pc.scalar(operand))


def _of_integers(field: Any, arrow: pa.DataType, op: str, operand: int | float | Decimal) -> Any:
    """Against a whole number; of another one the whole numbers at its sides decide."""
    if isinstance(operand, float) and math.isinf(operand):
        return None
    exact = Decimal(repr(operand)) if isinstance(operand, float) else Decimal(operand)
    whole = int(exact)
    if whole != exact:
        floor = whole if exact > 0 else whole - 1
        if op == "=":
            return field != field
        op, whole = (">", floor) if op in (">", ">=") else ("<=", floor)
    try:
        return _ordered(field, op, pc.scalar(pa.scalar(whole, arrow)))
    except (pa.ArrowInvalid, OverflowError):
        return None


def _of_floats(field: Any, arrow: pa.DataType, op: str, operand: int | float | Decimal) -> Any:
    """Against a double; of 32 bits only Python knows which number one stands for."""
    if not pa.types.is_float64(arrow):
        return None
    try:
        value = float(operand)
    except OverflowError:
        return None
    if not isinstance(operand, float) and Decimal(repr(value)) != Decimal(operand):
        return None
    return _ordered(field, op, pc.scalar(value))


def _of_dates(field: Any, op: str, operand: Any) -> Any:
    if isinstance(operand, str):
        try:
            operand = date.fromisoformat(operand) if len(operand) == 10 else None
        except ValueError:
            return None
    if not isinstance(operand, date) or isinstance(operand, datetime):
        return None
    return _ordered(field, op, pc.scalar(pa.scalar(operand, pa.date32())))


def _of_timestamps(field: Any, arrow: Any, op: str, operand: Any) -> Any:
    """Against a moment that the column's unit can hold; a naive time is UTC."""
    nanoseconds = _instant(operand)
    step = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[arrow.unit]
    if nanoseconds is None or nanoseconds % step:
        return None
    try:
        value = pa.scalar(nanoseconds // step, pa.int64()).cast(pa.timestamp(arrow.unit, arrow.tz))
    except (pa.ArrowInvalid, OverflowError):
        return None
    return _ordered(field, op, pc.scalar(value))


def _instant(operand: Any) -> int | None:
    if isinstance(operand, str):
        return parse_instant(operand)
    if not isinstance(operand, date) or hasattr(operand, "to_datetime64"):
        return None
    if not isinstance(operand, datetime):
        operand = datetime(operand.year, operand.month, operand.day, tzinfo=UTC)
    return parse_instant(operand.isoformat())
