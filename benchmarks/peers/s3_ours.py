"""dk_notebook on S3; its settings come as JSON."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from served import memory, serve

import dk_notebook as dk

connection = dk.connect(backend="s3", name="lake", **json.loads(sys.argv[1]))


def read(table: str, columns: list[str] | None = None, where: list[object] | None = None) -> object:
    return connection.read_table(table, columns=columns, where=where, as_="arrow")


def growth(task: Callable[[], object]) -> float:
    """Megabytes that the process grows by at the height of it."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the height counts from now on
    before = memory("VmRSS")
    task()
    return (memory("VmHWM") - before) / 1e6


def chunks(table: str, rows: int) -> float:
    """The growth while a table passes in chunks."""

    def passed() -> None:
        for _ in connection.iter_table(table, chunk_rows=rows):
            pass

    return growth(passed)


def write(rows: int, folders: int = 0) -> float:
    """The growth while a frame of so many rows is written, into so many folders (0: none)."""
    frame = frame_of(rows, folders)
    return growth(lambda: connection.write_table(frame, "written", partition_by=["folder"] if folders else None))


def frame_of(rows: int, folders: int) -> pd.DataFrame:
    random, numbers = np.random.default_rng(0), np.arange(rows)
    columns: dict[str, object] = {f"f{number}": random.random(rows) for number in range(4)}
    columns |= {"id": numbers, "at": np.datetime64("2020-01-01", "us") + numbers * np.timedelta64(1, "s")}
    columns["folder"] = random.integers(0, folders or 1, rows)
    text = pa.array([f"customer number {number}" for number in numbers], pa.large_string())
    return pd.DataFrame({**columns, "text": pd.array(text, pd.StringDtype("pyarrow", na_value=np.nan))})


serve({"read": read, "chunks": chunks, "write": write})
