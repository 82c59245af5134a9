"""ES|QL on a real node: types, arrays, values, warnings, cuts, errors, the end of what is stopped."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.esql import limits as esql_limits
from dk_notebook.backends.elasticsearch.esql.query import scan_esql
from dk_notebook.errors import ConfigError, ConversionError, NotFound, QueryError
from tests.backends.elasticsearch.conftest import endless
from tests.backends.elasticsearch.flights import load
from tests.services.elasticsearch_address import ElasticsearchAddress

pytestmark = pytest.mark.elasticsearch

MILLISECONDS = pa.timestamp("ms", "UTC")
MANY = f"ROW a = {list(range(40))} | EVAL b = a, c = a | MV_EXPAND a | MV_EXPAND b | MV_EXPAND c"
"""64,000 rows without an index."""


@pytest.fixture(scope="module")
def flights(elasticsearch_node: ElasticsearchAddress) -> Iterator[str]:
    name = f"dk-test-{uuid.uuid4().hex[:12]}"
    load(elasticsearch_node, name)
    yield name
    elasticsearch_node.delete_indices(name)


async def read(
    client: Client, text: str, *, arrays: tuple[str, ...] = (), limit: int | None = None, **params: Any
) -> pa.Table:
    query = Native(text=text, params=params or None, arrays=arrays, limit=limit)
    return await (await scan_esql(client, query, batch_rows=None)).read_all()


async def column(client: Client, text: str, **params: Any) -> list[Any]:
    """The values of the one column."""
    values: list[Any] = (await read(client, text, **params)).column(0).to_pylist()
    return values


# --- types ------------------------------------------------------------------------------------------------------------


TYPES = {
    "carrier": pa.string(), "delay": pa.int32(), "distance": pa.int64(), "fare": pa.float64(), "late": pa.bool_(),
    "at": MILLISECONDS, "landed": pa.timestamp("ns", "UTC"), "tower": pa.string(), "place": pa.string(),
    "remark": pa.string(), "crew.first pilot": pa.string(), "empty": MILLISECONDS,
}  # fmt: skip


async def test_types_are_those_that_the_server_declares(client: Client, flights: str) -> None:
    table = await read(client, f"FROM {flights} | DROP tags, raw")
    assert {field.name: field.type for field in table.schema if field.name in TYPES} == TYPES


async def test_an_empty_result_has_the_same_types(client: Client, flights: str) -> None:
    full = await read(client, f"FROM {flights} | DROP tags, raw")
    assert (await read(client, f"FROM {flights} | DROP tags, raw | WHERE false")).schema == full.schema


async def test_a_result_without_arrays_has_the_same_types_as_one_with(client: Client, flights: str) -> None:
    text = f"FROM {flights} | KEEP tags | SORT tags DESC"
    with_one = await read(client, text, arrays=("tags",))
    assert (await read(client, f"{text} | WHERE tags IS NULL", arrays=("tags",))).schema == with_one.schema


async def test_values_are_exact(client: Client, flights: str) -> None:
    text = f'FROM {flights} | WHERE carrier == "AA" AND origin == "JFK" | KEEP distance, landed, tower, place, at'
    table = await read(client, text)
    assert table.to_pylist() == [
        {
            "distance": 2**53 + 1,
            "landed": pd.Timestamp("2024-01-01T12:00:00.123456789Z"),
            "tower": "10.0.0.1",
            "place": "POINT (-73.75 40.5)",
            "at": dt.datetime(2024, 1, 1, 10, tzinfo=dt.UTC),
        }
    ]


async def test_types_that_no_index_of_the_node_has(client: Client) -> None:
    table = await read(
        client,
        'ROW u = TO_UNSIGNED_LONG("18446744073709551615"), v = TO_VERSION("1.2.3"), n = null, '
        'p = TO_CARTESIANSHAPE("POLYGON ((0 0, 1 0, 1 1, 0 0))"), six = TO_IP("fe80::1")',
    )
    assert table.to_pylist()[0] | {"p": ""} == {"u": 2**64 - 1, "v": "1.2.3", "n": None, "p": "", "six": "fe80::1"}
    assert table.schema.types == [pa.uint64(), pa.string(), pa.null(), pa.string(), pa.string()]
    assert table["p"].to_pylist()[0].startswith("POLYGON ((")


async def test_dates_before_1970_and_far_ones_are_exact(client: Client) -> None:
    text = 'ROW a = ["0001-01-01", "9999-12-31T23:59:59.999Z"] | MV_EXPAND a | EVAL a = TO_DATETIME(a)'
    assert [str(each) for each in (await read(client, text))["a"].cast(pa.timestamp("ms")).to_pylist()] == [
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999000",
    ]


async def test_the_source_is_json(client: Client, flights: str) -> None:
    table = await read(client, f'FROM {flights} METADATA _source, _id | WHERE _id == "1" | KEEP _source, _id')
    assert table.schema.field("_source").metadata[b"dk.json"] == b"1"


async def test_names_that_need_quotes_are_shaped_too(client: Client) -> None:
    assert (await read(client, 'ROW `a``b c` = TO_IP("::1"), `1` = 2')).to_pylist() == [{"a`b c": "::1", "1": 2}]


async def test_the_order_of_columns_stays(client: Client, flights: str) -> None:
    table = await read(client, f"FROM {flights} | KEEP at, tower, delay, landed, carrier")
    assert table.column_names == ["at", "tower", "delay", "landed", "carrier"]


async def test_the_order_of_rows_stays(client: Client, flights: str) -> None:
    assert await column(client, f"FROM {flights} | SORT at DESC | KEEP tower | LIMIT 3") == [None, None, "10.0.1.7"]


async def test_fields_that_esql_cannot_give_are_warned_of(client: Client, flights: str) -> None:
    with pytest.warns(UserWarning, match=r"does not give the values of 'raw' \(binary\)"):
        table = await read(client, f"FROM {flights} | KEEP carrier, raw")
    assert table["raw"].null_count == 5


# --- arrays -----------------------------------------------------------------------------------------------------------


async def test_an_array_in_a_column_of_single_values_prints_the_argument(client: Client, flights: str) -> None:
    with pytest.raises(ConversionError, match="array of keyword") as raised:
        await read(client, f"FROM {flights} | KEEP carrier, tags")
    assert raised.value.column == "tags"
    assert "arrays=['tags']" in (raised.value.hint or "")


async def test_arrays_reads_lists_whatever_the_rows_have(client: Client, flights: str) -> None:
    text = f"FROM {flights} METADATA _id | SORT _id | KEEP tags"
    assert await column(client, text, arrays=("tags",)) == [["a", "b"], ["a"], None, None, None]


async def test_arrays_makes_lists_of_single_values(client: Client, flights: str) -> None:
    text = f"FROM {flights} METADATA _id | SORT _id | KEEP delay"
    assert await column(client, text, arrays=("delay",)) == [[3], [8], [5], None, [-2]]


async def test_arrays_of_dates_and_addresses_are_typed_too(client: Client) -> None:
    text = 'ROW d = ["2024-01-01", "2025-01-01"], a = ["::1", "10.0.0.1"]'
    table = await read(client, f"{text} | EVAL d = TO_DATETIME(d), a = TO_IP(a)", arrays=("a", "d"))
    assert table.schema.types == [pa.list_(MILLISECONDS), pa.list_(pa.string())]
    assert table["a"].to_pylist() == [["::1", "10.0.0.1"]]


async def test_arrays_names_columns_of_the_result(client: Client) -> None:
    with pytest.raises(ConfigError, match="'b'"):
        await read(client, "ROW a = 1", arrays=("b",))


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [None, True, 7, 2**40, 2**63, 0.1, 5.0, 1e300, "a \"?b\" // c\n'", "😀"],
)  # fmt: skip
async def test_a_value_comes_back_as_it_went(client: Client, given: Any) -> None:
    assert await column(client, "ROW x = ?v", v=given) == [given]


@pytest.mark.parametrize(
    "given",
    [
        pd.Timestamp("2024-01-01T10:00:00.5", tz="Europe/Paris"),
        pd.Timestamp("2024-01-01T10:00:00.123456789", tz="UTC"),
        pd.Timestamp("1900-01-01", tz="UTC"),
    ],
)
async def test_a_date_comes_back_as_it_went(client: Client, given: pd.Timestamp) -> None:
    assert [pd.Timestamp(each) for each in await column(client, "ROW x = ?v", v=given)] == [given]


async def test_dates_are_compared_as_dates(client: Client, flights: str) -> None:
    text = f"FROM {flights} | WHERE at >= ?day AND at < ?day + ?long | SORT at | KEEP carrier"
    assert await column(client, text, day=dt.date(2024, 1, 2), long=dt.timedelta(hours=22)) == ["UA"]


async def test_digits_below_the_millisecond_count(client: Client, flights: str) -> None:
    text = f"FROM {flights} | WHERE landed == ?when | KEEP carrier"
    assert await column(client, text, when=pd.Timestamp("2024-01-01T12:00:00.123456789Z")) == ["AA"]
    assert await column(client, text, when=pd.Timestamp("2024-01-01T12:00:00.123456788Z")) == []


@pytest.mark.parametrize(
    ("condition", "ids", "found"),
    [
        ("delay IN ?ids", [3, 8], 2),
        ("delay NOT IN (?ids)", [3, 8], 2),
        ("delay IN ?ids", [], 0),
        ("delay NOT IN ?ids", [], 5),
        ("NOT delay IN ?ids", [], 5),
        ("tower IN ?ids", ["::1", "10.0.0.1"], 2),
        ("tower NOT IN ?ids", [], 5),
        ('carrier == "AA" AND tower NOT IN ?ids', [], 2),
        ("at IN ?ids", [dt.datetime(2024, 1, 3), dt.date(2024, 1, 1)], 1),
        ("carrier IN ?ids", ["AA", None], 2),
    ],
)
async def test_lists(client: Client, flights: str, condition: str, ids: list[Any], found: int) -> None:
    assert await column(client, f"FROM {flights} | WHERE {condition} | STATS n = COUNT(*)", ids=ids) == [found]


async def test_the_left_side_of_an_empty_list_is_still_checked(client: Client, flights: str) -> None:
    with pytest.raises(NotFound, match="nope"):
        await read(client, f"FROM {flights} | WHERE nope IN ?ids", ids=[])


async def test_the_name_of_a_column_is_bound(client: Client, flights: str) -> None:
    assert await column(client, f"FROM {flights} | STATS x = MAX(??what)", what="delay") == [8]


# --- what is not whole ------------------------------------------------------------------------------------------------


async def test_the_servers_own_limit_is_said_with_what_to_write_instead(client: Client) -> None:
    with pytest.warns(UserWarning, match=r"no LIMIT.*stopped at 1,000 rows.*write \| LIMIT 10000"):
        assert (await read(client, MANY)).num_rows == 1_000


async def test_a_result_below_the_servers_own_limit_says_nothing(client: Client) -> None:
    assert (await read(client, f"{MANY} | WHERE a == 1 AND b == 2")).num_rows == 40


async def test_a_result_cut_at_the_maximum_is_said(client: Client) -> None:
    with pytest.warns(UserWarning, match=r"10,000 rows, the most.*dk.read_table.*result_truncation_max_size"):
        assert (await read(client, f"{MANY} | LIMIT 20000")).num_rows == 10_000


async def test_a_limit_beyond_the_maximum_is_cut_and_said(client: Client) -> None:
    with pytest.warns(UserWarning, match="10,000 rows, the most"):
        assert (await read(client, MANY, limit=2**40)).num_rows == 10_000


async def test_a_limit_that_was_reached_is_no_cut(client: Client) -> None:
    assert (await read(client, MANY, limit=10_000)).num_rows == 10_000


async def test_limit_runs_in_the_server_beside_the_texts_own(client: Client) -> None:
    assert (await read(client, f"{MANY} | LIMIT 5 // five", limit=3)).num_rows == 3


async def test_no_rows_can_be_asked_for(client: Client) -> None:
    assert (await read(client, MANY, limit=0)).column_names == ["a", "b", "c"]


async def test_the_maximum_is_the_clusters_own(client: Client) -> None:
    assert await esql_limits.known(client) == esql_limits.Limits(most=10_000)


async def test_the_servers_warnings_are_shown_with_their_place(client: Client, flights: str) -> None:
    text = f"FROM {flights}\n| WHERE delay IN ?ids\n| EVAL x = delay / 0\n| KEEP x"
    with pytest.warns(UserWarning, match=r"line 3:12: evaluation of \[delay / 0\] failed") as told:
        await read(client, text, ids=[3, 8])
    assert "/ by zero" in str(told[0].message)


async def test_warnings_repeat_no_values(client: Client, flights: str) -> None:
    with pytest.warns(UserWarning, match="Cannot parse number …") as told:
        await read(client, f"FROM {flights} | EVAL x = TO_INTEGER(carrier) | KEEP x")
    assert "B6" not in str(told[0].message)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ROW a = 1\n| EVAL x = ?ids_are_long + nope", "nope"),
        ("ROW a = ?ids_are_long\n| WHERE a = = 1", "= = 1"),
        ("ROW a = ?ids_are_long\n| KEEP a\n| FRMO b", "FRMO"),
        ('ROW a = ?ids_are_long, b = "😀"\n| EVAL c = "😀", x = nope', "nope"),
    ],
)
async def test_an_error_points_at_the_place_in_the_callers_text(client: Client, text: str, place: str) -> None:
    with pytest.raises(QueryError) as raised:
        await read(client, text, ids_are_long=dt.date(2024, 1, 1))
    assert raised.value.query == text
    assert text[raised.value.position or 0 :].startswith(place)


async def test_a_missing_index_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound, match="dk-test-nowhere"):
        await read(client, "FROM dk-test-nowhere")


async def test_a_missing_column_is_not_found(client: Client, flights: str) -> None:
    with pytest.raises(NotFound, match="carier") as raised:
        await read(client, f"FROM {flights} | KEEP carier")
    assert "carrier" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("ROW a = 1 | WHERE a > :day", "a parameter is written ?day"),
        ("ROW a = 1 | WHERE a == 'x'", "text stands in double quotes"),
        ("select * from t", "ES|QL begins with FROM, as in FROM logs | WHERE a > 1 | STATS n = COUNT(*) BY b"),
    ],
)
async def test_habits_of_sql_get_a_hint(client: Client, text: str, hint: str) -> None:
    with pytest.raises(QueryError) as raised:
        await read(client, text)
    assert raised.value.hint == hint


async def test_a_value_for_a_parameter_of_sql_gets_a_hint(client: Client) -> None:
    with pytest.raises(ConfigError, match="unused") as raised:
        await read(client, "ROW a = 1 | WHERE a > :day", day=1)
    assert raised.value.hint == "a parameter is written ?day"


async def test_no_text_is_an_error(client: Client) -> None:
    with pytest.raises(QueryError, match="no statement"):
        await read(client, " ; ")


async def test_a_division_by_zero_of_one_row_is_no_error(client: Client) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert await column(client, "ROW a = [0, 2] | MV_EXPAND a | EVAL x = 4 / a | KEEP x") == [None, 2]


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_a_stop_ends_the_task_on_the_server(client: Client) -> None:
    running = asyncio.create_task(read(client, endless()["query"]))
    assert await within(10, client, runs=True)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await client.finish()
    assert await within(1, client, runs=False)


async def within(seconds: float, client: Client, *, runs: bool) -> bool:
    """Whether in that time the server computes for this client, or does nothing for it any more."""
    what = "esql/compute" if runs else "esql"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        nodes = (await client.json("GET", "/_tasks"))["nodes"]
        tasks = [task for node in nodes.values() for task in node["tasks"].values()]
        ours = [each for each in tasks if each["headers"].get("X-Opaque-Id") == client.opaque_id]
        if runs == any(what in each["action"] for each in ours):
            return True
        await asyncio.sleep(0.02)
    return False
