"""A dask frame is a stream of its partitions: computed one by one, of one schema."""

from __future__ import annotations

import decimal

import dask
import dask.array
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames import types
from dk_notebook.frames.source import as_stream

pytestmark = pytest.mark.unit


def numbers(size: int) -> pd.DataFrame:
    return pd.DataFrame({"n": range(size)})


def letters(labels: str) -> pd.DataFrame:
    return pd.DataFrame({"c": pd.Categorical(list(labels))})


async def test_partitions_of_all_sizes_are_one_table():
    table = await as_stream(dd.from_map(numbers, [2, 5, 0, 1])).read_all()
    assert table.to_pydict() == {"n": [0, 1, 0, 1, 2, 3, 4, 0]}


async def test_an_empty_first_partition_decides_no_type():
    values = [[], [decimal.Decimal("1.5")]]
    with dask.config.set({"dataframe.convert-string": False}):  # objects stay what they are
        frame = dd.from_map(lambda part: pd.DataFrame({"o": part}, dtype=object), values, meta={"o": object})
        table = await as_stream(frame).read_all()
    assert table["o"].to_pylist() == [decimal.Decimal("1.5")]


async def test_without_rows_the_columns_are_there():
    table = await as_stream(dd.from_map(numbers, [0, 0])).read_all()
    assert (table.num_rows, table.schema) == (0, pa.schema({"n": pa.int64()}))


async def test_dask_s_text_is_text():
    frame = dd.from_pandas(pd.DataFrame({"t": ["x", None, "z"]}), npartitions=2)
    table = await as_stream(frame).read_all()
    assert (table.schema.field("t").type, table["t"].to_pylist()) == (pa.string(), ["x", None, "z"])


async def test_no_partition_is_computed_before_it_is_needed():
    computed = []

    def make(number: int) -> pd.DataFrame:
        computed.append(number)
        return numbers(3)

    stream = as_stream(dd.from_map(make, range(20), meta=numbers(0)))
    ahead = [len(computed) - read async for read, _ in counted(stream)]
    assert len(ahead) == 20
    assert max(ahead) <= 1


async def counted(stream):
    read = 0
    async for batch in stream:
        read += 1
        yield read, batch


async def test_the_index_is_written_where_it_is_asked_for():
    frame = dd.from_pandas(numbers(4).rename_axis("id"), npartitions=2)
    assert (await as_stream(frame, index=True).read_all())["id"].to_pylist() == [0, 1, 2, 3]


async def test_a_cell_that_no_store_takes_is_counted_through_all_partitions():
    frame = dd.from_map(lambda text: pd.DataFrame({"t": [text, text]}), ["a", "b\0"], meta={"t": "str"})
    with pytest.raises(ConversionError) as caught:
        await as_stream(frame).read_all()
    assert (caught.value.column, caught.value.position) == ("t", 2)


async def test_a_partition_that_fails_fails_the_stream():
    frame = dd.from_map(lambda number: numbers(6 // number), [2, 0], meta=numbers(0))
    with pytest.raises(ZeroDivisionError):
        await as_stream(frame).read_all()


async def test_known_categories_are_the_labels_of_every_partition():
    frame = dd.from_pandas(letters("bab"), npartitions=3)
    frame = frame.map_partitions(lambda part: part.assign(c=part["c"].cat.remove_unused_categories()), meta=frame._meta)
    table = await as_stream(frame).read_all()
    assert table["c"].to_pylist() == ["b", "a", "b"]
    assert types.labels_of(table.schema.field("c")) == ["a", "b"]


async def test_categories_that_differ_and_are_known_to_differ_become_plain_values():
    frame = dd.from_map(letters, ["ab", "cb"], meta=letters(""))
    frame["c"] = frame["c"].cat.as_unknown()
    table = await as_stream(frame).read_all()
    assert (table.schema.field("c").type, table["c"].to_pylist()) == (pa.string(), ["a", "b", "c", "b"])


async def test_categories_that_differ_unannounced_are_an_error_with_what_to_do():
    frame = dd.from_map(letters, ["ab", "cb"], meta=letters("ab").iloc[:0])
    with pytest.raises(ConversionError, match=r"column 'c', row 2: category: a label.*\n.*astype"):
        await as_stream(frame).read_all()


@pytest.mark.parametrize(
    "data", [dd.from_pandas(pd.Series([1], name="s")), dask.array.ones(3)], ids=["series", "array"]
)
def test_what_is_no_dask_frame_is_refused(data):
    with pytest.raises(ConfigError):
        as_stream(data)
