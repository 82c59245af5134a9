"""Statements as the backend sends them, run by the driver alone, from tests that wait or do not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import asyncpg

from dk_notebook.backends.base import Native
from dk_notebook.backends.postgres.statements.describe import described
from dk_notebook.backends.postgres.statements.statement import Prepared, plain, prepared, with_literals
from dk_notebook.backends.postgres.type_catalog import server_types
from dk_notebook.backends.sql.sent import Sent


async def filled(connection: Any, ready: Prepared) -> Sent:
    """The statement with its values as literals of the types that the server declares for them."""
    description = await described(connection, ready.sent.sent)
    types = await server_types(connection, description.parameters)
    return with_literals(ready, [types[number] for number in description.parameters])


async def first_column(connection: Any, text: str, params: Any = None) -> list[Any]:
    """What a query with parameters gives in its first column."""
    sent = await filled(connection, prepared(Native(text=text, params=params)))
    return [row[0] for row in await connection.fetch(sent.sent)]


class Driver:
    """A connection for tests that do not wait: those that draw their examples."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.connection = self.run(asyncpg.connect(url))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What it gives."""
        return self._runner.run(work)

    def rows(self, text: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a statement with ``$1`` for its values."""

        async def fetched() -> list[Any]:
            sent = await filled(self.connection, plain(text, values))
            return list(await self.connection.fetch(sent.sent))

        return list(self.run(fetched()))

    def close(self) -> None:
        """End the connection."""
        self.run(self.connection.close())
        self._runner.close()
