"""The frame that tables in S3 are measured on: 10 mixed columns, each with some NULLs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

COLOURS = np.array(["red", "green", "blue", "yellow", "black", "white", "orange", "violet"])


def made(rows: int) -> pa.Table:
    """The same one each time; about 130 bytes a row in Arrow."""
    drawn = np.random.default_rng(7)
    number = np.arange(rows)
    moments = np.datetime64("2020-01-01", "us") + number * np.timedelta64(1, "s")

    def column(values: object, at: int) -> pa.Array:
        """NULL in every fiftieth row, of each column in others."""
        return pa.array(values, mask=number % 50 == at)

    return pa.table(
        {
            "a": pa.array(number),
            "b": column((number % 1000).astype("int32"), 1),
            "c": column(number * 0.5, 2),
            "d": column(drawn.random(rows), 3),
            "e": column(np.char.mod("%032x", drawn.integers(0, 2**62, rows)), 4),
            "f": column(np.char.add("customer number ", number.astype(str)), 5),
            "g": column(moments, 6).cast(pa.timestamp("us", "UTC")),
            "h": column(moments, 7),
            "k": column(number % 2 == 0, 8),
            "l": column(COLOURS[number % 8], 9),
        }
    )


def frame(rows: int) -> pd.DataFrame:
    """It as pandas holds it whose integers may be missing."""
    return made(rows).to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)


def megabytes(count: int) -> pd.DataFrame:
    """A frame of so many million bytes: numbers that compress as badly as measurements do, and twelve folders, `p`."""
    drawn = np.random.default_rng(7)
    rows = count * 1_000_000 // (10 * 8)
    numbers = {f"c{number}": drawn.random(rows) for number in range(9)}
    return pd.DataFrame({"p": np.arange(rows) % 12, **numbers})
