"""Whatever can be written is one stream of one schema, and faults name the row in the whole."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames import types
from dk_notebook.frames.source import as_stream
from dk_notebook.runtime.workers import in_worker

pytestmark = pytest.mark.unit


class Capsule:
    """Anything that exports Arrow's C stream."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


TABLE = pa.table({"a": [1, 2], "b": ["x", None]})
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]})


@pytest.mark.parametrize(
    "data",
    [
        FRAME,
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_reader(),
        Capsule(TABLE),
        [FRAME.iloc[:1], FRAME.iloc[1:]],
        iter([TABLE.slice(0, 1), FRAME.iloc[1:]]),
        (Capsule(table) for table in (TABLE.slice(0, 1), TABLE.slice(1))),
    ],
    ids=lambda data: type(data).__name__,
)
async def test_all_kinds_of_data_give_the_same_rows(data):
    assert (await as_stream(data).read_all()).to_pydict() == TABLE.to_pydict()


def test_the_number_of_rows_is_known_where_it_can_be():
    assert as_stream(FRAME).total_rows == 2
    assert as_stream(iter([FRAME])).total_rows is None


def test_a_row_s_label_is_found():
    assert as_stream(FRAME.set_axis(["p", "q"])).labels(1) == "q"


def test_index_of_a_table_is_an_error():
    with pytest.raises(ConfigError, match="has no index"):
        as_stream(TABLE, index=True)


@pytest.mark.parametrize(
    "data",
    [5, "text", {"a": [1]}, iter([]), iter([5])],
    ids=["number", "text", "mapping", "no frames", "iterator of numbers"],
)
def test_what_is_no_table_is_an_error(data):
    with pytest.raises(ConfigError):
        as_stream(data)


async def test_later_frames_are_cast_to_the_first_one_s_types():
    later = pd.DataFrame({"b": ["y"], "a": [3.0]})
    assert (await as_stream([FRAME, later]).read_all())["a"].to_pylist() == [1, 2, 3]


async def test_a_later_value_that_does_not_fit_is_counted_through():
    stream = as_stream([FRAME, FRAME, pd.DataFrame({"a": [1.0, 1.5], "b": ["", ""]})])
    with pytest.raises(ConversionError) as caught:
        await stream.read_all()
    assert (caught.value.column, caught.value.position) == ("a", 5)


async def test_a_later_cell_that_no_store_takes_is_counted_through():
    stream = as_stream([FRAME, pd.DataFrame({"a": [1], "b": ["\0"]}, index=["z"])])
    with pytest.raises(ConversionError, match=r"column 'b', row 2 \(label 'z'\)"):
        await stream.read_all()


@pytest.mark.parametrize("columns", [["a"], ["a", "b", "c"]], ids=str)
async def test_a_later_frame_has_the_same_columns(columns):
    later = pd.DataFrame({name: [1] for name in columns})
    with pytest.raises(ConversionError, match="frames of one iterator have the same columns"):
        await as_stream([FRAME, later]).read_all()


async def test_a_column_without_values_at_first_is_text():
    first = pd.DataFrame({"a": pd.Series([None], dtype=object)})
    stream = as_stream([first, pd.DataFrame({"a": ["x"]})])
    assert (await stream.read_all())["a"].to_pylist() == [None, "x"]


async def test_categories_of_later_frames_are_those_of_the_first():
    frames = [pd.DataFrame({"c": pd.Categorical(values, categories=known)})
              for values, known in ((["b"], ["a", "b"]), (["b", None], ["b"]))]  # fmt: skip
    table = await as_stream(frames).read_all()
    assert table["c"].to_pylist() == ["b", "b", None]
    assert types.labels_of(table.schema.field("c")) == ["a", "b"]
    assert all(one.dictionary.equals(two.dictionary) for one, two in pairwise(table["c"].chunks))


async def test_a_category_that_the_first_frame_lacks_is_an_error():
    frames = [pd.DataFrame({"c": pd.Categorical([value])}) for value in ("a", "b")]
    with pytest.raises(ConversionError, match="column 'c', row 1"):
        await as_stream(frames).read_all()


@pytest.mark.parametrize("data", [TABLE.set_column(1, "b", [["x", "\0"]]), None], ids=["table", "reader"])
async def test_nul_is_found_in_arrow_data_too(data):
    bad = TABLE.set_column(1, "b", [["x", "\0"]])
    with pytest.raises(ConversionError, match="column 'b', row 1"):
        await as_stream(bad if data is not None else bad.to_reader()).read_all()


