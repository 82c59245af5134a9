"""A temporary table between a stream and its table: where the server casts text, and keys are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from dk_notebook.backends.postgres.catalog import Entry
from dk_notebook.backends.postgres.writing.bisect_rows import failing_rows, is_about_rows
from dk_notebook.backends.postgres.writing.fit import Fit
from dk_notebook.backends.postgres.writing.merge import Merge
from dk_notebook.backends.sql.targets import insert_into, twice

ROUNDED = frozenset({"interval", "time", "timetz", "timestamp", "timestamptz", "numeric"})
"""Types whose declared digits the server would round a value to."""


class BadRow(Exception):
    """What the server says of one row."""

    def __init__(self, row: int, error: asyncpg.PostgresError) -> None:
        super().__init__(row, error)
        self.row = row
        self.error = error


class Staging:
    """The rows of one write with their numbers, before any of them is in the table."""

    def __init__(self, connection: Any, entry: Entry, fits: Sequence[Fit], key: Sequence[str], *, number: int) -> None:
        self.name = f"dk_stage_{number}"
        self._connection = connection
        self._entry = entry
        self._fits = fits
        self._key = [next(fit for fit in fits if fit.source.name == name) for name in key]
        self._table = f"pg_temp.{self.name}"
        head = insert_into(entry.quoted, [fit.column.name for fit in fits])
        # What the rows say of an identity column is kept, as COPY into the table itself does.
        override = " OVERRIDING SYSTEM VALUE" if any(fit.column.identity for fit in fits) else ""
        self._move = f"{head}{override} SELECT {', '.join(fit.expression for fit in fits)} FROM {self._table}"
        self._merge = Merge(connection, entry, fits, self._key, self._table)

    @property
    def columns(self) -> list[str]:
        """What is filled by COPY."""
        return ["dk_row", *(fit.alias for fit in self._fits)]

    async def create(self) -> None:
        """Make it; it goes with the transaction."""
        declared = ", ".join(f"{fit.alias} {fit.staged}" for fit in self._fits)
        await self._connection.execute(
            f"CREATE TEMPORARY TABLE {self.name} (dk_row pg_catalog.int8, {declared}) ON COMMIT DROP"
        )

    async def drop(self) -> None:
        """Drop it before that."""
        await self._connection.execute(f"DROP TABLE {self._table}")

    async def schema(self) -> str:
        """Where it is."""
        name: str = await self._connection.fetchval(
            "SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = pg_catalog.pg_my_temp_schema()"
        )
        return name

    async def move(self, clause: str) -> int:
        """Insert all rows in their order; how many the table took. ``clause``: ON CONFLICT.

        ConversionError: a value that the server cannot cast. Conflict: a key that comes twice. `BadRow`: what else
        the server says of the first row that it refuses, with its number.
        """
        for fit in self._fits:
            if fit.way.by_text:
                rows = await self.uncastable(fit, first=True)
                if rows:
                    raise fit.error(reason_of(fit), rows[0])
        if "DO UPDATE" in clause:  # which itself refuses a key that comes twice, as MERGE does
            merged = await self._merge.run()
            if merged is not None:
                return merged
        else:
            await self._check_keys()
        await self._connection.execute("SAVEPOINT dk_move")
        try:
            # In the order of a scan: that is how the rows came.
            status = await self._connection.execute(f"{self._move}{clause}")
        except asyncpg.PostgresError as error:
            if not is_about_rows(error):
                raise
            await self._connection.execute("ROLLBACK TO dk_move")
            await self._check_keys()
            found = await failing_rows(
                self._connection, lambda low, high: self.moving(low, high, clause), *await self.range(), first=True
            )
            if not found.failed:
                raise
            raise BadRow(*found.failed[0]) from error
        return int(status.rpartition(" ")[2])

    async def _check_keys(self) -> None:
        if not self._key:
            return
        expressions = ", ".join(fit.expression for fit in self._key)
        found = await self._connection.fetchrow(
            f"SELECT pg_catalog.min(dk_row), pg_catalog.max(dk_row) FROM {self._table} GROUP BY {expressions} "
            "HAVING pg_catalog.count(*) > 1 ORDER BY 1 LIMIT 1"
        )
        if found is not None:
            raise twice([fit.source.name for fit in self._key], *found)

    def moving(self, low: int | str, high: int | str, clause: str) -> str:
        """The statement that inserts the rows of these numbers, which may be SQL."""
        return f"{self._move} WHERE dk_row BETWEEN {low} AND {high} ORDER BY dk_row{clause}"

    async def uncastable(self, fit: Fit, *, first: bool = False) -> list[int]:
        """The rows whose text is no value of the column's type, or none that it holds exactly; or only the first."""
        limit = " LIMIT 1" if first else ""
        query = f"SELECT dk_row FROM {self._table} WHERE {self._refused(fit)} ORDER BY 1{limit}"
        await self._connection.execute("SAVEPOINT dk_cast")
        try:
            rows = [row for (row,) in await self._connection.fetch(query, fit.column.declared)]
        except asyncpg.PostgresError:
            # The server is older than 16, or the type's own function does not take part.
            await self._connection.execute("ROLLBACK TO dk_cast")
            return await self._uncastable_one_by_one(fit, first=first)
        finally:
            if not self._connection.is_closed():
                await self._connection.execute("RELEASE dk_cast")
        return rows

    def _refused(self, fit: Fit) -> str:
        valid = f"pg_catalog.pg_input_is_valid({fit.alias}, $1)"
        if fit.column.typmod >= 0 and fit.type.plain.removesuffix("[]") in ROUNDED:
            declared = f"CAST({fit.alias} AS {fit.column.declared})"
            valid = f"CASE WHEN {valid} THEN {fit.expression} IS NOT DISTINCT FROM {declared} ELSE false END"
        return f"{fit.alias} IS NOT NULL AND NOT {valid}"

    async def _uncastable_one_by_one(self, fit: Fit, *, first: bool) -> list[int]:
        value = f"CAST({fit.expression} AS {fit.column.declared})"

        def attempt(low: int, high: int) -> str:
            return f"SELECT pg_catalog.count({value}) FROM {self._table} WHERE dk_row BETWEEN {low} AND {high}"

        found = await failing_rows(self._connection, attempt, *await self.range(), first=first)
        return [row for row, _ in found.failed]

    async def range(self) -> tuple[int, int]:
        """The numbers of the first and the last row; (0, -1) where there is none."""
        row = await self._connection.fetchrow(
            f"SELECT pg_catalog.min(dk_row), pg_catalog.max(dk_row) FROM {self._table}"
        )
        return (0, -1) if row[0] is None else (row[0], row[1])


def reason_of(fit: Fit) -> str:
    """Why a text is refused."""
    return f"not a value of {fit.column.declared}, or none that it holds exactly"
