"""Hits as Arrow: all of an index, and those of a Query DSL body."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from dk_notebook.backends.base import Native, TableQuery
from dk_notebook.backends.elasticsearch import names
from dk_notebook.backends.elasticsearch.conditions.clauses import ALL, Clause, either
from dk_notebook.backends.elasticsearch.conditions.decide import Rows
from dk_notebook.backends.elasticsearch.conditions.dsl import Conditions, column_of, doubts
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.backends.elasticsearch.fields import Field, Fields
from dk_notebook.backends.elasticsearch.mappings import mapped
from dk_notebook.backends.elasticsearch.reading.costs import Costs
from dk_notebook.backends.elasticsearch.reading.pages import LARGEST, Page, Pages, Search
from dk_notebook.backends.elasticsearch.reading.reader import Reader
from dk_notebook.backends.elasticsearch.reading.search_body import SearchBody, columns_of
from dk_notebook.backends.elasticsearch.types import METADATA, type_of
from dk_notebook.backends.elasticsearch.unmapped import searched, warn_of_unmapped
from dk_notebook.errors import ConfigError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.records.condition_fields import named_in
from dk_notebook.records.filters import Condition, Sort
from dk_notebook.records.filters import Field as Named
from dk_notebook.runtime.workers import in_worker

SMALLEST_PAGE: Final = 1_000
"""Hits a page at least, however few rows a batch has."""
_NUMBERS: Final = frozenset({"integer", "float", "boolean", "date"})
"""Forms whose sort values are numbers."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is read, and what is left to do with it here."""

    search: Search
    fields: Fields
    columns: tuple[Field, ...]
    """Of the result, and after these what only a condition or the order needs."""
    wanted: int
    """How many of them are the result's."""
    whole: bool
    """Whether they are all of the documents."""
    condition: Condition | None = None
    """To be decided here."""
    order: tuple[Sort, ...] = ()
    """To be sorted here."""
    skip: int = 0
    limit: int | None = None
    sorts: pa.DataType | None = None
    """The type of the sort values, where it is one."""


async def scan_table(client: Client, query: TableQuery, *, batch_rows: int | None) -> ArrowStream:
    """The rows of an index, an alias, a pattern or a list; see `Session.scan`.

    ``query.arrays``: the fields whose values come as lists.
    """
    plan = await _planned(client, query, batch_rows)
    return await streamed(client, plan, batch_rows=batch_rows)


async def scan_body(client: Client, query: Native, *, batch_rows: int | None) -> ArrowStream:
    """The hits of a Query DSL body; see `Session.scan`. Where there are none: warns of fields that no index has."""
    body = SearchBody.of(query)
    fields = await mapped(client, body.index)
    arrays = with_arrays(fields, query.arrays)
    found, whole = columns_of(body, fields, query.named)
    columns = tuple(each.as_array() if each.name in arrays else each for each in found)
    if body.once:
        search = Search(index=body.index, body=body.of_one_answer(), limit=body.size_of_one_answer, once=True)
        sorts = None
    else:
        limit = None if body.size is None else body.first + body.size
        search = Search(
            index=body.index,
            body=dict(body.query),
            sort=body.sort,
            limit=0 if body.size == 0 else limit,
            page_rows=page_rows(batch_rows),
        )
        sorts = body.sort_type
    plan = Plan(
        search=search,
        fields=fields,
        columns=columns,
        wanted=len(columns),
        whole=whole,
        skip=0 if body.once else body.first,
        limit=body.size,
        sorts=sorts,
    )
    return await streamed(client, plan, batch_rows=batch_rows, body=body)


async def _planned(client: Client, query: TableQuery, batch_rows: int | None) -> Plan:
    fields = await mapped(client, query.table)
    asked = query.query
    if asked.columns is not None and not asked.columns:
        raise ConfigError("no columns are selected")
    chosen = fields.shown() if asked.columns is None else fields.named([each.name for each in asked.columns])
    arrays = with_arrays(fields, query.arrays)
    doubted = await _found(client, query.table, doubts(fields, asked.condition, asked.order))
    conditions = Conditions(fields, doubted=doubted, arrays=frozenset(arrays))
    found = conditions.superset(asked.condition)
    sort = conditions.order(asked.order)
    here = [] if found.sure else list(named_in(asked.condition))
    here += [] if sort is not None else [each.field for each in asked.order]
    beside = [name for name in query.named if name in METADATA and name not in {each.name for each in chosen}]
    chosen = [*chosen, *map(fields.find, beside)]
    columns = [arrays.get(each.name, each) for each in chosen]
    held = {each.name for each in columns}
    for each in here:
        column = column_of(fields, each)
        if column.name not in held:
            columns.append(arrays.get(column.name, column))
            held.add(column.name)
    decided = found.sure and sort is not None
    limit = None if asked.max_rows is None else asked.skip + asked.max_rows
    return Plan(
        search=Search(
            index=query.table,
            body={} if found.clause == ALL else {"query": found.clause},
            sort=tuple(sort or ()),
            limit=limit if decided or asked.max_rows == 0 else None,
            page_rows=page_rows(batch_rows),
            slices=query.partitions if query.partitions > 1 else None,
        ),
        fields=fields,
        columns=tuple(columns),
        wanted=len(chosen),
        whole=asked.columns is None,
        condition=None if found.sure else asked.condition,
        order=() if sort is not None else asked.order,
        skip=asked.skip,
        limit=asked.max_rows,
        sorts=_sorts(fields, asked.order if sort is not None else ()),
    )


