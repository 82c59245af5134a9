"""Partitions as folders, in Hive's way: ``month=1/carrier=AA/...``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, unquote

import pyarrow as pa

from dk_notebook.errors import QueryError

NULL: Final = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows without a value."""


def folder(name: str, text: str | None) -> str:
    """The folder of a value, which `told` tells again.

    A name that begins with an underscore or a dot, and a text that would mean NULL, have that letter encoded too.

    >>> folder("month", "1"), folder("a/b", None), folder("_x", "ü=")
    ('month=1', 'a%2Fb=__HIVE_DEFAULT_PARTITION__', '%5Fx=%C3%BC%3D')
    """
    encoded = quote(name, safe="")
    if encoded[0] in "_.":
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if text is None:
        return f"{encoded}={NULL}"
    return f"{encoded}=%5F{text[1:]}" if text == NULL else f"{encoded}={quote(text, safe='')}"


def told(path: str) -> dict[str, str | None]:
    """The partition columns that the folders of a path name, outermost first, and their values as text.

    >>> told("month=1/x=%C3%BC/part-0.parquet"), told("2024/part.parquet")
    ({'month': '1', 'x': 'ü'}, {})
    """
    pairs = (part.partition("=") for part in path.split("/")[:-1])
    return {
        unquote(name): None if value == NULL else unquote(value) for name, equals, value in pairs if equals and name
    }


def names_of(paths: Iterable[str]) -> tuple[str, ...]:
    """The partition columns of all files of a dataset. QueryError: some files have others."""
    found: dict[tuple[str, ...], str] = {}
    for path in paths:
        found.setdefault(tuple(told(path)), path)
    if len(found) > 1:
        some = "; ".join(f"{path!r} by {', '.join(names) or 'nothing'}" for names, path in list(found.items())[:3])
        raise QueryError(f"the files of the dataset are partitioned in different ways: {some}")
    return next(iter(found), ())


def types_of(names: Sequence[str], paths: Iterable[str], declared: pa.Schema | None) -> dict[str, pa.DataType]:
    """The types of partition columns: those declared by who wrote them, else int64 where all values are, else text.

    >>> types_of(["month"], ["month=1/a.parquet", "month=x/a.parquet"], None)
    {'month': DataType(string)}
    """
    seen: dict[str, set[str]] = {name: set() for name in names}
    for path in paths:
        for name, text in told(path).items():
            if text is not None:
                seen[name].add(text)
    return {
        name: declared.field(name).type
        if declared is not None and declared.get_field_index(name) >= 0
        else pa.int64()
        if texts and all(map(_is_int64, texts))
        else pa.string()
        for name, texts in seen.items()
    }


def _is_int64(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(text)) == text and -(2**63) <= int(text) < 2**63


def values_in(path: str, types: Mapping[str, pa.DataType]) -> dict[str, pa.Scalar]:
    """The partition values of a file. QueryError: one is no value of its type."""
    found = told(path)
    values = {}
    for name, kind in types.items():
        try:
            values[name] = pa.scalar(found[name], pa.string()).cast(kind)
        except (pa.ArrowException, KeyError) as error:
            raise QueryError(f"the folders of {path!r} hold no {name!r} of the type {kind}") from error
    return values
