"""Frames of the calling cell, named in SQL: found, turned into Arrow, registered on one connection for one statement.

DuckDB's own way (looking through Python's stack) is off: it would see the frames of our worker threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from dk_notebook.errors import ConfigError
from dk_notebook.frames.pandas import to_arrow

# Where the name of a table can stand; used for statements whose names DuckDB does not tell.
_TABLE = re.compile(
    r"(?:\b(?:from|join|using|table|pivot|pivot_wider|pivot_longer|unpivot|describe|summarize)\b|,)\s*"
    r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<bare>[^\W\d]\w*))',
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w$]+")
_EXISTS = """
    SELECT 1 FROM (
        SELECT database_name, schema_name, table_name AS name FROM duckdb_tables()
        UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views()
    ) WHERE lower(name) = lower($1)
        AND (database_name IN (current_database(), 'temp') AND schema_name IN ('main', current_schema())
             OR database_name = 'system')
    LIMIT 1
"""


@contextmanager
def registered(cursor: Any, text: str, frames: Mapping[str, Any] | None) -> Iterator[None]:
    """Inside the block the frames that ``text`` names are views of ``cursor``. A real table of a name wins."""
    made: list[str] = []
    try:
        for name in _named(cursor, text, frames) if frames else ():
            if not cursor.execute(_EXISTS, [name]).fetchall():  # all: an unfinished result keeps the cursor
                cursor.register(name, _as_arrow(name, frames[name]))  # type: ignore[index]  # not None: see above
                made.append(name)
        yield
    finally:
        for name in made:
            unregistered(cursor, name)


def unregistered(cursor: Any, name: str) -> None:
    """Take a registered view away."""
    # In an aborted transaction nothing runs any more, and its rollback takes the view away.
    with suppress(duckdb.TransactionException):
        cursor.unregister(name)


def _named(cursor: Any, text: str, frames: Mapping[str, Any]) -> list[str]:
    """The names in ``text`` that are frames of the caller, each once."""
    if '"' not in text and not any(is_frame(frames.get(word)) for word in _WORD.findall(text)):
        return []  # most queries: DuckDB need not be asked which of the words are tables
    try:
        # Not on `cursor`: a text that this refuses would abort its transaction.
        found = [name.strip('"').replace('""', '"') for name in cursor.cursor().get_table_names(text)]
    except duckdb.Error:  # DML, PIVOT and what has mistakes, which are reported when it runs
        found = [(m["quoted"] or m["bare"]).replace('""', '"') for m in _TABLE.finditer(text)]
    return [name for name in dict.fromkeys(found) if is_frame(frames.get(name))]


def is_frame(value: Any) -> bool:
    """Whether SQL can name it as a table."""
    if isinstance(value, (pd.DataFrame, pa.Table, pa.RecordBatch, pa.RecordBatchReader)):
        return True
    kind = type(value)
    return kind.__module__.startswith(("polars.", "pyarrow._dataset")) and (
        kind.__name__ in ("DataFrame", "LazyFrame") or hasattr(value, "to_batches")
    )


def _as_arrow(name: str, frame: Any) -> Any:
    """The frame as something that DuckDB scans, as often as it likes."""
    if isinstance(frame, pa.RecordBatchReader):
        raise ConfigError(f"{name} is a RecordBatchReader, which can be read once only", hint=f"{name}.read_all()")
    if isinstance(frame, pd.DataFrame):
        return to_arrow(frame)
    if type(frame).__name__ == "LazyFrame":
        frame = frame.collect()
    if hasattr(frame, "to_arrow"):
        return frame.to_arrow()
    return pa.Table.from_batches([frame]) if isinstance(frame, pa.RecordBatch) else frame
