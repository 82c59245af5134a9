"""connectorx: to Arrow and to pandas, on one or more connections, which it makes anew for each query."""

from __future__ import annotations

import sys

import connectorx as cx
from served import serve


def read(query: str, shape: str, split: str | None = None, partitions: int | None = None) -> object:
    return cx.read_sql(sys.argv[1], query, return_type=shape, partition_on=split, partition_num=partitions)


serve({"read": read})
