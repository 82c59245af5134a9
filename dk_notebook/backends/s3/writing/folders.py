"""Rows by their folder, as ``month=1/day=31/``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dk_notebook.backends.s3.datasets.partitions import folder
from dk_notebook.frames.types import kind


def by_folder(table: pa.Table, partitions: Sequence[str]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The paths of the folders, each with a slash at its end, and the positions of the rows of each in their order."""
    codes, size = _codes(table, partitions)
    counts = np.bincount(codes, minlength=size)
    there = np.flatnonzero(counts)
    firsts = np.empty(size, np.int64)
    firsts[codes[::-1]] = np.arange(table.num_rows - 1, -1, -1)  # of several the last one stays
    texts = [_texts(table.column(name).take(pa.array(firsts[there]))) for name in partitions]
    is_sorted = not (codes[1:] < codes[:-1]).any()
    order = np.arange(table.num_rows) if is_sorted else np.argsort(codes, kind="stable")
    last = 0
    for code, values in zip(there, zip(*texts, strict=True), strict=True):
        count = int(counts[code])
        path = "".join(f"{folder(name, text)}/" for name, text in zip(partitions, values, strict=True))
        yield path, order[last : last + count]
        last += count


def _codes(table: pa.Table, partitions: Sequence[str]) -> tuple[np.ndarray[Any, Any], int]:
    """A number for each row, the same where the values are, and how many numbers there may be."""
    codes, size = np.zeros(table.num_rows, np.int64), 1
    for name in partitions:
        numbers, count = _numbers(table.column(name))
        codes, size = codes * count + numbers, size * count
        if size > table.num_rows:
            found, codes = np.unique(codes, return_inverse=True)
            codes, size = codes.reshape(-1), len(found)
    # What has 16 bits is sorted many times as fast.
    return codes.astype(np.uint16) if size <= 2**16 else codes, size


def _numbers(values: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], int]:
    """The same for one column; NULL is a value like others."""
    if kind(values.type) == "dictionary":
        values = values.cast(values.type.value_type)  # several labels may be the same, of several chunks
    encoded = values.combine_chunks().dictionary_encode()
    missing = len(encoded.dictionary)
    numbers = encoded.indices.cast(pa.int64()).fill_null(missing)
    return numbers.to_numpy(zero_copy_only=False), missing + 1


def _texts(values: pa.ChunkedArray) -> list[str | None]:
    """The values as names of folders have them, before they are encoded."""
    arrow: Any = values.type
    match kind(arrow):
        case "dictionary":
            return _texts(values.cast(arrow.value_type))
        case "timestamp" if arrow.tz is not None:
            moments = values.cast(pa.timestamp(arrow.unit, "UTC")).cast(pa.timestamp(arrow.unit)).cast(pa.string())
            return [None if text is None else f"{text}Z" for text in moments.to_pylist()]
        case "date":
            values = values.cast(pa.date32())
    found: list[str | None] = values.cast(pa.string()).to_pylist()
    return found
