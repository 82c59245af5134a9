"""pyarrow on the same files in a folder: no store, no client."""

from __future__ import annotations

import pyarrow.parquet as pq
from served import serve


def read(folder: str) -> object:
    return pq.read_table(folder)


serve({"read": read})
