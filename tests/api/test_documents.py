"""Frames in and out of what the records API keeps."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

import dk_notebook as dk

pytestmark = pytest.mark.duckdb


@pytest.fixture
def shop(tmp_path: Any) -> Any:
    with dk.connect(f"duckdb:///{tmp_path}/shop.duckdb", name="shop_of_documents") as connection:
        yield connection


@pytest.fixture
def people() -> pd.DataFrame:
    return pd.DataFrame({
        "id": ["a", "b", "c"], "age": pd.array([30, None, 41], "Int64"), "score": [0.5, 1.5, None],
        "tags": [["x"], [], None], "born": pd.to_datetime(["2024-01-02", None, "1970-01-01"]),
    })  # fmt: skip


def database(shop: Any) -> dk.Database:
    return dk.Database.create("duckdb", {"path": shop.location, "table": "people"})


def test_a_frame_becomes_records(shop: Any, people: pd.DataFrame) -> None:
    report = people.dk.to_backend(shop, "people", layout="documents")
    assert (report.rows, report.outcome, report.bytes > 0) == (3, "ok", True)
    with database(shop) as db:
        assert db.read("a") == dk.Record(
            {"id": "a", "age": 30, "score": 0.5, "tags": ["x"], "born": "2024-01-02T00:00:00"}, id="a"
        )


def test_records_become_a_frame(shop: Any, people: pd.DataFrame) -> None:
    people.dk.to_backend(shop, "people", layout="documents")
    frame = dk.read_table("people", shop, layout="documents", where=[("age", ">", 20)], order_by="-age")
    assert frame["id"].to_list() == ["c", "a"]
    assert str(frame["age"].dtype) == "Int64"
    assert frame["tags"].to_list() == [None, ["x"]]


def test_only_the_columns_asked_for(shop: Any, people: pd.DataFrame) -> None:
    people.dk.to_backend(shop, "people", layout="documents")
    frame = dk.read_table("people", shop, layout="documents", columns=["score", "age"], order_by="id", limit=2)
    assert (list(frame), frame["score"].to_list()) == (["score", "age"], [0.5, 1.5])


def test_chunks_have_the_dtypes_of_the_whole(shop: Any) -> None:
    with database(shop) as db:
        db.create_batch([dk.Record({"n": n if n < 2_500 else n / 2}, id=f"{n:04}") for n in range(3_000)])
    chunks = list(dk.iter_table("people", shop, layout="documents", order_by="id", chunk_rows=1_000))
    assert [len(chunk) for chunk in chunks] == [1_000] * 3
    assert {str(chunk["n"].dtype) for chunk in chunks} == {"float64"}


def test_nothing_found_is_an_empty_frame(shop: Any, people: pd.DataFrame) -> None:
    people.dk.to_backend(shop, "people", layout="documents")
    frame = dk.read_table("people", shop, layout="documents", where=[("age", ">", 99)], columns=["age"])
    assert (len(frame), list(frame)) == (0, ["age"])


def test_modes_are_those_of_tables(shop: Any, people: pd.DataFrame) -> None:
    write = people.dk.to_backend
    assert write(shop, "people", layout="documents", mode="upsert").rows == 3
    with pytest.raises(dk.Conflict):
        write(shop, "people", layout="documents")
    with pytest.raises(dk.Conflict):
        write(shop, "people", layout="documents", mode="append")
    assert write(shop, "people", layout="documents", mode="replace").rows == 3
    assert write(shop, "people", layout="documents", mode="truncate").rows == 3
    report = pd.DataFrame({"id": ["c", "d"]}).dk.to_backend(shop, "people", layout="documents", mode="ignore")
    assert (report.rows, report.skipped) == (1, 1)
    pd.DataFrame({"id": ["d"], "age": [5]}).dk.to_backend(shop, "people", layout="documents", mode="upsert")
    with database(shop) as db:
        assert (db.count(), db.read("d")) == (4, dk.Record({"id": "d", "age": 5}))


def test_a_write_that_fails_leaves_what_was_there(shop: Any, people: pd.DataFrame) -> None:
    people.dk.to_backend(shop, "people", layout="documents")
    bad = pd.DataFrame({"id": ["x", "x"]})
    for mode in ("append", "replace", "truncate", "upsert", "ignore"):
        with pytest.raises(dk.ConversionError, match="earlier row"):
            bad.dk.to_backend(shop, "people", layout="documents", mode=mode)
    with database(shop) as db:
        assert sorted(record.id for record in db.all()) == ["a", "b", "c"]


def test_another_column_may_hold_the_ids(shop: Any) -> None:
    pd.DataFrame({"code": [7, 8], "n": [1, 2]}).dk.to_backend(shop, "people", layout="documents", key="code")
    with database(shop) as db:
        assert db.read("7") == dk.Record({"code": 7, "n": 1}, id="7")


def test_without_ids_they_are_drawn(shop: Any) -> None:
    pd.DataFrame({"n": [1, 1]}).dk.to_backend(shop, "people", layout="documents")
    with database(shop) as db:
        assert len({record.id for record in db.all()}) == 2


@pytest.mark.parametrize("value", [b"raw", timedelta(1), Decimal("0.12345678901234567890123")])
def test_what_json_does_not_have_is_named(shop: Any, value: Any) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "x": [None, value]}, index=["first", "second"])
    with pytest.raises(dk.ConversionError, match=r"column 'x', row 1 \(label 'second'\)"):
        frame.dk.to_backend(shop, "people", layout="documents")
    assert "people" not in dk.tables(shop)["table"].to_list()


def test_bad_rows_are_collected_on_request(shop: Any, people: pd.DataFrame) -> None:
    people.dk.to_backend(shop, "people", layout="documents")
    frame = pd.DataFrame({"id": ["a", "d", "e", "e"], "x": [None, b"raw", None, None]}, index=list("pqrs"))
    report = frame.dk.to_backend(shop, "people", layout="documents", mode="append", errors="collect")
    assert report.rows == 1
    assert [(row.label, row.column) for row in report.rejected] == [("p", "id"), ("q", "x"), ("s", "id")]


@pytest.mark.parametrize(
    "wrong",
    [{"layout": "docs"}, {"types": {"x": "INT"}}, {"partition_by": ["x"]}, {"key": "nope"}, {"mode": "upsert"},
     {"key": ["x", "y"]}],
)  # fmt: skip
def test_what_does_not_fit_is_refused(shop: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(dk.ConfigError):
        pd.DataFrame({"x": [1], "y": [2]}).dk.to_backend(shop, "people", **{"layout": "documents", **wrong})


def test_a_missing_id_is_an_error(shop: Any) -> None:
    with pytest.raises(dk.ConversionError, match="NULL"):
        pd.DataFrame({"id": ["a", None]}).dk.to_backend(shop, "people", layout="documents")


def test_a_plan_changes_nothing(shop: Any, people: pd.DataFrame) -> None:
    plan = dk.plan_write(people, "people", shop, layout="documents")
    assert [column.store for column in plan.columns] == ["JSON"] * 5
    assert "'id' is the id" in str(plan)
    assert dk.tables(shop).empty


def test_a_frame_as_records(people: pd.DataFrame) -> None:
    records = people.dk.to_records()
    assert [record.id for record in records] == ["a", "b", "c"]
    assert records[1].to_dict() == {"id": "b", "age": None, "score": 1.5, "tags": [], "born": None}


def test_records_of_a_frame_without_ids_have_drawn_ones() -> None:
    first, second = pd.DataFrame({"n": [1, 1]}).dk.to_records()
    assert first.id != second.id


def test_a_table_that_is_absent_is_not_found(shop: Any) -> None:
    with pytest.raises(dk.NotFound):
        dk.read_table("people", shop, layout="documents")
    with pytest.raises(dk.NotFound):
        pd.DataFrame({"x": [1]}).dk.to_backend(shop, "people", layout="documents", mode="truncate")
