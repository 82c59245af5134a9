"""Statements that have no result columns: Elasticsearch has none."""

from __future__ import annotations

from dk_notebook.backends.base import Native
from dk_notebook.backends.elasticsearch.connections.client import Client
from dk_notebook.errors import Unsupported


async def executed(client: Client, statement: Native) -> int:  # noqa: ARG001 (as in the other backends)
    """Unsupported, always: what reads is for `read_query`, what writes for `write_table` and the records API."""
    if isinstance(statement.text, str):
        raise Unsupported(
            "elasticsearch: dk.execute has nothing to run: ES|QL only reads",
            hint="dk.read_query reads, df.dk.to_backend and dk.write_table write, dk.AsyncDatabase changes documents",
        )
    raise Unsupported(
        "elasticsearch: dk.execute has nothing to run: a Query DSL body only searches",
        hint="dk.read_query searches, df.dk.to_backend and dk.write_table write, dk.AsyncDatabase deletes by a query",
    )
