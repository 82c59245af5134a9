"""Nanoseconds, which no type of PostgreSQL has: refused with what to write, and kept exactly where `types=` says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dk_notebook as dk

pytestmark = pytest.mark.postgres

LEAST, MOST = -(2**63) + 1, 2**63 - 1
"""The smallest of 64 bits is NaT."""
LOSING = "df['t'].dt.floor(\"us\") if losing what is finer is what you want"
TICKS = [1, None, -1, 999, LEAST, MOST]


def moments(ticks: Any = TICKS) -> pa.Array:
    return pa.array(ticks, pa.timestamp("ns"))


def spans(ticks: Any = TICKS) -> pa.Array:
    return pa.array(ticks, pa.duration("ns"))


def written(pg: dk.Connection, column: Any, type_: str, **arguments: Any) -> dk.WriteReport:
    return pg.write_table(pa.table({"t": column}), "t", types={"t": type_}, **arguments)


def shown(pg: dk.Connection) -> list[str | None]:
    found: list[str | None] = pg.read_query("select t::text as t from t", as_="arrow")["t"].to_pylist()
    return found


TEXTS = [
    (
        "naive",
        moments([1, None, -1, LEAST, MOST]),
        [
            "1970-01-01T00:00:00.000000001", None, "1969-12-31T23:59:59.999999999",
            "1677-09-21T00:12:43.145224193", "2262-04-11T23:47:16.854775807",
        ],
        "'t' is text: ISO 8601 with nine digits of a second",
    ),
    (
        "aware",
        pa.array([1, None], pa.timestamp("ns", "Europe/Berlin")),
        ["1970-01-01T00:00:00.000000001Z", None],
        "'t' is text: ISO 8601 with nine digits of a second",
    ),
    (
        "coarser",
        pa.array([1, None], pa.timestamp("ms")),
        ["1970-01-01T00:00:00.001000000", None],
        "'t' is text: ISO 8601 with nine digits of a second",
    ),
    (
        "duration",
        spans([1, None, -1, -93_784_000_000_001, MOST]),
        ["00:00:00.000000001", None, "-00:00:00.000000001", "-26:03:04.000000001", "2562047:47:16.854775807"],
        "'t' is text: hours:minutes:seconds with nine digits of a second",
    ),
    (
        "time",
        pa.array([1, None, 86_399_999_999_999], pa.time64("ns")),
        ["00:00:00.000000001", None, "23:59:59.999999999"],
        "'t' is text: ISO 8601 with nine digits of a second",
    ),
    (
        "category",
        moments([1, 1]).dictionary_encode(),
        ["1970-01-01T00:00:00.000000001"] * 2,
        "'t' is text: ISO 8601 with nine digits of a second",
    ),
]  # fmt: skip
NUMBERS = [
    ("naive", moments(), TICKS, "'t' is in nanoseconds since 1970-01-01"),
    ("aware", pa.array(TICKS, pa.timestamp("ns", "UTC")), TICKS, "'t' is in nanoseconds since 1970-01-01 UTC"),
    ("coarser", pa.array([1, None], pa.timestamp("s")), [10**9, None], "'t' is in nanoseconds since 1970-01-01"),
    ("duration", spans(), TICKS, "'t' is in nanoseconds"),
    ("time", pa.array([1, None], pa.time64("ns")), [1, None], "'t' is in nanoseconds since midnight"),
]


@pytest.mark.parametrize(("column", "expected", "note"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_as_text_every_digit_is_kept_and_the_report_says_so(
    pg: dk.Connection, column: Any, expected: list[str | None], note: str
) -> None:
    report = written(pg, column, "text")
    assert (shown(pg), report.notes) == (expected, (note,))


@pytest.mark.parametrize(("column", "expected", "note"), [row[1:] for row in NUMBERS], ids=[row[0] for row in NUMBERS])
def test_as_a_number_every_nanosecond_is_counted_and_the_report_says_so(
    pg: dk.Connection, column: Any, expected: list[int | None], note: str
) -> None:
    report = written(pg, column, "bigint")
    assert (pg.read_table("t", as_="arrow")["t"].to_pylist(), report.notes) == (expected, (note,))


@pytest.mark.parametrize("declared", ["text", "bigint"])
@pytest.mark.parametrize("column", [moments(), spans()], ids=["moment", "duration"])
def test_the_plan_says_what_the_report_will(pg: dk.Connection, column: Any, declared: str) -> None:
    data = pa.table({"t": column})
    plan = pg.plan_write(data, "t", types={"t": declared})
    report = written(pg, column, declared)
    again = pg.plan_write(data, "t", types={"t": declared}, mode="append")
    assert (plan.notes, again.notes, str(plan).splitlines()[-1]) == (report.notes, report.notes, report.notes[0])


@settings(max_examples=25)
@given(st.lists(st.integers(LEAST, MOST) | st.none(), min_size=1, max_size=50))
def test_pandas_reads_back_from_the_text_what_was_written(
    pg_connection: dk.Connection, ticks: list[int | None]
) -> None:
    data = pa.table({"at": moments(ticks), "took": spans(ticks)})
    pg_connection.write_table(data, "drawn", types={"at": "text", "took": "text"}, mode="replace")
    found = pg_connection.read_table("drawn")
    at = pd.to_datetime(found["at"], format="ISO8601").astype("datetime64[ns]")
    took = pd.to_timedelta(found["took"]).astype("timedelta64[ns]")
    assert pd.DataFrame({"at": at, "took": took}).equals(data.to_pandas())


def test_the_server_reads_the_text_as_a_time_too(pg: dk.Connection) -> None:
    written(pg, pa.array([1_500], pa.timestamp("ns", "UTC")), "text")
    assert pg.read_query("select extract(epoch from t::timestamptz)::text as e from t")["e"].to_list() == ["0.000002"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"t": pd.to_datetime([1, None], unit="ns")}),
        pl.DataFrame({"t": pl.Series([1, None], dtype=pl.Datetime("ns"))}),
    ],
    ids=["pandas", "polars"],
)
def test_frames_are_taken_as_tables_are(pg: dk.Connection, frame: Any) -> None:
    pg.write_table(frame, "t", types={"t": "text"})
    assert shown(pg) == ["1970-01-01T00:00:00.000000001", None]


@pytest.mark.parametrize("declared", ["text", "bigint", "varchar(40)"])
def test_rows_are_added_where_types_says_again_what_the_column_is(pg: dk.Connection, declared: str) -> None:
    written(pg, moments([1]), declared)
    written(pg, moments([2]), declared, mode="append")
    assert len(set(shown(pg))) == 2


@pytest.mark.parametrize("declared", ["text", "bigint"])
def test_into_a_column_of_another_kind_nothing_goes_that_types_does_not_say(pg: dk.Connection, declared: str) -> None:
    written(pg, moments([1]), declared)
    with pytest.raises(dk.ConversionError) as caught:
        pg.write_table(pa.table({"t": moments([2])}), "t", mode="append")
    assert caught.value.hint == f"types={{'t': \"{declared}\"}} writes it so"


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        (moments([1_000, 1]), LOSING + "; "),
        (pa.array([0, 1], pa.timestamp("ns", "UTC")), LOSING + "; "),
        (spans([1_000, 1]), LOSING + "; "),
        (pa.array([1_000, 1], pa.time64("ns")), ""),
        (moments([1_000, 1]).dictionary_encode(), LOSING + "; "),
    ],
    ids=["moment", "aware", "duration", "time", "category"],
)  # fmt: skip
def test_without_types_the_error_names_the_arguments_that_keep_the_value(
    pg: dk.Connection, column: Any, hint: str
) -> None:
    with pytest.raises(dk.ConversionError) as caught:
        pg.write_table(pa.table({"t": column}), "t")
    keeping = "types={'t': \"text\"} keeps it as text, types={'t': \"bigint\"} as nanoseconds"
    assert (caught.value.position, caught.value.hint) == (1, hint + keeping)


def test_beside_a_table_that_is_there_types_would_not_help_and_is_not_named(pg: dk.Connection) -> None:
    pg.execute("create table t (t timestamp)")
    with pytest.raises(dk.ConversionError) as caught:
        pg.write_table(pa.table({"t": moments([1])}), "t", mode="append")
    assert caught.value.hint == LOSING


@pytest.mark.parametrize(
    ("column", "declared", "reason"),
    [
        (pa.array([1, 10**11], pa.timestamp("s")), "bigint", "further away"),
        (pa.array([1, 10**12], pa.timestamp("s")), "text", "a year outside of 0 to 9999"),
        (pa.array([None, 1], pa.timestamp("ns")), "varchar(10)", "longer than 10 characters"),
    ],
)
def test_what_even_that_cannot_hold_is_told_by_its_row(
    pg: dk.Connection, column: Any, declared: str, reason: str
) -> None:
    with pytest.raises(dk.ConversionError, match=rf"row 1: .*{reason}"):
        written(pg, column, declared)
    report = written(pg, column, declared, errors="collect")
    assert [row.position for row in report.rejected] == [1]


def test_a_key_may_be_such_a_text(pg: dk.Connection) -> None:
    for ticks in ([1, 2], [2, 3]):
        data = pa.table({"t": moments(ticks), "n": np.array(ticks)})
        pg.write_table(data, "t", mode="upsert", key="t", types={"t": "text"})
    assert pg.read_table("t", order_by="t")["n"].to_list() == [1, 2, 3]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_a_duration_is_no_decimal_of_an_unknown_unit(pg: dk.Connection, unit: str) -> None:
    with pytest.raises(dk.ConversionError, match=rf"'t': duration\[{unit}\] to numeric: no cast leads there"):
        written(pg, pa.array([1], pa.duration(unit)), "numeric")
