"""How a statement would be run: what is read of each table, and DuckDB's plan over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from dk_notebook.backends.base import Native
from dk_notebook.backends.duckdb.explain import explained as explained_by_duckdb
from dk_notebook.backends.s3.reading.dataset import Opener
from dk_notebook.backends.s3.sql.query import Tables, checked, tables_of
from dk_notebook.backends.sql.plans import SCHEMA


async def explained(query: Native, open_table: Opener, *, analyze: bool) -> pa.Table:
    """See `Explainable.explain`: a row a table, with the columns and conditions that were pushed down to it.

    ``analyze``: with the bytes and requests that it took.
    """
    statement = checked(query)
    tables = await tables_of(statement, open_table)
    try:
        shown: Mapping[str, int] | None = None
        if analyze:
            shown = await tables.load()
        else:
            await tables.run(tables.show_columns)
        plan = await tables.run(lambda: explained_by_duckdb(tables.cursor, statement, frames=None, analyze=analyze))
    finally:
        await tables.aclose()
    rows = [_row(tables, name, shown) for name in tables.datasets]
    return pa.concat_tables([plan, pa.Table.from_pylist(rows, SCHEMA)])


def _row(tables: Tables, name: str, shown: Mapping[str, int] | None) -> dict[str, Any]:
    dataset, need = tables.datasets[name], tables.needs[name]
    kept = len(dataset.kept(need.expression)) if shown is None else shown[name]
    details = [f"columns: {', '.join(need.columns)}"]
    details += [f"conditions: {need.told}"] if need.told else []
    details += [f"files: {kept} of {len(dataset.parts)}"]
    if shown is not None:
        details += [f"bytes read: {dataset.traffic.bytes:,}", f"requests: {dataset.traffic.requests:,}"]
    return {
        "depth": 0,
        "node": f"DATASET {dataset.listing.location.url}",
        "detail": "; ".join(details),
        "rows_estimated": None,
        "rows": None,
        "seconds": None,
    }
