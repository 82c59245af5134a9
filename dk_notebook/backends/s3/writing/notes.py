"""What a report says to those who will read what was written."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from dk_notebook.backends.s3.writing.intent import Intent
from dk_notebook.frames.types import kind

ONE_STEP: Final = (
    "readers through dk_notebook see all rows in one step; other programs may see a part of the files before"
)
SWITCHED: Final = (
    "readers through dk_notebook see the old rows or the new ones; other programs may see both for a moment"
)
UNITS: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
UNTYPED: Final = "an object of {form} tells no types: a dataset, a name without an ending, keeps them"


def notes(meant: Intent) -> tuple[str, ...]:
    """Of a write that did, or will do, what is meant."""
    found = [told for column in meant.shape.stored for told in _of(column, meant.shape.format)]
    if meant.single:
        untyped = [UNTYPED.format(form=meant.shape.format)] if meant.shape.format != "parquet" else []
        return (*untyped, *found)
    return (SWITCHED if meant.target.mode == "replace" and meant.exists else ONE_STEP, *found)


def _of(column: pa.Field, form: str) -> list[str]:
    if form == "parquet":
        return []
    match kind(column.type):
        case "binary":
            return [f"{column.name!r} is written as base64"]
        case "duration":
            return [f"{column.name!r} is written as whole {UNITS[column.type.unit]}"]
        case "map":
            return [f"{column.name!r} is written as a list of key and value"]
    return []
