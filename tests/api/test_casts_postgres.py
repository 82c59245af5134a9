"""Frames into tables of PostgreSQL that are there already: each value cast exactly, or named and nothing written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.postgres

NAN = float("nan")
NOON = pd.Timestamp("2024-07-01 12:00")
ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"

FITS: list[tuple[str, list[Any], str | None, list[str | None]]] = [
    # the column that is there, the values, their dtype, and what the server then shows
    ("numeric(10,2)", [1, -99_999_999], "int64", ["1.00", "-99999999.00"]),
    ("numeric(10,2)", [1.1, NAN], "float64", ["1.10", None]),
    ("numeric(10,2)", [Decimal("1.1"), None], None, ["1.10", None]),
    ("numeric", [0.1, 1e22], "float64", ["0.1", "10000000000000000000000"]),
    ("numeric", [2**64 - 1, 0], "uint64", ["18446744073709551615", "0"]),
    ("int4", [1.0, NAN, -2.0], "float64", ["1", None, "-2"]),
    ("int4", ["7", None], None, ["7", None]),
    ("int4", [True, False], "bool", ["1", "0"]),
    ("int2", [2**15 - 1], "int64", ["32767"]),
    ("int8", [1.0, 2.0**62], "float64", ["1", "4611686018427387904"]),
    ("int8", [Decimal("7.00")], None, ["7"]),
    ("float8", [1, 2**53], "int64", ["1", "9.007199254740992e+15"]),
    ("float8", [1, None], "Int64", ["1", None]),
    ("float8", ["0.1"], None, ["0.1"]),
    ("float4", [0.5, 2.0**100], "float64", ["0.5", "1.2676506e+30"]),
    ("bool", [1, 0], "int64", ["true", "false"]),
    ("bool", ["true", "f", None], None, ["true", "false", None]),
    ("uuid", [ID.upper(), None], None, [ID, None]),
    ("inet", ["10.0.0.1/24", None], None, ["10.0.0.1/24", None]),
    ("timestamptz", ["2024-07-01 12:00+02:00"], None, ["2024-07-01 10:00:00+00"]),
    ("timestamptz", [NOON.tz_localize("Europe/Oslo")], None, ["2024-07-01 10:00:00+00"]),
    ("timestamp", ["2024-07-01 12:00"], None, ["2024-07-01 12:00:00"]),
    ("timestamp", [dt.date(2024, 7, 1)], None, ["2024-07-01 00:00:00"]),
    ("date", ["2024-02-29", None], None, ["2024-02-29", None]),
    ("date", [pd.Timestamp("2024-07-01")], None, ["2024-07-01"]),
    ("time", ["12:00:00.000001"], None, ["12:00:00.000001"]),
    ("interval", ["1 day", None], None, ["1 day", None]),
    ("jsonb", ['{"a":  1}', None], None, ['{"a": 1}', None]),
    ("jsonb", [{"a": [1]}, None], None, ['{"a": [1]}', None]),
    ("varchar(3)", ["äöü", ""], None, ["äöü", ""]),
    ("char(3)", ["a", "abc"], None, ["a", "abc"]),
    ("text", [pd.NA, ""], "string", [None, ""]),
    ("int4[]", [[1, 2], None], None, ["{1,2}", None]),
    ("float8[]", [[1, 2]], None, ["{1,2}"]),
    ("float8[]", [[1, 2.5], [3]], None, ["{1,2.5}", "{3}"]),
    ("bytea", [b"\0", None], None, ["\\x00", None]),
]
REFUSED: list[tuple[str, list[Any], str | None]] = [
    # the column that is there, values of which the second does not fit, their dtype
    ("numeric(10,2)", [1.23, 1.239], "float64"),
    ("numeric(10,2)", [1, 10**8], "int64"),
    ("numeric(10,2)", [Decimal("1.23"), Decimal("1.239")], None),
    ("numeric(10,2)", [1.0, np.inf], "float64"),
    ("int4", [1.0, 1.5], "float64"),
    ("int4", [1.0, 2.0**31], "float64"),
    ("int4", ["1", "1.0"], None),
    ("int4", ["1", " "], None),
    ("int2", [1, 2**15], "int64"),
    ("int8", [1, 2**63], "uint64"),
    ("int8", [1.0, 2.0**63], "float64"),
    ("float8", [1, 2**53 + 1], "int64"),
    ("float4", [0.5, 0.1], "float64"),
    ("float4", [1, 2**24 + 1], "int64"),
    ("bool", [1, 2], "int64"),
    ("uuid", [ID, "0"], None),
    ("inet", ["10.0.0.1", "10.0.0.256"], None),
    ("timestamptz", ["2024-07-01 12:00Z", "2024-07-01 12:00"], None),
    ("timestamp", ["2024-07-01 12:00", "2024-07-01 12:00Z"], None),
    ("timestamp", ["2024-07-01 12:00", "infinity"], None),
    ("date", [pd.Timestamp("2024-07-01"), NOON], None),
    ("date", ["2024-02-29", "2023-02-29"], None),
    ("time", ["12:00:00", "24:00:00"], None),
    ("time(0)", [dt.time(1), dt.time(1, microsecond=1)], None),
    ("interval", ["1 day", "1 dya"], None),
    ("jsonb", ["{}", "{"], None),
    ("varchar(3)", ["abc", "abcd"], None),
    ("char(3)", ["abc", "abcd"], None),
    ("int2[]", [[1], [2**15]], None),
    ("int4[]", [[1], [1.5]], None),
]
NEVER: list[tuple[str, Any]] = [
    # the column that is there, and a value of which none fits
    ("timestamptz", NOON),
    ("timestamp", NOON.tz_localize("UTC")),
    ("text", 1),
    ("text", NOON),
    ("int4", NOON),
    ("date", 1),
    ("bytea", "a"),
    ("inet", 1),
    ("int4[]", 1),
    ("int4", [1]),
    ("bool", 0.5),
    ("time", NOON),
    ("interval", 1),
    ("uuid", 1),
]


def column(values: list[Any], dtype: str | None) -> pd.DataFrame:
    """A frame of one column, its rows called a, b, c."""
    return pd.DataFrame({"c": pd.Series(values, dtype=dtype)}).set_axis(list("abcd")[: len(values)])


def shown(connection: dk.Connection, expression: str = "c") -> list[Any]:
    """The values of a column as the server writes them."""
    found: list[Any] = connection.read_query(f"select {expression}::text as v from t", as_="arrow")["v"].to_pylist()
    return found


@pytest.mark.parametrize(("declared", "values", "dtype", "expected"), FITS, ids=[f"{a}-{b[0]!r}" for a, b, *_ in FITS])
def test_a_value_becomes_what_the_column_declares(
    pg: dk.Connection, declared: str, values: list[Any], dtype: str | None, expected: list[str | None]
) -> None:
    pg.execute(f"create table t (c {declared})")
    column(values, dtype).dk.to_backend("pg", "t", mode="append")
    assert shown(pg) == expected


@pytest.mark.parametrize(("declared", "values", "dtype"), REFUSED, ids=[f"{a}-{b[1]!r}" for a, b, _ in REFUSED])
def test_a_value_that_does_not_fit_is_named_and_nothing_is_written(
    pg: dk.Connection, declared: str, values: list[Any], dtype: str | None
) -> None:
    pg.execute(f"create table t (c {declared})")
    formatted = pg.columns("t")["type"][0]
    with pytest.raises(dk.ConversionError) as raised:
        column(values, dtype).dk.to_backend("pg", "t", mode="append")
    error = raised.value
    assert (error.column, error.position, error.label, error.target) == ("c", 1, "b", formatted)
    assert error.source
    assert shown(pg) == []


@pytest.mark.parametrize(("declared", "value"), NEVER, ids=[f"{a}-{type(b).__name__}" for a, b in NEVER])
def test_what_no_cast_leads_to_is_refused_with_both_types(pg: dk.Connection, declared: str, value: Any) -> None:
    pg.execute(f"create table t (c {declared})")
    with pytest.raises(dk.ConversionError, match="'c'") as raised:
        column([value], None).dk.to_backend("pg", "t", mode="append")
    assert (raised.value.source is not None, raised.value.target) == (True, pg.columns("t")["type"][0])
    assert shown(pg) == []


def test_an_error_never_shows_the_value(pg: dk.Connection) -> None:
    pg.execute("create table t (c int, d inet, e jsonb, f varchar(3))")
    for name in "cdef":
        frame = pd.DataFrame({one: ["swordfish" if one == name else None] for one in "cdef"})
        with pytest.raises(dk.ConversionError, match=f"'{name}'") as raised:
            frame.dk.to_backend("pg", "t", mode="append")
        assert "swordfish" not in str(raised.value)


def test_text_is_not_proposed_for_a_document(pg: dk.Connection) -> None:
    pg.execute("create table t (c jsonb)")
    with pytest.raises(dk.ConversionError, match="JSON has no word") as raised:
        column([dt.date(2024, 1, 1)], None).dk.to_backend("pg", "t", mode="append")
    assert raised.value.hint is None


def test_the_row_is_counted_over_the_whole_frame(pg: dk.Connection) -> None:
    pg.execute("create table t (n int)")
    frame = pd.DataFrame({"n": np.arange(300_000) / 1})
    frame.loc[299_998, "n"] = 0.5
    with pytest.raises(dk.ConversionError) as raised:
        frame.dk.to_backend("pg", "t", mode="append")
    assert (raised.value.position, raised.value.label) == (299_998, 299_998)


# --- columns that are not plain ---------------------------------------------------------------------------------------


def test_null_into_not_null_names_the_row(pg: dk.Connection) -> None:
    pg.execute("create table t (c int not null)")
    with pytest.raises(dk.ConversionError) as raised:
        column([1, None], "Int64").dk.to_backend("pg", "t", mode="append")
    assert (raised.value.column, raised.value.label) == ("c", "b")


def test_columns_that_fill_themselves_may_be_left_out(pg: dk.Connection) -> None:
    pg.execute(
        "create table t (id int generated always as identity, c int, twice int generated always as (c * 2) stored,"
        " at date default '2024-02-29', n serial)"
    )
    column([7, 8], None).dk.to_backend("pg", "t", mode="append")
    assert shown(pg, "(id, c, twice, at, n)") == ["(1,7,14,2024-02-29,1)", "(2,8,16,2024-02-29,2)"]


def test_a_generated_column_takes_no_values(pg: dk.Connection) -> None:
    pg.execute("create table t (c int, twice int generated always as (c * 2) stored)")
    with pytest.raises(dk.ConfigError, match="twice"):
        pd.DataFrame({"c": [1], "twice": [2]}).dk.to_backend("pg", "t", mode="append")


@pytest.mark.parametrize("how", ["always", "by default"])
@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_an_identity_column_keeps_the_values_of_the_frame(pg: dk.Connection, how: str, mode: Any) -> None:
    pg.execute(f"create table t (id int generated {how} as identity primary key, c text)")
    key = "id" if mode == "upsert" else None
    pd.DataFrame({"id": [40, 41], "c": ["a", "b"]}).dk.to_backend("pg", "t", mode=mode, key=key)
    assert shown(pg, "id") == ["40", "41"]


def test_a_dropped_column_is_none(pg: dk.Connection) -> None:
    pg.execute("create table t (a int, gone text not null, c int); alter table t drop column gone")
    pd.DataFrame({"c": [2], "a": [1]}).dk.to_backend("pg", "t", mode="append")
    assert pg.read_table("t").to_dict("list") == {"a": [1], "c": [2]}


def test_a_default_does_not_replace_a_missing_value(pg: dk.Connection) -> None:
    pg.execute("create table t (c int default 7)")
    column([None, 1], "Int64").dk.to_backend("pg", "t", mode="append")
    assert shown(pg) == [None, "1"]


def test_a_domain_is_what_it_is_made_of_and_its_rule_names_the_row(pg: dk.Connection) -> None:
    pg.execute("create domain small as int check (value < 10); create table t (c small)")
    column([1.0], None).dk.to_backend("pg", "t", mode="append")
    with pytest.raises(dk.QueryError, match="row 1"):
        column([2, 10], None).dk.to_backend("pg", "t", mode="append")
    assert shown(pg) == ["1"]


def test_an_enum_takes_its_labels_only(pg: dk.Connection) -> None:
    pg.execute("create type mood as enum ('sad', 'ok'); create table t (c mood)")
    column(["ok", None], None).dk.to_backend("pg", "t", mode="append")
    with pytest.raises(dk.ConversionError) as raised:
        pd.DataFrame({"c": pd.Categorical(["ok", "OK"])}, index=list("ab")).dk.to_backend("pg", "t", mode="append")
    assert (raised.value.column, raised.value.label, shown(pg)) == ("c", "b", ["ok", None])


def test_a_partitioned_table_takes_rows(pg: dk.Connection) -> None:
    pg.execute(
        "create table t (c int) partition by range (c); create table t1 partition of t for values from (0) to (10)"
    )
    assert column([1, 2], None).dk.to_backend("pg", "t", mode="append").rows == 2
    with pytest.raises(dk.QueryError, match="row 1"):
        column([3, 10], None).dk.to_backend("pg", "t", mode="append")
    assert shown(pg) == ["1", "2"]


@pytest.mark.parametrize("kind", ["view", "materialized view"])
@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
def test_a_view_takes_no_rows(pg: dk.Connection, kind: str, mode: Any) -> None:
    pg.execute(f"create {kind} v as select 1 as c")
    with pytest.raises(dk.ConfigError, match="view"):
        column([1], None).dk.to_backend("pg", "v", mode=mode)


@pytest.mark.parametrize("values", [[5e-324, 1.0], [1, 2]], ids=["float", "int"])
def test_numbers_arrive_as_the_numbers_they_were(pg: dk.Connection, values: list[Any]) -> None:
    # What a binary COPY would make of the wrong width: 2e-322 of an int8, 4609434218613702656 of a float8.
    pg.execute("create table t (c float8)")
    column(values, None).dk.to_backend("pg", "t", mode="append")
    assert pg.read_table("t")["c"].to_list() == values
