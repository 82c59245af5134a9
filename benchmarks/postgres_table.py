"""What PostgreSQL's figures are measured on: 1,000,000 rows x 10 mixed columns, and the server alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import asyncpg
from timing import Measured

ROWS = 1_000_000
TABLE = "bench"
QUERY = f"select * from {TABLE}"
COLUMNS = tuple("abcdefghkl")

# Of every fifty values of a column one is NULL, each column's at other rows; about 146 bytes a row in binary COPY.
_SELECT = """
select i as a,
    case when i % 50 <> 1 then (i % 1000)::int end as b,
    case when i % 50 <> 2 then i * 0.5::float8 end as c,
    case when i % 50 <> 3 then sqrt(i)::float8 end as d,
    case when i % 50 <> 4 then md5(i::text) end as e,
    case when i % 50 <> 5 then 'customer number ' || i end as f,
    case when i % 50 <> 6 then timestamptz '2020-01-01 00:00:00+00' + i * interval '1 second' end as g,
    case when i % 50 <> 7 then timestamp '2020-01-01' + i * interval '1.000001 second' end as h,
    case when i % 50 <> 8 then i % 2 = 0 end as k,
    case when i % 50 <> 9 then
        (array['red', 'green', 'blue', 'yellow', 'black', 'white', 'orange', 'violet'])[i % 8 + 1] end as l
from generate_series(1, {rows}::bigint) as i
"""


class Administration:
    """A connection of the benchmark's own, for what is not measured, and for the server alone."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(url))

    def close(self) -> None:
        """End it."""
        self._runner.run(self._connection.close())
        self._runner.close()

    def run(self, *statements: str) -> None:
        """The statements, each on its own: VACUUM is no part of a transaction."""
        for statement in statements:
            self._runner.run(self._connection.execute(statement))

    def make(self, table: str, rows: int, *, key: bool = False) -> None:
        """The table anew, with nothing left to do for the server."""
        self.run(f"drop table if exists {table}", f"create table {table} as {_SELECT.format(rows=rows)}")
        if key:
            self.run(f"alter table {table} add primary key (a)")
        self.run(f"vacuum (freeze, analyze) {table}")

    def drop(self, table: str) -> Callable[[], None]:
        """A function that drops it, and lets the server write what is pending, so that no run pays for another's."""
        return lambda: self.run(f"drop table if exists {table}", "checkpoint")

    def copied(self, query: str) -> Measured:
        """The server alone: it makes the bytes of binary COPY and throws them away."""
        start = time.perf_counter()
        self.run(f"copy ({query}) to '/dev/null' (format binary)")
        return Measured(time.perf_counter() - start, 0)

    def upserted(self, target: str, source: str) -> Measured:
        """The server alone: it takes the rows of one table into another, by the key ``a``."""
        changed = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS if column != "a")
        start = time.perf_counter()
        self.run(f"insert into {target} select * from {source} on conflict (a) do update set {changed}")
        return Measured(time.perf_counter() - start, 0)

    def version(self) -> str:
        """Of the server."""
        return str(self._connection.get_server_version()[0])
