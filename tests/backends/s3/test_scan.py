"""Tables of S3: which files, columns and rows they have, and what is read of them."""

from __future__ import annotations

import datetime as dt
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import pytest_asyncio

from dk_notebook.backends.base import TableQuery, TableWrite
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.backends.s3.reading.dataset import Dataset, Opener, Span
from dk_notebook.backends.s3.reading.scan import scan_table
from dk_notebook.backends.s3.session import S3Session
from dk_notebook.config.settings import build
from dk_notebook.errors import ConfigError, Conflict, NotFound, QueryError
from dk_notebook.frames.stream import ArrowStream
from tests.backends.s3.conftest import session
from tests.backends.s3.files import csv, dataset, gzipped, jsonl, parquet, table
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3

Put = Callable[[str, bytes], None]


@pytest.fixture
def put(s3_store: S3Address, place: dict[str, Any]) -> Put:
    """Puts an object below the connection's prefix, as another program does."""
    return lambda key, body: s3_store.put(place["bucket"], f"{place['prefix']}/{key}", body)


@pytest_asyncio.fixture
async def lake(place: dict[str, Any]) -> AsyncIterator[S3Session]:
    async with session(build(S3Config, [("keyword", place)])) as made:
        yield made


# --- files and columns ------------------------------------------------------------------------------------------------


async def test_a_dataset_is_all_files_below_its_prefix(lake: S3Session, put: Put) -> None:
    put("t/a.parquet", parquet({"n": [1, 2]}))
    put("t/deep/b.parquet", parquet({"n": [3]}))
    put("tt/c.parquet", parquet({"n": [4]}))
    assert (await table(lake, "t", order_by="n"))["n"].to_pylist() == [1, 2, 3]


async def test_what_begins_with_an_underscore_or_a_dot_is_no_data(lake: S3Session, put: Put) -> None:
    put("t/a.parquet", parquet({"n": [1]}))
    put("t/_SUCCESS", b"")
    put("t/.hidden/b.parquet", parquet({"n": [2]}))
    assert (await table(lake, "t"))["n"].to_pylist() == [1]


async def test_an_object_is_a_table_by_its_key_and_by_its_whole_url(
    lake: S3Session, put: Put, place: dict[str, Any]
) -> None:
    put("x/month=1/a.parquet", parquet({"n": [1]}))
    assert (await table(lake, "x/month=1/a.parquet")).to_pydict() == {"n": [1]}
    url = f"s3://{place['bucket']}/{place['prefix']}/x"
    assert (await table(lake, url)).to_pydict() == {"n": [1], "month": [1]}


async def test_folders_are_typed_columns(lake: S3Session, put: Put) -> None:
    put("t/month=1/who=a%2Fb/x.parquet", parquet({"n": [1]}))
    put("t/month=12/who=__HIVE_DEFAULT_PARTITION__/x.parquet", parquet({"n": [2]}))
    found = await table(lake, "t", order_by="n")
    assert found.to_pydict() == {"n": [1, 2], "month": [1, 12], "who": ["a/b", None]}
    assert found.schema.field("month").type == pa.int64()


async def test_files_that_are_partitioned_in_different_ways_are_an_error(lake: S3Session, put: Put) -> None:
    put("t/month=1/x.parquet", parquet({"n": [1]}))
    put("t/y.parquet", parquet({"n": [1]}))
    with pytest.raises(QueryError, match=r"partitioned in different ways: 'month=1/x.parquet' by month"):
        await table(lake, "t")


async def test_files_of_different_columns_are_one_table_by_name(lake: S3Session, put: Put) -> None:
    put("t/1.parquet", parquet({"n": pa.array([1], pa.int32()), "old": ["x"]}))
    put("t/2.parquet", parquet({"new": [True], "n": pa.array([2**40], pa.int64())}))
    found = await table(lake, "t", order_by="n")
    assert found.to_pydict() == {"n": [1, 2**40], "old": ["x", None], "new": [None, True]}


async def test_texts_that_files_hold_once_each_are_read_as_they_are(lake: S3Session, put: Put) -> None:
    few = ["red", "blue", None, ""] * 250
    put("t/1.parquet", parquet({"few": few, "many": [f"customer {number}" for number in range(1000)]}))
    put("t/2.parquet", parquet({"few": [f"other {number}" for number in range(1000)], "many": few}))
    assert (await lake.open_table("t")).labels == {"few"}
    found = await table(lake, "t")
    assert found.schema == pa.schema({"few": pa.string(), "many": pa.string()})
    assert found["few"].to_pylist() == [*few, *(f"other {number}" for number in range(1000))]
    assert (await table(lake, "t", where=[("few", "=", "red")]))["few"].to_pylist() == ["red"] * 250


