"""A program on dataknobs-data: writes records that it is given, or reads all, as JSON on stdin and stdout.

Run by the Python of .venv-dataknobs: ``dataknobs.py write|read BACKEND SETTINGS``.
"""

import asyncio
import json
import sys


async def main(what: str, backend: str, settings: str) -> None:
    from dataknobs_data import AsyncDatabase, Query, Record  # not there in the environment that collects the tests

    db = await AsyncDatabase.from_backend(backend, json.loads(settings))
    await db.connect()
    try:
        if what == "write":
            for record in json.load(sys.stdin):
                made = Record(record["data"], metadata=record["metadata"], storage_id=record["id"])
                await db.create(made)
            return
        found = await db.search(Query())
        fields = [{name: field.value for name, field in record.fields.items()} for record in found]
        for record in found:
            record.metadata.pop("_score", None)  # Elasticsearch's, which is not stored
            if backend == "s3":
                record.metadata.pop("id", None)  # added when it is read
        shown = [
            {"id": record.storage_id, "data": data, "metadata": record.metadata}
            for record, data in zip(found, fields, strict=True)
        ]
        json.dump(shown, sys.stdout)
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
