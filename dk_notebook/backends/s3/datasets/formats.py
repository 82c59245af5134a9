"""The formats that tables have, told by the endings of their files."""

from __future__ import annotations

from typing import Final, Literal

Format = Literal["parquet", "csv", "jsonl"]

SUFFIXES: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
PACKED: Final = (".gz", ".zst", ".bz2")
"""Endings after these, of text that is compressed."""


def format_of(key: str) -> Format | None:
    """The format that the ending of a key says; None: it says none.

    >>> format_of("a/b.csv.gz"), format_of("a/b.parquet"), format_of("a/b")
    ('csv', 'parquet', None)
    """
    name = key.rpartition("/")[2].lower()
    bare = next((name.removesuffix(end) for end in PACKED if name.endswith(end)), name)
    found = next((kind for suffix, kind in SUFFIXES.items() if bare.endswith(suffix)), None)
    return None if found == "parquet" and bare != name else found
