"""dk_notebook's records: the backend, and its settings as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from records import tasks
from served import serve

from dk_notebook import AsyncDatabase, Query, Record

runner = asyncio.Runner()
db = runner.run(AsyncDatabase.create(sys.argv[1], json.loads(sys.argv[2])))

serve(
    tasks(
        runner,
        lambda key, data: Record(data, id=key),
        create=db.create,
        create_batch=db.create_batch,
        read=db.read,
        search=lambda: db.search(Query().filter("city", "=", "Oslo")),
        find=lambda number: db.search(Query().filter("n", "=", number)),
    )
)