async def test_types_that_no_type_holds_exactly_are_listed_with_their_files(lake: S3Session, put: Put) -> None:
    put("t/1.parquet", parquet({"n": [1]}))
    put("t/2.parquet", parquet({"n": ["one"]}))
    with pytest.raises(QueryError, match=r"'n' that do not go together: int64 in '1.parquet'; string in '2.parquet'"):
        await table(lake, "t")


async def test_no_rows_have_the_columns(lake: S3Session, put: Put) -> None:
    put("t/1.parquet", parquet({"n": pa.array([], pa.int16())}))
    assert (await table(lake, "t")).schema == pa.schema({"n": pa.int16()})


async def test_an_absent_table_is_not_found_with_the_one_that_was_meant(lake: S3Session, put: Put) -> None:
    put("flights/1.parquet", parquet({"n": [1]}))
    with pytest.raises(NotFound, match="did you mean 'flights'"):
        await table(lake, "fligths")


@pytest.mark.parametrize("name", ["", "/", "s3://", "http://x/y", "s3://bucket"])
async def test_what_is_no_table_s_name_is_an_error(lake: S3Session, name: str) -> None:
    with pytest.raises(ConfigError):
        await table(lake, name)


async def test_files_of_no_known_format_are_an_error_that_names_them(lake: S3Session, put: Put) -> None:
    put("t/notes.txt", b"")
    put("t/1.parquet", parquet({"n": [1]}))
    with pytest.raises(QueryError, match=r"not all of one format that is known: .*'notes.txt'"):
        await table(lake, "t")


@pytest.mark.parametrize("body", [b"", b"no parquet", b"PAR1" + b"\xff" * 20 + b"PAR1"], ids=["empty", "text", "cut"])
async def test_what_only_calls_itself_parquet_is_an_error_that_names_it(lake: S3Session, put: Put, body: bytes) -> None:
    put("t/1.parquet", body)
    with pytest.raises(QueryError, match=r"'1\.parquet'"):
        await table(lake, "t")


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
async def test_csv_is_read_with_types_by_its_values(lake: S3Session, put: Put, packed: bool) -> None:
    body = csv({"n": [1, None], "t": ["a", "b,\n"], "day": [dt.date(2024, 1, 2)] * 2})
    put("t/1.csv.gz" if packed else "t/1.csv", gzipped(body) if packed else body)
    found = (await table(lake, "t")).to_pydict()
    assert found == {"n": [1, None], "t": ["a", "b,\n"], "day": [dt.date(2024, 1, 2)] * 2}


@pytest.mark.parametrize("packed", [False, True])
async def test_lines_of_json_are_read(lake: S3Session, put: Put, packed: bool) -> None:
    body = jsonl([{"n": 1, "tags": ["a"]}, {"n": None, "tags": []}])
    put("t/1.jsonl.gz" if packed else "t/1.jsonl", gzipped(body) if packed else body)
    assert (await table(lake, "t")).to_pydict() == {"n": [1, None], "tags": [["a"], []]}


# --- rows -------------------------------------------------------------------------------------------------------------


async def test_columns_come_in_the_order_that_was_asked_for(lake: S3Session, put: Put) -> None:
    put("t/1.parquet", parquet({"a": [1], "b": [2], "c": [3]}))
    assert (await table(lake, "t", columns=["c", "a"], where=[("b", "=", 2)])).to_pydict() == {"c": [3], "a": [1]}


async def test_batches_have_the_rows_that_were_asked_for_at_most(lake: S3Session, put: Put) -> None:
    put("t/1.parquet", parquet({"n": range(10_000)}))
    stream = await lake.scan(TableQuery(table="t"), batch_rows=1_000)
    sizes = [batch.num_rows async for batch in stream]
    assert (sum(sizes), max(sizes)) == (10_000, 1_000)


async def test_only_the_parts_that_are_needed_are_read(lake: S3Session, put: Put) -> None:
    for month in range(1, 5):
        wide = {"n": range(200_000), "wide": [f"text {month} {n}" for n in range(200_000)]}
        put(f"t/month={month}/x.parquet", parquet(wide, row_group_size=50_000, compression="none"))
    everything = (await dataset(lake, "t")).traffic.bytes
    some = (await dataset(lake, "t", columns=["n"], where=[("month", "=", 2), ("n", "<", 100)])).traffic.bytes
    assert everything > 10_000_000 > 1_000_000 > some


