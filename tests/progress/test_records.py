"""Bars of the records API: of what is done to many records, where somebody can see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dk_notebook as dk
from dk_notebook import progress
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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int | None]]:
    """Label, rows and total of each call that has a bar, as its end shows them."""
    ends: list[tuple[str, int, int | None]] = []

    def draw(call: Operation) -> None:
        if call.done:
            ends.append((call.label, call.rows, call.total_rows))

    monkeypatch.setattr(progress, "_is_seen", lambda: True)
    monkeypatch.setattr(progress, "Bar", lambda: draw)
    return ends


CALLS: dict[str, tuple[Callable[[dk.Database], Any], list[tuple[str, int, int | None]]]] = {
    "create_batch": (lambda db: db.create_batch(RECORDS), [("create", 40, 40)]),
    "upsert_batch": (lambda db: db.upsert_batch(RECORDS), [("upsert", 40, 40)]),
    "read_batch": (lambda db: db.read_batch(IDS), [("read", 40, 40)]),
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
    drawn: list[tuple[str, int, int | None]],
    call: Callable[[dk.Database], Any],
    bars: list[tuple[str, int, int | None]],
) -> None:
    call(db)
    assert [(label.split()[0], rows, total) for label, rows, total in drawn] == bars
