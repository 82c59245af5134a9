"""What a write would do, said before, and nothing changed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dk_notebook.errors import ConfigError, Conflict, ConversionError, NotFound
from tests.backends.s3.lake import Lake

pytestmark = [pytest.mark.s3, pytest.mark.asyncio(loop_scope="module")]

SCHEMA = pa.schema({"id": pa.int64(), "m": pa.int8(), "nothing": pa.null()})


async def test_the_requests_are_told_in_their_order(lake: Lake) -> None:
    plan = await lake.plan(SCHEMA, partition_by=("m",), compression="zstd")
    base = f"s3://{lake.bucket}/{lake.base}"
    assert plan.statements == (
        f"PUT {base}_dk_manifest.json  (if nobody changed it)",
        f"PUT {base}m=<m>/dk-<id>-<number>.parquet  (parquet, zstd)",
        f"PUT {base}_dk_manifest.json  (if nobody changed it)",
    )


async def test_the_columns_are_told_with_their_types(lake: Lake) -> None:
    plan = await lake.plan(SCHEMA, partition_by=("m",), types={"id": "int32"})
    assert [(column.name, column.arrow, column.store) for column in plan.columns] == [
        ("id", "int64", "int32"),
        ("m", "int8", "int8, in the names of folders"),
        ("nothing", "null", "string"),
    ]


async def test_nothing_is_changed(lake: Lake) -> None:
    await lake.plan(SCHEMA)
    assert lake.paths() == []


async def test_a_replace_tells_what_it_deletes(lake: Lake) -> None:
    await lake.write({"id": [1]})
    before = lake.paths()
    plan = await lake.plan(SCHEMA, mode="replace", format="csv", compression="gzip")
    assert [line.split()[0] for line in plan.statements] == ["PUT", "PUT", "PUT", "DELETE", "PUT"]
    assert lake.paths() == before


async def test_an_append_tells_the_types_that_the_dataset_has(lake: Lake) -> None:
    await lake.write(pa.table({"id": pa.array([1], pa.int16())}))
    plan = await lake.plan(pa.schema({"id": pa.float64()}), mode="append")
    assert [(column.arrow, column.store) for column in plan.columns] == [("double", "int16")]


async def test_one_object_is_one_request(lake: Lake) -> None:
    plan = await lake.plan(SCHEMA, f"{lake.table}/x.csv.gz")
    assert plan.statements == (f"PUT s3://{lake.bucket}/{lake.base}x.csv.gz  (csv, gzip, if there is none)",)


async def test_what_the_report_will_say_is_said(lake: Lake) -> None:
    plan = await lake.plan(pa.schema({"b": pa.binary()}), format="csv")
    assert plan.notes[-1] == "'b' is written as base64"


async def test_what_the_write_would_raise_is_raised(lake: Lake) -> None:
    await lake.write({"id": [1]})
    with pytest.raises(Conflict):
        await lake.plan(SCHEMA)
    with pytest.raises(ConfigError, match="do not match"):
        await lake.plan(SCHEMA, mode="append")
    with pytest.raises(ConversionError, match="hold no such type"):
        await lake.plan(pa.schema({"c": pa.list_(pa.int8())}), mode="replace", format="csv")
    with pytest.raises(NotFound, match="no such bucket"):
        await lake.plan(SCHEMA, "s3://dk-test-absent/t")
