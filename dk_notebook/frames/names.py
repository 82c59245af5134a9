"""Column names: unique ones in what is read, usable ones in what is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow as pa

from dk_notebook.errors import ConfigError, ConversionError, did_you_mean
from dk_notebook.frames.notices import warn


def unique(names: Sequence[str]) -> list[str]:
    """The names, a repeated one with the next free ``_1``, ``_2`` behind it.

    >>> unique(["id", "name", "id", "id", "id_1"])
    ['id', 'name', 'id_2', 'id_3', 'id_1']
    """
    taken, seen, result = set(names), set(), []
    for name in names:
        new, number = name, 0
        while new in seen or (number and new in taken):
            number += 1
            new = f"{name}_{number}"
        seen.add(new)
        result.append(new)
    return result


def with_unique_names(table: pa.Table) -> pa.Table:
    """The table with unique column names, and one warning that lists those that were given a number."""
    names = unique(table.column_names)
    renamed = [f"{old!r} is now {new!r}" for old, new in zip(table.column_names, names, strict=True) if old != new]
    if not renamed:
        return table
    warn(f"several columns of the result have the same name: {', '.join(renamed)}; name them apart with AS")
    return table.rename_columns(names)


def check_known(wanted: Iterable[str], names: Sequence[str], argument: str) -> None:
    """Nothing, if each of ``wanted`` is a column; else ConfigError with the nearest name or all of them."""
    for name in wanted:
        if name not in names:
            hint = did_you_mean(str(name), names) or f"the columns are {', '.join(map(repr, names[:20]))}"
            raise ConfigError(f"{argument}= names {name!r}, which is no column of the result", hint=hint)


def check_usable(names: Sequence[object]) -> None:
    """Nothing, if every name is a string that a store can have, once; else ConversionError that names the column."""
    for place, name in enumerate(names):
        where = f"column {place} counted from 0"
        if isinstance(name, tuple):
            raise ConversionError(
                "MultiIndex columns have no single name",
                column=str(name),
                hint='join the levels, as in df.columns = ["_".join(c) for c in df.columns]',
            )
        if not isinstance(name, str):
            raise ConversionError(
                f"{where}: the name is of type {type(name).__name__}, not a string",
                column=str(name),
                hint="rename it, as in df.columns = df.columns.astype(str)",
            )
        if not name:
            raise ConversionError(f"{where}: the name is empty", column=name)
        if "\0" in name or not _encodes(name):
            raise ConversionError(f"{where}: the name holds NUL or a lone surrogate", column=name)
    for name, times in Counter(names).items():
        if times > 1:
            places = [place for place, other in enumerate(names) if other == name]
            raise ConversionError(
                f"{times} columns have this name: those at {', '.join(map(str, places))}, counted from 0",
                column=str(name),
            )


def _encodes(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
