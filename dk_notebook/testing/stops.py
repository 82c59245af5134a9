"""Stopping, waiting and capacity, as every backend does it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from dk_notebook.backends.base import Native, TableQuery, TableWrite
from dk_notebook.errors import ConnectionFailed, DeadlineExceeded, NotFound, PoolTimeout, QueryError
from dk_notebook.frames.stream import ArrowStream
from dk_notebook.testing.gaps import needs
from dk_notebook.testing.place import Place
from dk_notebook.testing.suite import Suite


class StopTests(Suite):
    """Cancelling, time-outs, leases, closing."""

    async def _slow(self, place: Place, **arguments: Any) -> None:
        async with place.session(**arguments) as session:
            await (await session.scan(Native(text=self.slow))).read_all()

    @needs("slow statement")
    async def test_a_cancelled_query_ends_within_a_second_and_the_next_works(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write({"id": [1]})
            task = asyncio.create_task(self._slow(place))
            await asyncio.sleep(0.3)
            task.cancel()
            started = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < 1
            assert place.backend.status().in_use == 0
            assert len(await place.rows()) == 1

    @needs("slow statement")
    async def test_a_time_out_ends_the_query_and_the_next_works(self, config: Any) -> None:
        async with self.place(config) as place:
            await place.write({"id": [1]})
            started = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                await self._slow(place, timeout=0.4)
            assert time.monotonic() - started < 1.4
            assert len(await place.rows()) == 1

    @needs("slow statement")
    async def test_cancel_by_the_operation_says_so(self, config: Any) -> None:
        async with self.place(config) as place, place.session() as session:
            asyncio.get_running_loop().call_later(0.3, session.operation.cancel)
            with pytest.raises((QueryError, asyncio.CancelledError)):
                await (await session.scan(Native(text=self.slow))).read_all()

    @needs("all or nothing")
    async def test_a_cancelled_write_leaves_nothing(self, config: Any) -> None:
        async def batches() -> AsyncGenerator[pa.RecordBatch, None]:
            while True:
                yield pa.record_batch({"n": range(100_000)})
                await asyncio.sleep(0)

        async def write(place: Place) -> None:
            async with place.session() as session:
                stream = ArrowStream(pa.schema({"n": pa.int64()}), batches())
                await session.ingest(TableWrite(table=place.table), stream)

        async with self.place(config) as place:
            task = asyncio.create_task(write(place))
            await asyncio.sleep(0.4)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(NotFound):
                await place.rows()

    async def test_who_waits_too_long_for_a_connection_is_told_who_has_them(self, config: Any) -> None:
        narrow = replace(config, pool=replace(config.pool, min_size=0, max_size=1, timeout=0.2))
        async with self.place(narrow) as place:
            async with place.session():
                with pytest.raises(PoolTimeout, match="a test"):
                    async with place.session():
                        raise AssertionError("there is only one connection")
            async with place.session():
                assert place.backend.status().in_use == 1

    async def test_as_many_as_the_pool_has_work_at_the_same_time(self, config: Any) -> None:
        wide = replace(config, pool=replace(config.pool, max_size=4))
        async with self.place(wide) as place:
            await place.write({"id": [1]})
            counts = await asyncio.gather(*(place.rows() for _ in range(20)))
            assert [len(rows) for rows in counts] == [1] * 20
            assert place.backend.status().in_use == 0

    async def test_capacity_is_whole_after_errors(self, config: Any) -> None:
        narrow = replace(config, pool=replace(config.pool, min_size=0, max_size=2, timeout=5))
        async with self.place(narrow) as place:
            await place.write({"id": [1]})
            for _ in range(6):
                with pytest.raises(QueryError):
                    await place.read(Native(text=self.mistake))
            assert len(await place.rows()) == 1

    async def test_status_counts_what_is_in_use(self, config: Any) -> None:
        async with self.place(config) as place:
            async with place.session():
                status = place.backend.status()
                assert (status.in_use, status.waiting, status.max_size) == (1, 0, config.pool.max_size)
            assert place.backend.status().in_use == 0

    async def test_a_closed_backend_refuses_in_words(self, config: Any) -> None:
        backend = await self.backend.open(config)
        await backend.close()
        await backend.close()
        with pytest.raises(ConnectionFailed):
            await Place(backend).read(TableQuery(table="t"))

    async def test_terminate_may_be_called_at_any_time(self, config: Any) -> None:
        backend = await self.backend.open(config)
        backend.terminate()
        backend.terminate()
        await backend.close()
