"""Programs on dataknobs-data and ours share a store: what one has written the other reads."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dk_notebook import Database, Query, Record
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.s3_address import S3Address

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-dataknobs" / "bin" / "python"

RECORDS = [
    Record({"name": "Zoë", "age": 30, "score": 0.5, "big": 2**53 + 1, "ok": True, "no": None}, {"from": "form"}, "a/b"),
    Record({"id": "own", "tags": ["x", 1, None, {"deep": [1.5]}], "home": {"city": "Oslo"}}, id="own"),
    Record({"name": "x" * 2_000, "quo\"te's": "line\nbreak", "day": "2024-01-02"}, id="long"),
    Record({}, id="empty"),
]
# An index has one type for a field; and theirs makes lists of numbers, when it reads them, floats of 32 bits.
OF_ONE_TYPE = [
    RECORDS[0],
    Record({"id": "own", "tags": ["x", "1", None], "parts": [{"deep": [1.5]}], "home": {"city": "Oslo"}}, id="own"),
    *RECORDS[2:],
]


@pytest.fixture
def duckdb(tmp_path: Path) -> dict[str, Any]:
    return {"path": str(tmp_path / "shared.duckdb"), "table": "records"}


@pytest.fixture
def postgres(postgres_server: PostgresAddress) -> Iterator[dict[str, Any]]:
    name = f"dk_test_{uuid.uuid4().hex[:12]}"
    postgres_server.psql(f"create database {name}")
    where = {word: getattr(postgres_server, word) for word in ("host", "port", "user", "password")}
    yield {**where, "database": name, "table": "records"}
    postgres_server.psql(f"drop database {name} with (force)")


@pytest.fixture
def elasticsearch(elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str) -> dict[str, Any]:
    return {"hosts": [elasticsearch_node.http], "index": elasticsearch_index}


@pytest.fixture
def s3(s3_store: S3Address, s3_bucket: str) -> dict[str, Any]:
    return {**s3_store.settings, "bucket": s3_bucket, "prefix": "shared/data"}


STORES = ("duckdb", "postgres", "elasticsearch", "s3")


@pytest.fixture
def dataknobs() -> None:
    if not PYTHON.exists():
        if os.environ.get("CI"):
            raise AssertionError("dataknobs-data is missing: make .venv-dataknobs/made")
        pytest.skip("dataknobs-data is missing: make .venv-dataknobs/made brings it")


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in STORES])
def store(request: pytest.FixtureRequest, dataknobs: None) -> tuple[str, dict[str, Any]]:
    return request.param, request.getfixturevalue(request.param)


def theirs(what: str, store: tuple[str, dict[str, Any]], records: list[Record] | None = None) -> list[Record]:
    """What a program on dataknobs-data reads; or it writes these."""
    given = [{"id": one.id, "data": one.data, "metadata": one.metadata} for one in records or []]
    run = subprocess.run(
        [PYTHON, Path(__file__).with_name("dataknobs.py"), what, store[0], json.dumps(store[1])],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [Record(one["data"], one["metadata"], one["id"]) for one in json.loads(run.stdout or "[]")]


@pytest.fixture
def records(store: tuple[str, dict[str, Any]]) -> list[Record]:
    return OF_ONE_TYPE if store[0] == "elasticsearch" else RECORDS


def by_id(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.id)


def as_given(records: list[Record]) -> list[Record]:
    """Without what theirs adds to the metadata in a bucket."""
    for record in records:
        for name in ("id", "created_at", "updated_at"):
            record.metadata.pop(name, None)
    return records


def test_theirs_are_read_by_ours(store: tuple[str, dict[str, Any]], records: list[Record]) -> None:
    theirs("write", store, records)
    with Database.create(*store) as db:
        assert by_id(as_given(db.all())) == by_id(records)
        assert [record.id for record in db.search(Query().filter("home.city", "=", "Oslo"))] == ["own"]
        assert db.update("empty", {"now": 1})
        assert db.upsert(Record({"n": 1}, id="a/b")) == "a/b"
        assert db.delete("long")


def test_ours_are_read_by_theirs(store: tuple[str, dict[str, Any]], records: list[Record]) -> None:
    with Database.create(*store) as db:
        db.create_batch(records)
    assert by_id(theirs("read", store)) == by_id(records)


def test_a_change_of_theirs_is_seen_by_a_version(store: tuple[str, dict[str, Any]]) -> None:
    with Database.create(*store) as db:
        db.create(Record({"n": 1}, id="x"))
        first = db.read("x")
    theirs("write", store, [Record({"n": 2}, id="y")])
    with Database.create(*store) as db:
        assert first is not None
        assert db.read("x").version == first.version  # type: ignore[union-attr]  # it is there
        assert db.count() == 2


@pytest.mark.s3
def test_an_object_of_ours_is_one_of_theirs(
    s3_store: S3Address, s3_bucket: str, s3: dict[str, Any], dataknobs: None
) -> None:
    theirs("write", ("s3", s3), RECORDS)
    keys = s3_store.keys(s3_bucket)
    written = [json.loads(s3_store.get(s3_bucket, key)) for key in keys]
    with Database.create("s3", s3) as db:
        assert db.clear() == len(RECORDS)
        db.create_batch(RECORDS)
    assert s3_store.keys(s3_bucket) == keys
    for key, before in zip(keys, written, strict=True):
        now = json.loads(s3_store.get(s3_bucket, key))
        assert (now["fields"], now["id"]) == (before["fields"], before["id"])
