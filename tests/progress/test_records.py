"""Bars of the records API: of what is done to many records, where somebody can see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dk_notebook as dk
from dk_notebook.runtime.operations import Operation
from tests.services.s3_address import S3Address

pytestmark = pytest.mark.s3

RECORDS = [dk.Record({"n": n}, id=str(n)) for n in range(40)]
IDS = [record.id for record in RECORDS]


@pytest.fixture
def db(s3_store: S3Address, s3_bucket: str) -> Iterator[dk.Database]:
    """An empty store of records."""
    database = dk.Database.create("s3", {"bucket": s3_bucket, "prefix": "people", **s3_store.settings})
    yield database
    database.close()


CALLS: dict[str, tuple[Callable[[dk.Database], Any], list[tuple[str, int, int | None]]]] = {
    "create_batch": (lambda db: db.create_batch(RECORDS), [("create", 40, 40)]),
    "upsert_batch": (lambda db: db.upsert_batch(RECORDS), [("upsert", 40, 40)]),
    "read_batch": (lambda db: db.read_batch(IDS), [("read", 40, 40)]),
    "one record": (lambda db: (db.create(RECORDS[0]), db.read("0")), []),
    "search": (
        lambda db: (db.create_batch(RECORDS), db.search(dk.Query().filter("n", "<", 10))),
        [("create", 40, 40), ("search", 40, None)],  # rows that were read
    ),
    "a stream has one bar, its own": (lambda db: db.stream_write(RECORDS), [("write", 40, 40)]),
    "a stream without a bar has none": (lambda db: db.stream_write(RECORDS, progress=False), []),
}


@pytest.mark.parametrize(("call", "bars"), CALLS.values(), ids=CALLS)
def test_many_records_are_counted(
    db: dk.Database,
    ended: list[Operation],
    call: Callable[[dk.Database], Any],
    bars: list[tuple[str, int, int | None]],
) -> None:
    call(db)
    assert [(each.label.split()[0], each.rows, each.total_rows) for each in ended] == bars
