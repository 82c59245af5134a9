"""Results as pandas, Arrow or polars."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest

from dk_notebook.errors import ConfigError, ConversionError
from dk_notebook.frames import types
from dk_notebook.frames.options import FrameOptions
from dk_notebook.frames.shape import to_frame
from dk_notebook.frames.source import as_stream

pytestmark = pytest.mark.unit

POLARS = FrameOptions(as_="polars")
ARROW = FrameOptions(as_="arrow")


def test_arrow_is_the_table_itself():
    table = pa.table({"a": [1], "s": [{"x": 1}]})
    assert to_frame(table, ARROW) is table


@pytest.mark.parametrize("as_", ["pandas", "arrow", "polars"])
def test_repeated_names_are_numbered_in_every_shape(as_):
    with pytest.warns(UserWarning, match="'a' is now 'a_1'"):
        frame = to_frame(pa.table([[1], [2]], names=["a", "a"]), FrameOptions(as_=as_))
    assert list(getattr(frame, "column_names", frame.columns)) == ["a", "a_1"]


@pytest.mark.parametrize("as_", ["arrow", "polars"])
@pytest.mark.parametrize("option", [{"index": "a"}, {"dtype_backend": "pyarrow"}], ids=str)
def test_what_only_pandas_has_is_refused_elsewhere(as_, option):
    with pytest.raises(ConfigError, match='needs as_="pandas"'):
        FrameOptions(as_=as_, **option)


@pytest.mark.parametrize(
    "option", [{"as_": "panda"}, {"decimals": "exakt"}, {"json": "prase"}, {"dtype_backend": "np"}]
)
def test_an_unknown_choice_is_an_error(option):
    with pytest.raises(ConfigError):
        FrameOptions(**option)


@pytest.mark.parametrize("dtype", ["int8", pa.int8(), "int8[pyarrow]", "Int8"], ids=str)
def test_dtypes_cast_arrow_output(dtype):
    options = FrameOptions(as_="arrow", dtypes={"a": dtype})
    assert to_frame(pa.table({"a": [1]}), options).schema.field("a").type == pa.int8()


def test_dtypes_cast_polars_output():
    frame = to_frame(pa.table({"a": [1]}), FrameOptions(as_="polars", dtypes={"a": pl.Int8}))
    assert frame.schema["a"] == pl.Int8


def test_dtypes_that_do_not_fit_are_errors_in_arrow_too():
    with pytest.raises(ConversionError, match="row 1"):
        to_frame(pa.table({"a": [1, 300]}), FrameOptions(as_="arrow", dtypes={"a": "int8"}))


def test_polars_has_the_labels_of_an_enum_without_rows():
    field = types.mark_labels(pa.field("c", pa.dictionary(pa.int8(), pa.string())), ["s", "m"])
    empty = pa.table([pa.chunked_array([], field.type)], schema=pa.schema([field]))
    assert to_frame(empty, POLARS).schema["c"] == pl.Enum(["s", "m"])


def test_polars_decimals_are_exact():
    values = pa.array([Decimal("1.5"), None], types.UNSCALED)
    assert to_frame(pa.table({"c": values}), POLARS)["c"].to_list() == [Decimal("1.5"), None]


def test_polars_refuses_decimals_that_it_cannot_hold():
    with pytest.raises(ConversionError, match='decimals="string"'):
        to_frame(pa.table({"c": pa.array([Decimal(10**30)], types.UNSCALED)}), POLARS)


def test_polars_refuses_intervals():
    with pytest.raises(ConversionError, match="column 'c'"):
        to_frame(pa.table({"c": pa.array([None], pa.month_day_nano_interval())}), POLARS)


@pytest.mark.parametrize("row", types.ARROW_TO_PANDAS, ids=lambda row: str(row.arrow))
def test_polars_types_do_not_depend_on_the_values(row):
    if row.arrow == pa.month_day_nano_interval():
        return
    schema = pa.schema([row.field("c")])
    empty = pa.table([pa.chunked_array([], row.arrow)], schema=schema)
    nulls = pa.table([pa.nulls(2, row.arrow)], schema=schema)
    assert to_frame(empty, POLARS).schema == to_frame(nulls, POLARS).schema


async def test_polars_frames_are_written_as_they_are():
    frame = pl.DataFrame(
        {
            "f": [1.0, float("nan"), None],
            "s": ["a", None, ""],
            "e": pl.Series(["x", None, "y"], dtype=pl.Enum(["y", "x"])),
        }
    )
    table = await as_stream(frame).read_all()
    assert str(table["f"].to_pylist()) == "[1.0, nan, None]"
    assert table.schema.field("s").type == pa.string()
    assert types.labels_of(table.schema.field("e")) == ["y", "x"]


async def test_lazy_polars_frames_are_collected():
    assert (await as_stream(pl.LazyFrame({"a": [1]})).read_all()).to_pydict() == {"a": [1]}


async def test_polars_lists_and_structs_have_arrow_s_plain_types():
    table = await as_stream(pl.DataFrame({"l": [["a"]], "s": [{"t": "x"}]})).read_all()
    assert table.schema.field("l").type.value_type == pa.string()
    assert table.schema.field("s").type == pa.struct({"t": pa.string()})


def test_polars_objects_are_refused():
    with pytest.raises(ConversionError, match="column 'o'"):
        as_stream(pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}))
