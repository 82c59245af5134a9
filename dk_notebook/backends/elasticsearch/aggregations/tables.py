"""Aggregations as tidy tables.

A row a bucket that has none below it. A column a key of a bucket, named as its aggregation, from the outermost in;
then ``doc_count``, the documents of the row; then a column a metric, named as its aggregation, with what stands behind
a dot where it has several values (``delay.max``, ``delay.50.0``). Metrics of an outer bucket stand in each of its rows.
A bucket below which there is none is a row with NULLs. Aggregations with buckets side by side come one after the other,
and a column ``aggregation`` tells which; the keys of the others are NULL. Names that would be there twice have the
names of the aggregations above them in front.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any

import orjson
import pyarrow as pa

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.aggregations.fields import aggregated, forms_of, suggest_keyword
from dk_notebook.backends.elasticsearch.aggregations.notices import notices
from dk_notebook.backends.elasticsearch.aggregations.pages import first_request, merged, next_request
from dk_notebook.backends.elasticsearch.aggregations.rows import batch_of, schema_of
from dk_notebook.backends.elasticsearch.aggregations.tree import Tree, tree_of, walked
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.point_in_time import PointInTime
from dk_notebook.backends.elasticsearch.request_body import split
from dk_notebook.backends.elasticsearch.unmapped import searched, warn_of_unmapped
from dk_notebook.errors import ConfigError, QueryError
from dk_notebook.frames.notices import warn
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.runtime.workers import in_worker


def has_aggregations(body: Mapping[str, Any]) -> bool:
    """Whether a Query DSL body asks for aggregations: then they are its result, not the hits."""
    return bool(body.get("aggs") or body.get("aggregations"))


async def scan_aggregations(client: Client, query: Native, *, batch_rows: int | None) -> ArrowStream:
    """The aggregations of a Query DSL body, a row a bucket; see `Session.scan`.

    The types of columns come from the request and the mapping (one request for it), so that an empty result has them
    too. Composite aggregations are read to their end, page after page of one point in time; ``size`` is that of a page.
    What the server left out is warned of: buckets beyond ``size``, counts that may be too small, shards that failed, a
    time-out; and, where there are no rows, fields of the query that no index has.
    """
    index, body = split(query)
    if query.arrays:
        raise ConfigError("arrays= is for hits and ES|QL: aggregations have no arrays")
    if body.get("size"):
        warn(f"the hits that size={body['size']!r} asks for are not read: the aggregations are the result")
    tree = tree_of(body, await forms_of(client, index, body))
    search = _Search(client, index, tree, body)
    request = first_request(body)
    try:
        answer = await search.begun(request)
    except QueryError as error:
        await suggest_keyword(client, index, error)
        raise
    return _Scan(schema_of(tree), _batches(search, request, answer, query.limit, batch_rows), search)


class _Search:
    """The searches for the pages of a tree."""

    def __init__(self, client: Client, index: str | None, tree: Tree, body: Mapping[str, Any]) -> None:
        self.client = client
        self.tree = tree
        self._index = index
        self._body = body
        paged = any(each.kind == "composite" for each in walked(tree.roots))
        self._point = PointInTime(client, index) if index and paged else None
        self._path = "/_search" if index is None or paged else names.path(index, "_search")

    async def begun(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The aggregations of the first page. What is open is closed where that fails."""
        try:
            if self._point is not None:
                await self._point.open()
            return await self.page(request)
        except BaseException:
            await self.end()
            raise

    async def page(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The aggregations that a request gives, what they lack said."""
        body = request if self._point is None else {**request, **self._point.part}
        answer = await self.client.raw("POST", self._path, body=body, repeatable=True)
        for text in answer.warnings:
            warn(f"the server warns: {text}")
        found: Mapping[str, Any] = await in_worker(orjson.loads, answer.body)
        if self._point is not None:
            self._point.heard(found.get("pit_id"))
        for text in notices(found, self.tree):
            warn(text)
        # Where no shard was searched, there are none.
        aggregations: Mapping[str, Any] = found.get("aggregations") or {}
        return aggregations

    async def warn_of_unmapped(self) -> None:
        """Warn of fields in which the query finds nothing. Of those that are aggregated the server was asked before."""
        if self._index is not None:
            known = aggregated(self._body)
            fields = [field for field in searched(self._body) if field not in known]
            await warn_of_unmapped(self.client, self._index, fields, self._body.get("runtime_mappings"))

    async def end(self) -> None:
        """Let go of what the server holds for it."""
        if self._point is not None:
            await self._point.close()


class _Scan(ArrowStream):
    """The stream of pages, whose point in time is closed also when nobody has read from it."""

    def __init__(self, schema: pa.Schema, batches: AsyncGenerator[pa.RecordBatch, None], search: _Search) -> None:
        super().__init__(schema, batches)
        self._search = search

    async def aclose(self) -> None:
        await super().aclose()  # runs nothing in a generator that was never begun
        await self._search.end()


async def _batches(
    search: _Search, request: dict[str, Any], answer: Mapping[str, Any], limit: int | None, batch_rows: int | None
) -> AsyncGenerator[pa.RecordBatch, None]:
    """The rows, page after page where there are composite aggregations."""
    tree, operation = search.tree, search.client.operation
    first, page, left, whole = answer, answer, limit, True
    try:
        while True:
            batch = await in_worker(partial(batch_of, tree, page, first=whole))
            if whole and not batch.num_rows:
                await search.warn_of_unmapped()
            batch = batch if left is None else batch.slice(0, left)
            left = None if left is None else left - batch.num_rows
            operation.count(batch.num_rows, batch.nbytes)
            for start in range(0, batch.num_rows, batch_rows or batch.num_rows or 1):
                yield batch.slice(start, batch_rows or batch.num_rows)
            following = next_request(request, tree, page)
            if following is None or left == 0:
                return
            whole, page = False, merged(tree.roots, first, await search.page(following))
    finally:
        await search.end()
