"""awswrangler's functions for Parquet; and pyarrow alone on the same files in a folder."""

from __future__ import annotations

import json
import sys

import awswrangler as wr
import boto3
import pyarrow as pa
from served import serve

said = json.loads(sys.argv[1])
session = boto3.Session(
    aws_access_key_id=said["aws_access_key_id"],
    aws_secret_access_key=said["aws_secret_access_key"],
    region_name=said["region"],
)
wr.config.s3_endpoint_url = said["endpoint_url"]


def read(table: str) -> pa.Table:
    frame = wr.s3.read_parquet(f"s3://{said['bucket']}/{table}/", dataset=True, boto3_session=session)
    return pa.Table.from_pandas(frame, preserve_index=False)


serve({"read": read})
