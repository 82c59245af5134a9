"""Tables of dk_notebook in S3, and what it takes to put objects: settings as JSON."""

from __future__ import annotations

import functools
import json
import sys

import mixed_table
from served import serve

import dk_notebook as dk

settings = json.loads(sys.argv[1])
bucket, prefix = settings.pop("bucket"), settings.pop("prefix")
connection = dk.connect(f"s3://{bucket}/{prefix}", name="bench", **settings)
frame_of = functools.cache(mixed_table.frame)  # made in the run that does not count
large = functools.cache(mixed_table.megabytes)


def write(rows: int, table: str) -> int:
    return connection.write_table(frame_of(rows), table, mode="replace").rows


def write_files(rows: int, table: str, files: int) -> int:
    """Not measured: as so many files as there are appends."""
    data = mixed_table.made(rows)
    for part in range(files):
        mode = "append" if part else "replace"
        connection.write_table(data.slice(part * rows // files, rows // files), table, mode=mode)
    return rows


def read(table: str) -> object:
    return connection.read_table(table, as_="arrow")


def find(table: str, below: int) -> object:
    return connection.read_table(table, columns=["a", "f"], where=[("a", "<", below)], as_="arrow")


def make(megabytes: int) -> int:
    return len(large(megabytes))


def write_large(megabytes: int, table: str, partition_by: list[str] | None = None) -> int:
    return connection.write_table(large(megabytes), table, mode="replace", partition_by=partition_by).rows


def chunks(table: str, rows: int) -> int:
    return sum(len(chunk) for chunk in connection.iter_table(table, chunk_rows=rows))


serve(
    {
        "write": write,
        "write_files": write_files,
        "read": read,
        "find": find,
        "make": make,
        "write_large": write_large,
        "chunks": chunks,
    }
)
