"""How PostgreSQL would run a query, a row a node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from dk_notebook.backends.postgres.connections.pool import Loan
from dk_notebook.backends.postgres.connections.undo import undo
from dk_notebook.backends.postgres.errors import translating
from dk_notebook.backends.postgres.statements.describe import described
from dk_notebook.backends.postgres.statements.statement import Prepared, check_single, shape, with_literals
from dk_notebook.backends.postgres.type_catalog import server_types
from dk_notebook.backends.sql.plans import SCHEMA
from dk_notebook.errors import QueryError

_OWN = frozenset(
    {
        "Node Type", "Plans", "Plan Rows", "Actual Rows", "Actual Loops", "Actual Total Time",  # columns of their own
        "Parallel Aware", "Async Capable", "Disabled", "Startup Cost", "Total Cost", "Plan Width",
        "Actual Startup Time", "Workers", "Single Copy", "Parent Relationship",  # the planner's small print
    }
)  # fmt: skip
"""What is no part of a node's detail."""


_MEASURED = "ANALYZE, BUFFERS FALSE, "
"""From PostgreSQL 18 on ten counts of buffers stand at each node otherwise, most of them zero."""

_SAVEPOINT = ("SAVEPOINT dk_plan", "ROLLBACK TO dk_plan; RELEASE dk_plan")


async def explained(loan: Loan, statement: Prepared, *, analyze: bool) -> pa.Table:
    """The plan of one statement. With ``analyze`` it runs, and each node has its rows and seconds, over all its loops
    and with all below it; whatever it changes is rolled back.
    """  # noqa: D205 (one sentence)
    check_single(statement.sent.text)
    if shape(statement.sent.sent) == "other":
        raise QueryError(
            "only queries and statements that change rows have a plan",
            hint="SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE and WITH do",
            query=statement.sent.text,
        )
    connection, sent = loan.connection, statement.sent
    if statement.values:
        loan.described = True
        with translating(sent):
            description = await described(connection, sent.sent)
        with translating():
            types = await server_types(connection, description.parameters)
        sent = with_literals(statement, [types[oid] for oid in description.parameters])
    text = f"EXPLAIN ({_MEASURED if analyze else ''}FORMAT JSON) {sent.sent}"
    begin, back = _SAVEPOINT if loan.in_transaction else ("BEGIN", "ROLLBACK")
    with translating():
        await connection.execute(begin)
    try:
        with translating(sent.within(text)):
            plan = json.loads(await connection.fetchval(text))
    finally:
        if connection.is_in_transaction():
            await asyncio.shield(undo(connection, back))
    loan.described = False
    return pa.Table.from_pylist(list(_rows(plan[0]["Plan"], 0)), SCHEMA)


def _rows(node: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    loops = node.get("Actual Loops")
    seconds = node.get("Actual Total Time")
    yield {
        "depth": depth,
        "node": node["Node Type"],
        "detail": "; ".join(f"{name}: {_text(value)}" for name, value in node.items() if name not in _OWN),
        "rows_estimated": node.get("Plan Rows"),
        "rows": None if loops is None else round(node["Actual Rows"] * loops),
        "seconds": None if loops is None or seconds is None else seconds * loops / 1000,
    }
    for child in node.get("Plans", []):
        yield from _rows(child, depth + 1)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
