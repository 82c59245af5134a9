"""A table that is one object: put whole, or not at all."""

from __future__ import annotations

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dk_notebook.errors import ConfigError, Conflict, ConversionError, Unsupported
from tests.backends.s3.lake import Lake

pytestmark = [pytest.mark.s3, pytest.mark.asyncio(loop_scope="module")]

ROWS = {"id": [1, 2], "t": ["a", None]}


def name(lake: Lake, ending: str) -> str:
    return f"{lake.table}/x.{ending}"


async def test_a_name_with_an_ending_is_one_object_and_no_manifest(lake: Lake) -> None:
    await lake.write(ROWS, name(lake, "parquet"))
    assert lake.paths() == ["x.parquet"]
    assert pq.read_table(io.BytesIO(lake.body("x.parquet"))).to_pydict() == ROWS


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "ndjson", "csv.gz", "jsonl.gz"])
async def test_it_reads_back(lake: Lake, ending: str) -> None:
    report = await lake.write(ROWS, name(lake, ending))
    assert (report.rows, await lake.rows(name(lake, ending))) == (2, ROWS)


async def test_its_ending_says_how_it_is_compressed(lake: Lake) -> None:
    await lake.write(ROWS, name(lake, "csv.gz"))
    assert gzip.decompress(lake.body("x.csv.gz")) == b'"id","t"\n1,"a"\n2,\n'


async def test_a_whole_url_names_one_too(lake: Lake) -> None:
    await lake.write(ROWS, f"s3://{lake.bucket}/{lake.base}x.parquet", compression="zstd")
    column = pq.ParquetFile(io.BytesIO(lake.body("x.parquet"))).metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"


async def test_many_rows_are_still_one(lake: Lake) -> None:
    await lake.write({"n": range(3_000_000)}, name(lake, "parquet"))
    assert lake.paths() == ["x.parquet"]
    assert pq.ParquetFile(io.BytesIO(lake.body("x.parquet"))).metadata.num_rows == 3_000_000


async def test_no_rows_are_an_object_with_columns(lake: Lake) -> None:
    await lake.write(pa.table(ROWS).slice(0, 0), name(lake, "csv"))
    assert lake.body("x.csv") == b'"id","t"\n'


async def test_one_that_is_there_is_left_alone(lake: Lake) -> None:
    await lake.write(ROWS, name(lake, "csv"))
    with pytest.raises(Conflict, match=r"x\.csv exists"):
        await lake.write({"other": [1]}, name(lake, "csv"))
    assert await lake.rows(name(lake, "csv")) == ROWS


async def test_replace_puts_another_one_in_its_place(lake: Lake) -> None:
    await lake.write(ROWS, name(lake, "csv"))
    await lake.write({"other": [1]}, name(lake, "csv"), mode="replace")
    assert await lake.rows(name(lake, "csv")) == {"other": [1]}


async def test_nothing_can_be_added_to_it(lake: Lake) -> None:
    with pytest.raises(Unsupported, match="one object, to which nothing can be added"):
        await lake.write(ROWS, name(lake, "csv"), mode="append")


async def test_a_dataset_of_such_a_name_is_a_dataset(lake: Lake) -> None:
    lake.put("x.csv/part-0.csv", b"id,t\n3,c\n")
    await lake.write(ROWS, name(lake, "csv"), mode="append")
    assert sorted((await lake.rows(name(lake, "csv")))["id"]) == [1, 2, 3]


async def test_a_value_that_does_not_fit_leaves_nothing(lake: Lake) -> None:
    with pytest.raises(ConversionError, match="row 1"):
        await lake.write({"x": [1.0, float("inf")]}, name(lake, "jsonl"))
    assert lake.paths() == []


@pytest.mark.parametrize(
    ("ending", "options", "words"),
    [
        ("csv", {"format": "jsonl"}, "is csv"),
        ("csv", {"compression": "gzip"}, "has none"),
        ("csv.zst", {}, "nothing that csv has"),
        ("parquet", {"partition_by": ("id",)}, "is one object"),
    ],
)
async def test_what_its_name_contradicts_is_refused(
    lake: Lake, ending: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        await lake.write(ROWS, name(lake, ending), **options)
    assert lake.paths() == []


async def test_the_report_says_that_text_has_no_types(lake: Lake) -> None:
    report = await lake.write(ROWS, name(lake, "csv"))
    assert "tells no types" in report.notes[0]
