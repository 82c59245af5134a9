"""Writes beneath the API: rows that are looked at twice, names that stand for something else, errors and reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import dk_notebook as dk
from dk_notebook.backends.base import TableWrite
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.writing import destination, gather, ids
from dk_notebook.backends.elasticsearch.writing.ingest import ingested
from dk_notebook.backends.elasticsearch.writing.plan import planned
from dk_notebook.frames.stream import ArrowStream
from tests.backends.elasticsearch.bulks import client_of
from tests.services.elasticsearch_address import ElasticsearchAddress
from tests.services.scripted_elasticsearch import Answer, ScriptedElasticsearch, failure
from tests.under_way import within

SCHEMA = pa.schema({"id": pa.int64(), "label": pa.dictionary(pa.int8(), pa.string())})


def batches(count: int) -> ArrowStream:
    async def each() -> AsyncGenerator[pa.RecordBatch, None]:
        for row in range(count):
            yield pa.record_batch(
                {"id": [row], "label": pa.array([f"l{row}"]).dictionary_encode().cast(SCHEMA[1].type)}
            )

    return ArrowStream(SCHEMA, each())


# --- rows that are looked at twice ------------------------------------------------------------------------------------


@pytest.mark.unit
@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("held", [0, 50, 1 << 20])
async def test_rows_are_gone_through_twice_wherever_they_lie(
    monkeypatch: pytest.MonkeyPatch, held: int, in_memory: bool
) -> None:
    monkeypatch.setattr(gather, "HELD", held)
    async with gather.gathered(batches(5), in_memory=in_memory) as rows:
        for _ in range(2):
            table = pa.Table.from_batches(rows.batches())
            assert table["id"].to_pylist() == [0, 1, 2, 3, 4]
            assert table["label"].to_pylist() == ["l0", "l1", "l2", "l3", "l4"]


@pytest.mark.elasticsearch
async def test_a_stream_with_a_key_goes_in_from_a_file(
    monkeypatch: pytest.MonkeyPatch,
    client: Client,
    elasticsearch_node: ElasticsearchAddress,
    elasticsearch_index: str,
) -> None:
    monkeypatch.setattr(gather, "HELD", 0)
    report = await ingested(client, TableWrite(table=elasticsearch_index, mode="upsert", key=("id",)), batches(30))
    found = elasticsearch_node.request("GET", f"/{elasticsearch_index}/_search?size=50")["hits"]["hits"]
    assert report.rows == 30
    assert {hit["_id"]: hit["_source"]["label"] for hit in found} == {str(row): f"l{row}" for row in range(30)}


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.unit
def test_no_two_keys_of_several_columns_share_an_id() -> None:
    parts = ["", '"', ",", '","', "\\", "a", "[", "]"]
    first, second = zip(*[(one, two) for one in parts for two in parts], strict=True)
    found, bad = ids.of_key([pa.array(first), pa.array(second)])
    assert (len(set(found.to_pylist())), bad) == (len(parts) ** 2, [])


@pytest.mark.unit
def test_one_moment_has_one_id_whatever_its_unit() -> None:
    units = [
        pa.array([1_706_659_200], pa.timestamp("s", "UTC")).cast(pa.timestamp(u, "Asia/Tokyo")) for u in ("s", "ns")
    ]
    assert [ids.of_key([array])[0].to_pylist() for array in units] == [["2024-01-31T00:00:00Z"]] * 2


@pytest.mark.unit
def test_nan_is_no_key() -> None:
    assert ids.of_key([pa.array([1.0, np.nan])])[1] == [(1, "NULL in the key")]


@pytest.mark.unit
def test_no_two_writes_draw_the_same_ids() -> None:
    assert len({ids.drawn() for _ in range(1000)}) == 1000


# --- what a name stands for ---------------------------------------------------------------------------------------


def index(*, alias: dict[str, Any] | None = None, stream: str | None = None) -> dict[str, Any]:
    """An index as the server tells it."""
    said: dict[str, Any] = {"aliases": {"x": alias} if alias is not None else {}, "mappings": {}, "settings": {}}
    return said | ({"data_stream": stream} if stream else {})


@pytest.fixture
def node() -> Iterator[ScriptedElasticsearch]:
    with ScriptedElasticsearch() as running:
        yield running


@pytest.mark.unit
@pytest.mark.parametrize(
    ("said", "kind", "written"),
    [
        ({"x": index()}, "index", "x"),
        ({"a": index(alias={})}, "alias", "a"),
        ({"a": index(alias={"is_write_index": False})}, "alias", None),
        ({"a": index(alias={}), "b": index(alias={})}, "alias", None),
        ({"a": index(alias={}), "b": index(alias={"is_write_index": True})}, "alias", "b"),
        ({".ds-x-1": index(stream="x"), ".ds-x-2": index(stream="x")}, "data stream", ".ds-x-2"),
    ],
)
async def test_a_name_stands_for_an_index_an_alias_or_a_stream(
    node: ScriptedElasticsearch, said: dict[str, Any], kind: str, written: str | None
) -> None:
    node.always("GET /x$", Answer(body=said))
    async with client_of(node) as client:
        found = await destination.found(client, "x")
    assert found is not None
    assert (found.kind, found.index.name if found.index else None) == (kind, written)


@pytest.mark.unit
@pytest.mark.parametrize("mode", ["upsert", "replace"])
async def test_a_data_stream_takes_new_documents_only(node: ScriptedElasticsearch, mode: Any) -> None:
    node.always("GET /x$", Answer(body={".ds-x-1": index(stream="x")}))
    key = ("id",) if mode == "upsert" else ()
    async with client_of(node) as client:
        with pytest.raises(dk.Unsupported, match="data stream") as raised:
            await planned(client, TableWrite(table="x", mode=mode, key=key), SCHEMA)
    assert "mode=" in (raised.value.hint or "")


@pytest.mark.unit
async def test_an_alias_of_a_part_of_an_index_is_not_replaced(node: ScriptedElasticsearch) -> None:
    node.always("GET /x$", Answer(body={"a": index(alias={"filter": {"term": {"a": 1}}})}))
    node.always("GET /_resolve", Answer(body={"indices": []}))
    async with client_of(node) as client:
        with pytest.raises(dk.ConfigError, match="filter"):
            await planned(client, TableWrite(table="x", mode="replace"), SCHEMA)


# --- errors and reports -----------------------------------------------------------------------------------------------


@pytest.mark.elasticsearch
async def test_collecting_on_an_index_that_takes_no_writes_carries_the_report(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}", {"settings": {"index.blocks.read_only": True}})
    target = TableWrite(table=elasticsearch_index, mode="append", errors="collect")
    table = pa.table({"n": [1, 2]}).cast(pa.schema({"n": pa.int64()}))
    try:
        with pytest.raises(dk.DkError, match="blocked"):
            await ingested(client, target, ArrowStream.from_table(table))
    finally:
        elasticsearch_node.request("PUT", f"/{elasticsearch_index}/_settings", {"index.blocks.read_only": False})


@pytest.mark.elasticsearch
async def test_rows_of_a_block_in_mid_write_are_in_the_report_of_the_error(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str
) -> None:
    mappings = {"properties": {"id": {"type": "long"}, "label": {"type": "keyword"}}}
    settings = {"index.blocks.write": True}
    elasticsearch_node.request("PUT", f"/{elasticsearch_index}", {"mappings": mappings, "settings": settings})
    target = TableWrite(table=elasticsearch_index, mode="append", errors="collect")
    with pytest.raises(dk.WriteRejected) as raised:
        await ingested(client, target, batches(3))
    report = raised.value.report
    assert (report.rows + len(report.rejected), report.outcome) == (report.rejected[-1].position + 1, "failed")


@pytest.mark.elasticsearch
async def test_a_replace_takes_the_next_number_where_a_late_write_took_its_own(
    client: Client, elasticsearch_node: ElasticsearchAddress, elasticsearch_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Client.json

    async def as_late(self: Client, method: str, path: str, **options: Any) -> Any:
        if (method, path) == ("PUT", f"/{elasticsearch_index}-000001"):
            elasticsearch_node.request("PUT", path)
        return await asked(self, method, path, **options)

    monkeypatch.setattr(Client, "json", as_late)
    report = await ingested(client, TableWrite(table=elasticsearch_index, mode="replace"), batches(3))
    assert report.rows == 3
    assert list(elasticsearch_node.request("GET", f"/{elasticsearch_index}")) == [f"{elasticsearch_index}-000002"]


@pytest.mark.elasticsearch
async def test_progress_counts_every_row(client: Client, elasticsearch_index: str) -> None:
    table = pa.Table.from_pandas(pd.DataFrame({"n": range(12_345)}))
    await ingested(client, TableWrite(table=elasticsearch_index), ArrowStream.from_table(table))
    assert client.operation.rows == 12_345


async def endless() -> AsyncGenerator[pa.RecordBatch, None]:
    while True:
        yield pa.record_batch({"n": range(20_000)})
        await asyncio.sleep(0)


@pytest.mark.elasticsearch
async def test_a_write_that_is_stopped_at_any_moment_leaves_no_index(client: Client, elasticsearch_index: str) -> None:
    """A request that is still on its way when its index is deleted would make it again."""
    for moment in range(12):
        table = f"{elasticsearch_index}-{moment}"
        stream = ArrowStream(pa.schema({"n": pa.int64()}), endless())
        task = asyncio.create_task(ingested(client, TableWrite(table=table), stream))
        await asyncio.sleep(0.04 * moment)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 3
    client.operation.unheard = False  # a busy server may be late with it
    for _ in range(100):
        if not await client.json("GET", f"/{elasticsearch_index}*/_alias"):
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("an index is left")


@pytest.mark.unit
@pytest.mark.parametrize("late", ["PUT /things$", "DELETE /things$"])
async def test_a_node_that_is_late_is_still_told_to_delete_what_a_stopped_write_has_made(
    node: ScriptedElasticsearch, late: str
) -> None:
    node.always("GET /things$", failure(404, "index_not_found_exception", "no such index [things]"))
    node.always(late, Answer(body={"acknowledged": True}, after=1.5))
    async with client_of(node) as client:
        write = asyncio.create_task(
            ingested(client, TableWrite(table="things"), ArrowStream(pa.schema({"n": pa.int64()}), endless()))
        )
        assert await within(10, lambda: node.asked("PUT /things$" if late.startswith("PUT") else "_bulk"))
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
        assert client.operation.unheard
        assert await within(10, lambda: node.asked("DELETE /things$"))
    assert len(node.asked("DELETE /things$")) == 1