async def test_a_file_that_is_wanted_whole_takes_one_request_beside_that_for_its_columns(
    lake: S3Session, put: Put
) -> None:
    for number in range(3):
        put(f"t/{number}.parquet", parquet({"n": range(300_000)}))
    assert (await dataset(lake, "t")).traffic.requests == 6


async def test_a_file_of_ours_that_is_wanted_whole_brings_its_columns_with_it(lake: S3Session) -> None:
    for _ in range(3):
        rows = ArrowStream.from_table(pa.table({"n": range(300_000)}))
        await lake.ingest(TableWrite(table="t", mode="append"), rows)
    assert (await dataset(lake, "t")).traffic.requests == 4  # of the first one they are read before


async def test_a_limit_ends_the_read_early(lake: S3Session, put: Put) -> None:
    for number in range(20):
        put(f"t/{number:02}.parquet", parquet({"n": [number] * 1_000}))
    before = lake.operation.rows
    assert (await table(lake, "t", limit=5, batch_rows=100))["n"].to_pylist() == [0] * 5
    assert lake.operation.rows - before == 5


async def test_a_file_that_is_replaced_before_a_row_was_handed_out_is_not_noticed(
    lake: S3Session, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("t/1.parquet", parquet({"n": range(300_000)}))
    listed = lake.open_table
    times = 0

    async def opened(name: str) -> Any:
        nonlocal times
        found = await listed(name)
        times += 1
        if times == 1:
            put("t/1.parquet", parquet({"n": range(7)}))
        return found

    monkeypatch.setattr(lake, "open_table", opened)
    assert ((await table(lake, "t")).num_rows, times) == (7, 2)


async def test_a_file_that_is_replaced_in_the_middle_is_an_error_that_says_so(lake: S3Session, put: Put) -> None:
    for number in range(4):
        put(f"t/{number}.parquet", parquet({"n": range(300_000)}))
    stream = await lake.scan(TableQuery(table="t"), batch_rows=1_000)
    await anext(stream)
    for number in range(4):
        put(f"t/{number}.parquet", parquet({"n": range(300_001)}))
    with pytest.raises(Conflict, match="was replaced while it was read"):
        async for _ in stream:
            pass
    await stream.aclose()


# --- how much is there at once ----------------------------------------------------------------------------------------


GROUPS, ROWS = 40, 5_000


@pytest.fixture
def large(put: Put, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table of one file of 8 MB, of many row groups, each of which is as large as what is read in one go."""
    monkeypatch.setattr("dk_notebook.backends.s3.reading.dataset.LONGEST", 1 << 17)
    random = np.random.default_rng(0)
    wide = {f"c{number}": random.integers(0, 2**62, GROUPS * ROWS) for number in range(5)}
    put("large/1.parquet", parquet(wide, row_group_size=ROWS, compression="none", use_dictionary=False))
    return "large"


async def test_chunks_take_no_more_of_a_large_file_than_a_few_row_groups_ahead(lake: S3Session, large: str) -> None:
    opened = await lake.open_table(large)
    group = opened.parts[0].file.size / GROUPS
    ahead, taken = [], 0
    stream = await scan_table(always(opened), TableQuery(table=large), lake.operation, 1_000)
    async for batch in stream:
        taken += batch.num_rows
        ahead.append(opened.traffic.bytes / group - taken / ROWS)
    assert (taken, max(ahead) < 6) == (GROUPS * ROWS, True)


async def test_chunks_let_go_of_the_row_groups_behind_them(
    lake: S3Session, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = Dataset.fetched
    there: weakref.WeakSet[Any] = weakref.WeakSet()

    async def noted(self: Dataset, span: Span, **how: bool) -> Any:
        fragment = await fetched(self, span, **how)
        there.add(fragment)
        return fragment

    monkeypatch.setattr(Dataset, "fetched", noted)
    stream = await lake.scan(TableQuery(table=large), batch_rows=1_000)
    assert max([len(there) async for _ in stream]) < 6


async def test_chunks_of_a_large_file_are_not_all_in_memory(lake: S3Session, large: str) -> None:
    before = pa.total_allocated_bytes()
    stream = await lake.scan(TableQuery(table=large), batch_rows=1_000)
    most = max([pa.total_allocated_bytes() - before async for _ in stream])
    assert most < GROUPS * ROWS * 5 * 8 / 4


async def test_a_limit_takes_no_row_group_behind_it(lake: S3Session, large: str) -> None:
    assert (await dataset(lake, large, limit=ROWS + 1)).traffic.bytes < 3 * ROWS * 5 * 8


def always(opened: Dataset) -> Opener:
    """Opens it, whatever is asked for."""

    async def open_table(_: str) -> Dataset:
        return opened

    return open_table
