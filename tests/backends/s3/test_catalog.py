"""What lies below the prefix of a connection, and its columns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dk_notebook.backends.s3 import catalog
from dk_notebook.backends.s3.session import S3Session
from dk_notebook.errors import NotFound
from tests.backends.s3.conftest import config_of, session
from tests.backends.s3.lake import Lake
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3


@pytest_asyncio.fixture
async def made(s3_store: S3Address, s3_bucket: str) -> AsyncIterator[S3Session]:
    async with session(config_of(s3_store, s3_bucket, prefix="data")) as one:
        yield one


async def put(made: S3Session, **objects: int) -> None:
    """Objects below the prefix, of so many bytes."""
    for key, size in objects.items():
        await made.objects.put(f"data/{key}", b"x" * size)


async def told(made: S3Session) -> list[tuple[Any, ...]]:
    return [(row["table"], row["kind"], row["bytes"]) for row in (await made.tables()).to_pylist()]


async def test_a_prefix_with_files_is_a_dataset_and_a_file_of_a_known_format_an_object(made: S3Session) -> None:
    await put(made, **{"shop/a.parquet": 3, "shop/b.parquet": 4, "cities.csv": 5, "notes.txt": 6})
    assert await told(made) == [("cities.csv", "object", 5), ("shop", "dataset", 7)]


async def test_folders_of_values_belong_to_their_dataset(made: S3Session) -> None:
    await put(made, **{"shop/month=1/a.parquet": 3, "shop/month=2/a.parquet": 4})
    assert await told(made) == [("shop", "dataset", 7)]


async def test_what_begins_with_an_underscore_or_a_dot_is_not_told(made: S3Session) -> None:
    await put(made, **{"_tmp/a.parquet": 3, ".git/b.parquet": 4, "_a.csv": 5, "shop/_SUCCESS": 1, "hidden/.a": 1})
    assert await told(made) == []


async def test_what_lies_elsewhere_in_the_bucket_is_not_told(made: S3Session) -> None:
    await made.objects.put("other/a.parquet", b"x")
    await made.objects.put("database/a.parquet", b"x")
    assert await told(made) == []


async def test_rows_are_not_known(made: S3Session) -> None:
    await put(made, **{"cities.csv": 5})
    [row] = (await made.tables()).to_pylist()
    assert (row["schema"], row["rows"]) == (None, None)


async def test_sizes_of_very_many_files_are_not_added_up(made: S3Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "SUMMED", 2)
    await put(made, **{f"shop/{number}.parquet": 1 for number in range(3)})
    assert await told(made) == [("shop", "dataset", None)]


async def test_who_is_not_told_of_all_is_warned(made: S3Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "LISTED", 2)
    await put(made, **{f"{number}.csv": 1 for number in range(4)})
    with pytest.warns(RuntimeWarning, match=r"more than 2 names below s3://.*/data/"):
        await made.tables()


async def test_a_bucket_without_anything_has_no_tables(made: S3Session) -> None:
    assert (await made.tables()).num_rows == 0


async def test_without_a_bucket_the_buckets_are_told(s3_store: S3Address, s3_bucket: str) -> None:
    async with session(config_of(s3_store, "")) as made:
        assert (f"s3://{s3_bucket}", "bucket", None) in await told(made)


# --- tables of this package


@pytest.mark.asyncio(loop_scope="module")
async def test_files_that_were_replaced_count_no_more(lake: Lake) -> None:
    await lake.write({"n": list(range(100_000))})
    await lake.write({"n": [1]}, mode="replace")
    async with lake.place.session() as session:
        sizes = {row["table"]: row["bytes"] for row in (await session.tables()).to_pylist()}  # type: ignore[attr-defined]
    assert 0 < sizes[lake.table] < 10_000


@pytest.mark.asyncio(loop_scope="module")
async def test_columns_have_arrows_types_and_pandas_dtypes(lake: Lake) -> None:
    await lake.write({"n": [1, 2], "name": ["a", None], "month": [1, 2]}, partition_by=["month"])
    async with lake.place.session() as session:
        rows = (await session.columns(lake.table)).to_pylist()  # type: ignore[attr-defined]
    assert [(row["column"], row["type"], row["key"]) for row in rows] == [
        ("n", "int64", None),
        ("name", "string", None),
        ("month", "int64", "partition"),
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_table_that_is_not_there_is_told_with_the_one_that_was_meant(lake: Lake) -> None:
    await lake.write({"n": [1]}, "flights")
    async with lake.place.session() as session:
        with pytest.raises(NotFound) as raised:
            await session.columns("fligths")  # type: ignore[attr-defined]
    assert raised.value.hint == "did you mean 'flights'?"