def test_a_table_with_a_repeated_name_is_an_error():
    with pytest.raises(ConversionError, match="2 columns have this name"):
        as_stream(pa.table([[1], [2]], names=["a", "a"]))


async def test_an_iterator_is_advanced_where_it_is_told_to_be():
    seen = []

    def frames():
        for _ in range(2):
            seen.append(threading.current_thread().name)
            yield FRAME

    async def call(function):
        return await asyncio.get_running_loop().run_in_executor(None, function)

    await as_stream(frames(), call=call).read_all()
    assert seen[1] != threading.current_thread().name


async def test_a_closed_stream_closes_the_generator():
    ended = []

    def frames():
        try:
            while True:
                yield FRAME
        finally:
            ended.append(True)

    stream = as_stream(frames())
    await anext(stream)
    await stream.aclose()
    assert ended == [True]


@pytest.mark.parametrize("kind", ["frames", "a reader"])
async def test_what_a_worker_still_reads_is_closed_by_that_worker(kind: str):
    at_it, may_go_on, closed = threading.Event(), threading.Event(), threading.Event()
    ended: list[threading.Thread] = []

    def frames():
        try:
            yield FRAME
            at_it.set()
            may_go_on.wait(10)
            yield FRAME
        finally:
            ended.append(threading.current_thread())
            closed.set()

    class Reader(pa.RecordBatchReader):
        """One whose batches come from there."""

        def __init__(self) -> None:
            self._source = (pa.RecordBatch.from_pandas(frame) for frame in frames())

        schema = pa.RecordBatch.from_pandas(FRAME).schema

        def read_next_batch(self):
            return next(self._source)

        def close(self):
            self._source.close()

    stream = as_stream(frames() if kind == "frames" else Reader(), call=in_worker)
    await anext(stream)
    reading = asyncio.create_task(anext(stream))
    await asyncio.to_thread(at_it.wait, 10)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await stream.aclose()
    assert not closed.is_set()
    may_go_on.set()
    assert await asyncio.to_thread(closed.wait, 10)
    assert ended != [threading.current_thread()]


GENERATORS = """
import asyncio, threading
import pyarrow as pa
from dk_notebook.frames.source import as_stream
from dk_notebook.runtime.workers import in_worker

TABLE = pa.table({"a": [1]})
SOURCE = "def frames():\\n    while True:\\n        yield made(1).table"

class Made:
    def __init__(self, number):
        self.table = TABLE
        if armed:
            at_it.set()
            may_go_on.wait()

async def left(count):
    global armed
    armed = False
    names = {"made": Made}
    exec(SOURCE, names)  # compiled anew: Python counts in the code how often it ran
    stream = as_stream(names["frames"](), call=in_worker)
    for _ in range(count):
        await anext(stream)
    armed = True
    reading = asyncio.create_task(anext(stream))
    await asyncio.to_thread(at_it.wait)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await stream.aclose()
    may_go_on.set()

for count in range(1, 140):
    at_it, may_go_on = threading.Event(), threading.Event()
    asyncio.run(left(count))
"""


def test_leaving_a_generator_that_runs_never_ends_the_process():
    # Python 3.11 crashed at the 66th frame and at the 129th: it took its own counters for instructions.
    subprocess.run([sys.executable, "-c", GENERATORS], check=True, timeout=60)


async def test_a_read_that_comes_too_late_finds_nothing():
    kept = []

    async def call(function):
        kept.append(function)
        raise asyncio.CancelledError

    def frames():
        yield FRAME
        yield FRAME

    stream = as_stream(frames(), call=call)
    await anext(stream)
    with pytest.raises(asyncio.CancelledError):
        await anext(stream)
    assert kept[0]() is None


async def test_a_generator_that_fails_fails_the_stream():
    def frames():
        yield FRAME
        raise RuntimeError("the file ended early")

    with pytest.raises(RuntimeError, match="ended early"):
        await as_stream(frames()).read_all()


async def test_no_empty_batch_is_handed_on():
    assert [batch.num_rows async for batch in as_stream([FRAME.iloc[:0], FRAME])] == [2]


async def test_an_iterator_is_read_as_it_is_needed():
    made = []

    def frames():
        for number in range(100):
            made.append(number)
            yield FRAME

    stream = as_stream(frames())
    await anext(stream)
    assert len(made) <= 2
    await stream.aclose()