def page_rows(batch_rows: int | None) -> int:
    """Hits a page at most, for batches of so many rows."""
    return LARGEST if batch_rows is None else max(SMALLEST_PAGE, min(batch_rows, LARGEST))


def with_arrays(fields: Fields, arrays: Sequence[str]) -> dict[str, Field]:
    """The fields that come as lists. NotFound."""
    return {name: fields.named([name])[0].as_array() for name in arrays}


def _sorts(fields: Fields, order: Sequence[Sort]) -> pa.DataType | None:
    """The type of all sort values, where they are of one kind."""
    if not order:
        return pa.int64()
    numbers = all(type_of(fields.find(each.field.name).type).form in _NUMBERS for each in order)
    return pa.float64() if numbers else None


async def _found(client: Client, index: str, queries: Mapping[str, Clause]) -> frozenset[str]:
    """The names of the queries that find a document."""
    if not queries:
        return frozenset()
    answer = await client.json(
        "POST",
        names.path(index, "_search"),
        params={"filter_path": "aggregations.found.buckets", "allow_partial_search_results": False},
        body={
            "size": 0,
            "track_total_hits": False,
            "query": either(*queries.values()),
            "aggs": {"found": {"filters": {"filters": dict(queries)}}},
        },
        repeatable=True,
    )
    buckets = answer["aggregations"]["found"]["buckets"]
    return frozenset(name for name, bucket in buckets.items() if bucket["doc_count"])


# --- the stream -----------------------------------------------------------------------------------------------------


class _Scan(ArrowStream):
    """The stream of pages that are open, closed even when nobody has read from it."""

    def __init__(self, schema: pa.Schema, batches: AsyncGenerator[pa.RecordBatch, None], pages: Pages) -> None:
        super().__init__(schema, batches)
        self._pages = pages

    async def aclose(self) -> None:
        await super().aclose()  # runs nothing in a generator that was never begun
        await self._pages.close()


async def streamed(
    client: Client, plan: Plan, *, batch_rows: int | None, body: SearchBody | None = None
) -> ArrowStream:
    """The result of a plan, its first page read already. ``body``: what the plan is of."""
    reader = Reader(plan.columns, whole=plan.whole, sorts=plan.sorts, paged=not plan.search.once)
    pages = Pages(client, plan.search, reader.fetch())
    await pages.open()
    client.operation.total_rows = pages.total if plan.condition is None else None
    schema = pa.schema(list(reader.schema)[: plan.wanted])
    return _Scan(schema, _batches(client, plan, reader, pages, batch_rows, body), pages)


def _costly(plan: Plan) -> str | None:
    """What is decided here although it was meant to find few of the documents."""
    index = plan.search.index
    if plan.condition is not None:
        return f"{index}: the condition on {_told(plan, named_in(plan.condition))} is decided here"
    if plan.order and plan.limit is not None:
        return f"{index}: the order by {_told(plan, [each.field for each in plan.order])} is made here"
    return None


def _told(plan: Plan, named: Iterable[Named]) -> str:
    return ", ".join(dict.fromkeys(column_of(plan.fields, each).name for each in named))


async def _batches(
    client: Client,
    plan: Plan,
    reader: Reader,
    pages: Pages,
    batch_rows: int | None,
    body: SearchBody | None,
) -> AsyncGenerator[pa.RecordBatch, None]:
    rows = Rows(plan.fields, reader.schema)
    costs = Costs(_costly(plan))

    async def parsed(page: Page) -> pa.RecordBatch:
        batch = await reader.batch(page, pages)
        if plan.search.once and body is not None:
            body.check_complete(batch.num_rows)
        kept = batch if plan.condition is None else await in_worker(rows.matching, batch, plan.condition)
        costs.add(batch.num_rows, 0 if plan.order else kept.num_rows)
        return kept

    found = _in_order(pages.read(parsed), rows, plan)
    skip, left = plan.skip, plan.limit
    try:
        if body is not None and not pages.total and plan.search.limit != 0:
            await _warn_of_unmapped(client, plan.fields, body)
        async for batch in found:
            cut = batch.slice(skip, left)
            skip = max(0, skip - batch.num_rows)
            for start in range(0, cut.num_rows, batch_rows or LARGEST):
                part = cut.slice(start, batch_rows or LARGEST).select(list(range(plan.wanted)))
                client.operation.count(part.num_rows, part.nbytes)
                yield part
            if left is not None:
                left -= cut.num_rows
                if left <= 0:
                    break
    finally:
        await found.aclose()
        await pages.close()


async def _warn_of_unmapped(client: Client, fields: Fields, body: SearchBody) -> None:
    """Of a body that finds nothing."""
    doubted = [field for field in searched(body.query) if field not in fields.all]
    await warn_of_unmapped(client, body.index, doubted, body.query.get("runtime_mappings"))


async def _in_order(
    batches: AsyncGenerator[pa.RecordBatch, None], rows: Rows, plan: Plan
) -> AsyncGenerator[pa.RecordBatch, None]:
    """The batches, sorted here if need be, for which all of them must be held."""
    try:
        if not plan.order:
            async for batch in batches:
                yield batch
            return
        held = [batch async for batch in batches]
        if held:
            table = await in_worker(rows.ordered, pa.Table.from_batches(held), plan.order)
            for batch in table.to_batches(max_chunksize=LARGEST):
                yield batch
    finally:
        await batches.aclose()
