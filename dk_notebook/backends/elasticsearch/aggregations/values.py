"""Values of answers to aggregations as Arrow arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import pyarrow as pa

from dk_notebook.backends.elasticsearch.aggregations.kinds import Form
from dk_notebook.frames.types import JSON, mark

_ARROW: Final[dict[Form, pa.DataType]] = {
    "integer": pa.int64(),
    "unsigned": pa.uint64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("ms", "UTC"),
    "text": pa.string(),
    "texts": pa.list_(pa.string()),
    "json": pa.string(),
}


def field_of(name: str, form: Form) -> pa.Field:
    """The column's field."""
    field = pa.field(name, _ARROW[form])
    return mark(field, JSON) if form == "json" else field


def array_of(values: Sequence[Any], form: Form) -> pa.Array:
    """The values of a column; None is NULL.

    >>> array_of([1704067200000, "2024-01-01T00:00:00.000Z", None], "instant").null_count
    1
    >>> array_of([1, "false"], "boolean").to_pylist()
    [True, False]
    """
    plain = _PLAIN[form]
    return pa.array([None if value is None else plain(value) for value in values], _ARROW[form])


def _instant(value: Any) -> int:
    """Milliseconds since 1970, as the server rounds an average of dates."""
    if isinstance(value, str):
        said = datetime.fromisoformat(value)
        said = said if said.tzinfo else said.replace(tzinfo=UTC)
        since = said - datetime(1970, 1, 1, tzinfo=UTC)
        return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    return int(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


_PLAIN: Final[dict[Form, Callable[[Any], Any]]] = {
    "integer": int,
    "unsigned": int,
    "float": float,  # "NaN" and "Infinity" are text in JSON
    "boolean": lambda value: value in (True, "true", 1),
    "instant": _instant,
    "text": _text,
    "texts": lambda values: [_text(each) for each in values],
    "json": lambda value: orjson.dumps(value).decode(),
}
