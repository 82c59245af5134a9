"""How DuckDB would run a query, a row a node."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from dk_notebook.backends.duckdb.errors import translating
from dk_notebook.backends.duckdb.frames_in_sql import registered
from dk_notebook.backends.duckdb.statement import Prepared, parts
from dk_notebook.backends.sql.plans import SCHEMA
from dk_notebook.errors import QueryError

_ESTIMATE = "Estimated Cardinality"
_OWN = ("RESULT_COLLECTOR", "EXPLAIN_ANALYZE")


def explained(cursor: Any, statement: Prepared, *, frames: Any, analyze: bool) -> pa.Table:
    """The plan of one statement. With ``analyze`` it runs, and each node has its rows and seconds."""
    if len(parts(cursor, statement)) > 1:
        raise QueryError("several statements cannot be explained at once", query=statement.sent.text)
    options = "ANALYZE, FORMAT JSON" if analyze else "FORMAT JSON"
    text = f"EXPLAIN ({options}) {statement.text}"
    with registered(cursor, statement.text, frames), translating(statement.sent.within(text)):
        rows = cursor.execute(text, list(statement.values)).fetchall()
    plan = json.loads(rows[-1][1])
    nodes = plan["operator"] if isinstance(plan, dict) else plan
    return pa.Table.from_pylist([row for node in nodes for row in _rows(node, 0)], SCHEMA)


def _rows(node: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    name = str(node.get("name") or node.get("type") or node.get("operator_type"))
    children = node.get("children", [])
    if name in _OWN:
        depth -= 1
    else:
        info = dict(node.get("extra_info") or {})
        estimate = info.pop(_ESTIMATE, None)
        yield {
            "depth": depth,
            "node": name,
            "detail": "; ".join(f"{key}: {_text(value)}" for key, value in info.items()),
            "rows_estimated": int(estimate) if estimate is not None else None,
            "rows": node.get("intermediate_rows", node.get("operator_cardinality")),
            "seconds": node.get("timing", node.get("operator_timing")),
        }
    for child in children:
        yield from _rows(child, depth + 1)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
