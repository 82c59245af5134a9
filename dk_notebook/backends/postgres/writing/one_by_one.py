"""Rows inserted one by one by the server itself, each on its own: those that it refuses are written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg

from dk_notebook.backends.postgres.writing.bisect_rows import ABOUT_ROWS, Found
from dk_notebook.backends.postgres.writing.plan import literal

ROWS = 256
"""Rows of a stretch that is no longer halved: a round trip a row would cost more."""

_BODY = """
#variable_conflict use_column
DECLARE
    dk_number pg_catalog.int8; code text; said text; part text; rule text;
    took pg_catalog.int8; total pg_catalog.int8 := 0;
BEGIN
    FOR dk_number IN SELECT dk_row FROM {rows} WHERE dk_row BETWEEN {low} AND {high} ORDER BY dk_row LOOP
        BEGIN
            {insert};
            GET DIAGNOSTICS took = ROW_COUNT;
            total := total + took;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, said = MESSAGE_TEXT, part = COLUMN_NAME,
                rule = CONSTRAINT_NAME;
            IF NOT code ~ '^({codes})' THEN RAISE; END IF;
            INSERT INTO {refused} VALUES (dk_number, code, said, part, rule, 0);
        END;
    END LOOP;
    INSERT INTO {refused} VALUES (NULL, NULL, NULL, NULL, NULL, total);
END
"""


class OneByOne:
    """Stretches of a staging table that are inserted row by row.

    ``insert``: the statement for the rows from one number, as SQL, to another.
    """

    def __init__(self, connection: Any, rows: str, insert: Callable[[str, str], str]) -> None:
        self._connection = connection
        self._rows = rows
        self._refused = f"{rows}_refused"
        self._insert = insert

    async def create(self) -> bool:
        """Make the table of what is refused. False: the server has no language for this."""
        usable: bool = await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_language "
            "WHERE lanname = 'plpgsql' AND pg_catalog.has_language_privilege(oid, 'USAGE'))"
        )
        if usable:
            name = self._refused.removeprefix("pg_temp.")
            await self._connection.execute(
                f"CREATE TEMPORARY TABLE {name} (dk_row pg_catalog.int8, code text, said text, part text, rule text,"
                " took pg_catalog.int8) ON COMMIT DROP"
            )
        return usable

    def statement(self, low: int, high: int) -> str:
        """What inserts the rows of these numbers, and fails for none of them."""
        body = _BODY.format(
            rows=self._rows,
            low=low,
            high=high,
            insert=self._insert("dk_number", "dk_number"),
            codes="|".join(ABOUT_ROWS),
            refused=self._refused,
        )
        return f"DO LANGUAGE plpgsql {literal(body)}"

    async def found(self) -> Found:
        """What was refused, and how many rows went in; the table is gone afterwards."""
        found = Found()
        for row in await self._connection.fetch(f"SELECT * FROM {self._refused} ORDER BY dk_row"):
            found.affected += row["took"]
            if row["dk_row"] is not None:
                said = {"C": row["code"], "M": row["said"], "c": row["part"] or None, "n": row["rule"] or None}
                found.failed.append((row["dk_row"], asyncpg.PostgresError.new(said)))
        await self._connection.execute(f"DROP TABLE {self._refused}")
        return found
