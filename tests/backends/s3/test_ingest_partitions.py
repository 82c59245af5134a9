"""Datasets in folders: which there are, what lies in them, and that many of them take no more memory."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dk_notebook.backends.base import TableQuery
from dk_notebook.backends.s3.datasets.partitions import NULL
from dk_notebook.errors import ConversionError
from dk_notebook.frames.types import mark_labels
from dk_notebook.records.query import Query
from tests.backends.s3.lake import Lake

pytestmark = [pytest.mark.s3, pytest.mark.asyncio(loop_scope="module")]


def folders(lake: Lake) -> list[str]:
    return [path.rpartition("/")[0] for path in lake.files()]


async def test_each_value_has_a_folder_and_no_column_in_the_files(lake: Lake) -> None:
    await lake.write({"m": [2, 1, 2], "y": ["a", "a", "a"], "n": [1, 2, 3]}, partition_by=("y", "m"))
    assert folders(lake) == ["y=a/m=1", "y=a/m=2"]
    path = next(path for path in lake.files() if "m=2" in path)
    assert pq.read_table(io.BytesIO(lake.body(path))).to_pydict() == {"n": [1, 3]}


async def test_the_columns_come_back_in_their_order(lake: Lake) -> None:
    await lake.write({"m": [1], "n": [2], "y": ["a"]}, partition_by=("y",))
    assert list(await lake.rows()) == ["m", "n", "y"]


VALUES: list[tuple[pa.DataType, list[Any]]] = [
    (pa.string(), ["a/b c=d%", "", NULL, "..", "ü", None]),
    (pa.int8(), [-1, 0, None]),
    (pa.uint64(), [2**64 - 1, None]),
    (pa.bool_(), [True, False, None]),
    (pa.date32(), [dt.date(2024, 2, 29), None]),
    (pa.decimal128(5, 2), [Decimal("1.10"), None]),
    (pa.timestamp("us"), [dt.datetime(2024, 2, 29, 1, 2, 3, 4), None]),
    (pa.timestamp("ns", "America/New_York"), [1_700_000_000_123_456_789, None]),
    (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b"]),
]


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize(("arrow", "values"), VALUES, ids=[str(arrow) for arrow, _ in VALUES])
async def test_a_folder_gives_back_its_value(lake: Lake, arrow: Any, values: list[Any], form: str) -> None:
    table = pa.table({"c": pa.array(values, arrow), "row": range(len(values))})
    await lake.write(table, partition_by=("c",), format=form)
    found = (await lake.read()).sort_by("row")
    assert found.schema == table.schema
    assert found.to_pylist() == table.to_pylist()


async def test_labels_of_folders_are_those_that_were_declared(lake: Lake) -> None:
    column = mark_labels(pa.field("c", pa.dictionary(pa.int8(), pa.string(), ordered=True)), ["low", "high"])
    table = pa.table([pa.array(["high"]).dictionary_encode(), [1]], schema=pa.schema([column, ("n", pa.int64())]))
    await lake.write(table, partition_by=("c",))
    assert (await lake.read()).schema.field("c").equals(column, check_metadata=True)


async def test_a_reader_leaves_folders_out(lake: Lake) -> None:
    await lake.write({"m": [1, 2, 3], "n": [1, 2, 3]}, partition_by=("m",))
    found = await lake.place.read(TableQuery(table=lake.table, query=Query().filter("m", ">=", 2)))
    assert sorted(found.column("n").to_pylist()) == [2, 3]


@pytest.mark.parametrize("name", ["_m", ".m", "a/b=c", "é"])
async def test_no_name_of_a_column_hides_its_rows(lake: Lake, name: str) -> None:
    await lake.write({name: [1], "n": [2]}, partition_by=(name,))
    assert await lake.rows() == {name: [1], "n": [2]}


async def test_an_append_goes_to_the_same_folders(lake: Lake) -> None:
    await lake.write({"m": [1, 2], "n": [1, 2]}, partition_by=("m",))
    await lake.write({"n": [3], "m": [1.0]}, mode="append")
    assert folders(lake) == ["m=1", "m=1", "m=2"]


async def test_a_text_that_is_too_long_for_a_folder_is_named(lake: Lake) -> None:
    with pytest.raises(ConversionError, match=r"column 'm', row 1: .*too long for the name of a folder"):
        await lake.write({"m": ["a", "x" * 600], "n": [1, 2]}, partition_by=("m",))
    assert lake.files() == []


async def test_many_folders_with_few_rows_each_are_all_there(lake: Lake) -> None:
    rows = 900
    report = await lake.write({"m": np.arange(rows) % 300, "n": np.arange(rows)}, partition_by=("m",))
    assert (report.rows, len(lake.files())) == (rows, 300)
    assert sorted((await lake.rows())["n"]) == list(range(rows))


async def test_no_rows_have_a_folder_that_others_can_read(lake: Lake) -> None:
    await lake.write(pa.table({"m": pa.array([], pa.int8()), "n": pa.array([], pa.int8())}), partition_by=("m",))
    assert lake.files()[0].startswith(f"m={NULL}/dk-")
