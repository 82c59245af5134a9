"""``errors="collect"``: the rows that the server refuses are found and told, the others go in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from dk_notebook.backends.base import Rejected
from dk_notebook.backends.postgres.catalog import Constraint, Entry
from dk_notebook.backends.postgres.writing.bisect_rows import Found, Leaves, failing_rows, is_about_rows, reason
from dk_notebook.backends.postgres.writing.fit import Fit
from dk_notebook.backends.postgres.writing.one_by_one import ROWS, OneByOne
from dk_notebook.backends.postgres.writing.staging import Staging, reason_of
from dk_notebook.backends.sql.names import quote

_TAKEN = "the key is in the table already"
_TWICE = "the key is in the data twice"


class Collecting:
    """The rows of a staging table on their way into the table, one by one where it must be."""

    def __init__(
        self, connection: Any, entry: Entry, fits: Sequence[Fit], key: Sequence[str], staging: Staging
    ) -> None:
        self._connection = connection
        self._entry = entry
        self._fits = fits
        self._key = key
        self._staging = staging
        self._table = f"pg_temp.{staging.name}"

    async def run(self, clause: str) -> tuple[int, list[Rejected]]:
        """How many rows the table took, and those that it did not."""
        await self._connection.execute(f"CREATE INDEX ON {self._table} (dk_row)")
        rejected: list[Rejected] = []
        for fit in self._fits:
            if fit.way.by_text:
                rows = await self._staging.uncastable(fit)
                rejected += await self._taken_out(rows, fit.source.name, reason_of(fit))
        rejected += await self._without_repeated_keys()
        await self._connection.execute(f"ANALYZE {self._table}")
        low, high = await self._staging.range()
        count = await self._all_at_once(low, high, clause)
        if count is None and not clause:
            rejected += await self._without_taken_keys()
        found = Found(affected=count) if count is not None else await self._one_after_the_other(low, high, clause)
        rejected += [
            Rejected(position=row, column=self._column(error), reason=reason(error)) for row, error in found.failed
        ]
        return found.affected, rejected

    async def _all_at_once(self, low: int, high: int, clause: str) -> int | None:
        """How many rows the table took; None, and nothing done, where a row fails."""
        await self._connection.execute("SAVEPOINT dk_all")
        try:
            status: str = await self._connection.execute(self._staging.moving(low, high, clause))
        except asyncpg.PostgresError as error:
            if not is_about_rows(error):
                raise
            await self._connection.execute("ROLLBACK TO dk_all")
            return None
        return int(status.rpartition(" ")[2])

    async def _one_after_the_other(self, low: int, high: int, clause: str) -> Found:
        one_by_one = OneByOne(
            self._connection, self._table, lambda first, last: self._staging.moving(first, last, clause)
        )
        leaves = Leaves(ROWS, one_by_one.statement) if await one_by_one.create() else None
        found = await failing_rows(
            self._connection,
            lambda start, end: self._staging.moving(start, end, clause),
            low,
            high,
            leaves=leaves,
        )
        if leaves is None:
            return found
        more = await one_by_one.found()
        return Found(failed=more.failed, affected=found.affected + more.affected)

    async def _without_repeated_keys(self) -> list[Rejected]:
        """Rows with the key of an earlier one, by which the write would go."""
        keys = [fit.expression for fit in self._fits if fit.source.name in self._key]
        if not keys:
            return []
        numbered = f"pg_catalog.row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY dk_row)"
        rows = await self._rows(
            f"SELECT dk_row FROM (SELECT dk_row, {numbered} AS times FROM {self._table}) AS _ WHERE times > 1"
        )
        return await self._taken_out(rows, ", ".join(self._key), _TWICE)

    async def _without_taken_keys(self) -> list[Rejected]:
        """Rows whose key the table has already: found at once, since there may be very many of them."""
        rejected: list[Rejected] = []
        for rule in self._entry.constraints:
            fits = self._fits_of(rule)
            if fits:
                same = " AND ".join(f"t.{quote(fit.column.name)} = s.{fit.alias}" for fit in fits)
                rows = await self._rows(
                    f"SELECT dk_row FROM {self._table} AS s "
                    f"WHERE EXISTS (SELECT 1 FROM {self._entry.quoted} AS t WHERE {same})"
                )
                rejected += await self._taken_out(rows, ", ".join(rule.columns), _TAKEN)
        return rejected

    def _fits_of(self, rule: Constraint) -> list[Fit]:
        """The columns of a unique index, where they alone decide and can be compared as they lie; else none."""
        fits = [fit for name in rule.columns for fit in self._fits if fit.column.name == name]
        whole = rule.plain and len(fits) == len(rule.columns) and not any(fit.way.by_text for fit in fits)
        return fits if whole else []

    async def _rows(self, query: str) -> list[int]:
        return [row for (row,) in await self._connection.fetch(query)]

    async def _taken_out(self, rows: Sequence[int], column: str, why: str) -> list[Rejected]:
        if rows:
            await self._connection.execute(f"DELETE FROM {self._table} WHERE dk_row = ANY($1::pg_catalog.int8[])", rows)
        return [Rejected(position=row, column=column, reason=why) for row in rows]

    def _column(self, error: asyncpg.PostgresError) -> str | None:
        if error.column_name:
            return str(error.column_name)
        rule = next((rule for rule in self._entry.constraints if rule.name == error.constraint_name), None)
        return ", ".join(rule.columns) if rule is not None and rule.columns else None
