"""dk_notebook on Elasticsearch; what is stopped is stopped from another thread, as by the stop button."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
from served import serve

import dk_notebook as dk

connection = dk.connect(sys.argv[1], name="bench")
frame_of = functools.cache(pd.read_parquet)  # read in the run that does not count


def read(index: str, limit: int | None = None) -> object:
    return connection.read_table(index, limit=limit)


def write(path: str, index: str) -> int:
    return connection.write_table(frame_of(path), index).rows


def chunks(index: str, rows: int) -> int:
    return sum(len(chunk) for chunk in connection.iter_table(index, chunk_rows=rows))


def stop_read(index: str, after: float) -> float:
    return stopped(lambda: connection.read_table(index), after)


def stop_write(path: str, index: str, after: float) -> float:
    frame = frame_of(path)
    return stopped(lambda: connection.write_table(frame, index), after)


def stopped(call: Callable[[], object], after: float) -> float:
    """The seconds from the stop to the end of a call, which runs that long before."""
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(call)
        time.sleep(after)
        if running.done():
            raise ValueError("there was nothing left to stop")
        start = time.perf_counter()
        dk.cancel()
        error = running.exception()
        seconds = time.perf_counter() - start
    if not isinstance(error, dk.QueryError) or "cancelled" not in str(error):
        raise ValueError(f"it was not stopped: {error!r}")
    return seconds


serve({"read": read, "write": write, "chunks": chunks, "stop_read": stop_read, "stop_write": stop_write})
