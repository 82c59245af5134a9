"""How many rows go into a file, and how many wait for one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dk_notebook.backends.s3.datasets.manifest import Shape
from dk_notebook.backends.s3.writing.encode import Encoding
from dk_notebook.backends.s3.writing.gather import BUFFER, LARGE, SMALL, Gather, Part

pytestmark = pytest.mark.unit

NUMBERS = pa.schema({"n": pa.int64()})


def numbers(rows: int) -> pa.Table:
    return pa.table({"n": np.arange(rows)})


def gathered(gather: Gather, tables: list[pa.Table]) -> list[Part]:
    return [part for table in tables for part in gather.add(table)] + list(gather.rest())


def test_little_is_one_file_at_the_end() -> None:
    gather = Gather(Shape("parquet", NUMBERS), Encoding.of("parquet", None))
    assert list(gather.add(numbers(10))) == []
    assert [part.table.num_rows for part in gather.rest()] == [10]


def test_files_grow_with_what_was_written_up_to_the_largest() -> None:
    gather = Gather(Shape("parquet", NUMBERS), Encoding.of("parquet", None))
    piece = numbers(SMALL // 8)
    sizes = [part.size for part in gathered(gather, [piece] * 60)]
    assert sizes[0] == SMALL
    assert max(sizes) == LARGE
    assert sum(sizes) == 60 * SMALL


def test_rows_are_in_their_order_and_all_there() -> None:
    gather = Gather(Shape("parquet", NUMBERS), Encoding.of("parquet", None))
    tables = [part.table for part in gathered(gather, [numbers(5_000_000).slice(0, 4_999_999)])]
    assert pa.concat_tables(tables).column("n").combine_chunks().equals(numbers(4_999_999).column("n").chunk(0))


def test_a_file_of_text_is_as_large_as_its_text() -> None:
    flags = pa.table({"a long name for a truth": pa.array([True] * 4_000_000)})
    encoding = Encoding.of("jsonl", None)
    parts = gathered(Gather(Shape("jsonl", flags.schema), encoding), [flags])
    assert encoding.encoded(parts[0].table).nbytes == pytest.approx(SMALL, rel=0.05)


def test_a_row_that_is_larger_than_a_file_is_a_file() -> None:
    wide = pa.table({"t": ["x" * (SMALL + 1), "y" * (SMALL + 1)]})
    parts = gathered(Gather(Shape("parquet", wide.schema), Encoding.of("parquet", None)), [wide])
    assert [part.table.num_rows for part in parts] == [1, 1]


FOLDERS = Shape("parquet", pa.schema({"k": pa.int64(), "n": pa.int64()}), ("k",))


def keyed(keys: np.ndarray) -> pa.Table:  # type: ignore[type-arg]
    return pa.table({"k": keys, "n": np.arange(len(keys))})


def test_a_folder_without_much_waits_for_more() -> None:
    gather = Gather(FOLDERS, Encoding.of("parquet", None))
    rows = BUFFER // 16 // 4
    parts = gathered(gather, [keyed(np.arange(rows) % 4) for _ in range(5)])
    assert [part.folder for part in parts].count("k=0/") == 2


def test_what_waits_is_bounded_and_the_largest_folders_go_first() -> None:
    gather = Gather(FOLDERS, Encoding.of("parquet", None))
    rows = BUFFER // 16
    keys = np.where(np.arange(rows) % 2 == 0, 0, np.arange(rows) % 1000)
    parts = list(gather.add(keyed(keys)))
    assert {part.folder for part in parts} == {"k=0/"}
    assert gather._held <= BUFFER / 2


def test_what_waits_does_not_hold_what_is_gone() -> None:
    gather = Gather(FOLDERS, Encoding.of("parquet", None))
    rows = BUFFER // 16
    for _ in gather.add(keyed(np.where(np.arange(rows) % 10 == 0, np.arange(rows) % 999, 0))):
        pass
    [waiting] = gather._waiting
    assert waiting.get_total_buffer_size() <= waiting.nbytes * 1.1


def test_what_goes_does_not_hold_what_waits() -> None:
    gather = Gather(FOLDERS, Encoding.of("parquet", None))
    rows = BUFFER // 16
    parts = list(gather.add(keyed(np.random.default_rng(0).integers(0, 20, rows))))
    held = {each.address: each.size for part in parts for each in part.table.column("n").chunk(0).buffers() if each}
    assert sum(held.values()) <= sum(part.table.nbytes for part in parts) * 1.1


def test_folders_that_lie_side_by_side_are_not_copied() -> None:
    gather = Gather(FOLDERS, Encoding.of("parquet", None))
    rows = keyed(np.arange(BUFFER // 16) // (BUFFER // 64))
    [first, *_] = gather.add(rows)
    [there] = [each.address for each in rows.column("n").chunk(0).buffers() if each]
    assert [each.address for each in first.table.column("n").chunk(0).buffers() if each] == [there]


def test_the_columns_of_the_folders_are_not_in_the_files() -> None:
    parts = gathered(Gather(FOLDERS, Encoding.of("parquet", None)), [keyed(np.arange(3))])
    assert {name for part in parts for name in part.table.column_names} == {"n"}


def test_a_large_folder_is_several_files() -> None:
    gather = Gather(FOLDERS, Encoding.of("parquet", None))
    parts = gathered(gather, [keyed(np.zeros(BUFFER // 16, np.int64))])
    assert [part.size for part in parts] == [SMALL] * (BUFFER // SMALL)


def test_no_rows_are_no_file() -> None:
    assert gathered(Gather(FOLDERS, Encoding.of("parquet", None)), [keyed(np.arange(0))]) == []
