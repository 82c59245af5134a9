"""A table that is not there: the one that was probably meant."""

from __future__ import annotations

import re
from typing import Any

import asyncpg

from dk_notebook.backends.sql.names import split_table
from dk_notebook.errors import ConfigError, QueryError, did_you_mean

_RELATION = re.compile(r'relation "(?P<name>.*)" does not exist', re.S)
_KNOWN = """
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""


async def suggested(connection: Any, error: QueryError) -> QueryError:
    """The same error; where a table is missing and the server has no hint, with the nearest name as one."""
    found = _RELATION.match(error.message)
    if found is None or error.hint or error.code != "42P01" or connection.is_closed() or connection.is_in_transaction():
        return error
    try:
        known = [row[0] for row in await connection.fetch(_KNOWN)]
    except (asyncpg.PostgresError, asyncpg.InterfaceError):  # the error itself is what the caller must see
        return error
    error.hint = did_you_mean(found["name"], known) or _without_schema(found["name"], known)
    return error


def _without_schema(name: str, known: list[str]) -> str | None:
    try:
        last = split_table(name)[-1]
    except ConfigError:  # the server writes names without quotes
        return None
    return next((f"did you mean {each!r}?" for each in known if each.rpartition(".")[2] == last), None)
