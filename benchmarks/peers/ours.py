"""dk_notebook itself, in a process like the others'; `--reference`: as where nothing was compiled."""

from __future__ import annotations

import functools
import sys
import warnings

import pandas as pd
from served import serve

import dk_notebook as dk
from dk_notebook.backends.postgres.reading import decoding

if "--reference" in sys.argv:
    decoding.NATIVE = False
    warnings.filterwarnings("ignore", message="the native decoder")

connection = dk.connect(sys.argv[1], name="bench")
frame_of = functools.cache(pd.read_parquet)  # read in the run that does not count


def read(query: str, shape: str = "pandas", params: dict[str, object] | None = None) -> object:
    return connection.read_query(query, as_=shape, params=params)


def read_parts(table: str, partitions: int) -> object:
    return connection.read_table(table, as_="arrow", partitions=partitions)


def save(query: str, path: str) -> int:
    frame = connection.read_query(query)
    frame.to_parquet(path)
    return len(frame)


def write(
    path: str, table: str, rows: int | None = None, first: int = 0, mode: str = "fail", key: str | None = None
) -> int:
    frame = frame_of(path)
    part = frame if rows is None else frame.iloc[first : first + rows]
    return connection.write_table(part, table, mode=mode, key=key).rows


def chunks(query: str, rows: int) -> int:
    return sum(len(chunk) for chunk in connection.iter_query(query, chunk_rows=rows))


serve({"read": read, "read_parts": read_parts, "save": save, "write": write, "chunks": chunks})
