"""Writing datasets: what is there afterwards, for those who read through here and for others."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dk_notebook.backends.s3.datasets.manifest import NAME, write_of
from dk_notebook.errors import ConfigError, Conflict, ConversionError, NotFound, Unsupported
from tests.backends.s3.lake import Lake

pytestmark = [pytest.mark.s3, pytest.mark.asyncio(loop_scope="module")]

OLD = {"id": [1, 2], "n": [10, 20]}
NEW = {"id": [2, 3], "n": [21, 31]}


# --- files --------------------------------------------------------------------------------------------------------


async def test_a_dataset_is_a_manifest_and_files_that_say_whose_they_are(lake: Lake) -> None:
    await lake.write(OLD)
    manifest, file = lake.paths()
    assert (manifest, write_of(file) is not None) == (NAME, True)


async def test_a_program_that_knows_parquet_reads_a_file(lake: Lake) -> None:
    await lake.write(OLD)
    assert pq.read_table(io.BytesIO(lake.body(lake.files()[0]))).to_pydict() == OLD


async def test_the_store_is_told_what_a_file_is(lake: Lake) -> None:
    await lake.write(OLD, format="csv")
    told = lake.store.client().head_object(Bucket=lake.bucket, Key=lake.base + lake.files()[0])
    assert told["ContentType"] == "text/csv; charset=utf-8"


async def test_rows_of_later_writes_come_after_those_that_were_there(lake: Lake) -> None:
    await lake.write(OLD)
    for number in range(3, 6):
        await lake.write({"id": [number], "n": [0]}, mode="append")
    assert (await lake.rows())["id"] == [1, 2, 3, 4, 5]


async def test_no_rows_are_a_dataset_with_its_columns(lake: Lake) -> None:
    await lake.write(pa.table({"id": pa.array([], pa.int16())}))
    assert (await lake.read()).schema == pa.schema({"id": pa.int16()})


async def test_no_rows_are_a_dataset_with_its_folders(lake: Lake) -> None:
    await lake.write(pa.table({"id": pa.array([], pa.int16()), "m": pa.array([], pa.string())}), partition_by=("m",))
    assert (await lake.read()).schema == pa.schema({"id": pa.int16(), "m": pa.string()})


async def test_no_rows_for_a_dataset_that_is_there_are_no_file(lake: Lake) -> None:
    await lake.write(OLD)
    await lake.write(pa.table(OLD).slice(0, 0), mode="append")
    assert len(lake.files()) == 1


async def test_many_rows_are_several_files_and_all_there(lake: Lake) -> None:
    rows = 6_000_000
    report = await lake.write({"id": range(rows)})
    assert len(lake.files()) == 3
    assert (report.rows, report.bytes) == (rows, rows * 8)
    assert (await lake.read()).column("id").combine_chunks().equals(pa.array(range(rows)))


async def test_a_whole_url_names_a_prefix_in_another_bucket(lake: Lake) -> None:
    other = f"{lake.bucket}-other"
    lake.store.make_bucket(other)
    try:
        await lake.write(OLD, f"s3://{other}/some/where")
        assert await lake.rows(f"s3://{other}/some/where") == OLD
    finally:
        lake.store.remove_bucket(other)


async def test_a_bucket_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(NotFound, match="s3://dk-test-absent: there is no such bucket"):
        await lake.write(OLD, "s3://dk-test-absent/t")


# --- modes --------------------------------------------------------------------------------------------------------


async def test_fail_refuses_a_dataset_with_rows_of_other_programs_too(lake: Lake) -> None:
    lake.put("part-0.csv", b"id,n\n1,2\n")
    with pytest.raises(Conflict, match=f"the dataset '{lake.table}' exists"):
        await lake.write(NEW)


async def test_fail_writes_beside_what_is_no_data(lake: Lake) -> None:
    lake.put("_SUCCESS", b"")
    await lake.write(OLD)
    assert await lake.rows() == OLD


async def test_append_takes_columns_by_name_and_values_exactly(lake: Lake) -> None:
    await lake.write(pa.table({"id": pa.array([1], pa.int8()), "n": ["x"]}))
    await lake.write({"n": ["y"], "id": [2.0]}, mode="append")
    found = await lake.read()
    assert (found.schema.field("id").type, found.to_pydict()) == (pa.int8(), {"id": [1, 2], "n": ["x", "y"]})


async def test_append_names_the_row_of_a_value_that_does_not_fit(lake: Lake) -> None:
    await lake.write(OLD)
    with pytest.raises(ConversionError, match="column 'n', row 1: double to int64: not a whole number"):
        await lake.write({"id": [3, 4], "n": [1.0, 1.5]}, mode="append")
    assert await lake.rows() == OLD


async def test_append_lists_the_columns_of_both_sides(lake: Lake) -> None:
    await lake.write(OLD)
    with pytest.raises(ConfigError, match=r'not in the table: "m"; not in the data: "n"'):
        await lake.write({"id": [3], "m": [1]}, mode="append")


async def test_append_adds_to_files_of_another_program(lake: Lake) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array([1], pa.int32())}), sink)
    lake.put("month=3/part-0.parquet", sink.getvalue())
    await lake.write({"id": [2, 3], "month": [3, 4]}, mode="append")
    assert await lake.rows() == {"id": [2, 1, 3], "month": [3, 3, 4]}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"format": "csv"}, "the files of 't-.*' are parquet"),
        ({"partition_by": ("id",)}, "the dataset 't-.*' is partitioned by nothing"),
        ({"partition_by": ("absent",)}, "partition_by= names 'absent', which is no column"),
        ({"types": {"n": "string"}}, "types= says string for 'n', but the table exists and declares int64"),
        ({"compression": "zip"}, "nothing that parquet has"),
        ({"key": ("id",)}, "does not use key="),
    ],
    ids=lambda how: str(how),
)
async def test_what_contradicts_the_dataset_is_refused(lake: Lake, how: dict[str, Any], words: str) -> None:
    await lake.write(OLD)
    with pytest.raises(ConfigError, match=words):
        await lake.write(NEW, mode="append", **how)


async def test_what_says_the_same_as_the_dataset_is_taken(lake: Lake) -> None:
    await lake.write(OLD, partition_by=("n",), format="csv")
    how = {"partition_by": ("n",), "format": "csv", "types": {"id": "int64"}, "compression": "gzip"}
    await lake.write({"id": [3], "n": [30]}, mode="append", **how)
    assert sorted((await lake.rows())["id"]) == [1, 2, 3]


@pytest.mark.parametrize(("mode", "instead"), [("truncate", "replace"), ("upsert", "append"), ("ignore", "append")])
async def test_a_mode_that_files_do_not_have_names_the_one_to_use(lake: Lake, mode: Any, instead: str) -> None:
    with pytest.raises(Unsupported, match=f'mode="{instead}"'):
        await lake.write(OLD, mode=mode, key=() if mode == "truncate" else ("id",))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "orc"}, "'orc' is no format"),
        ({"format": "csv", "compression": "snappy"}, "nothing that csv has"),
        ({"partition_by": ("m",)}, "partition_by= names 'm'"),
        ({"partition_by": ("id", "n")}, "every column"),
        ({"types": {"m": "int8"}}, "types= names 'm'"),
        ({"types": {"n": "bigint"}}, "no type of Arrow's"),
    ],
    ids=lambda how: str(how),
)
async def test_what_does_not_fit_is_refused_before_anything_is_there(
    lake: Lake, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        await lake.write(OLD, **options)
    assert lake.paths() == []


async def test_an_option_of_no_store_is_refused(lake: Lake) -> None:
    with pytest.raises(ConfigError, match="s3 does not use partition_bye="):
        await lake.place.write(OLD, lake.table, options={"partition_bye": ("n",)})


async def test_types_says_what_columns_become(lake: Lake) -> None:
    await lake.write(OLD, types={"n": "decimal128(10, 2)"})
    assert (await lake.read()).schema.field("n").type == pa.decimal128(10, 2)


# --- rows that do not go in ---------------------------------------------------------------------------------------


async def test_collect_writes_the_good_rows_and_tells_of_the_others(lake: Lake) -> None:
    await lake.write(OLD)
    report = await lake.write({"id": [3, 4, 5], "n": [1.0, 1.5, 2.0]}, mode="append", errors="collect")
    told = [(row.position, row.column, row.reason) for row in report.rejected]
    assert told == [(1, "n", "not a whole number of that width")]
    assert (report.rows, (await lake.rows())["id"]) == (2, [1, 2, 3, 5])


async def test_a_row_that_the_format_has_no_words_for_is_told_with_its_number(lake: Lake) -> None:
    numbers = pa.table({"x": pa.array([1.0] * 3_000_000 + [float("nan")])})
    with pytest.raises(ConversionError, match=r"column 'x', row 3000000: .*JSON has no word for NaN"):
        await lake.write(numbers, format="jsonl")
    with pytest.raises(NotFound):
        await lake.rows()


# --- what the report says -----------------------------------------------------------------------------------------


async def test_the_report_says_what_others_may_see(lake: Lake) -> None:
    report = await lake.write(OLD)
    assert "other programs may see a part of the files" in str(report)


async def test_the_report_of_a_replace_says_what_others_may_see(lake: Lake) -> None:
    await lake.write(OLD)
    report = await lake.write(NEW, mode="replace")
    assert "other programs may see both for a moment" in str(report)


async def test_the_report_says_how_values_are_spelled(lake: Lake) -> None:
    table = pa.table({"b": [b"x"], "d": pa.array([1], pa.duration("ms"))})
    notes = (await lake.write(table, format="csv")).notes
    assert notes[1:] == ("'b' is written as base64", "'d' is written as whole milliseconds")
