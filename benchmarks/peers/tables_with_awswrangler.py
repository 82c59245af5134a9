"""Datasets of awswrangler in S3: settings as JSON."""

from __future__ import annotations

import functools
import json
import sys

import awswrangler as wr
import boto3
import mixed_table
import pandas as pd
import pyarrow as pa
from served import serve

settings = json.loads(sys.argv[1])
bucket, prefix = settings.pop("bucket"), settings.pop("prefix")
wr.config.s3_endpoint_url = settings.pop("endpoint_url")
session = boto3.Session(
    settings["aws_access_key_id"], settings["aws_secret_access_key"], region_name=settings["region"]
)
frame_of = functools.cache(mixed_table.frame)  # made in the run that does not count


def place(table: str) -> str:
    return f"s3://{bucket}/{prefix}/{table}/"


def write(rows: int, table: str, files: int) -> int:
    frame = frame_of(rows)
    wr.s3.to_parquet(
        frame,
        place(table),
        dataset=True,
        mode="overwrite",
        boto3_session=session,
        max_rows_by_file=rows // files,
        use_threads=True,
    )
    return len(frame)


def read(table: str, backed: str = "numpy_nullable") -> pd.DataFrame:
    """The frame that it gives; ``backed="pyarrow"``: one whose columns are Arrow's, which is the nearest to a table."""
    return wr.s3.read_parquet(
        place(table), dataset=True, path_suffix=".parquet", boto3_session=session, dtype_backend=backed
    )


def find(table: str, below: int) -> pa.Table:
    frame = wr.s3.read_parquet(
        place(table),
        dataset=True,
        path_suffix=".parquet",
        columns=["a", "f"],
        boto3_session=session,
        dtype_backend="pyarrow",
    )
    return pa.Table.from_pandas(frame[frame["a"] < below])


serve({"write": write, "read": read, "find": find})
