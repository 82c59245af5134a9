"""asyncpg's `fetch`, and a DataFrame of its records."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pandas as pd
from served import serve

runner = asyncio.Runner()
connection = runner.run(asyncpg.connect(sys.argv[1]))


def read(query: str) -> pd.DataFrame:
    async def fetched() -> pd.DataFrame:
        records = await connection.fetch(query)
        return pd.DataFrame(map(tuple, records), columns=list(records[0].keys()))  # faster than of records

    return runner.run(fetched())


serve({"read": read})
