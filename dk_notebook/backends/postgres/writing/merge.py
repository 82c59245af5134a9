"""An upsert as MERGE, where that does what ON CONFLICT does: without its marks in each row, the server is done sooner.

Another session may insert a key while it runs: then MERGE fails, where ON CONFLICT finds the row. Whatever a row makes
fail is undone and done again with ON CONFLICT, which has the last word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg

from dk_notebook.backends.postgres.catalog import Entry
from dk_notebook.backends.postgres.writing.bisect_rows import is_about_rows
from dk_notebook.backends.postgres.writing.fit import Fit
from dk_notebook.backends.sql.names import quote

SINCE = 15
"""The first version of the server that has MERGE."""

PLANNER = ("enable_hashjoin", "enable_mergejoin", "enable_memoize", "jit")
"""What is off meanwhile: all but looking up each row by the index, as ON CONFLICT does. The server does not know how
many rows wait, and would rather read the whole table."""


class Merge:
    """The statement for the rows of a staging table."""

    def __init__(self, connection: Any, entry: Entry, fits: Sequence[Fit], key: Sequence[Fit], source: str) -> None:
        self._connection = connection
        self._indexes = entry.indexes([fit.column.name for fit in key])
        self._possible = (
            connection.get_server_version().major >= SINCE
            and entry.kind == "table"  # partitions may have triggers of their own
            and not entry.reacts  # ON CONFLICT lets the triggers of an INSERT see every row
            and not entry.guarded
            and len(key) < len(fits)
            and all(_compared_as_by_the_index(fit) for fit in key)
        )
        taken = {quote(fit.column.name): f"s.{fit.alias}" for fit in fits}
        same = " AND ".join(f"t.{quote(fit.column.name)} OPERATOR(pg_catalog.=) s.{fit.alias}" for fit in key)
        changed = ", ".join(f"{quote(fit.column.name)} = s.{fit.alias}" for fit in fits if fit not in key)
        override = " OVERRIDING SYSTEM VALUE" if any(fit.column.identity for fit in fits) else ""
        rows = ", ".join(f"{fit.expression} AS {fit.alias}" for fit in fits)
        self._statement = (
            f"MERGE INTO ONLY {entry.quoted} AS t USING (SELECT {rows} FROM {source}) AS s ON {same} "
            f"WHEN MATCHED THEN UPDATE SET {changed} "
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(taken)}){override} VALUES ({', '.join(taken.values())})"
        )

    async def run(self) -> int | None:
        """How many rows the table took; None, and nothing done, where ON CONFLICT must do it."""
        if not self._possible:
            return None
        shown = ", ".join(f"pg_catalog.current_setting('{name}')" for name in PLANNER)
        before = await self._connection.fetchrow(f"SELECT {shown}")
        await self._connection.execute(f"SAVEPOINT dk_merge; {_set(['off'] * len(PLANNER))}")
        count = await self._merged() if await self._by_index() else None
        undone = "ROLLBACK TO dk_merge; " if count is None else _set(before)
        await self._connection.execute(f"{undone}RELEASE dk_merge")
        return count

    async def _by_index(self) -> bool:
        """Whether each row is looked up by the unique index. Of a small table the server reads all instead, again for
        each row, and with it the rows that were just inserted.
        """  # noqa: D205 (one sentence)
        plan = json.loads(await self._connection.fetchval(f"EXPLAIN (FORMAT JSON) {self._statement}"))[0]["Plan"]
        return any(node.get("Index Name") in self._indexes and "Index Cond" in node for node in _nodes(plan))

    async def _merged(self) -> int | None:
        try:
            status: str = await self._connection.execute(self._statement)
        except asyncpg.PostgresError as error:
            if not is_about_rows(error):
                raise
            return None
        return int(status.rpartition(" ")[2])


def _compared_as_by_the_index(fit: Fit) -> bool:
    """Whether ``=`` tells keys apart that an index tells apart; one of other rules could find the row of another key.

    Text in the database's own collation is compared byte by byte.
    """
    plain = fit.type.name == f"pg_catalog.{fit.type.plain}" and fit.type.oid == fit.column.type_oid
    return plain and fit.column.collation is None and not fit.way.by_text


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _set(values: Sequence[str]) -> str:
    return "".join(f"SET LOCAL {name} = {value}; " for name, value in zip(PLANNER, values, strict=True))
