"""Which rows go into which folder, and what the folder is called."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dk_notebook.backends.s3.datasets.partitions import NULL, folder, told, values_in
from dk_notebook.backends.s3.writing.folders import by_folder

pytestmark = pytest.mark.unit


def rows_of(table: pa.Table, *partitions: str) -> dict[str, list[int]]:
    """The numbers of the rows in each folder."""
    return {path: positions.tolist() for path, positions in by_folder(table, partitions)}


def test_rows_stay_in_their_order_within_a_folder() -> None:
    assert rows_of(pa.table({"m": [2, 1, 2, 1, 1]}), "m") == {"m=1/": [1, 3, 4], "m=2/": [0, 2]}


def test_folders_of_several_columns_lie_within_each_other() -> None:
    table = pa.table({"y": [1, 1, 2], "m": ["a", "b", "a"]})
    assert rows_of(table, "m", "y") == {"m=a/y=1/": [0], "m=b/y=1/": [1], "m=a/y=2/": [2]}


def test_null_has_a_folder_that_no_text_has() -> None:
    table = pa.table({"m": [None, NULL, ""]})
    assert rows_of(table, "m") == {f"m={NULL}/": [0], f"m=%5F{NULL[1:]}/": [1], "m=/": [2]}


def test_labels_are_values_whatever_their_number() -> None:
    chunks = [pa.array(["x", "y"]).dictionary_encode(), pa.array(["y", "x"]).dictionary_encode()]
    assert rows_of(pa.table({"m": pa.chunked_array(chunks)}), "m") == {"m=x/": [0, 3], "m=y/": [1, 2]}


def test_many_columns_of_many_values_do_not_get_mixed_up() -> None:
    columns = {f"c{number}": np.arange(1_000) * (number + 1) % 1_000 for number in range(12)}
    found = list(by_folder(pa.table(columns), list(columns)[:11]))
    assert len(found) == 1_000


VALUES: list[tuple[Any, str]] = [
    (pa.array(["a/b c=d%"]), "a%2Fb%20c%3Dd%25"),
    (pa.array(["ü"]), "%C3%BC"),
    (pa.array([".."]), ".."),
    (pa.array([True]), "true"),
    (pa.array([-7]), "-7"),
    (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    (pa.array([Decimal("1.10")]), "1.10"),
    (pa.array([dt.date(2024, 2, 29)]), "2024-02-29"),
    (pa.array([dt.date(2024, 2, 29)], pa.date64()), "2024-02-29"),
    (pa.array(["x"]).dictionary_encode(), "x"),
    (pa.array([dt.datetime(2024, 2, 29)], pa.timestamp("s")), "2024-02-29%2000%3A00%3A00"),
    (pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "Europe/Vienna")),
     "2023-11-14%2022%3A13%3A20.123456789Z"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "name"), VALUES, ids=[str(values.type) for values, _ in VALUES])
def test_a_value_has_the_name_that_hive_gives_it(values: Any, name: str) -> None:
    [(path, _)] = by_folder(pa.table({"c": values}), ["c"])
    assert path == f"c={name}/"


@pytest.mark.parametrize(("values", "name"), VALUES, ids=[str(values.type) for values, _ in VALUES])
def test_a_value_comes_back_from_the_name(values: Any, name: str) -> None:
    assert values_in(f"c={name}/x.parquet", {"c": values.type})["c"].equals(values[0])


@pytest.mark.parametrize(
    ("name", "encoded"), [("_x", "%5Fx=1"), (".x", "%2Ex=1"), ("a/b=c", "a%2Fb%3Dc=1"), ("é", "%C3%A9=1")]
)
def test_no_column_has_a_name_that_readers_leave_out_or_misread(name: str, encoded: str) -> None:
    assert folder(name, "1") == encoded
    assert told(f"{encoded}/a.parquet") == {name: "1"}


@pytest.mark.parametrize("text", [NULL, "", "a/b", "%5F", None])
def test_a_text_is_told_from_null(text: str | None) -> None:
    assert told(f"{folder('c', text)}/a.parquet") == {"c": text}
