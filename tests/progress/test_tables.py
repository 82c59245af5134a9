"""Totals of tables in S3: rows where the files say how many, else the bytes of the files."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

import dk_notebook as dk
from dk_notebook.runtime.operations import Operation
from tests.backends.s3.files import csv, parquet
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3


@pytest.fixture
def lake(s3_store: S3Address, s3_bucket: str) -> Iterator[dk.Connection]:
    """A connection with three datasets of two files and three rows each: another program's, ours, and one of text."""
    for table, body, end in (("theirs", parquet, "parquet"), ("text", csv, "csv")):
        s3_store.put(s3_bucket, f"{table}/month=1/x.{end}", body({"n": [1, 2]}))
        s3_store.put(s3_bucket, f"{table}/month=2/x.{end}", body({"n": [3]}))
    connection = dk.connect(f"s3://{s3_bucket}", name="lake", replace=True, **s3_store.settings)
    for rows in ([1, 2], [3]):
        connection.write_table(pd.DataFrame({"n": rows}), "ours", mode="append", progress=False)
    yield connection
    connection.close()


def test_rows_are_known_where_each_file_says_how_many_it_has(lake: dk.Connection, ended: list[Operation]) -> None:
    lake.read_table("theirs")
    lake.read_table("theirs", limit=2)
    for _ in lake.iter_table("theirs", chunk_rows=1):
        pass
    assert [(each.rows, each.total_rows) for each in ended] == [(3, 3), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    ("table", "how"), [("ours", {}), ("text", {}), ("theirs", {"where": [("n", ">", 2)]}), ("ours", {"columns": ["n"]})]
)
def test_else_what_is_read_of_the_files_is_counted(
    lake: dk.Connection, ended: list[Operation], table: str, how: dict[str, object]
) -> None:
    lake.read_table(table, **how)
    [call] = ended
    assert call.total_read is not None
    assert (call.total_rows, call.read) == (None, call.total_read)


def test_folders_that_are_left_out_do_not_count(lake: dk.Connection, ended: list[Operation]) -> None:
    lake.read_table("theirs")
    lake.read_table("theirs", where=[("month", "=", 1)])
    whole, part = ended
    assert 0 < (part.total_read or 0) < (whole.total_read or 0)
