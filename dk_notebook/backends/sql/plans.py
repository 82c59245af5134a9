"""The table that tells how a store would run a query, the same for every SQL store."""

from __future__ import annotations

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("depth", pa.int64()),
        ("node", pa.string()),
        ("detail", pa.string()),
        ("rows_estimated", pa.int64()),
        ("rows", pa.int64()),
        ("seconds", pa.float64()),
    ]
)
"""A row a node: how deep it lies, what it does, and its rows and seconds, where it ran."""
