"""Writing in every mode, as users type it, on Elasticsearch."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import dk_notebook as dk
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.under_way import wait_for_rows

pytestmark = pytest.mark.elasticsearch


@pytest.fixture(scope="module")
def connection(elasticsearch_url: str) -> Iterator[dk.Connection]:
    with dk.connect(elasticsearch_url, name="es", replace=True) as connected:
        yield connected


class Store:
    """The node, as it is without this package."""

    def __init__(self, node: ElasticsearchAddress, index: str) -> None:
        self.node = node
        self.index = index

    def documents(self, name: str | None = None) -> dict[str, Any]:
        """What lies in an index or alias, by id."""
        found = self.node.request("GET", f"/{name or self.index}/_search?size=10000")["hits"]["hits"]
        return {hit["_id"]: hit["_source"] for hit in found}

    def rows(self) -> list[Any]:
        """What lies there, without the ids, in order."""
        return sorted(self.documents().values(), key=lambda row: json.dumps(row, sort_keys=True))

    def mapping(self) -> dict[str, Any]:
        """The fields."""
        (found,) = self.node.request("GET", f"/{self.index}/_mapping").values()
        return found["mappings"].get("properties", {})

    def names(self) -> list[str]:
        """The indices whose names begin so."""
        listed = self.node.request("GET", f"/_cat/indices/{self.index}*?format=json&expand_wildcards=all")
        return sorted(each["index"] for each in listed)

    def wait_until_gone(self) -> None:
        """A node that is slow has heard of the end, and is not done with it."""
        until = time.monotonic() + 10
        while self.names() and time.monotonic() < until:
            time.sleep(0.05)
        assert self.names() == []

    def make(self, properties: dict[str, Any], *, name: str | None = None, **more: Any) -> None:
        mappings = {"properties": properties, **more.pop("mappings", {})}
        self.node.request("PUT", f"/{name or self.index}", {"mappings": mappings, **more})

    def put(self, document: dict[str, Any], id: str, name: str | None = None) -> None:  # noqa: A002
        self.node.request("PUT", f"/{name or self.index}/_doc/{id}?refresh=true", document)


@pytest.fixture
def store(elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str, connection: dk.Connection) -> Store:
    return Store(elasticsearch_node, elasticsearch_index)


@pytest.fixture
def towns() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "town": ["Oslo", "Rome", None], "size": [0.7, np.nan, 2.8]})


TOWNS = [{"id": 1, "town": "Oslo", "size": 0.7}, {"id": 2, "town": "Rome"}, {"id": 3, "size": 2.8}]
BY_ID = {"1": TOWNS[0], "2": TOWNS[1], "3": TOWNS[2]}


# --- fail and append --------------------------------------------------------------------------------------------------


def test_a_frame_goes_in_and_can_be_searched_at_once(store: Store, towns: pd.DataFrame) -> None:
    report = towns.dk.to_backend("es", store.index)
    assert (report.rows, report.outcome, report.table, report.mode) == (3, "ok", store.index, "fail")
    assert store.rows() == TOWNS
    assert store.mapping() == {"id": {"type": "long"}, "town": {"type": "keyword"}, "size": {"type": "double"}}


def test_the_report_says_that_it_is_not_all_or_nothing(store: Store, towns: pd.DataFrame) -> None:
    first, *notes = str(towns.dk.to_backend("es", store.index)).splitlines()
    assert (first.startswith(f"3 rows written to {store.index} in "), "not all or nothing" in notes[0]) == (
        True,
        True,
    )


def test_fail_finds_the_index_and_writes_nothing(store: Store, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("es", store.index)
    with pytest.raises(dk.Conflict, match=store.index):
        towns.dk.to_backend("es", store.index)
    assert len(store.rows()) == 3


def test_of_many_that_make_one_index_one_does_and_the_others_are_told(store: Store, towns: pd.DataFrame) -> None:
    def write(_: int) -> str:
        try:
            return towns.dk.to_backend("es", store.index).outcome
        except dk.Conflict:
            return "conflict"

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(write, range(4))) == ["conflict"] * 3 + ["ok"]
    assert len(store.rows()) == 3


def test_append_adds(store: Store, towns: pd.DataFrame) -> None:
    for _ in range(2):
        towns.dk.to_backend("es", store.index, if_exists="append")
    assert len(store.rows()) == 6


@pytest.mark.parametrize("mode", ["fail", "append", "replace", "upsert", "ignore"])
def test_an_absent_index_is_made(store: Store, towns: pd.DataFrame, mode: Any) -> None:
    key = "id" if mode in ("upsert", "ignore") else None
    assert towns.dk.to_backend("es", store.index, mode=mode, key=key).rows == 3
    assert store.rows() == TOWNS


def test_truncate_is_unsupported_and_names_replace(store: Store, towns: pd.DataFrame) -> None:
    with pytest.raises(dk.Unsupported, match="truncate") as raised:
        towns.dk.to_backend("es", store.index, mode="truncate")
    assert ("replace" in (raised.value.hint or ""), store.names()) == (True, [])


def test_more_rows_than_a_request_holds_go_in_once_each(store: Store) -> None:
    report = pd.DataFrame({"n": range(23_456)}).dk.to_backend("es", store.index)
    assert report.rows == 23_456
    found = store.node.request(
        "GET", f"/{store.index}/_search?size=0&track_total_hits=true",
        {"aggs": {"n": {"cardinality": {"field": "n", "precision_threshold": 40_000}}, "sum": {"sum": {"field": "n"}}}},
    )  # fmt: skip
    assert (found["hits"]["total"]["value"], found["aggregations"]["sum"]["value"]) == (23_456, sum(range(23_456)))


def test_an_empty_frame_makes_the_index_with_its_fields(store: Store, towns: pd.DataFrame) -> None:
    assert towns.head(0).astype({"town": "str"}).dk.to_backend("es", store.index).rows == 0
    assert sorted(store.mapping()) == ["id", "size", "town"]


@pytest.mark.parametrize("mode", ["fail", "append", "replace", "upsert", "ignore"])
@pytest.mark.parametrize("errors", ["raise", "collect"])
def test_the_callers_frame_is_never_changed(store: Store, towns: pd.DataFrame, mode: Any, errors: Any) -> None:
    frame = towns.set_index(pd.Index(list("abc"), name="label"))
    before = frame.copy(deep=True)
    key = "id" if mode in ("upsert", "ignore") else None
    frame.dk.to_backend("es", store.index, mode=mode, errors=errors, key=key)
    pd.testing.assert_frame_equal(frame, before)


def test_index_levels_become_fields(store: Store, towns: pd.DataFrame) -> None:
    towns.set_index(["id", "town"]).dk.to_backend("es", store.index, index=True)
    assert store.rows() == TOWNS


# --- types ------------------------------------------------------------------------------------------------------------


TYPES: list[tuple[str, Any, dict[str, Any], list[Any]]] = [
    ("integers", pd.array([1, None], "Int8"), {"type": "long"}, [1, None]),
    ("booleans", pd.array([True, None], "boolean"), {"type": "boolean"}, [True, None]),
    ("float32", np.array([0.1, np.nan], "float32"), {"type": "float"}, [0.1, None]),
    ("category", pd.Categorical(["x", None]), {"type": "keyword"}, ["x", None]),
    ("seconds", np.array(["2024-01-31T01:02:03", "NaT"], "M8[s]"), {"type": "date"}, ["2024-01-31T01:02:03", None]),
    ("milliseconds in microseconds", np.array(["2024-01-31T01:02:03.004000", "NaT"], "M8[us]"), {"type": "date"},
     ["2024-01-31T01:02:03.004", None]),
    ("nanoseconds", np.array(["2024-01-31T01:02:03.004000001", "NaT"], "M8[ns]"), {"type": "date_nanos"},
     ["2024-01-31T01:02:03.004000001", None]),
    ("aware", pd.to_datetime(["2024-01-31T01:00:00+09:00", None]).as_unit("s"), {"type": "date"},
     ["2024-01-30T16:00:00Z", None]),
    ("date", [dt.date(1, 1, 1), None], {"type": "date"}, ["0001-01-01", None]),
    ("time", [dt.time(1, 2, 3), None], {"type": "keyword"}, ["01:02:03.000000", None]),
    ("timedelta", np.array([90, "NaT"], "m8[s]"), {"type": "long"}, [90, None]),
    ("bytes", [b"\x00", None], {"type": "binary"}, ["AA==", None]),
    ("lists", [[1, 2], None], {"type": "long"}, [[1, 2], None]),
    ("empty list", [["a"], []], {"type": "keyword"}, [["a"], []]),
    ("dicts", [{"a": {"b": 1}}, None], {"properties": {"a": {"properties": {"b": {"type": "long", "coerce": False}}}}},
     [{"a": {"b": 1}}, None]),
    ("lists of dicts", [[{"a": "x"}, {"a": "2024-01-01"}], None], {"properties": {"a": {"type": "keyword"}}},
     [[{"a": "x"}, {"a": "2024-01-01"}], None]),
    ("nothing", [None, None], {"type": "keyword"}, [None, None]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "field", "written"), TYPES, ids=[each[0] for each in TYPES])
def test_each_type_has_its_field_and_its_words(
    store: Store, name: str, values: Any, field: dict[str, Any], written: list[Any]
) -> None:
    frame = pd.DataFrame({"c": values, "id": ["1", "2"]})
    frame.dk.to_backend("es", store.index, mode="upsert", key="id")
    found = store.documents()
    assert (store.mapping()["c"], [found["1"].get("c"), found["2"].get("c")]) == (field, written)


def test_a_timedelta_is_told_with_its_unit(store: Store) -> None:
    report = pd.DataFrame({"took": pd.to_timedelta([1], unit="ms").as_unit("ms")}).dk.to_backend("es", store.index)
    assert any("'took'" in note and "milliseconds" in note for note in report.notes)


def test_a_microsecond_is_not_lost_in_a_date_but_told(store: Store) -> None:
    frame = pd.DataFrame({"at": np.array(["2024-01-31T01:02:03", "2024-01-31T01:02:03.000001"], "M8[us]")})
    with pytest.raises(dk.ConversionError, match="'at', row 1") as raised:
        frame.dk.to_backend("es", store.index)
    assert ("date_nanos" in (raised.value.hint or ""), store.names()) == (True, [])
    frame.dk.to_backend("es", store.index, types={"at": "date_nanos"})
    assert [row["at"][-9:] for row in store.rows()] == ["03.000000", "03.000001"]


def test_nanoseconds_before_1970_are_told_with_the_type_that_reaches_them(store: Store) -> None:
    frame = pd.DataFrame({"at": np.array(["1969-12-31"], "M8[ns]")})
    with pytest.raises(dk.ConversionError, match="1970") as raised:
        frame.dk.to_backend("es", store.index)
    assert '"date"' in (raised.value.hint or "")
    frame.dk.to_backend("es", store.index, types={"at": "date"})
    assert store.rows() == [{"at": "1969-12-31T00:00:00.000"}]


def test_infinity_is_an_error_that_names_the_cell(store: Store) -> None:
    with pytest.raises(dk.ConversionError, match="'x', row 1"):
        pd.DataFrame({"x": [1.0, np.inf]}).dk.to_backend("es", store.index)
    assert store.names() == []


def test_nan_in_arrow_is_absent(store: Store) -> None:
    dk.write_table(pa.table({"x": [np.nan, 1.0]}), store.index, "es")
    assert store.rows() == [{"x": 1.0}, {}]


def test_decimals_need_types(store: Store) -> None:
    frame = pd.DataFrame({"price": [Decimal("1.10"), None]})
    with pytest.raises(dk.ConversionError, match="'price'"):
        frame.dk.to_backend("es", store.index)
    frame.dk.to_backend("es", store.index, types={"price": "double"})
    assert (store.rows(), store.mapping()) == ([{"price": 1.1}, {}], {"price": {"type": "double"}})


def test_types_can_say_a_whole_field(store: Store) -> None:
    frame = pd.DataFrame({"day": ["31.01.2024"], "text": ["the quick brown fox"], "ip": ["::1"], "at": ["60.4,5.3"]})
    types: Any = {
        "day": {"type": "date", "format": "dd.MM.yyyy"}, "text": "text", "ip": "ip", "at": '{"type": "geo_point"}'
    }  # fmt: skip
    frame.dk.to_backend("es", store.index, types=types)
    assert store.mapping() == {
        "day": {"type": "date", "format": "dd.MM.yyyy"}, "text": {"type": "text"}, "ip": {"type": "ip"},
        "at": {"type": "geo_point"},
    }  # fmt: skip
    found = store.node.request("GET", f"/{store.index}/_count?q=text:fox")
    assert found["count"] == 1


def test_a_type_that_the_server_does_not_know_is_its_error(store: Store, towns: pd.DataFrame) -> None:
    with pytest.raises(dk.DkError, match="nonsense"):
        towns.dk.to_backend("es", store.index, types={"town": "nonsense"})
    assert store.names() == []


def test_a_text_too_long_for_a_keyword_is_told_and_fits_a_text(store: Store) -> None:
    frame = pd.DataFrame({"s": ["short", "å" * 16_384]})
    with pytest.raises(dk.ConversionError, match="'s', row 1"):
        frame.dk.to_backend("es", store.index)
    assert frame.dk.to_backend("es", store.index, types={"s": "text"}).rows == 2


def test_columns_with_dots_lie_in_objects(store: Store) -> None:
    pd.DataFrame({"who.age": [7], "who.name": ["ann"]}).dk.to_backend("es", store.index)
    assert store.mapping() == {"who": {"properties": {"age": {"type": "long"}, "name": {"type": "keyword"}}}}
    assert store.node.request("GET", f"/{store.index}/_count?q=who.name:ann")["count"] == 1


@pytest.mark.parametrize("name", ["_id", "_source", "a..b", ".a", "a.", " "])
def test_a_name_that_no_field_can_have_is_told_before_anything_is_sent(store: Store, name: str) -> None:
    with pytest.raises(dk.ConfigError, match="cannot be a field"):
        pd.DataFrame({name: [1]}).dk.to_backend("es", store.index)
    assert store.names() == []


HOSTILE = ['"}}\n{"delete":{"_id":"x"}}\n', "\\", "\u2028", "😀", "</script>", "\x01\x7f", "'; drop"]


def test_hostile_names_and_values_come_back_as_they_went(store: Store) -> None:
    frame = pd.DataFrame({'a"\n\\': HOSTILE, "id": HOSTILE})
    frame.dk.to_backend("es", store.index, mode="upsert", key="id")
    assert store.documents() == {text: {'a"\n\\': text, "id": text} for text in HOSTILE}


def test_too_many_columns_are_the_servers_error_and_leave_nothing(store: Store) -> None:
    with pytest.raises(dk.QueryError, match="1000"):
        pd.DataFrame({f"c{n}": [1] for n in range(1001)}).dk.to_backend("es", store.index)
    assert store.names() == []


# --- into an index that is there --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ({"type": "byte"}, 127, 128),
        ({"type": "short"}, -32768, -32769),
        ({"type": "integer"}, 2**31 - 1, 2**31),
        ({"type": "long"}, 1.0, 1.5),
        ({"type": "double"}, 2**53, 2**53 + 1),
        ({"type": "float"}, 0.5, 0.1),
        ({"type": "half_float"}, 0.5, 0.1),
        ({"type": "long"}, "7", "7.5"),
        ({"type": "boolean"}, 1, 2),
        ({"type": "date"}, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01T00:00:00.000001")),
        ({"type": "date", "format": "epoch_second"}, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01T00:00:00.1")),
        ({"type": "date", "format": "yyyy-MM-dd"}, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01T01")),
        ({"type": "date"}, "2024-01-01T00:00:00.123Z", "2024-01-01T00:00:00.1234Z"),
        ({"type": "date", "ignore_malformed": True}, "2024-01-01", "tomorrow"),
        ({"type": "ip", "ignore_malformed": True}, "::1", "nowhere"),
        ({"type": "keyword"}, "x", "x" * 40_000),
        ({"type": "long", "ignore_malformed": True}, "7", "seven"),
    ],
    ids=str,
)
def test_a_value_that_the_field_would_change_is_told_before_anything_is_written(
    store: Store, field: dict[str, Any], good: Any, bad: Any
) -> None:
    store.make({"c": field})
    with pytest.raises(dk.ConversionError, match=r"column 'c', row 1"):
        pd.DataFrame({"c": [good, bad]}).dk.to_backend("es", store.index, mode="append")
    assert store.rows() == []
    assert pd.DataFrame({"c": [good]}).dk.to_backend("es", store.index, mode="append").rows == 1


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ({"type": "keyword"}, [1]),
        ({"type": "long"}, [pd.Timestamp("2024-01-01")]),
        ({"type": "date"}, [True]),
        ({"type": "long"}, [{"a": 1}]),
        ({"properties": {"a": {"type": "long"}}}, [1]),
        ({"type": "binary"}, ["text"]),
        ({"type": "alias", "path": "other"}, ["text"]),
    ],
    ids=str,
)
def test_a_column_that_no_cast_leads_into_is_told(store: Store, field: dict[str, Any], values: list[Any]) -> None:
    store.make({"other": {"type": "keyword"}, "c": field})
    with pytest.raises(dk.ConversionError, match="column 'c'"):
        pd.DataFrame({"c": values}).dk.to_backend("es", store.index, mode="append")
    assert store.rows() == []


@pytest.mark.parametrize(
    ("format_", "written"),
    [
        ("epoch_millis", 1704067200000),
        ("epoch_second", 1704067200),
        ("yyyy-MM-dd HH:mm:ss", "2024-01-01 00:00:00"),
        ("basic_date", "20240101"),
        ("dd.MM.yyyy||yyyy-MM-dd", "2024-01-01"),
        ("strict_date_time", "2024-01-01T00:00:00.000Z"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-01-01T00:00:00.000Z"),
    ],
)
def test_dates_are_written_in_the_fields_format(store: Store, format_: str, written: Any) -> None:
    store.make({"at": {"type": "date", "format": format_}})
    pd.DataFrame({"at": pd.to_datetime(["2024-01-01"])}).dk.to_backend("es", store.index, mode="append")
    assert store.rows() == [{"at": written}]
    (hit,) = store.node.request(
        "GET", f"/{store.index}/_search", {"docvalue_fields": [{"field": "at", "format": "epoch_millis"}]}
    )["hits"]["hits"]
    assert hit["fields"]["at"] == ["1704067200000"]


def test_a_format_that_is_not_known_is_told(store: Store) -> None:
    store.make({"at": {"type": "date", "format": "e, dd MM uuuu"}})
    with pytest.raises(dk.ConversionError, match="format"):
        pd.DataFrame({"at": pd.to_datetime(["2024-01-01"])}).dk.to_backend("es", store.index, mode="append")


def test_a_column_that_is_no_field_lists_both_sides(store: Store) -> None:
    store.make({"a": {"type": "long"}, "c": {"type": "long"}})
    with pytest.raises(dk.ConfigError, match='not in the index: "b"; not in the data: "c"') as raised:
        pd.DataFrame({"a": [1], "b": ["x"]}).dk.to_backend("es", store.index, mode="append")
    assert ("types={'b'" in str(raised.value.hint), store.rows()) == (True, [])


def test_an_index_without_fields_takes_the_data_s(store: Store) -> None:
    store.make({})
    pd.DataFrame({"a": [1]}).dk.to_backend("es", store.index, mode="append")
    assert store.mapping() == {"a": {"type": "long"}}


def test_columns_that_types_names_become_fields_and_are_told(store: Store) -> None:
    store.make({"a": {"type": "long"}})
    report = pd.DataFrame({"a": [1], "b": ["x"]}).dk.to_backend(
        "es", store.index, mode="append", types={"b": "keyword"}
    )
    assert store.mapping() == {"a": {"type": "long"}, "b": {"type": "keyword"}}
    assert any("'b'" in note for note in report.notes)


def test_a_strict_index_takes_no_new_columns_and_both_sides_are_listed(store: Store) -> None:
    store.make({"a": {"type": "long"}}, mappings={"dynamic": "strict"})
    with pytest.raises(dk.ConfigError) as raised:
        pd.DataFrame({"b": ["x"]}).dk.to_backend("es", store.index, mode="append", types={"b": "keyword"})
    assert ('"b"' in str(raised.value), '"a"' in str(raised.value), store.rows()) == (True, True, [])


def test_missing_columns_are_absent(store: Store) -> None:
    store.make({"a": {"type": "long"}, "b": {"type": "long"}})
    pd.DataFrame({"a": [1]}).dk.to_backend("es", store.index, mode="append")
    assert store.rows() == [{"a": 1}]


def test_types_beside_an_index_may_say_only_what_is_declared(store: Store) -> None:
    store.make({"a": {"type": "keyword"}})
    frame = pd.DataFrame({"a": ["x"]})
    frame.dk.to_backend("es", store.index, mode="append", types={"a": "keyword"})
    with pytest.raises(dk.ConfigError, match="declares keyword"):
        frame.dk.to_backend("es", store.index, mode="append", types={"a": "text"})


def test_an_alias_is_written_to_its_index(store: Store, towns: pd.DataFrame) -> None:
    store.make({}, name=f"{store.index}-x", aliases={store.index: {}})
    towns.dk.to_backend("es", store.index, mode="append")
    assert (len(store.documents(f"{store.index}-x")), store.names()) == (3, [f"{store.index}-x"])


def test_an_alias_of_several_indices_without_one_for_writing_is_told(store: Store, towns: pd.DataFrame) -> None:
    for part in ("x", "y"):
        store.make({}, name=f"{store.index}-{part}", aliases={store.index: {}})
    with pytest.raises(dk.ConfigError, match="none of them is the one"):
        towns.dk.to_backend("es", store.index, mode="append")


def test_a_read_only_index_is_told_at_once(store: Store, towns: pd.DataFrame) -> None:
    store.make({}, settings={"index.blocks.write": True})
    with pytest.raises(dk.QueryError, match="blocked"):
        towns.dk.to_backend("es", store.index, mode="append")


def test_a_closed_index_is_told(store: Store, towns: pd.DataFrame) -> None:
    store.make({"id": {"type": "long"}, "town": {"type": "keyword"}, "size": {"type": "double"}})
    store.node.request("POST", f"/{store.index}/_close")
    with pytest.raises(dk.QueryError, match="closed"):
        towns.dk.to_backend("es", store.index, mode="append")


# --- what only the server refuses -------------------------------------------------------------------------------------


def test_a_refused_row_names_the_column_and_how_many_are_in(store: Store) -> None:
    store.make({"ip": {"type": "geo_point"}})
    frame = pd.DataFrame({"ip": ["1,1", "2,2", "nowhere, ever"]}, index=list("abc"))
    with pytest.raises(dk.ConversionError, match=r"'ip', row 2 \(label 'c'\)") as raised:
        frame.dk.to_backend("es", store.index, mode="append")
    assert ("2 rows are in" in str(raised.value), "nowhere" in str(raised.value), len(store.rows())) == (True, False, 2)


def test_a_refused_row_leaves_no_new_index(store: Store) -> None:
    frame = pd.DataFrame({"at": ["1,1", "nowhere"]})
    with pytest.raises(dk.ConversionError, match="nothing was written"):
        frame.dk.to_backend("es", store.index, types={"at": "geo_point"})
    assert store.names() == []


def test_collect_writes_the_good_rows_and_lists_the_bad_by_label(store: Store) -> None:
    store.make({"id": {"type": "keyword"}, "n": {"type": "byte"}, "at": {"type": "geo_point"}})
    frame = pd.DataFrame(
        {"id": list("uvwxyz"), "n": [1, 2.5, 300, 4, 5, np.nan], "at": ["1,1", None, None, "swordfish", "2,2", None]},
        index=list("abcdef"),
    )
    report = frame.dk.to_backend("es", store.index, mode="append", errors="collect")
    assert [(row.label, row.position, row.column) for row in report.rejected] == [
        ("b", 1, "n"), ("c", 2, "n"), ("d", 3, "at"),
    ]  # fmt: skip
    assert all(row.reason for row in report.rejected)
    assert "swordfish" not in repr(report)
    assert (report.rows, sorted(row["id"] for row in store.rows())) == (3, ["u", "y", "z"])


def test_collect_makes_the_index_too(store: Store) -> None:
    report = pd.DataFrame({"x": [1.0, np.inf]}).dk.to_backend("es", store.index, errors="collect")
    assert (report.rows, [row.position for row in report.rejected], store.rows()) == (1, [1], [{"x": 1.0}])


@pytest.mark.parametrize("mode", ["upsert", "ignore"])
def test_collect_goes_with_a_key(store: Store, mode: Any) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "a", None, "", "x" * 513], "x": [1.0, np.inf, 3, 4, 5, 6]})
    report = frame.dk.to_backend("es", store.index, mode=mode, key="id", errors="collect")
    assert ([row.position for row in report.rejected], report.rows) == ([1, 2, 3, 4, 5], 1)
    assert store.documents() == {"a": {"id": "a", "x": 1.0}}


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_key_is_the_id(store: Store, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("es", store.index, mode="upsert", key="id")
    assert store.documents() == BY_ID


def test_a_key_of_several_columns_is_one_id_each(store: Store) -> None:
    frame = pd.DataFrame({"a": ["x", 'x","y', "x"], "b": ["y", "", 'y"']})
    frame.dk.to_backend("es", store.index, mode="upsert", key=["a", "b"])
    assert sorted(map(json.loads, store.documents())) == [["x", "y"], ["x", 'y"'], ['x","y', ""]]


def test_a_column_called_id_of_documents_is_the_id_and_no_field(store: Store) -> None:
    pd.DataFrame({"_id": ["k"], "a": [1]}).dk.to_backend("es", store.index, mode="upsert", key="_id")
    assert (store.documents(), list(store.mapping())) == ({"k": {"a": 1}}, ["a"])


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (pd.array([1, 2], "Int16"), ["1", "2"]),
        ([1.0, 2.5], ["1", "2.5"]),
        ([True, False], ["true", "false"]),
        (pd.Categorical(["x", "y"]), ["x", "y"]),
        ([dt.date(2024, 1, 31), dt.date(2024, 2, 1)], ["2024-01-31", "2024-02-01"]),
        (np.array(["2024-01-31T12", "2024-01-31T12:00:00.5"], "M8[ms]"),
         ["2024-01-31T12:00:00", "2024-01-31T12:00:00.5"]),
        (pd.to_datetime(["2024-01-31T12:00Z", "2024-01-31T13:00Z"]).as_unit("s"),
         ["2024-01-31T12:00:00Z", "2024-01-31T13:00:00Z"]),
    ],
)  # fmt: skip
def test_each_type_of_key_has_its_text(store: Store, values: Any, ids: list[str]) -> None:
    pd.DataFrame({"k": values}).dk.to_backend("es", store.index, mode="upsert", key="k")
    assert sorted(store.documents()) == sorted(ids)


def test_upsert_inserts_and_updates(store: Store, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("es", store.index, mode="upsert", key="id")
    more = pd.DataFrame({"id": [3, 4], "town": ["Bern", "Kyiv"], "size": [0.1, 2.9]})
    assert more.dk.to_backend("es", store.index, mode="upsert", key=["id"]).rows == 2
    assert [row.get("town") for row in store.rows()] == ["Oslo", "Rome", "Bern", "Kyiv"]


def test_upsert_of_some_fields_leaves_the_others(store: Store) -> None:
    store.make({"id": {"type": "long"}, "a": {"type": "keyword"}, "b": {"type": "keyword"}})
    store.put({"id": 1, "a": "old", "b": "kept"}, "1")
    store.put({"id": 3, "a": "old", "b": "kept"}, "3")
    frame = pd.DataFrame({"id": [1, 2, 3], "a": ["new", "new", None]})
    assert frame.dk.to_backend("es", store.index, mode="upsert", key="id").rows == 3
    assert store.documents() == {
        "1": {"id": 1, "a": "new", "b": "kept"}, "2": {"id": 2, "a": "new"}, "3": {"id": 3, "a": None, "b": "kept"},
    }  # fmt: skip


def test_ignore_keeps_what_is_there_and_counts_it(store: Store, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("es", store.index, mode="ignore", key="id")
    more = pd.DataFrame({"id": [1, 4], "town": ["Bern", "Kyiv"], "size": [0.1, 2.9]})
    report = more.dk.to_backend("es", store.index, mode="ignore", key="id")
    assert (report.rows, report.skipped, store.documents()["1"]["town"]) == (1, 1, "Oslo")
    assert "1 skipped" in str(report)


@pytest.mark.parametrize("mode", ["upsert", "ignore"])
@pytest.mark.parametrize("second", ["1", None, "", "x" * 513], ids=["twice", "missing", "empty", "long"])
@pytest.mark.parametrize("there", [True, False])
def test_a_bad_key_is_found_before_anything_is_written(store: Store, mode: Any, second: Any, there: bool) -> None:
    if there:
        store.make({"id": {"type": "keyword"}})
    with pytest.raises(dk.DkError, match="id"):
        pd.DataFrame({"id": ["1", second]}).dk.to_backend("es", store.index, mode=mode, key="id")
    assert store.rows() == [] if there else store.names() == []


def test_a_bad_key_at_the_end_of_a_stream_is_found_before_anything_is_written(store: Store) -> None:
    frames = (pd.DataFrame({"id": [n % 9]}) for n in range(10))
    with pytest.raises(dk.Conflict, match="0 and 9"):
        dk.write_table(frames, store.index, "es", mode="upsert", key="id")
    assert store.names() == []


def test_a_key_that_no_id_can_be_made_of_is_told(store: Store) -> None:
    with pytest.raises(dk.ConfigError, match="'k'"):
        pd.DataFrame({"k": [[1]]}).dk.to_backend("es", store.index, mode="upsert", key="k")


# --- replace ----------------------------------------------------------------------------------------------------------


def test_replace_gives_new_contents_and_fields_and_deletes_the_old(store: Store, towns: pd.DataFrame) -> None:
    for _ in range(2):
        towns.dk.to_backend("es", store.index, mode="replace")
    report = pd.DataFrame({"other": ["x"]}).dk.to_backend("es", store.index, mode="replace")
    assert (store.rows(), list(store.mapping()), store.names()) == (
        [{"other": "x"}],
        ["other"],
        [f"{store.index}-000003"],
    )
    assert any("000003" in note for note in report.notes)


def test_replace_of_an_index_makes_an_alias_of_its_name(store: Store, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("es", store.index)
    store.node.request(
        "POST", "/_aliases", {"actions": [{"add": {"index": store.index, "alias": f"{store.index}.too"}}]}
    )
    pd.DataFrame({"other": ["x"]}).dk.to_backend("es", store.index, mode="replace")
    assert (store.rows(), store.names()) == ([{"other": "x"}], [f"{store.index}-000001"])
    assert list(store.documents(f"{store.index}.too").values()) == [{"other": "x"}]


def test_replace_leaves_an_index_that_somebody_else_made_behind_an_alias(store: Store, towns: pd.DataFrame) -> None:
    store.make({}, name=f"{store.index}-theirs", aliases={store.index: {}})
    report = towns.dk.to_backend("es", store.index, mode="replace")
    assert store.names() == [f"{store.index}-000001", f"{store.index}-theirs"]
    assert (store.rows(), any("theirs" in note for note in report.notes)) == (TOWNS, True)


def test_readers_see_the_old_or_the_new(store: Store, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("es", store.index, mode="replace")
    seen: list[int] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen.append(store.node.request("GET", f"/{store.index}/_count")["count"])

    reader = threading.Thread(target=read)
    reader.start()
    for count in (2, 1):
        towns.head(count).dk.to_backend("es", store.index, mode="replace")
    ended.set()
    reader.join()
    assert (set(seen) <= {3, 2, 1}, seen == sorted(seen, reverse=True)) == (True, True)


def broken(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    yield frame
    raise LookupError("the source broke")


@pytest.mark.parametrize("mode", ["replace", "upsert", "ignore"])
def test_a_write_whose_source_breaks_leaves_what_was_there(store: Store, towns: pd.DataFrame, mode: Any) -> None:
    towns.dk.to_backend("es", store.index, mode="upsert", key="id")
    key = "id" if mode in ("upsert", "ignore") else None
    with pytest.raises(LookupError, match="broke"):
        dk.write_table(broken(towns.assign(id=[7, 8, 9])), store.index, "es", mode=mode, key=key)
    assert (store.documents(), store.names()) == (BY_ID, [store.index])


def test_a_write_whose_source_breaks_leaves_no_new_index(store: Store, towns: pd.DataFrame) -> None:
    with pytest.raises(LookupError, match="broke"):
        dk.write_table(broken(towns), store.index, "es")
    assert store.names() == []


def test_a_replace_with_a_bad_row_leaves_the_old(store: Store, towns: pd.DataFrame) -> None:
    towns.dk.to_backend("es", store.index, mode="replace")
    with pytest.raises(dk.ConversionError):
        pd.DataFrame({"at": ["nowhere"]}).dk.to_backend("es", store.index, mode="replace", types={"at": "geo_point"})
    assert (store.rows(), store.names()) == (TOWNS, [f"{store.index}-000001"])


# --- plans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("mode", ["fail", "append", "replace", "truncate", "upsert", "ignore"])
def test_a_plan_changes_nothing_and_is_what_then_happens(
    store: Store, towns: pd.DataFrame, mode: Any, there: bool
) -> None:
    if there:
        store.make({"id": {"type": "long"}, "size": {"type": "float"}})
    how: dict[str, Any] = {"mode": mode, "key": "id" if mode in ("upsert", "ignore") else None}
    how["types"] = {"town": "keyword"}
    frame = towns.assign(size=[0.5, None, 2.5])
    if mode == "truncate" or (mode, there) == ("fail", True):
        with pytest.raises(dk.DkError) as planned:
            dk.plan_write(frame, store.index, "es", **how)
        with pytest.raises(type(planned.value)) as raised:
            frame.dk.to_backend("es", store.index, **how)
        assert str(raised.value) == str(planned.value)
        return
    before = store.names()
    plan = dk.plan_write(frame, store.index, "es", **how)
    assert store.names() == before
    frame.dk.to_backend("es", store.index, **how)
    mapping = store.mapping()
    assert {column.name: column.store for column in plan.columns} == {n: field["type"] for n, field in mapping.items()}


def test_a_plan_shows_the_mapping_as_json(store: Store, towns: pd.DataFrame) -> None:
    plan = dk.plan_write(towns.assign(tags=[["a"], None, []]), store.index, "es", types={"town": "text"})
    line, _, body = plan.statements[0].partition("\n")
    store.node.request("PUT", line.removeprefix("PUT "), json.loads(body))
    planned = store.mapping()
    store.node.delete_indices(store.index)
    towns.assign(tags=[["a"], None, []]).dk.to_backend("es", store.index, types={"town": "text"})
    assert store.mapping() == planned


# --- mistakes, loops, stops -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"mode": "apend"}, "append"),
        ({"mode": "upsert"}, "key"),
        ({"key": "id"}, "key"),
        ({"mode": "upsert", "key": "nope"}, "nope"),
        ({"errors": "ignore"}, "errors"),
        ({"partition_by": ["id"]}, "partition_by"),
        ({"format": "csv"}, "format"),
        ({"compression": "zstd"}, "compression"),
        ({"types": {"nope": "long"}}, "nope"),
        ({"types": {"id": "long; drop"}}, "'id'"),
        ({"mode": "append", "if_exists": "replace"}, "if_exists"),
        ({"timeout": -1}, "timeout"),
    ],
)
def test_a_bad_argument_is_named(store: Store, towns: pd.DataFrame, arguments: Any, named: str) -> None:
    with pytest.raises(dk.ConfigError, match=named):
        towns.dk.to_backend("es", store.index, **arguments)
    assert store.names() == []


@pytest.mark.parametrize(
    "name", ["", "_all", "*", "a*", "a,b", "A", ".a", "_a", "a/b", "a b", "../x", "x" * 256, "a\n"]
)
def test_a_name_that_no_index_can_have_is_told(connection: dk.Connection, towns: pd.DataFrame, name: str) -> None:
    with pytest.raises(dk.ConfigError):
        towns.dk.to_backend("es", name)


async def test_writing_on_a_loop_of_ones_own(store: Store, towns: pd.DataFrame) -> None:
    assert (await towns.dk.ato_backend("es", store.index)).rows == 3


def endless() -> Iterator[pd.DataFrame]:
    while True:
        time.sleep(0.005)
        yield pd.DataFrame({"n": range(2000)})


@pytest.mark.parametrize("mode", ["fail", "replace"])
def test_a_cancelled_write_leaves_no_new_index_and_ends_soon(store: Store, mode: Any) -> None:
    asked = 0.0

    def stop() -> None:
        nonlocal asked
        wait_for_rows(10_000)
        asked = time.monotonic()
        dk.cancel()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(dk.QueryError, match="cancelled"):
        dk.write_table(endless(), store.index, "es", mode=mode)
    assert time.monotonic() - asked < 5
    stopping.join()
    store.wait_until_gone()


@pytest.mark.filterwarnings("ignore:.*did not answer the cancel")  # which is true of a busy node
def test_a_write_that_takes_too_long_ends_at_its_deadline(store: Store) -> None:
    started = time.monotonic()
    with pytest.raises(dk.DeadlineExceeded):
        dk.write_table(endless(), store.index, "es", timeout=0.5)
    assert time.monotonic() - started < 5
    store.wait_until_gone()
