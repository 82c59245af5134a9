"""What S3's figures are measured on: 1,000,000 rows x 10 mixed columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1_000_000
FILES = 8
COLOURS = ("red", "green", "blue", "yellow", "black", "white", "orange", "violet")


def rows(count: int, first: int = 0) -> pa.Table:
    """Rows ``first`` and after; of every fifty values of a column but the first one is NULL."""
    numbers = np.arange(first, first + count)
    random = np.random.default_rng(first)
    start = np.datetime64("2020-01-01", "us")
    moments = pa.array(start + numbers * np.timedelta64(1_000_001, "us"))
    columns = {
        "id": pa.array(numbers),
        "amount": pa.array((numbers % 1000).astype(np.int32)),
        "half": pa.array(numbers * 0.5),
        "share": pa.array(random.random(count)),
        "code": pa.array([f"{value:016x}" for value in random.integers(0, 2**63, count)]),
        "customer": pa.array([f"customer number {number}" for number in numbers]),
        "at": moments.cast(pa.timestamp("us", "UTC")),
        "local": moments,
        "even": pa.array(numbers % 2 == 0),
        "colour": pa.array(np.array(COLOURS)[numbers % len(COLOURS)]),
    }
    for place, (name, values) in enumerate(columns.items()):
        if place:
            there = pa.array(numbers % 50 != place)
            columns[name] = pa.compute.if_else(there, values, pa.scalar(None, values.type))
    return pa.table(columns)


def saved(folder: Path, count: int = ROWS, files: int = FILES) -> list[Path]:
    """The rows in so many Parquet files below the folder."""
    paths = []
    for number in range(files):
        path = folder / f"part-{number}.parquet"
        pq.write_table(rows(count // files, number * (count // files)), path)
        paths.append(path)
    return paths
