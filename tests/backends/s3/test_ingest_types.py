"""Every type into a dataset of each format, and back as it was."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.errors import ConversionError
from dk_notebook.frames.pandas import to_arrow
from dk_notebook.frames.types import labels_of, marked
from dk_notebook.testing.samples import SAMPLES, Sample
from tests.backends.s3.lake import Lake

pytestmark = [pytest.mark.s3, pytest.mark.asyncio(loop_scope="module")]

HELD_BY_NONE = {"interval"}
NOT_IN_CSV = {"list", "list_of_text", "struct", "map"}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_a_column_comes_back_as_it_went(lake: Lake, sample: Sample, form: str) -> None:
    table = sample.table
    if sample.name in HELD_BY_NONE or (form == "csv" and sample.name in NOT_IN_CSV):
        with pytest.raises(ConversionError, match=f"files of {form} hold no such type"):
            await lake.write(table, format=form)
        return
    if form == "jsonl" and sample.name == "float64":
        table = table.filter(pa.array([value not in (float("inf"),) for value in sample.values]))
    await lake.write(table, format=form)
    found = (await lake.read()).sort_by("row")
    column = found.schema.field(sample.name)
    assert column.type == (pa.string() if pa.types.is_null(sample.type) else sample.type)
    assert found.column(sample.name).to_pylist() == table.column(sample.name).to_pylist()
    assert labels_of(column) == (list(sample.labels) or None)
    assert all(marked(column, name) for name in sample.marks)


OTHERS: list[tuple[pa.DataType, list[Any]]] = [
    (pa.timestamp("s"), [dt.datetime(2024, 2, 29), None]),
    (pa.timestamp("ns", "Europe/Vienna"), [1_700_000_000_123_456_789, None]),
    (pa.time32("s"), [dt.time(1, 2, 3), None]),
    (pa.date64(), [dt.date(2024, 2, 29), None]),
    (pa.large_string(), ["a", None]),
    (pa.large_list(pa.large_string()), [["a", None], None]),
]


@pytest.mark.parametrize(("arrow", "values"), OTHERS, ids=[str(arrow) for arrow, _ in OTHERS])
async def test_a_type_that_parquet_spells_otherwise_comes_back(lake: Lake, arrow: Any, values: list[Any]) -> None:
    table = pa.table({"c": pa.array(values, arrow)})
    await lake.write(table)
    assert (await lake.read()).equals(table)


async def test_numbers_of_a_category_are_a_category(lake: Lake) -> None:
    frame = pd.DataFrame({"c": pd.Categorical([3, 1, None])})
    table = to_arrow(frame)
    await lake.write(table)
    found = await lake.read()
    assert pa.types.is_dictionary(found.schema.field("c").type)
    assert found.column("c").to_pylist() == [3, 1, None]


async def test_a_real_nan_stays_one_where_the_format_has_it(lake: Lake) -> None:
    table = pa.table({"x": pa.array([float("nan"), None, 1.0])})
    await lake.write(table, format="csv")
    assert str((await lake.rows())["x"]) == "[nan, None, 1.0]"


async def test_null_and_the_empty_text_are_told_apart_in_csv(lake: Lake) -> None:
    await lake.write({"t": ["", None, "NULL", "NA", '"', "a,b\r\n"]}, format="csv")
    assert (await lake.rows())["t"] == ["", None, "NULL", "NA", '"', "a,b\r\n"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_text_that_is_compressed_reads_the_same(lake: Lake, form: str) -> None:
    await lake.write({"t": ["ä", None]}, format=form, compression="gzip")
    assert lake.files()[0].endswith(f".{form}.gz")
    assert await lake.rows() == {"t": ["ä", None]}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
async def test_hostile_names_are_names(lake: Lake, form: str) -> None:
    names = ['a"; drop table x; --', "a.b", "select", "c\nd", " e ", "'", "ü", "a,b", "a/b"]
    await lake.write({name: [number] for number, name in enumerate(names)}, format=form)
    assert await lake.rows() == {name: [number] for number, name in enumerate(names)}
