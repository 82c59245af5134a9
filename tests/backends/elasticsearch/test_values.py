"""What JSON says, as values of a type."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dk_notebook.backends.elasticsearch.reading.hits import last_sort
from dk_notebook.backends.elasticsearch.reading.values import (
    Misfit,
    dates_of_text,
    flat,
    loads,
    point,
    reached,
    to_array,
)
from dk_notebook.backends.elasticsearch.types import MILLISECONDS, NANOSECONDS, Form

pytestmark = pytest.mark.unit

NAMES = st.sampled_from(["a", "b", "a.b", "b.a", "a.b.c"])
DOCUMENTS = st.recursive(
    st.integers(0, 3),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)


def flattened(node: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Every value with the dots that lead to it, as the server sees them."""
    if isinstance(node, dict):
        return [pair for name, inner in node.items() for pair in flattened(inner, f"{prefix}{name}.")]
    if isinstance(node, list):
        return [pair for inner in node for pair in flattened(inner, prefix)]
    return [(prefix.removesuffix("."), node)]


@given(document=st.dictionaries(NAMES, DOCUMENTS, max_size=3), name=NAMES)
def test_a_name_reaches_all_values_that_its_dots_lead_to(document: dict[str, Any], name: str) -> None:
    found = reached(document, name)
    values = [each for each in flat([found]) if isinstance(each, int)]
    assert sorted(values) == sorted(value for path, value in flattened(document) if path == name)


@example(value=[-(2**63) - 1, -(2**63), 2**63, 2**64])
@given(value=st.recursive(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_whole_numbers_of_any_length_stay_themselves(value: Any) -> None:
    assert loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("values", "arrow", "form"),
    [
        (["30"], pa.int64(), "integer"),
        ([1, 1.5], pa.int64(), "integer"),
        ([True], pa.int64(), "integer"),
        ([128], pa.int8(), "integer"),
        ([2**63], pa.int64(), "integer"),
        ([-1], pa.uint64(), "integer"),
        (["1.5"], pa.float64(), "float"),
        ([True], pa.float64(), "float"),
        ([1e39], pa.float32(), "float"),
        (["true"], pa.bool_(), "boolean"),
        ([1], pa.bool_(), "boolean"),
        ([1.5], pa.string(), "text"),
        ([{"a": 1}], pa.string(), "text"),
        (["not base64!"], pa.binary(), "binary"),
        (["2024"], MILLISECONDS, "date"),
        (["soon"], MILLISECONDS, "date"),
        ([1.5], MILLISECONDS, "date"),
        ([True], MILLISECONDS, "date"),
        ([{"a": 1}], pa.list_(pa.int64()), "integer"),
        (["drm3btev3e86"], pa.string(), "point"),
        ([{"lat": 1}], pa.string(), "point"),
        (["nan,1"], pa.string(), "point"),
    ],
)
def test_what_is_not_surely_the_value_is_asked_of_the_server(values: Any, arrow: pa.DataType, form: Form) -> None:
    with pytest.raises(Misfit):
        to_array(values, arrow, form)


@pytest.mark.parametrize(
    "form", ["integer", "float", "boolean", "text", "date", "binary", "vector", "point", "document"]
)
def test_missing_values_are_null_in_every_form(form: Form) -> None:
    arrow = {"date": NANOSECONDS, "vector": pa.list_(pa.float32()), "integer": pa.int8(), "float": pa.float32()}
    arrow |= {"boolean": pa.bool_(), "binary": pa.binary()}
    assert to_array([None, None], arrow.get(form, pa.string()), form).to_pylist() == [None, None]


@given(moments=st.lists(st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))))
def test_dates_without_a_zone_are_utc_cut_to_milliseconds(moments: list[datetime | None]) -> None:
    texts = [None if each is None else each.isoformat() for each in moments]
    expected = [None if m is None else m.replace(microsecond=m.microsecond // 1000 * 1000, tzinfo=UTC) for m in moments]
    assert to_array(texts, MILLISECONDS, "date").to_pylist() == expected


@given(moments=st.lists(st.datetimes(datetime(1970, 1, 2), datetime(2261, 1, 1))))
def test_dates_with_and_without_zones_are_the_same_instants(moments: list[datetime]) -> None:
    texts = [each.isoformat() + ("Z" if row % 2 else "") for row, each in enumerate(moments)]
    found = to_array(texts, NANOSECONDS, "date").cast(pa.timestamp("us", "UTC")).to_pylist()
    assert found == [each.replace(tzinfo=UTC) for each in moments]


def test_an_instant_before_1970_is_cut_downwards_as_the_index_does() -> None:
    [found] = dates_of_text(pa.array(["1969-12-31T23:59:59.999999Z"]), MILLISECONDS).to_pylist()
    assert found == datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)


def test_nine_digits_of_nanoseconds_are_kept() -> None:
    [found] = to_array(["2024-01-01T00:00:00.123456789Z"], NANOSECONDS, "date").cast(pa.int64()).to_pylist()
    assert found % 10**9 == 123456789


def test_a_text_in_a_format_that_is_not_iso_is_not_guessed() -> None:
    with pytest.raises(Misfit):
        to_array(["2024-03-02"], MILLISECONDS, "date", format="yyyy-dd-MM")


def test_vectors_in_hexadecimal_are_signed_bytes() -> None:
    assert to_array(["01ff", [1, 2]], pa.list_(pa.float32()), "vector").to_pylist() == [[1.0, -1.0], [1.0, 2.0]]


def test_a_list_of_points_stays_a_list() -> None:
    assert point(["1,2", None, [3, 4]]) == [{"lat": 1.0, "lon": 2.0}, None, {"lat": 4.0, "lon": 3.0}]


@given(sort=st.lists(st.integers() | st.text() | st.none() | st.booleans(), min_size=1, max_size=3), rest=st.text())
def test_the_last_sort_values_are_found_whatever_documents_say(sort: list[Any], rest: str) -> None:
    hits = [{"_source": {"t": rest, "sort": [1]}, "sort": [0]}, {"_source": {"t": '"sort":[9]' + rest}, "sort": sort}]
    body = json.dumps({"pit_id": "x", "hits": {"hits": hits}}, separators=(",", ":")).encode()
    assert last_sort(body) == sort


def test_a_page_without_hits_has_no_last_one() -> None:
    assert last_sort(b'{"pit_id":"x","hits":{"hits":[]}}') is None
    assert last_sort(b'{"pit_id":"x"}') is None
